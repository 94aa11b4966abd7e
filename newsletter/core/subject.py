"""What a mail says before it is opened: its headline, its subject and the line that inboxes show beside it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.core.picks import PICKS_PROFILE
from newsletter.core.printable import clip, one_line
from newsletter.core.selection import PERSONAL_TITLE, UPDATED_TOPIC
from newsletter.core.text import readable
from newsletter.core.weekly import BEST_TOPIC, is_weekly
from newsletter.model import IssueKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.languages import Language
    from newsletter.model import Digest, Paper, Section

_FIRST_WORD = re.compile(r"[^\W\d_][^\W\d_]*")
_TOPIC_LIMIT = 60  # characters; what phones show of a subject is shorter still
_TITLE_LIMIT = 70
_PREHEADER_LIMIT = 160


def section_title(section: Section, language: Language) -> str:
    """Return what a section is about, in the words of the admin: its topic, or else its profile's title; of
    what we name ourselves, the name in ``language``.
    """
    if section.topic in (UPDATED_TOPIC, PERSONAL_TITLE, BEST_TOPIC) or section.profile == PICKS_PROFILE:
        return language.gettext(section.topic)
    return one_line(section.topic) or one_line(section.profile_title) or one_line(section.profile)


def is_trending(section: Section) -> bool:
    """Whether a section is a list of what the community voted for, rather than of what matched a topic."""
    return bool(section.papers) and all(
        paper.reasons and all(reason.kind == "votes" for reason in paper.reasons) for paper in section.papers
    )


def headline(digest: Digest, papers: Mapping[int, Paper], name: str, language: Language) -> str:
    """Return what a mail holds in words, e.g. ``12 papers on diffusion models and 3 more``; ``name`` is the
    newsletter's.
    """
    if digest.kind is IssueKind.WELCOME:
        return language.gettext("Welcome to %(name)s", name=one_line(name))
    if digest.kind is IssueKind.PROBE:
        return language.gettext("Do our mails reach you?")
    if digest.kind.is_transactional:
        return _transactional(digest.kind, language)[0]
    if not digest.paper_ids:
        return _quiet_headline(digest.considered, language)
    words = contents(digest, papers, language)
    return language.gettext("Your week: %(papers)s", papers=words) if is_weekly(digest) else words


def contents(digest: Digest, papers: Mapping[int, Paper], language: Language) -> str:
    """Return what a digest with papers holds: its largest section, and how many more."""
    largest = max(digest.sections, key=lambda section: len(section.papers))  # the first of equals
    others = len(digest.paper_ids) - len(largest.papers)
    words = _section_words(largest, papers, language)
    if others <= 0:
        return words
    return language.ngettext("%(papers)s and %(num)s more", "%(papers)s and %(num)s more", others, papers=words)


def subject(digest: Digest, papers: Mapping[int, Paper], name: str, language: Language, words: str = "") -> str:
    """Return the subject: what the mail holds and the day, for mail programs thread what has the same subject.

    A welcome says both that it is one and what it holds: ``Welcome: 12 papers on diffusion models · 24 Nov``. A
    transactional mail names the newsletter: ``Confirm your subscription · Paper Digest``.
    """
    if digest.kind.is_transactional:
        return f"{headline(digest, papers, name, language)} · {one_line(name)}"
    is_full_welcome = digest.kind is IssueKind.WELCOME and digest.paper_ids
    if is_full_welcome:
        words = language.gettext("Welcome: %(papers)s", papers=contents(digest, papers, language))
    else:
        words = words or headline(digest, papers, name, language)
    return f"{words} · {language.short_date(digest.issue_date)}"


def preheader(digest: Digest, papers: Mapping[int, Paper], language: Language) -> str:
    """Return the line that inboxes show after the subject: the first titles, or the number of papers seen."""
    titles = [_short_title(papers[paper_id].title) for paper_id in digest.paper_ids[:3]]
    if titles:
        return clip(" · ".join(titles), _PREHEADER_LIMIT)
    if digest.kind is IssueKind.WELCOME:
        return language.gettext("What you will get, when, and how to stop it.")
    if digest.kind.is_transactional:
        return _transactional(digest.kind, language)[1]
    if digest.kind is IssueKind.PROBE:
        return language.gettext("Some came back. If you read this, all is well.")
    return language.ngettext(
        "%(num)s new paper looked at. Nothing for you today.",
        "%(num)s new papers looked at. Nothing for you today.",
        digest.considered,
    )


@lru_cache(maxsize=256)
def _beginning_with(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}")


@lru_cache(maxsize=1024)  # the digests of one day share their papers
def _short_title(title: str) -> str:
    return clip(one_line(readable(title)), _TITLE_LIMIT)


def _transactional(kind: IssueKind, language: Language) -> tuple[str, str]:
    """Return headline and preheader. Nothing that a visitor typed is in them, or a stranger could have us mail it."""
    return {
        IssueKind.CONFIRMATION: (
            language.gettext("Confirm your subscription"),
            language.gettext("If you did not ask for it, do nothing: no mail will come."),
        ),
        IssueKind.REMINDER: (
            language.gettext("You are subscribed already"),
            language.gettext("This address was entered again. Nothing has changed."),
        ),
        IssueKind.GOODBYE: (
            language.gettext("You have left"),
            language.gettext("No more mail comes. Should it have been a mistake, one click undoes it."),
        ),
        IssueKind.ADDRESS_CHANGE: (
            language.gettext("Confirm the change of address"),
            language.gettext("Both addresses must agree before anything changes."),
        ),
    }[kind]


def _quiet_headline(considered: int, language: Language) -> str:
    if not considered:
        return language.gettext("All quiet: no new papers")
    return language.ngettext(
        "All quiet: none of %(num)s new paper matched", "All quiet: none of %(num)s new papers matched", considered
    )


def _section_words(section: Section, papers: Mapping[int, Paper], language: Language) -> str:
    count = len(section.papers)
    if is_trending(section):
        return language.ngettext("%(num)s trending paper", "%(num)s trending papers", count)
    if section.profile == PICKS_PROFILE:
        return language.ngettext("%(num)s editor’s pick", "%(num)s editor’s picks", count)
    if section.topic == UPDATED_TOPIC and all(paper.is_update for paper in section.papers):
        return language.ngettext("%(num)s updated paper", "%(num)s updated papers", count)
    topic = clip(_mid_sentence(section_title(section, language), section, papers), _TOPIC_LIMIT)
    return language.ngettext("%(num)s paper on %(topic)s", "%(num)s papers on %(topic)s", count, topic=topic)


def _mid_sentence(title: str, section: Section, papers: Mapping[int, Paper]) -> str:
    """Return ``title`` as it stands within a sentence: ``Diffusion models`` loses its capital, ``Bayesian methods``
    and ``LLM agents`` keep theirs. The papers tell which: they write the word small, or they never do.
    """
    word = _FIRST_WORD.match(title)
    if not word or not word[0].istitle():
        return title
    small = _beginning_with(word[0].lower())
    texts = (f"{papers[paper.paper_id].title} {papers[paper.paper_id].abstract}" for paper in section.papers)
    written = (reason.text for paper in section.papers for reason in paper.reasons)
    if any(small.search(text) for text in written) or any(small.search(text) for text in texts):
        return title[0].lower() + title[1:]
    return title
