"""Values of :mod:`newsletter.model` as JSON and back, exactly: what the store keeps whole and never searches.

Driven by the types' own annotations, so that a field added there is kept without a line here. Reading is lenient about
time: a key that is missing takes the field's default, a key that is no longer a field is left out.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import json
import types
import typing
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = TypeVar("Value")


def dumps(value: object) -> str:
    """Return ``value`` as compact JSON: equal values give equal text, in ASCII alone (any string survives)."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(kind: type[Value], text: str) -> Value:
    """Return the value of type ``kind`` that :func:`dumps` wrote; ValueError or KeyError when it is not one."""
    return typing.cast(Value, from_json(kind, json.loads(text)))


def content_hash(text: str) -> str:
    """Return the name of a stored text: the SHA-256 of it, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(value: object) -> Any:
    """Return what JSON can hold of ``value``: enumerations by value, times in ISO 8601, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date | time):  # a datetime is a date, too
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value


def from_json(kind: Any, data: Any) -> Any:
    """Return the value of type ``kind`` that :func:`to_json` made ``data`` of."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else from_json(present_type(kind), data)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return tuple(from_json(item, element) for element in data)
    if dataclasses.is_dataclass(kind):
        return filled(typing.cast(type, kind), data)
    if kind in (date, datetime, time):
        return kind.fromisoformat(data)
    return kind(data) if issubclass(kind, enum.Enum | float) else data


def present_type(kind: Any) -> Any:
    """Return the type that an optional one has when it is not None."""
    return next(argument for argument in typing.get_args(kind) if argument is not type(None))


def filled(kind: type, data: Mapping[str, Any]) -> Any:
    """Return the dataclass ``kind`` with the fields that ``data`` has."""
    return kind(**{name: from_json(hint, data[name]) for name, hint in field_types(kind).items() if name in data})


@functools.cache
def field_types(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, by name."""
    return typing.get_type_hints(kind)
