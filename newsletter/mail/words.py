"""The small sentences of a mail: why a paper is there, when mail comes, and what became of the sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.printable import clip, one_line
from newsletter.model import Frequency, Health, Weekday, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from newsletter.languages import Language
    from newsletter.model import Paper, Reason, SourceNote, Subscriber

_MAXIMUM_KEYWORDS = 3
_KEYWORD_LIMIT = 60  # characters
_FIELDS = {
    "title": gettext_noop("title"),
    "abstract": gettext_noop("abstract"),
    "authors": gettext_noop("authors"),
    "comment": gettext_noop("comment"),
}
_ON_DAYS = {
    Weekday.MONDAY: gettext_noop("on Mondays"),
    Weekday.TUESDAY: gettext_noop("on Tuesdays"),
    Weekday.WEDNESDAY: gettext_noop("on Wednesdays"),
    Weekday.THURSDAY: gettext_noop("on Thursdays"),
    Weekday.FRIDAY: gettext_noop("on Fridays"),
    Weekday.SATURDAY: gettext_noop("on Saturdays"),
    Weekday.SUNDAY: gettext_noop("on Sundays"),
}
_WORDS = "\x00"  # where a cause's own words stand in its sentence


@dataclass(frozen=True, slots=True)
class Cause:
    """One part of the answer to "why is this here?": ``words`` matter, ``before`` and ``after`` join them up."""

    words: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return self.before + self.words + self.after


def causes(
    reasons: Sequence[Reason], paper: Paper, readable_fields: Mapping[str, str], language: Language
) -> tuple[Cause, ...]:
    """Return why a paper is there, strongest words first. ``readable_fields`` holds the texts that spans index."""
    found = _keyword_causes(reasons, readable_fields, language)
    found += [
        _cause(name, language.gettext("you follow %(words)s", words=_WORDS)) for name in _texts(reasons, "author")
    ]
    found += [
        _cause(name, language.gettext("category %(words)s", words=_WORDS)) for name in _texts(reasons, "category")
    ]
    if votes := paper.votes:
        found.append(Cause("", before=language.ngettext("%(num)s upvote", "%(num)s upvotes", votes)))
    return tuple(found)


def schedule(subscriber: Subscriber, language: Language) -> str:
    """Return when mail comes, e.g. ``at 07:00 Europe/Berlin, on weekdays``."""
    days = {
        Frequency.DAILY: gettext_noop("every day"),
        Frequency.WEEKDAYS: gettext_noop("on weekdays"),
        Frequency.WEEKLY: _ON_DAYS[subscriber.weekday],
    }
    return language.gettext(
        "at %(time)s %(zone)s, %(days)s",
        time=language.time(subscriber.send_at_local),
        zone=one_line(subscriber.zone),
        days=language.gettext(days[subscriber.frequency]),
    )


def subscription(subscriber: Subscriber, titles: Mapping[str, str], language: Language) -> str:
    """Return what somebody takes, e.g. ``Vision, Evaluation and your own keywords``; ``titles`` are the profiles'."""
    names = [one_line(titles.get(name, name)) for name in subscriber.profiles]
    if subscriber.keywords:
        names.append(language.gettext("your own keywords"))
    return language.listing(names) or language.gettext("nothing yet")


def is_quiet(note: SourceNote) -> bool:
    """Whether a source works and brought nothing, as it does on many days."""
    return note.papers == 0 and note.health in (Health.FRESH, Health.QUIET)


_SAYINGS = {
    Health.BROKEN: (
        gettext_noop("%(source)s could not be reached; its papers follow as soon as it can."),
        gettext_noop("%(source)s could not be reached since %(since)s; its papers follow as soon as it can."),
    ),
    Health.THROTTLED: (
        gettext_noop("%(source)s has asked us to wait; its papers follow."),
        gettext_noop("%(source)s has asked us to wait since %(since)s; its papers follow."),
    ),
    Health.STALE: (
        gettext_noop("%(source)s: nothing new, longer than usual."),
        gettext_noop("%(source)s: nothing new since %(since)s, longer than usual."),
    ),
    Health.UNCHECKED: (gettext_noop("%(source)s has not been asked yet."),) * 2,
}
_QUIET = (gettext_noop("%(source)s: nothing new."),) * 2


def source_sentence(note: SourceNote, issue_date: date, language: Language) -> str:
    """Return one honest line about a source, such as ``arXiv: 398 papers``."""
    name = clip(one_line(note.source), 80)
    if note.papers and note.health not in (Health.BROKEN, Health.THROTTLED):
        return language.ngettext("%(source)s: %(num)s paper.", "%(source)s: %(num)s papers.", note.papers, source=name)
    timeless, timed = _SAYINGS.get(note.health, _QUIET)
    if note.since is None:
        return language.gettext(timeless, source=name)
    return language.gettext(timed, source=name, since=_moment(note.since, issue_date, language))


def _moment(moment: datetime, issue_date: date, language: Language) -> str:
    """Return e.g. ``05:10 UTC``, with the day before it unless that is the issue's; ``moment`` is in UTC."""
    if moment.date() == issue_date:
        return language.gettext("%(time)s UTC", time=language.time(moment))
    return language.gettext("%(day)s, %(time)s UTC", day=language.short_date(moment.date()), time=language.time(moment))


def _keyword_causes(reasons: Sequence[Reason], fields: Mapping[str, str], language: Language) -> list[Cause]:
    by_text: dict[str, list[Reason]] = {}
    for reason in sorted(reasons, key=lambda each: -each.score):
        if reason.kind in ("keyword", "query"):
            by_text.setdefault(reason.text, []).append(reason)
    shown = list(by_text.items())[:_MAXIMUM_KEYWORDS]
    found = [_cause(_as_read(text, group, fields), _keyword_sentence(group, language)) for text, group in shown]
    if (more := len(by_text) - len(shown)) > 0:
        found.append(Cause("", before=language.ngettext("%(num)s more", "%(num)s more", more)))
    return found


def _keyword_sentence(group: Sequence[Reason], language: Language) -> str:
    places = {reason.field for reason in group}
    known = [language.gettext(name) for field, name in _FIELDS.items() if field in places]
    words = _WORDS
    if group[0].kind == "query":
        words = language.gettext("the query %(words)s", words=words)
    if not known:
        return words
    return language.gettext("%(words)s in %(fields)s", words=words, fields=language.listing(known))


def _cause(words: str, sentence: str) -> Cause:
    before, _, after = sentence.partition(_WORDS)
    return Cause(clip(words, _KEYWORD_LIMIT), before, after)


def _as_read(text: str, group: Sequence[Reason], fields: Mapping[str, str]) -> str:
    """Return a keyword as a reader knows it: without the quotes of an exact one, and ``diffus*`` as what it found."""
    words = one_line(text)
    if words.endswith("*"):
        for reason in group:
            for span in reason.spans:
                if found := one_line(fields.get(reason.field, "")[span.start : span.end]):
                    return found
    return words[1:-1] if len(words) > 2 and words[0] == words[-1] == '"' else words  # noqa: PLR2004 (two quotes)


def _texts(reasons: Sequence[Reason], kind: str) -> list[str]:
    """Return what the reasons of a kind name, each once."""
    return list(dict.fromkeys(one_line(reason.text) for reason in reasons if reason.kind == kind))
