"""The weekly form: the best first, nothing twice, and how many each topic brought."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest

from newsletter.core.subject import headline, subject
from newsletter.core.weekly import BEST_TOPIC, MOST_BEST, topic_counts, week_of
from newsletter.languages import ENGLISH
from newsletter.model import Digest, Frequency, IssueKind, Section, Selected
from newsletter.service.edition import template_of
from tests.support.mails import Page, digest_of, make_digest, make_renderer
from tests.support.real_papers import real_papers
from tests.support.samples import make_subscriber

READER = make_subscriber(frequency=Frequency.WEEKLY, send_at_local=time(7))


def digest(*sections: tuple[float, ...], omitted: int = 0) -> Digest:
    """Return a weekly digest of sections with papers of these scores."""
    numbers = iter(range(1, 1_000))
    made = tuple(
        Section("p", "P", f"Topic {index}", tuple(Selected(next(numbers), score) for score in scores), omitted)
        for index, scores in enumerate(sections)
    )
    return Digest(IssueKind.DIGEST, date(2026, 11, 24), made, 99, template="weekly")


def test_the_best_come_first_and_are_not_repeated() -> None:
    week = week_of(digest((1.0, 9.0, 3.0), (8.0, 2.0), (7.0, 6.0)))
    assert week.sections[0].topic == BEST_TOPIC
    assert [paper.score for paper in week.sections[0].papers] == [9.0, 8.0, 7.0, 6.0, 3.0]
    assert [[paper.score for paper in each.papers] for each in week.sections[1:]] == [[1.0], [2.0]]
    assert sorted(week.paper_ids) == list(range(1, 8))


@pytest.mark.parametrize("sections", [((1.0,) * 9,), ((1.0, 2.0), (3.0,)), ()])
def test_one_topic_or_a_few_papers_need_no_choice(sections: tuple[tuple[float, ...], ...]) -> None:
    assert week_of(digest(*sections)) == digest(*sections)


def test_counts_hold_what_was_over_the_limit_and_are_measured_by_the_largest() -> None:
    counts = topic_counts(digest((1.0,), (1.0, 1.0, 1.0, 1.0), omitted=4))
    assert [(each.section.topic, each.count, each.share) for each in counts] == [
        ("Topic 1", 8, 100),
        ("Topic 0", 5, 62),
    ]
    assert topic_counts(digest()) == ()
    assert [each.share for each in topic_counts(digest((1.0,) * 900, (1.0,)))] == [100, 1]


def test_who_reads_weekly_gets_the_weekly_form_unless_they_chose_another() -> None:
    assert template_of(READER) == "weekly"
    assert template_of(replace(READER, template="brief")) == "brief"
    assert template_of(replace(READER, frequency=Frequency.WEEKDAYS)) == "digest"


def test_the_subject_says_that_it_is_the_week() -> None:
    found, papers = make_digest(3)
    weekly = replace(found, template="weekly")
    assert headline(weekly, papers, "N", ENGLISH) == "Your week: 3 papers on contrastive learning"
    assert subject(weekly, papers, "N", ENGLISH).endswith(" · 24 Nov")


def test_a_weekly_mail_has_excerpts_of_the_best_a_chart_and_no_image() -> None:
    papers = real_papers(18)
    made = replace(digest_of(papers, ("Learning", "Language", "Vision"), "learning"), template="weekly")
    prepared = make_renderer().prepare(made, papers)
    page, text = Page(prepared.html(READER)), prepared.text(READER)
    assert len(page.attributes("h3")) == 18
    excerpts = [each for each in page.attributes("p") if each.get("dir") == "auto" and "class" not in each]
    assert len(excerpts) == MOST_BEST
    assert [each["width"] for each in page.attributes("td") if each.get("class") == "bar"] == ["100%"] * 3
    assert page.attributes("img") == []
    assert f"The week’s best · {MOST_BEST} papers" in page.text
    assert "Learning                      ################################## 6\n" in text
