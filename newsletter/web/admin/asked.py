"""What an admin's address or form asks for, however it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from newsletter.core.address import parse_address
from newsletter.errors import AddressError, NotFoundError
from newsletter.languages import ENGLISH
from newsletter.model import DeliveryFilter, DeliveryState, IssueKind
from newsletter.web.asked import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import StrEnum

    from newsletter.ports import SubscriberStore

SPANS: Final = (30, 90)
CODE: Final = re.compile(r"[2-5]\d{0,2}|[245]\.(?:\d{1,3}(?:\.\d{0,3})?)?", re.ASCII)
MOST_DIGITS: Final = 9
Member = TypeVar("Member", bound="StrEnum")


@dataclass(frozen=True, slots=True)
class Span:
    """The last so many days, the last of which is today (UTC)."""

    days: int
    today: date

    @property
    def first(self) -> date:
        """The first of them."""
        return self.today - timedelta(days=self.days - 1)

    @property
    def dates(self) -> list[date]:
        """All of them, oldest first."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    @property
    def labels(self) -> list[str]:
        """What each is called."""
        return [ENGLISH.short_day(day) for day in self.dates]


def span_of(text: str | None, now: datetime) -> Span:
    """Return the days that an address asks for: 30 unless it says 90."""
    today = now.astimezone(UTC).date()
    return Span(next((days for days in SPANS if str(days) == text), SPANS[0]), today)


def id_of(text: str | None) -> int | None:
    """Return a number of the store's that an address holds, None where it holds none."""
    if not text or not text.isascii() or not text.isdecimal() or len(text) > MOST_DIGITS:
        return None
    return int(text)


def member(kind: type[Member], text: str | None) -> Member | None:
    """Return the member that a word names, None when it is none."""
    return next((each for each in kind if each.value == text), None)


async def filter_of(asked: Mapping[str, str], store: SubscriberStore) -> tuple[DeliveryFilter, str]:
    """Return which deliveries an address asks for, and what in it makes no sense, or an empty text."""
    state, kind = member(DeliveryState, asked.get("state")), member(IssueKind, asked.get("kind"))
    subscriber_id, problem = await subscriber_of(asked.get("subscriber", "").strip(), store)
    code = asked.get("code", "").strip()
    if code and not CODE.fullmatch(code):
        problem, code = f"“{code[:20]}” is no reply code; write it as 5, 550, 5.1 or 5.1.1", ""
    wanted = DeliveryFilter(
        states=frozenset({state} if state else ()),
        kinds=frozenset({kind} if kind else ()),
        since=day_of(asked.get("since")),
        until=day_of(asked.get("until")),
        subscriber_id=subscriber_id,
        domain=asked.get("domain", "").strip(),
        profile=asked.get("profile", ""),
        relay=asked.get("relay", ""),
        code=code,
        in_doubt=asked.get("unknown") == "yes",
    )
    return wanted, problem


async def subscriber_of(text: str, store: SubscriberStore) -> tuple[int | None, str]:
    """Return whose address this is, and what is wrong with it; nobody's is 0, which no delivery has."""
    if not text:
        return None, ""
    try:
        return (await store.find_subscriber(parse_address(text).key)).id, ""
    except AddressError as error:
        return 0, str(error)
    except NotFoundError:
        return 0, f"nobody has the address {text[:200]}"


def query_of(asked: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return those of these values that an address holds, for the address of the next page."""
    return {name: asked[name] for name in names if asked.get(name)}
