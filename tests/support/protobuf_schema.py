"""Classes of the protobuf library from descriptors that are made here, without a compiler."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_TYPES: Final[Mapping[str, int]] = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "sint32": FieldDescriptorProto.TYPE_SINT32,
    "sint64": FieldDescriptorProto.TYPE_SINT64,
    # Enumerations are varints like int32, and their names do not matter here.
    "enum": FieldDescriptorProto.TYPE_INT32,
    "string": FieldDescriptorProto.TYPE_STRING,
}


class Field(NamedTuple):
    """A field: its number, its name, and a scalar type or the name of a message."""

    number: int
    name: str
    kind: str
    is_repeated: bool = False
    oneof: str = ""


def repeated(number: int, name: str, kind: str) -> Field:
    return Field(number, name, kind, is_repeated=True)


def message_class(
    package: str, messages: Mapping[str, Iterable[Field]], root: str, syntax: str = "proto3"
) -> type[Message]:
    """Return the class of the message `root`, with those that it is made of."""
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax=syntax)
    for name, fields in messages.items():
        _add_message(file.message_type.add(name=name), fields, package)
    pool = DescriptorPool()
    pool.Add(file)
    made: type[Message] = GetMessageClass(pool.FindMessageTypeByName(f"{package}.{root}"))
    return made


def _add_message(message: DescriptorProto, fields: Iterable[Field], package: str) -> None:
    oneofs: list[str] = []
    for field in fields:
        added = message.field.add(name=field.name, number=field.number)
        added.label = (
            FieldDescriptorProto.LABEL_REPEATED
            if field.is_repeated
            else FieldDescriptorProto.LABEL_OPTIONAL
        )
        if field.kind in _TYPES:
            added.type = _TYPES[field.kind]
        else:
            added.type = FieldDescriptorProto.TYPE_MESSAGE
            added.type_name = f".{package}.{field.kind}"
        if field.oneof:
            if field.oneof not in oneofs:
                oneofs.append(field.oneof)
                message.oneof_decl.add(name=field.oneof)
            added.oneof_index = oneofs.index(field.oneof)
