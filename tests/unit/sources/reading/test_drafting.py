from __future__ import annotations

import pytest

from newsletter.model import Entry
from newsletter.sources.reading.drafting import Identity, categories_of, identify, told_apart, web_link


@pytest.mark.parametrize(
    ("identifiers", "dois", "identity"),
    [
        (["oai:arXiv.org:2508.13426v3", "https://arxiv.org/abs/2508.13426"], [], Identity("2508.13426", 3)),
        (["https://arxiv.org/abs/2508.13426", "https://arxiv.org/pdf/2508.13426v2"], [], Identity("2508.13426", 2)),
        (["https://doi.org/10.48550/arXiv.2508.13426"], [], Identity("2508.13426")),
        (["tag:x"], ["10.48550/arXiv.2508.13426"], Identity("2508.13426")),
        (["oai:arXiv.org:2508.13426v1"], ["10.5555/X.1"], Identity("2508.13426", 1, "10.5555/x.1")),
        (
            ["http://biorxiv.org/cgi/content/short/743294v1?rss=1"],
            ["doi:10.1101/743294"],
            Identity(None, 1, "10.1101/743294"),
        ),
        (
            ["https://www.medrxiv.org/content/10.1101/2020.01.02.1234v12.full"],
            [],
            Identity(None, 12, "10.1101/2020.01.02.1234"),
        ),
        (["https://blog.example/v2/post", "urn:7"], ["", "no doi"], Identity()),
        (["https://blog.example/2508.13426"], [], Identity()),
        (["\ud8002508.13426\0"], [], Identity("2508.13426")),
    ],
)
def test_identity(identifiers: list[str], dois: list[str], identity: Identity) -> None:
    assert identify(identifiers, dois) == identity


@pytest.mark.parametrize(
    ("value", "bases", "link"),
    [
        ("https://a.example/x y", (), "https://a.example/x%20y"),
        ("/x", ("https://a.example/b/",), "https://a.example/x"),
        ("x", ("", "https://a.example/b/"), "https://a.example/b/x"),
        ("//b.example/x", ("https://a.example/",), "https://b.example/x"),
        ("javascript:alert(1)", ("https://a.example/",), ""),
        ("java\nscript:alert(1)", ("https://a.example/",), ""),
        ("data:text/html,x", (), ""),
        ("mailto:a@b.example", (), ""),
        ("https://", (), ""),
        ("https://a.example:x/", (), ""),
        ("https://[bad/", (), ""),
        ("https://a.example/" + "x" * 3000, (), ""),
        ("", ("https://a.example/",), ""),
        (None, (), ""),
        (7, (), ""),
    ],
)
def test_web_links(value: object, bases: tuple[str, ...], link: str) -> None:
    assert web_link(value, *bases) == link


def test_categories_keep_order_once() -> None:
    assert categories_of(["cs.LG", " cs.AI ", "cs.LG", None, "", 3]) == ("cs.LG", "cs.AI")


def test_one_id_for_different_papers_is_no_id() -> None:
    entries = [
        Entry("same", "One", url="https://a.example/1"),
        Entry("same", "Two", url="https://a.example/2"),
        Entry("page", "Three", url="https://a.example/3"),
        Entry("page", "Four", url="https://a.example/3"),
        Entry("twice", "Five"),
        Entry("twice", "Five"),
    ]
    kept, note = told_apart(entries)

    assert [entry.entry_id for entry in kept] == [
        "https://a.example/1",
        "https://a.example/2",
        "page#Three",
        "page#Four",
        "twice",
    ]
    assert note.startswith("2 ids")
