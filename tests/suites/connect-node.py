"""The clients of @connectrpc/connect-node: Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2."""

import json

from google.protobuf import descriptor_pool, json_format, message_factory

import filling
import harness
import javascript
import over_tls
import sets

TOTAL = 1359
SECONDS = 900


def echoed(api):
    """Made-up messages of each type that the set echoes, as JSON."""
    pool = descriptor_pool.DescriptorPool()
    for file in api.files.file:
        pool.Add(file)
    for index, name in enumerate(api.echoed):
        message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        filled = [filling.fill(message(), seed) for seed in range(3)]
        said = [json.loads(json_format.MessageToJson(one, descriptor_pool=pool)) for one in filled]
        yield {"service": f"descant.suite.{api.name}.Echo{index}", "type": name, "messages": said}


def main():
    suite = harness.Suite("connect-node", TOTAL)
    (recipe,) = (recipe for recipe in sets.RECIPES if recipe[0] == "conformance")
    api = sets.make(*recipe)
    with javascript.folder() as made:
        certificates = over_tls.Folder(made)
        serves = ["--tls-cert", certificates.crt("first"), "--tls-key", certificates.key("first")]
        asks = [*serves, "--tls-client-ca", certificates.crt("ca")]
        with (
            harness.Server("descant-suite-server", *serves) as server,
            harness.descant(api.path, "--echo") as echo,
            harness.descant(*asks) as asking,
            harness.descant() as shop,
        ):
            settings = {
                "plain": f"http://{server.addresses[0]}",
                "tls": f"https://{server.addresses[1]}",
                "ca": str(certificates.crt("ca")),
                "shapes": javascript.shapes(made / "shapes.binpb"),
                "echo": {"url": f"http://{echo.address}", "set": str(api.path), "asked": list(echoed(api))},
                "asking": {
                    "url": f"https://{asking.address}",
                    "cert": str(certificates.crt("client")),
                    "key": str(certificates.key("client")),
                },
                "shop": {"url": f"http://{shop.address}", "set": str(javascript.DEMO)},
            }
            javascript.run(suite, made, "connect-node.mjs", settings, SECONDS)
    suite.end()


main()
