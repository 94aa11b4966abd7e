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
    from collections.abc import Callable, Hashable, Mapping

Value = TypeVar("Value")


def dumps(value: object) -> str:
    """Return ``value`` as compact JSON: equal values give equal text, in ASCII alone (any string survives)."""
    return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(kind: type[Value], text: str) -> Value:
    """Return the value of type ``kind`` that :func:`dumps` wrote; ValueError or KeyError when it is not one."""
    return typing.cast(Value, reader(typing.cast("Hashable", kind))(json.loads(text)))


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


@functools.cache
def reader(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a value of type ``kind`` of what :func:`to_json` made of one."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        present = reader(present_type(kind))
        return lambda data: None if data is None else present(data)
    if origin is tuple:
        item = reader(typing.get_args(kind)[0])
        return lambda data: tuple(map(item, data))
    if dataclasses.is_dataclass(kind):
        return filler(typing.cast(type, kind))
    if kind in (date, datetime, time):
        return typing.cast("Callable[[Any], Any]", kind.fromisoformat)
    return kind if issubclass(kind, enum.Enum | float) else _itself


def _itself(data: Any) -> Any:
    return data


def present_type(kind: Any) -> Any:
    """Return the type that an optional one has when it is not None."""
    return next(argument for argument in typing.get_args(kind) if argument is not type(None))


def filler(kind: type) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes a dataclass of the fields that there are of it."""
    readers = {name: reader(hint) for name, hint in typing.get_type_hints(kind).items()}
    return lambda data: kind(**{name: read(data[name]) for name, read in readers.items() if name in data})
