"""What pydantic refuses becomes problems with a place, in words for people. The one way for settings and profiles."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from newsletter.model import Problem
from newsletter.settings.values import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]


class Locate(typing.Protocol):
    """Finds places."""

    def __call__(self, location: Location, *, of_key: bool = False) -> tuple[str, int, int]:
        """Return file, line and column of the value at a location, or of its key."""


LIMITS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of usual size",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a group of keys (key: value)",
    "model_type": "a group of keys (key: value)",
    "model_attributes_type": "a group of keys (key: value)",
    "path_type": "a path",
}
ADVICE = {
    "tuple_type": "write [one, two], or one per line after a dash",
    "list_type": "write [one, two], or one per line after a dash",
    "dict_type": "write its keys on lines of their own, indented by two spaces",
    "model_type": "write its keys on lines of their own, indented by two spaces",
    "model_attributes_type": "write its keys on lines of their own, indented by two spaces",
}


def problems_of(error: ValidationError, model: type[BaseModel], locate: Locate) -> list[Problem]:
    """Return one problem for each thing that ``model`` refused, each at its place."""
    return [
        _problem(details, model, locate)
        for details in error.errors(include_url=False)
        if details["type"] != "default_factory_not_called"  # only follows from another one
    ]


def _problem(details: ErrorDetails, model: type[BaseModel], locate: Locate) -> Problem:
    kind, location = details["type"], details["loc"]
    path, owner = resolve(model, location)
    of_key = kind in ("extra_forbidden", "missing") or location[-1:] == ("[key]",)
    if kind == "union_tag_invalid":
        path = (*path, "kind")
    file, line, column = locate(path, of_key=of_key)
    message, advice = _words(details, path, owner)
    return Problem(file, line, column, message, advice)


def _words(details: ErrorDetails, path: Location, owner: type[BaseModel] | None) -> tuple[str, str]:
    """Return message and advice."""
    kind, name, context = details["type"], dotted(path), details.get("ctx", {})
    if kind == "complaint":
        return f"{name}: {context['message']}" if name else str(context["message"]), str(context["advice"])
    if kind in ("missing", "extra_forbidden", "union_tag_not_found"):
        return _wrong_key(kind, path, owner)
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _wrong_word(details, name)
    return _wrong_value(details, name)


def _wrong_key(kind: str, path: Location, owner: type[BaseModel] | None) -> tuple[str, str]:
    name = dotted(path)
    if kind == "extra_forbidden":
        return _unknown_key(path, owner)
    if kind == "union_tag_not_found":
        return f"{name}.kind is missing", "add kind: and one of arxiv, huggingface, feed, jsonfeed, file"
    field = owner.model_fields.get(str(path[-1])) if owner else None
    description = (field.description or "").rstrip(".") if field else ""
    return f"{name} is missing", f"add {path[-1]}: {description[:1].lower()}{description[1:]}" if description else ""


def _wrong_value(details: ErrorDetails, name: str) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind in LIMITS:
        key, words = LIMITS[kind]
        return f"{name} should be {words} {context[key]}{_shown(details)}", ""
    if kind in ("too_short", "too_long", "string_too_long", "string_too_short"):
        return f"{name} is {'empty' if kind.endswith('short') else 'too long'}", ""
    if kind in KINDS:
        return f"{name or 'this'} should be {KINDS[kind]}{_shown(details)}", ADVICE.get(kind, "")
    return f"{name}: {details['msg'][:1].lower()}{details['msg'][1:]}", ""


def _unknown_key(path: Location, owner: type[BaseModel] | None) -> tuple[str, str]:
    where = f" in {dotted(path[:-1])}" if path[:-1] else ""
    known = list(owner.model_fields) if owner else []
    advice = suggestion(str(path[-1]), known) or (f"the keys here are {', '.join(known)}" if known else "")
    return f"unknown key “{path[-1]}”{where}", advice


def _wrong_word(details: ErrorDetails, name: str) -> tuple[str, str]:
    context = details.get("ctx", {})
    expected = str(context.get("expected") or context.get("expected_tags") or "")
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    value = context.get("tag", details["input"])
    hint = suggestion(value, words) if isinstance(value, str) else ""
    shown = f", not “{value[:80]}”" if isinstance(value, str) else ""
    return f"{name} should be one of {', '.join(words)}{shown}", hint


def _shown(details: ErrorDetails) -> str:
    """Return what was written, where it is short; a group, a list or a secret is never shown."""
    value = details["input"]
    if isinstance(value, str) and details["type"] != "string_type":
        return f", not “{value[:80]}”"
    if isinstance(value, list | tuple):
        return ", not a list"
    if isinstance(value, dict):
        return ", not a group of keys"
    return ", not empty" if value is None else ""


def dotted(path: Location) -> str:
    """Return a location as people write it: ``topics[2].keywords``; items count from 1."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{step}" if text else step
    return text


def resolve(model: type[BaseModel], location: Location) -> tuple[Location, type[BaseModel] | None]:
    """Return a pydantic location without what is not in the file (union members), and the model that owns its end."""
    path: list[int | str] = []
    annotation: Any = model
    owner: type[BaseModel] | None = None
    for step in location:
        if step == "[key]":
            continue
        member = next((found for found in models(annotation) if _tag(found) == step), None)
        if member is not None and step not in member.model_fields:
            annotation = owner = member
            continue
        owner = next(iter(models(annotation)), None)
        path.append(step)
        annotation = _next(annotation, step)
    return tuple(path), owner


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models among the types that an annotation stands for."""
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member


def members(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation stands for, without Annotated, Optional and Union."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from members(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(annotation):
            yield from members(argument)
    elif annotation is not type(None):
        yield annotation


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    if field is None or typing.get_origin(field.annotation) is not Literal:
        return None
    return str(typing.get_args(field.annotation)[0])


def _next(annotation: Any, step: int | str) -> Any:
    """Return the annotation of what a step leads to, None when there is none."""
    for member in members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            field = member.model_fields.get(str(step))
            if field is not None:
                return field.annotation
        elif typing.get_origin(member) in (dict, list, tuple):
            arguments = typing.get_args(member)
            return arguments[1] if typing.get_origin(member) is dict else arguments[0]
    return None
