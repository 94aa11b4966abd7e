"""The small sentences of a mail."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from newsletter.languages import ENGLISH
from newsletter.mail.links import paper_links, paper_url, web_url
from newsletter.mail.view import note_sentences
from newsletter.mail.words import causes, schedule, source_sentence, subscription
from newsletter.model import Community, Digest, Frequency, Health, IssueKind, Keyword, Reason, SourceNote, Span, Weekday
from tests.support.samples import make_paper, make_subscriber

DAY = date(2026, 11, 24)
MORNING = datetime(2026, 11, 24, 5, 10, tzinfo=UTC)


def why(*reasons: Reason, upvotes: int | None = None) -> list[str]:
    paper = make_paper(title="Diffusion for all", community=Community(upvotes=upvotes))
    return [str(cause) for cause in causes(reasons, paper, {"title": paper.title}, ENGLISH)]


def test_why_joins_the_fields_of_a_keyword_strongest_first() -> None:
    reasons = (
        Reason("keyword", "weak", "comment", score=1.0),
        Reason("keyword", "strong", "abstract", score=2.0),
        Reason("keyword", "strong", "title", score=3.0),
    )
    assert why(*reasons) == ["strong in title and abstract", "weak in comment"]


def test_why_speaks_plainly() -> None:
    assert why(Reason("keyword", '"RAG"', "title")) == ["RAG in title"]
    assert why(Reason("keyword", "diffus*", "title", (Span(0, 9),))) == ["Diffusion in title"]
    assert why(Reason("keyword", "diffus*", "title")) == ["diffus* in title"]
    assert why(Reason("query", "ti:a AND abs:b", "title")) == ["the query ti:a AND abs:b in title"]
    assert why(Reason("author", "A. Author", "authors"), Reason("author", "A. Author", "authors")) == [
        "you follow A. Author"
    ]
    assert why(Reason("category", "cs.LG", "categories")) == ["category cs.LG"]
    assert why(Reason("votes", "34", "votes"), upvotes=34) == ["34 upvotes"]
    assert why(upvotes=0) == []
    many = [Reason("keyword", word, "title", score=1.0) for word in "abcde"]
    assert why(*many) == ["a in title", "b in title", "c in title", "2 more"]


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        (Frequency.DAILY, "at 07:30 Europe/Berlin, every day"),
        (Frequency.WEEKDAYS, "at 07:30 Europe/Berlin, on weekdays"),
        (Frequency.WEEKLY, "at 07:30 Europe/Berlin, on Fridays"),
    ],
)
def test_schedule(frequency: Frequency, expected: str) -> None:
    reader = make_subscriber(
        send_at_local=time(7, 30), zone="Europe/Berlin", frequency=frequency, weekday=Weekday.FRIDAY
    )
    assert schedule(reader, ENGLISH) == expected


def test_subscription_names_profiles_as_people_read_them() -> None:
    reader = make_subscriber(profiles=("a", "b"), keywords=(Keyword("x"),))
    assert subscription(reader, {"a": "Vision"}, ENGLISH) == "Vision, b and your own keywords"
    assert subscription(make_subscriber(profiles=()), {}, ENGLISH) == "nothing yet"


@pytest.mark.parametrize(
    ("health", "papers", "since", "expected"),
    [
        (Health.FRESH, 398, None, "arXiv: 398 papers."),
        (Health.FRESH, 1, None, "arXiv: 1 paper."),
        (Health.QUIET, 0, None, "arXiv: nothing new."),
        (Health.BROKEN, 0, MORNING, "arXiv could not be reached since 05:10 UTC; its papers follow as soon as it can."),
        (
            Health.BROKEN,
            3,
            datetime(2026, 11, 22, 5, 10, tzinfo=UTC),
            "arXiv could not be reached since 22 Nov, 05:10 UTC; its papers follow as soon as it can.",
        ),
        (Health.BROKEN, 0, None, "arXiv could not be reached; its papers follow as soon as it can."),
        (Health.THROTTLED, 0, MORNING, "arXiv has asked us to wait since 05:10 UTC; its papers follow."),
        (Health.STALE, 0, MORNING, "arXiv: nothing new since 05:10 UTC, longer than usual."),
        (Health.UNCHECKED, 0, None, "arXiv has not been asked yet."),
    ],
)
def test_sources_are_spoken_of_honestly(health: Health, papers: int, since: datetime | None, expected: str) -> None:
    assert source_sentence(SourceNote("arXiv", health, papers, since), DAY, ENGLISH) == expected


def noted(*notes: SourceNote) -> list[str]:
    return list(note_sentences(Digest(IssueKind.DIGEST, DAY, (), 0, notes), ENGLISH))


def test_many_quiet_sources_are_counted_and_no_other_is_left_out() -> None:
    quiet = [SourceNote(f"q{number}", Health.QUIET) for number in range(1, 15)]
    told = [
        SourceNote("arXiv", Health.FRESH, 398),
        SourceNote("journal", Health.BROKEN),
        SourceNote("late", Health.STALE),
        SourceNote("busy", Health.QUIET, 2),
    ]
    sentences = noted(*quiet, *told)
    assert sentences[:6] == [f"q{number}: nothing new." for number in range(1, 7)]
    assert [sentence.split(":")[0].split(" ")[0] for sentence in sentences[6:-1]] == [
        "arXiv",
        "journal",
        "late",
        "busy",
    ]
    assert sentences[-1] == "And 8 more had nothing new."
    assert noted(*quiet[:6]) == sentences[:6]
    assert noted() == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("https://bücher.example/ä ö", "https://xn--bcher-kva.example/%C3%A4%20%C3%B6"),
        ("HTTP://example.org", "HTTP://example.org"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//example.org/", ""),
        ("https://", ""),
        ('https://example.org/"><script>', "https://example.org/%22%3E%3Cscript%3E"),
        ("https://[bad\u00e4/", ""),
        ("https://example.org/" + "a" * 100, ""),
        (None, ""),
    ],
)
def test_only_safe_addresses_are_linked(url: str | None, expected: str) -> None:
    assert web_url(url, 100) == expected


@pytest.mark.parametrize(
    ("arxiv_id", "has_html"),
    [
        ("2312.00001", True),
        ("2401.12345", True),
        ("3001.00001", True),
        ("2311.99999", False),
        ("1706.03762", False),
        ("0704.0001", False),
        ("9912.0001", False),
        ("hep-th/9901001", False),
    ],
)
def test_html_is_linked_where_arxiv_makes_it(arxiv_id: str, *, has_html: bool) -> None:
    labels = [link.label for link in paper_links(make_paper(arxiv_id=arxiv_id), 200, lambda: 1, ENGLISH)]
    assert ("HTML" in labels) is has_html


def test_links_of_a_paper() -> None:
    community = Community(code_url="https://github.com/a/b", code_stars=0, page_url="https://huggingface.co/papers/1")
    paper = make_paper(community=community)
    links = paper_links(paper, 200, iter(range(1, 9)).__next__, ENGLISH)
    assert [(link.number, link.label, link.stars) for link in links] == [
        (1, "Abstract", None),
        (2, "PDF", None),
        (3, "HTML", None),
        (4, "Code", 0),
        (5, "Hugging Face", None),
    ]
    assert [link.url for link in links][:3] == [
        f"https://arxiv.org/{form}/2611.00001" for form in ("abs", "pdf", "html")
    ]
    post = make_paper(
        url="https://blog.example.org/x", arxiv_id=None, community=Community(page_url="https://hn.example/x")
    )
    assert [link.label for link in paper_links(post, 200, lambda: 1, ENGLISH)] == ["Read", "Discussion"]
    assert paper_url(make_paper(url="", arxiv_id=None, doi="10.1101/1"), 200) == "https://doi.org/10.1101/1"
    assert paper_url(make_paper(url="", arxiv_id="2611.00001"), 200) == "https://arxiv.org/abs/2611.00001"
