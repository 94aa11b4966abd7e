"""What a reader chooses on a page: words of a form become a draft, by the rules that hold for admins and profiles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from newsletter.core.due import local_date
from newsletter.core.keyword_text import NOTHING, format_keyword
from newsletter.model import Frequency, gettext_noop
from newsletter.service.drafts import Vocabulary, read_draft, read_keywords
from newsletter.service.refusals import refused
from newsletter.settings.values import zone_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from newsletter.languages import Language
    from newsletter.model import Keyword, Profile, Subscriber, SubscriberDraft

MOST_KEYWORDS: Final = 50
LONGEST_PAUSE: Final = timedelta(days=366)
FIELDS: Final = ("frequency", "weekday", "send_at", "zone", "language")
NOTHING_CHOSEN: Final = gettext_noop("Tick a topic or write a keyword. To get no mail, pause or leave below.")
TOO_MANY: Final = gettext_noop("These are %(count)s keywords; up to %(most)s can be kept.")
NOT_OFFERED: Final = gettext_noop("One of these topics is not offered any more.")
IN_LINE: Final = gettext_noop("Line %(line)s: %(problem)s")
NOT_A_DAY: Final = gettext_noop("Choose a day.")
NOT_LATER: Final = gettext_noop("Choose a day after today.")
TOO_LATE: Final = gettext_noop("Choose a day within a year. To stop for longer, leave.")
LESS: Final = {Frequency.DAILY: (Frequency.WEEKDAYS, Frequency.WEEKLY), Frequency.WEEKDAYS: (Frequency.WEEKLY,)}
"""The frequencies that are less often than another."""


@dataclass(slots=True)
class Choices:
    """What stands in the form: ``words`` by field, the names of the profiles that are ticked, and problems by field."""

    words: dict[str, str]
    profiles: tuple[str, ...]
    problems: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A profile that may be ticked; one that is not ``is_known`` has no file any more."""

    name: str
    title: str
    description: str = ""
    is_known: bool = True


def choices_of(subscriber: Subscriber) -> Choices:
    """Return what somebody has chosen."""
    words = {
        "frequency": subscriber.frequency.value,
        "weekday": subscriber.weekday.value,
        "send_at": subscriber.send_at_local.strftime("%H:%M"),
        "zone": subscriber.zone,
        "language": subscriber.language,
        "keywords": "\n".join(format_keyword(keyword) for keyword in subscriber.keywords),
    }
    return Choices(words, subscriber.profiles)


def offers(profiles: Mapping[str, Profile], taken: Collection[str]) -> list[Offer]:
    """Return the profiles that somebody who takes ``taken`` may tick: the public ones, and their own."""
    shown = [
        Offer(profile.name, profile.title, profile.description)
        for profile in profiles.values()
        if profile.public or profile.name in taken
    ]
    return shown + [Offer(name, name, is_known=False) for name in taken if name not in profiles]


def read_choices(
    typed: Choices, subscriber: Subscriber, offered: Sequence[Offer], language: Language
) -> SubscriberDraft | None:
    """Return the draft that a form describes; None, with every reason in ``typed.problems``, when it is none."""
    names = frozenset(offer.name for offer in offered)
    keywords = read_lines(typed, language)
    if not names.issuperset(typed.profiles):
        typed.problems["profiles"] = [language.gettext(NOT_OFFERED)]
    words = {name: typed.words.get(name, "") for name in FIELDS}
    words |= {"address": subscriber.address.text, "profiles": ";".join(typed.profiles) or NOTHING}
    draft, refusals = read_draft(words, Vocabulary(names | set(typed.profiles)))
    for refusal in refusals:
        said = refused(refusal.column, f"{refusal.message}. {refusal.advice}".strip(), language)
        typed.problems.setdefault(refusal.column, []).append(said)
    if not typed.profiles and not keywords and not typed.problems:
        typed.problems["profiles"] = [language.gettext(NOTHING_CHOSEN)]
    if typed.problems or draft is None:
        return None
    return replace(draft, keywords=keywords)


def read_lines(typed: Choices, language: Language) -> tuple[Keyword, ...]:
    """Return the keywords of a form, one or more a line, each once; what is wrong with a line becomes a problem."""
    found: dict[Keyword, None] = {}
    problems = []
    for number, line in enumerate(typed.words.get("keywords", "").splitlines(), start=1):
        try:
            found |= dict.fromkeys(read_keywords(line)) if line.strip() else {}
        except ValueError as error:
            problems.append(language.gettext(IN_LINE, line=number, problem=refused("keywords", str(error), language)))
    if len(found) > MOST_KEYWORDS:
        problems.append(language.gettext(TOO_MANY, count=len(found), most=MOST_KEYWORDS))
    if problems:
        typed.problems["keywords"] = problems
    return tuple(found)


def read_pause(text: str, subscriber: Subscriber, now: datetime, language: Language) -> tuple[date | None, str]:
    """Return the day, in the reader's zone, on which mail begins again, or None and what is wrong with the text."""
    today = local_date(subscriber.zone, now)
    try:
        until = date.fromisoformat(text.strip())
    except ValueError:
        return None, language.gettext(NOT_A_DAY)
    if until <= today:
        return None, language.gettext(NOT_LATER)
    if until - today > LONGEST_PAUSE:
        return None, language.gettext(TOO_LATE)
    return until, ""


@cache
def zones_by_region() -> dict[str, list[str]]:
    """Return the time zones that people live in by the region that their name begins with; UTC by itself."""
    found: dict[str, list[str]] = {}
    for name in sorted(zone_names()):
        region, slash, _ = name.partition("/")
        if slash and region not in {"Etc", "SystemV", "US", "posix", "right", "Brazil", "Canada", "Chile", "Mexico"}:
            found.setdefault(region, []).append(name)
    return found
