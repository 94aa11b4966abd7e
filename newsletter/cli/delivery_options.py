"""The options by which ``newsletter deliveries`` narrows down what it is about, the same for every command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import find_subscriber
from newsletter.cli.options import member_of
from newsletter.errors import ConfigurationError
from newsletter.model import DeliveryFilter, DeliveryState, IssueKind, Problem

if TYPE_CHECKING:
    from datetime import date

    from newsletter.ports import Store

CODE = re.compile(r"[2-5]\d{0,2}|[245]\.(?:\d{1,3}(?:\.\d{0,3})?)?")

States = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", help="Only those in this state; may be repeated.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only mails of this kind, e.g. digest or welcome; repeatable."),
]
Day = Annotated[
    datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], metavar="DATE", help="Only issues of this day.")
]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], metavar="DATE", help="Only issues from this day on.")
]
Until = Annotated[
    datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], metavar="DATE", help="Only issues up to this day.")
]
Person = Annotated[str | None, typer.Option("--subscriber", metavar="ADDRESS", help="Only those to this address.")]
Domain = Annotated[str, typer.Option("--domain", metavar="NAME", help="Only to addresses of this domain.")]
ProfileName = Annotated[str, typer.Option("--profile", metavar="NAME", help="Only with papers of this profile.")]
RelayName = Annotated[str, typer.Option("--relay", metavar="NAME", help="Only those that this relay was asked last.")]
Code = Annotated[
    str, typer.Option("--code", metavar="CODE", help="Only with this last reply: 5, 550, 5.1 or 5.1.1, say.")
]
InDoubt = Annotated[bool, typer.Option("--unknown", help="Only those that may have arrived, and were not accepted.")]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the options said."""

    state: list[str] | None = None
    kind: list[str] | None = None
    day: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    subscriber: str | None = None
    domain: str = ""
    profile: str = ""
    relay: str = ""
    code: str = ""
    in_doubt: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether they said nothing."""
        return self == Choice()

    @property
    def states(self) -> frozenset[DeliveryState]:
        """The states that were named; ConfigurationError, with the nearest, when one is none."""
        found = [member_of(DeliveryState, word, "--state") for word in self.state or []]
        return frozenset(state for state in found if state is not None)

    async def read(self, store: Store) -> DeliveryFilter:
        """Return the filter; ConfigurationError when an option makes no sense, NotFoundError for an unknown address."""
        kinds = [member_of(IssueKind, word, "--kind") for word in self.kind or []]
        if self.code and not CODE.fullmatch(self.code):
            problem = Problem("--code", 0, 0, f"“{self.code}” is no reply code", "write it as 5, 550, 5.1 or 5.1.1")
            raise ConfigurationError([problem])
        first, last = period(self.day, self.since, self.until)
        who = None if self.subscriber is None else (await find_subscriber(store, self.subscriber)).id
        return DeliveryFilter(
            states=self.states,
            kinds=frozenset(kind for kind in kinds if kind is not None),
            since=first,
            until=last,
            subscriber_id=who,
            domain=self.domain,
            profile=self.profile,
            relay=self.relay,
            code=self.code,
            in_doubt=self.in_doubt,
        )


def period(day: datetime | None, since: datetime | None, until: datetime | None) -> tuple[date | None, date | None]:
    """Return the first and the last date that were asked for, None for no end; ConfigurationError when they clash."""
    if day is not None and (since is not None or until is not None):
        problem = Problem("--date", 0, 0, "it cannot stand beside --since or --until", "give one day, or a range")
        raise ConfigurationError([problem])
    if day is not None:
        return day.date(), day.date()
    first, last = since.date() if since else None, until.date() if until else None
    if first is not None and last is not None and last < first:
        raise ConfigurationError([Problem("--until", 0, 0, f"{last} is before {first}", "exchange the two")])
    return first, last
