"""The small sentences of a mail: why a paper is there, when mail comes, and what became of the sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.printable import clip, one_line
from newsletter.core.subject import count_of, short_date
from newsletter.model import Frequency, Health

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from newsletter.model import Paper, Reason, SourceNote, Subscriber

_MAXIMUM_KEYWORDS = 3
_KEYWORD_LIMIT = 60  # characters
_FIELD_ORDER = ("title", "abstract", "authors", "comment")


@dataclass(frozen=True, slots=True)
class Cause:
    """One part of the answer to "why is this here?": ``words`` matter, ``before`` and ``after`` join them up."""

    words: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return self.before + self.words + self.after


def listing(names: Sequence[str]) -> str:
    """Return e.g. ``a``, ``a and b`` or ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def causes(reasons: Sequence[Reason], paper: Paper, readable_fields: Mapping[str, str]) -> tuple[Cause, ...]:
    """Return why a paper is there, strongest words first. ``readable_fields`` holds the texts that spans index."""
    found = [*_keyword_causes(reasons, readable_fields), *_author_causes(reasons), *_category_causes(reasons)]
    if paper.community.upvotes:
        found.append(Cause("", before=count_of(paper.community.upvotes, "upvote")))
    return tuple(found)


def schedule(subscriber: Subscriber) -> str:
    """Return when mail comes, e.g. ``at 07:00 Europe/Berlin, on weekdays``."""
    days = {
        Frequency.DAILY: "every day",
        Frequency.WEEKDAYS: "on weekdays",
        Frequency.WEEKLY: f"on {subscriber.weekday.value.capitalize()}s",
    }
    return f"at {subscriber.send_at_local:%H:%M} {one_line(subscriber.zone)}, {days[subscriber.frequency]}"


def subscription(subscriber: Subscriber, titles: Mapping[str, str]) -> str:
    """Return what somebody takes, e.g. ``Vision, Evaluation and your own keywords``; ``titles`` are the profiles'."""
    names = [one_line(titles.get(name, name)) for name in subscriber.profiles]
    if subscriber.keywords:
        names.append("your own keywords")
    return listing(names) or "nothing yet"


def is_quiet(note: SourceNote) -> bool:
    """Whether a source works and brought nothing, as it does on many days."""
    return note.papers == 0 and note.health in (Health.FRESH, Health.QUIET)


def source_sentence(note: SourceNote, issue_date: date) -> str:
    """Return one honest line about a source, such as ``arXiv: 398 papers``."""
    name = clip(one_line(note.source), 80)
    since = f" since {_moment(note.since, issue_date)}" if note.since else ""
    sentences = {
        Health.BROKEN: f"{name} could not be reached{since}; its papers follow as soon as it can.",
        Health.THROTTLED: f"{name} has asked us to wait{since}; its papers follow.",
        Health.STALE: f"{name}: nothing new{since}, longer than usual.",
        Health.UNCHECKED: f"{name} has not been asked yet.",
    }
    if note.papers and note.health not in (Health.BROKEN, Health.THROTTLED):
        return f"{name}: {count_of(note.papers, 'paper')}."
    return sentences.get(note.health, f"{name}: nothing new.")


def _moment(moment: datetime, issue_date: date) -> str:
    """Return e.g. ``05:10 UTC``, with the day before it unless that is the issue's; ``moment`` is in UTC."""
    clock = f"{moment:%H:%M} UTC"
    return clock if moment.date() == issue_date else f"{short_date(moment.date())}, {clock}"


def _keyword_causes(reasons: Sequence[Reason], fields: Mapping[str, str]) -> list[Cause]:
    by_text: dict[str, list[Reason]] = {}
    for reason in sorted(reasons, key=lambda each: -each.score):
        if reason.kind in ("keyword", "query"):
            by_text.setdefault(reason.text, []).append(reason)
    found = [_keyword_cause(text, group, fields) for text, group in list(by_text.items())[:_MAXIMUM_KEYWORDS]]
    if len(by_text) > _MAXIMUM_KEYWORDS:
        found.append(Cause("", before=f"{len(by_text) - _MAXIMUM_KEYWORDS} more"))
    return found


def _keyword_cause(text: str, group: Sequence[Reason], fields: Mapping[str, str]) -> Cause:
    places = {reason.field for reason in group}
    known = [field for field in _FIELD_ORDER if field in places]
    after = f" in {listing(known)}" if known else ""
    before = "the query " if group[0].kind == "query" else ""
    return Cause(clip(_as_read(text, group, fields), _KEYWORD_LIMIT), before, after)


def _as_read(text: str, group: Sequence[Reason], fields: Mapping[str, str]) -> str:
    """Return a keyword as a reader knows it: without the quotes of an exact one, and ``diffus*`` as what it found."""
    words = one_line(text)
    if words.endswith("*"):
        for reason in group:
            for span in reason.spans:
                if found := one_line(fields.get(reason.field, "")[span.start : span.end]):
                    return found
    return words[1:-1] if len(words) > 2 and words[0] == words[-1] == '"' else words  # noqa: PLR2004 (two quotes)


def _author_causes(reasons: Sequence[Reason]) -> list[Cause]:
    names = dict.fromkeys(clip(one_line(reason.text), _KEYWORD_LIMIT) for reason in reasons if reason.kind == "author")
    return [Cause(name, before="you follow ") for name in names]


def _category_causes(reasons: Sequence[Reason]) -> list[Cause]:
    names = dict.fromkeys(
        clip(one_line(reason.text), _KEYWORD_LIMIT) for reason in reasons if reason.kind == "category"
    )
    return [Cause(name, before="category ") for name in names]
