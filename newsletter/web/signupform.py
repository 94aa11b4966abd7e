"""The form to subscribe: its fields as they were filled in, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from newsletter.core.keyword_text import split_list
from newsletter.languages import known_codes, language_of
from newsletter.model import Frequency, Weekday
from newsletter.service.drafts import Vocabulary, read_draft, read_keywords
from newsletter.service.refusals import refused
from newsletter.web.speaking import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import FormData

    from newsletter.languages import Language
    from newsletter.model import Keyword, Profile, SubscriberDraft
    from newsletter.settings.models import DefaultSettings

MOST_KEYWORDS: Final = 50
LONGEST_KEYWORD: Final = 200
LONGEST_FIELD: Final = 320
LONGEST_KEYWORDS: Final = 10_000
TRAP: Final = "website"  # no person sees this field


@dataclass(frozen=True, slots=True)
class Filled:
    """What the fields hold. ``keywords`` has one on each line."""

    address: str = ""
    profiles: tuple[str, ...] = ()
    keywords: str = ""
    frequency: str = Frequency.DAILY.value
    weekday: str = Weekday.MONDAY.value
    send_at: str = "07:00"
    zone: str = "UTC"
    language: str = "en"
    is_zone_chosen: bool = False
    challenge: str = ""
    work: str = ""
    is_trapped: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def keyword_list(self) -> list[str]:
        """The keywords, each once, in the order in which they were written."""
        lines = (part for line in self.keywords.splitlines() for part in split_list(line))
        return list(dict.fromkeys(lines))


def empty_form(defaults: DefaultSettings, profiles: tuple[str, ...]) -> Filled:
    """Return the form as it is before anybody has filled it in."""
    return Filled(
        profiles=profiles,
        frequency=defaults.frequency.value,
        weekday=defaults.weekday.value,
        send_at=f"{defaults.send_at:%H:%M}",
        zone=defaults.zone,
        language=spoken().code,
    )


def filled_form(form: FormData, public: Mapping[str, Profile]) -> Filled:
    """Return what the fields hold; what names no public profile is left out."""

    def text(name: str, most: int = LONGEST_FIELD) -> str:
        value = form.get(name)
        return value[:most].strip() if isinstance(value, str) else ""

    named = [value for value in form.getlist("profiles") if isinstance(value, str)]
    return Filled(
        address=text("address"),
        profiles=tuple(dict.fromkeys(name for name in named if name in public)),
        keywords=text("keywords", LONGEST_KEYWORDS),
        frequency=text("frequency"),
        weekday=text("weekday"),
        send_at=text("send_at"),
        zone=text("zone"),
        language=text("language"),
        is_zone_chosen=True,
        challenge=text("challenge"),
        work=text("work"),
        is_trapped=bool(text(TRAP)),
    )


def read_filled(filled: Filled, public: Mapping[str, Profile]) -> tuple[SubscriberDraft | None, dict[str, str]]:
    """Return what was asked for, or None and what is wrong, by field."""
    language, keywords = spoken(), filled.keyword_list
    problems = keyword_problems(keywords, language)
    words = {
        "address": filled.address,
        "profiles": ";".join(filled.profiles),
        "keywords": "" if problems else ";".join(keywords),
        "frequency": filled.frequency,
        "weekday": filled.weekday,
        "send_at": filled.send_at,
        "zone": filled.zone,
        "language": filled.language if filled.language in known_codes() else language.code,
    }
    draft, refusals = read_draft(words, Vocabulary(frozenset(public)))
    for refusal in refusals:
        said = f"{refusal.message}; {refusal.advice}" if refusal.advice else refusal.message
        problems.setdefault(refusal.column, refused(refusal.column, said, language))
    if not filled.profiles and not keywords:
        problems["profiles"] = language.gettext("Tick a topic, or write a keyword of your own.")
    return (None if problems else draft), problems


def keyword_problems(keywords: list[str], language: Language) -> dict[str, str]:
    """Return what is wrong with a list of keywords as a whole."""
    if len(keywords) > MOST_KEYWORDS:
        said = language.gettext("At most %(most)s keywords, please.", most=MOST_KEYWORDS)
    elif any(len(keyword) > LONGEST_KEYWORD for keyword in keywords):
        said = language.gettext("A keyword has at most %(most)s characters.", most=LONGEST_KEYWORD)
    else:
        return {}
    return {"keywords": said}


def read_keyword_list(filled: Filled) -> tuple[tuple[Keyword, ...], dict[str, str]]:
    """Return the keywords, or none and what is wrong with them."""
    problems = keyword_problems(filled.keyword_list, spoken())
    if problems:
        return (), problems
    try:
        return read_keywords(";".join(filled.keyword_list)) if filled.keyword_list else (), {}
    except ValueError as error:
        return (), {"keywords": refused("keywords", str(error), spoken())}


def language_names() -> list[tuple[str, str]]:
    """Return the languages that mails can be in: code, and what each calls itself."""
    return [(code, language_of(code).name) for code in known_codes()]


def wording(name: str) -> str:
    """Return what somebody agrees to, in the language of the page: it is kept as it was shown."""
    return spoken().gettext(
        "%(name)s sends me new research papers on these topics at this address, as often as I chose here, until I "
        "leave: one click in any mail. My address and choices are kept for this and nothing else.",
        name=name,
    )
