"""Values as they come in: the bounds that the OpenAPI document tells, and nothing that a database could not take."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)

from newsletter.core.keyword import validate_keyword
from newsletter.core.keyword_text import parse_keyword
from newsletter.model import EmailAddress, Keyword
from newsletter.settings.values import (
    check_language,
    check_name,
    check_zone,
    complaint,
    read_address,
    read_time,
)

LARGEST_ID: Final = 2**31 - 1
MOST_IN_PAGE: Final = 200
USUAL_PAGE: Final = 50
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
CLOCK: Final = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
CODE: Final = r"^([2-5][0-9]{0,2}|[245]\.([0-9]{1,3}(\.[0-9]{0,3})?)?)$"
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Asked(BaseModel):
    """What a request says: a key that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageAsked(Asked):
    """Which stretch of a list."""

    limit: int = Field(default=USUAL_PAGE, ge=1, le=MOST_IN_PAGE, description="How many at most.")
    cursor: str | None = Field(
        default=None, max_length=1000, description="`next_cursor` of the page before, with the same filters."
    )


def check_text(value: str) -> str:
    """Return a text without what no database takes (NUL), no encoding can write, and no terminal should see."""
    if any(not character.isprintable() and character not in "\n\t" for character in value):
        raise complaint("holds invisible characters", "remove them")
    return value


def check_line(value: str) -> str:
    """Return a text of one line."""
    if not value.isprintable():
        raise complaint("holds line breaks or invisible characters", "write one line")
    return value


def iso_day(value: Any) -> Any:
    """Return a day only from its name: a number would be taken for seconds."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise complaint("is not a day", "write it as 2026-11-24")
    if not isinstance(value, str | date):
        raise complaint("is not a day", "write it as 2026-11-24")
    return value


def iso_moment(value: Any) -> Any:
    """Return a time only from RFC 3339: a number would be taken for seconds."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not MOMENT.fullmatch(value):
        raise complaint("is not a time with its zone", "write it as 2026-11-24T07:00:00Z")
    return value


def in_utc(value: datetime) -> datetime:
    """Return a time in UTC, none before 1970."""
    if value.year < EARLIEST.year or value.year > 9998 or value < EARLIEST:  # noqa: PLR2004 (of what can be converted)
        raise complaint("lies outside of what is kept", "write a time from 1970 on")
    return value.astimezone(UTC)


def read_own_keyword(value: Any) -> Keyword:
    """Return a keyword as people write it, such as ``title:RAG^2``; refused is what a profile would refuse."""
    if not isinstance(value, str):
        raise complaint("is not a keyword", 'write it as "graph*" or "title:RAG^2"')
    try:
        keyword = parse_keyword(value)
    except ValueError as error:
        raise complaint(str(error)) from error
    if fault := validate_keyword(keyword.text):
        raise complaint(fault)
    return keyword


def read_clock(value: Any) -> time:
    """Return a time of day from ``HH:MM``."""
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise complaint("is not a time of day", 'write it as "07:00"')
    return read_time(value)


def without_null(schema: dict[str, Any]) -> None:
    """Take null, which stands for what is left out, out of a description."""
    schema.pop("default", None)
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    schema.update(*kinds)


def left_out(description: str | None = None) -> Any:
    """Return the field of a value that may be left out, and then is None; the description knows no null."""
    return Field(default=None, description=description, json_schema_extra=without_null)


Identifier = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(check_line)]
Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(check_text)]
Document = Annotated[str, StringConstraints(min_length=1, max_length=50_000)]
Named = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$"), AfterValidator(check_name)]
Day = Annotated[date, BeforeValidator(iso_day)]
Moment = Annotated[AwareDatetime, BeforeValidator(iso_moment), AfterValidator(in_utc)]
Flag = StrictBool
Zone = Annotated[str, AfterValidator(check_zone), Field(examples=["Europe/Berlin"])]
Language = Annotated[str, AfterValidator(check_language), Field(examples=["en"])]
Address = Annotated[
    EmailAddress,
    BeforeValidator(read_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 320, "examples": ["ada@example.org"]}),
]
ClockTime = Annotated[
    time,
    BeforeValidator(read_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK.pattern}$", "examples": ["07:00"]}),
]
OwnKeyword = Annotated[
    Keyword,
    BeforeValidator(read_own_keyword),
    WithJsonSchema({"type": "string", "maxLength": 200, "examples": ["graph*", "title:RAG^2"]}),
]
ReplyCode = Annotated[str, StringConstraints(pattern=CODE)]
