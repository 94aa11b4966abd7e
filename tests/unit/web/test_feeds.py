"""Feeds and references of papers that nobody wishes for, read by parsers that nobody here wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st
from pybtex.database import parse_string

from newsletter.web.citing import bibtex, names_of, ris
from newsletter.web.feeds import atom, json_feed
from tests.support.feedrules import atom_flaws, json_feed_flaws
from tests.support.samples import make_paper

if TYPE_CHECKING:
    from newsletter.model import Paper

BASE = "https://news.example"
HOSTILE = [
    make_paper(1, title="Plain & <simple>", abstract="]]> & <b>bold</b>", authors=("Ada Lovelace", "Ångström, Zoë")),
    make_paper(2, title="$\\alpha$ in {braces} 100% of #1 \\ ~^_", authors=(), categories=("cs.LG", "", "a b")),
    make_paper(3, title="NUL \x00, \x0b and \ud800 half", abstract="", authors=("", "  ", "and", "A and B")),
    make_paper(4, title="A title\r\nER  - \r\nTY  - JOUR", abstract="one\n\ntwo", authors=("O'Neil, Jr., Sean",)),
    make_paper(5, title="مقدمة 深度学习", url="https://example.org/ä b?x=1&y=<2>", authors=("李 明",)),
    make_paper(6, title="A } and { alone @misc{x, title={y}}", journal_reference="J. {Odd} 5 (2026), % 3"),
    make_paper(7, title="", abstract="", url=""),
]
NAMES = st.text(max_size=40)


def feeds_of(papers: list[Paper]) -> tuple[bytes, dict[str, Any]]:
    written = atom("Topic · <News>", BASE, "/topics/x/atom.xml", "/topics/x", papers)
    read: dict[str, Any] = json.loads(json_feed("Topic · <News>", BASE, "/topics/x/feed.json", "/topics/x", papers))
    return written, read


def test_feeds_of_hostile_papers_are_valid() -> None:
    written, read = feeds_of(HOSTILE)
    assert atom_flaws(written) == []
    assert json_feed_flaws(read) == []
    parsed = feedparser.parse(written)
    assert not parsed.bozo, parsed.get("bozo_exception")
    assert [entry.link for entry in parsed.entries] == [f"{BASE}/papers/{paper.id}" for paper in HOSTILE]
    assert parsed.feed.link == f"{BASE}/topics/x"
    assert parsed.entries[0].title == "Plain & <simple>"
    assert [author.name for author in parsed.entries[0].authors] == ["Ada Lovelace", "Ångström, Zoë"]


def test_an_empty_feed_is_valid() -> None:
    written, read = feeds_of([])
    assert atom_flaws(written) == []
    assert json_feed_flaws(read) == []
    assert not feedparser.parse(written).bozo


def test_the_rules_find_what_is_wrong() -> None:
    written, read = feeds_of(HOSTILE[:1])
    nameless = written.replace(b"<name>Ada Lovelace</name>", b"<name> </name>")
    assert atom_flaws(nameless) == ["3.2.1: an author without a name"]
    assert len(atom_flaws(written.replace(b"T", b" ").replace(b"+00:00", b""))) > 1
    assert json_feed_flaws({**read, "items": [{"id": 1}]}) != []


@given(st.lists(st.tuples(NAMES, NAMES, st.lists(NAMES, max_size=3)), max_size=3))
def test_feeds_are_valid_whatever_papers_say(told: list[tuple[str, str, list[str]]]) -> None:
    papers = [
        make_paper(number, title=title, abstract=abstract, authors=tuple(authors), categories=tuple(authors))
        for number, (title, abstract, authors) in enumerate(told, start=1)
    ]
    written, read = feeds_of(papers)
    assert atom_flaws(written) == []
    assert json_feed_flaws(read) == []


@pytest.mark.parametrize("paper", HOSTILE, ids=lambda paper: str(paper.id))
def test_references_are_read_as_one_with_its_authors(paper: Paper) -> None:
    entries = parse_string(bibtex(paper), "bibtex").entries
    assert len(entries) == 1
    (entry,) = entries.values()
    assert entry.fields.get("year") == str((paper.published_at or paper.first_seen_at).year)
    (record,) = rispy.loads(ris(paper))
    assert record["type_of_reference"] == ("JOUR" if paper.journal_reference else "UNPB")
    named = names_of(paper)
    assert len(entry.persons.get("author", [])) == len(record.get("authors", [])) == len(named)


@given(NAMES, NAMES, st.lists(NAMES, max_size=4))
def test_references_are_read_whatever_papers_say(title: str, journal: str, authors: list[str]) -> None:
    paper = make_paper(9, title=title, journal_reference=journal, authors=tuple(authors))
    assert len(parse_string(bibtex(paper), "bibtex").entries) == 1
    assert len(rispy.loads(ris(paper))) == 1


def test_times_of_feeds_are_of_the_newest_paper() -> None:
    late = make_paper(1, first_seen_at=datetime(2026, 12, 1, 6, tzinfo=UTC))
    assert feedparser.parse(feeds_of([make_paper(2), late])[0]).feed.updated == "2026-12-01T06:00:00+00:00"
