"""What a descriptor set defines: every symbol by kind, the files that its services need, a canonical form."""

from google.protobuf import descriptor_pb2


def of(files):
    """Full names by kind, in file order; kinds that the set does not have are left out."""
    found = {}

    def add(kind, scope, name):
        full = f"{scope}.{name}" if scope else name
        found.setdefault(kind, []).append(full)
        return full

    def enums(scope, enums):
        for enum in enums:
            add("enum", scope, enum.name)
            for value in enum.value:
                # An enum value is a sibling of its enum, not a child (C++ scoping rules).
                add("enum value", scope, value.name)

    def messages(scope, messages_):
        for message in messages_:
            full = add("message", scope, message.name)
            for field in message.field:
                add("field", full, field.name)
            for oneof in message.oneof_decl:
                add("oneof", full, oneof.name)
            for extension in message.extension:
                add("extension", full, extension.name)
            enums(full, message.enum_type)
            messages(full, message.nested_type)

    for file in files.file:
        messages(file.package, file.message_type)
        enums(file.package, file.enum_type)
        for extension in file.extension:
            add("extension", file.package, extension.name)
        for service in file.service:
            full = add("service", file.package, service.name)
            for method in service.method:
                add("method", full, method.name)
    return found


def extensions(file):
    """Every extension that a file defines, at whatever depth."""
    yield from file.extension
    waiting = list(file.message_type)
    while waiting:
        message = waiting.pop()
        yield from message.extension
        waiting.extend(message.nested_type)


def reachable(files):
    """Names of the files that define a service, and of all that those import."""
    by_name = {file.name: file for file in files.file}
    waiting, found = [file.name for file in files.file if file.service], set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(by_name[name].dependency)
    return found


def canonical(file):
    """A file's bytes after one round through a parser, so that only its content counts."""
    parsed = descriptor_pb2.FileDescriptorProto.FromString(file.SerializeToString())
    return parsed.SerializeToString(deterministic=True)
