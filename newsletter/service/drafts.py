"""Words become subscribers: the one place that reads what an admin writes about them, on a command line or in a CSV.

The columns of a CSV file and the options of ``newsletter subscribers add`` are the same words with the same meaning.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import PydanticCustomError

from newsletter.core.address import parse_address
from newsletter.core.keyword import validate_keyword
from newsletter.core.keyword_text import NOTHING, format_keywords, parse_keywords, split_list
from newsletter.errors import AddressError
from newsletter.model import Frequency, SubscriberDraft, SubscriberStatus, Weekday
from newsletter.settings.values import check_language, check_name, check_zone, read_time, suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import time

    from newsletter.model import EmailAddress, Keyword, Subscriber
    from newsletter.settings.models import DefaultSettings

Member = TypeVar("Member", bound=enum.StrEnum)

COLUMNS = (
    "address",
    "zone",
    "send_at",
    "frequency",
    "weekday",
    "profiles",
    "keywords",
    "language",
    "template",
    "status",
)
ATTRIBUTES = {column: "send_at_local" if column == "send_at" else column for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that may be used: of profiles and, where known, of templates."""

    profiles: frozenset[str]
    templates: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the word of a column cannot be taken."""

    column: str
    message: str
    advice: str = ""


class RefusedWordError(ValueError):
    """A word that cannot be read; becomes a :class:`Refusal`, so that all of a line are found."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


def read_draft(words: Mapping[str, str], vocabulary: Vocabulary) -> tuple[SubscriberDraft | None, list[Refusal]]:
    """Return the draft that ``words`` (by column) describe, or None and every reason against it.

    An empty word means "not said". The address has to be there.
    """
    values: dict[str, Any] = {}
    refusals: list[Refusal] = []
    for column in COLUMNS:
        word = words.get(column, "").strip()
        if not word and column != "address":
            continue
        try:
            values[ATTRIBUTES[column]] = _read(column, word, vocabulary)
        except PydanticCustomError as error:
            context = error.context or {}
            refusals.append(Refusal(column, str(context.get("message", error)), str(context.get("advice", ""))))
        except RefusedWordError as error:
            refusals.append(Refusal(column, str(error), error.advice))
        except (AddressError, ValueError) as error:
            refusals.append(Refusal(column, str(error)))
    return (None if refusals else SubscriberDraft(**values)), refusals


def _read(column: str, word: str, vocabulary: Vocabulary) -> object:  # noqa: PLR0911 (one line per column)
    match column:
        case "address":
            return _address(word)
        case "zone":
            return check_zone(word)
        case "send_at":
            return read_time(word)
        case "frequency":
            return read_member(Frequency, word, "a frequency")
        case "weekday":
            return read_member(Weekday, word, "a day of the week")
        case "profiles":
            return _profiles(word, vocabulary.profiles)
        case "keywords":
            return read_keywords(word)
        case "language":
            return check_language(word)
        case "template":
            return _template(word, vocabulary.templates)
        case _:
            return read_member(SubscriberStatus, word, "a status")


def read_keywords(word: str) -> tuple[Keyword, ...]:
    """Return the keywords of a list; ValueError with a reason for one that a profile would refuse as well."""
    keywords = parse_keywords(word)
    for fault in filter(None, (validate_keyword(keyword.text) for keyword in keywords)):
        raise ValueError(fault)
    return keywords


def _address(word: str) -> EmailAddress:
    if not word:
        raise RefusedWordError("there is no address", "write one as name@domain")
    return parse_address(word)


def read_member(kind: type[Member], word: str, what: str) -> Member:
    """Return the member that a word names, in any case; RefusedWordError with the nearest or all of them."""
    try:
        return kind(word.lower())
    except ValueError as error:
        names = [member.value for member in kind]
        advice = suggestion(word, names) or f"use one of {', '.join(names)}"
        raise RefusedWordError(f"“{word}” is not {what}", advice) from error


def _profiles(word: str, known: Collection[str]) -> tuple[str, ...]:
    if word.lower() == NOTHING:
        return ()
    names = tuple(dict.fromkeys(split_list(word)))
    for name in names:
        if name not in known:
            raise RefusedWordError(f"there is no profile “{name}”", advise_profile(name, known))
    return names


def advise_profile(name: str, known: Collection[str]) -> str:
    """Return what to do about an unknown profile: the nearest name, or where to see them all."""
    return suggestion(name, known) or "`newsletter profiles list` shows which there are"


def _template(word: str, known: frozenset[str] | None) -> str:
    check_name(word)
    if known is not None and word not in known:
        advice = suggestion(word, known) or f"there are: {', '.join(sorted(known))}"
        raise RefusedWordError(f"there is no template “{word}”", advice)
    return word


def complete(draft: SubscriberDraft, defaults: DefaultSettings, language: str) -> SubscriberDraft:
    """Return the draft of somebody new, with the configured defaults where it is silent."""
    usual: dict[str, Any] = {
        "status": SubscriberStatus.ACTIVE,
        "zone": defaults.zone,
        "send_at_local": defaults.send_at,
        "frequency": defaults.frequency,
        "weekday": defaults.weekday,
        "language": language,
        "template": defaults.template,
    }
    return replace(draft, **{name: value for name, value in usual.items() if getattr(draft, name) is None})


def words_of(subscriber: Subscriber | SubscriberDraft) -> dict[str, str]:
    """Return what there is to say about somebody, as words by column: what :func:`read_draft` reads back."""
    return {column: show(getattr(subscriber, ATTRIBUTES[column])) for column in COLUMNS}


def show(value: EmailAddress | time | tuple[str | Keyword, ...] | str | None) -> str:
    """Return the word for a value; empty for None, ``none`` for an empty list."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        if all(isinstance(item, str) for item in value):
            return ";".join(str(item) for item in value) or NOTHING
        return format_keywords([item for item in value if not isinstance(item, str)])
    return value.strftime("%H:%M") if hasattr(value, "strftime") else str(value)


def is_empty(draft: SubscriberDraft) -> bool:
    """Return whether a draft says nothing beyond the address."""
    ignored = ("address", "proof")
    return all(getattr(draft, field.name) is None for field in fields(draft) if field.name not in ignored)
