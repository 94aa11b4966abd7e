"""Makes ``docs/configuration.md`` from the models.

Run ``python -m newsletter.settings.reference > docs/configuration.md``; a test tells when that was forgotten.
"""

from __future__ import annotations

import enum
import sys
import typing
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from newsletter.model import EmailAddress
from newsletter.settings.environment import DELIMITER, PREFIX
from newsletter.settings.explain import members, models
from newsletter.settings.models import Settings
from newsletter.settings.sourcemodels import KINDS
from newsletter.settings.values import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HEAD = """\
# Configuration

A configuration is a directory. `newsletter init DIRECTORY` writes one that works and is commented; `newsletter check`
tells everything that is wrong in it, as `file:line:column: what — what to do`, and ends with a code that is not zero.

| file | what it is |
| --- | --- |
| `newsletter.yaml` | the settings below |
| `profiles/*.yaml` | what readers care about: [profiles.md](profiles.md) |

**Where values come from.** The file, and over it the environment: `mail.relay.password` is
`NEWSLETTER_MAIL__RELAY__PASSWORD` (two underscores for each step into a group; lists are written as JSON, and an empty
variable counts as not set). Every secret can come from a file as well: `password_file: /run/secrets/smtp` in YAML, or
`NEWSLETTER_MAIL__RELAY__PASSWORD_FILE=/run/secrets/smtp`.

**Paths** that are relative count from the configuration directory. **Unknown keys** are refused, with a suggestion. A
key without a value counts as not given. Times, numbers and words may be written with or without quotes: `07:30` is a
time and `no` is Norwegian. A running daemon takes up a changed file by itself, and at once on SIGHUP; when the file is
broken, it says so and keeps to the last good one.

*This page is made from the code by `python -m newsletter.settings.reference`; edit the models, not the page.*
"""

GROUP_KEYS = {"relays": "NAME", "domains": "DOMAIN", "users": "NAME", "tokens": "NAME", "endpoints": "NAME"}
BOUNDS = {Ge: ("ge", "from"), Gt: ("gt", "above"), Le: ("le", "to"), Lt: ("lt", "below")}
WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    time: "time, HH:MM",
    date: "date, YYYY-MM-DD",
    SecretStr: "secret text",
    EmailAddress: "mail address",
    Mailbox: "name and mail address",
}


def reference() -> str:
    """Return the whole page."""
    single = {
        name: field for name, field in Settings.model_fields.items() if not _section_of(field) and name != "sources"
    }
    parts = [HEAD, "## On the top level", _table("", single)]
    for path, model in _sections(Settings, ()):
        name = ".".join(path)
        has_rows = any(not _section_of(field) and not group_of(field) for field in model.model_fields.values())
        is_settable = "DOMAIN" not in path and not name.endswith(
            "[]"
        )  # its dots, or a list's members, are no variable's
        table = _table(name, model.model_fields, with_environment=is_settable)
        parts += [f"## `{name}`", _prose(model), *([table] if has_rows else [])]
    parts += ["## `sources`", "Where papers come from: `name: {kind: …}`. Profiles and commands use the name."]
    for kind in KINDS:
        tag = typing.get_args(kind.model_fields["kind"].annotation)[0]
        fields = {name: field for name, field in kind.model_fields.items() if name != "kind"}
        parts += [f"### `kind: {tag}`", _prose(kind), _table("sources.NAME", fields, with_environment=False)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _sections(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    for name, field in model.model_fields.items():
        found = _section_of(field)
        here = (*path, name)
        if found is None and path:
            found, here = group_of(field), (*here, GROUP_KEYS.get(name, ""))
        if found is None:
            found, here = _item_of(field), (*path, f"{name}[]")
        if found is not None:
            yield here, found
            yield from _sections(found, here)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    return next(models(field.annotation), None)


def group_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a group whose keys the operator chooses, such as ``mail.relays``."""
    for member in members(field.annotation):
        if typing.get_origin(member) is dict:
            return next(models(typing.get_args(member)[1]), None)
    return None


def _item_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a list's members, such as those of ``mail.dkim.keys``."""
    for member in members(field.annotation):
        if typing.get_origin(member) is tuple:
            return next(models(typing.get_args(member)[0]), None)
    return None


def _prose(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _table(path: str, fields: dict[str, FieldInfo], *, with_environment: bool = True) -> str:
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        if _section_of(field) or group_of(field):
            continue
        meaning = field.description or ""
        if with_environment:
            meaning += f"<br>`{environment_name(path, name)}`"
        lines.append(f"| `{name}` | {_kind(field)} | {_default(field)} | {meaning} |")
    return "\n".join(lines)


def environment_name(path: str, name: str) -> str:
    """Return the variable that sets a key, e.g. ``NEWSLETTER_MAIL__RELAY__PORT``."""
    return PREFIX + DELIMITER.join(part for part in (*path.split("."), name) if part).upper()


def _kind(field: FieldInfo) -> str:
    words = " or ".join(_word(member) for member in members(field.annotation))
    return words + _bounds(field.metadata)


def _word(annotation: Any) -> str:
    if typing.get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        return "list"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return WORDS[annotation]


def _bounds(metadata: list[Any]) -> str:
    found = []
    for constraint in metadata:
        for kind, (attribute, word) in BOUNDS.items():
            if isinstance(constraint, kind):
                found.append(f"{word} {getattr(constraint, attribute):,}".replace(",", " "))
    return f", {' '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is None or value is PydanticUndefined or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, time):
        return f'`"{value:%H:%M}"`'
    return f"`{value.value if isinstance(value, enum.Enum) else value}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
