"""Subjects that say what is in the mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsletter.core.selection import UPDATED_TOPIC
from newsletter.core.subject import headline, preheader, subject
from newsletter.languages import ENGLISH
from newsletter.model import Digest, IssueKind, Paper, Reason, Section, Selected
from tests.support.samples import make_paper

DAY = date(2026, 11, 24)


def papers_of(count: int, abstract: str = "") -> dict[int, Paper]:
    return {number: make_paper(number, f"Title {number}", abstract=abstract) for number in range(1, count + 1)}


def section(topic: str, numbers: range, kind: str = "keyword", text: str = "x") -> Section:
    reasons = (Reason(kind, text, "title"),)
    return Section("profile", "The profile", topic, tuple(Selected(number, 1.0, reasons) for number in numbers))


def digest(*sections: Section, kind: IssueKind = IssueKind.DIGEST, considered: int = 412) -> Digest:
    return Digest(kind, DAY, sections, considered)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ((section("Diffusion", range(1, 13)), section("B", range(13, 16))), "12 papers on Diffusion and 3 more"),
        ((section("Evaluation", range(1, 2)),), "1 paper on Evaluation"),
        ((section("A", range(1, 2)), section("B", range(2, 5))), "3 papers on B and 1 more"),
        ((section("A", range(1, 3)), section("B", range(3, 5))), "2 papers on A and 2 more"),
        ((section("", range(1, 2)),), "1 paper on The profile"),
        ((section("Loved", range(1, 4), kind="votes"),), "3 trending papers"),
        ((section("A", range(1, 3)), section("A", range(1, 3))), "2 papers on A"),
        ((), "All quiet: none of 412 new papers matched"),
    ],
)
def test_headline(sections: tuple[Section, ...], expected: str) -> None:
    assert headline(digest(*sections), papers_of(20), "Name", ENGLISH) == expected


@pytest.mark.parametrize(
    ("topic", "abstract", "keyword", "expected"),
    [
        ("Diffusion models", "We train diffusion models.", "x", "diffusion models"),
        ("Diffusion models", "", "diffusion model", "diffusion models"),
        ("Bayesian methods", "Bayesian methods are used.", "Bayesian", "Bayesian methods"),
        ("LLM agents", "Some llm agents.", "llm", "LLM agents"),
        ("3D vision", "", "x", "3D vision"),
        ("Über alles", "das ist über", "x", "über alles"),
    ],
)
def test_topics_lose_their_capital_only_where_papers_write_them_small(
    topic: str, abstract: str, keyword: str, expected: str
) -> None:
    found = headline(digest(section(topic, range(1, 2), text=keyword)), papers_of(1, abstract), "Name", ENGLISH)
    assert found == f"1 paper on {expected}"


def test_other_kinds_of_mail() -> None:
    assert (
        headline(digest(kind=IssueKind.WELCOME), {}, "The Morning\r\nPreprint", ENGLISH)
        == "Welcome to The Morning Preprint"
    )
    assert (
        headline(digest(kind=IssueKind.QUIET, considered=1), {}, "", ENGLISH)
        == "All quiet: none of 1 new paper matched"
    )
    assert headline(digest(kind=IssueKind.QUIET, considered=0), {}, "", ENGLISH) == "All quiet: no new papers"


def test_the_subject_says_what_is_in_the_mail_and_differs_from_day_to_day() -> None:
    evaluation = section("Evaluation", range(1, 3))
    assert subject(digest(evaluation), papers_of(2), "Name", ENGLISH) == "2 papers on Evaluation · 24 Nov"
    welcome = digest(evaluation, kind=IssueKind.WELCOME)
    assert subject(welcome, papers_of(2), "Name", ENGLISH) == "Welcome: 2 papers on Evaluation · 24 Nov"
    assert subject(digest(kind=IssueKind.WELCOME), {}, "Name", ENGLISH) == "Welcome to Name · 24 Nov"
    assert subject(digest(kind=IssueKind.QUIET, considered=3), {}, "Name", ENGLISH).endswith("· 24 Nov")


def test_hostile_topics_stay_short_and_on_one_line() -> None:
    words = headline(digest(section("Topic\r\nBcc: x\x00 " * 90, range(1, 2))), papers_of(1), "Name", ENGLISH)
    assert len(words) < 80
    assert words.isprintable()


def test_preheader_says_what_the_subject_does_not() -> None:
    four = digest(section("A", range(1, 5)))
    assert preheader(four, papers_of(4), ENGLISH) == "Title 1 · Title 2 · Title 3"
    long = {number: make_paper(number, "word " * 400) for number in range(1, 5)}
    assert len(preheader(four, long, ENGLISH)) <= 160
    assert preheader(digest(kind=IssueKind.QUIET), {}, ENGLISH) == "412 new papers looked at. Nothing for you today."
    assert preheader(digest(kind=IssueKind.WELCOME), {}, ENGLISH) == "What you will get, when, and how to stop it."


def test_a_section_of_updates_is_named_as_what_it_holds() -> None:
    updates = replace(section(UPDATED_TOPIC, range(1, 3)), papers=(Selected(1, 1.0, (), is_update=True),))
    assert headline(digest(updates), papers_of(2), "Name", ENGLISH) == "1 updated paper"
    assert headline(digest(section(UPDATED_TOPIC, range(1, 2))), papers_of(1), "Name", ENGLISH) == "1 paper on Updated"
