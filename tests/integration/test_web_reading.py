"""The reader's pages over a real store, with titles that nobody wishes for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import httpx2
import pytest

from newsletter.core.links import Links
from newsletter.model import Community
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.store.sql import SqlStore, open_store
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.databases import migrated_file, sqlite_url
from tests.support.samples import make_profile
from tests.support.stored import NOW, arxiv_entry, at, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["migrated_file", "sqlite_url"]

PROFILES = {profile.name: profile for profile in (make_profile("diffusion"), make_profile("cats & dogs", "cats"))}
HOSTILE = [
    "</script><script>alert(1)</script> diffusion models",
    "diffusion models \u202egnp.exe \u0000 after",
    "مقدمة في diffusion models",
    "diffusion models " + "x" * 4900,
    '"><img src=x onerror=alert(1)> diffusion models {{ 7 * 7 }}',
]
PAGES = [
    "/",
    "/?span=week&order=newest",
    "/?span=month&page=2",
    "/?day=0001-01-01&span=month",
    "/?day=nonsense&page=-1&span=x",
    "/search",
    "/search?q=diffusion",
    "/search?q=diffusion&since=2020-01-01&until=2030-01-01&source=arxiv&category=cs.*&order=newest",
    "/search?q=%3Cscript%3E",
    "/topics/diffusion",
    "/topics/cats%20%26%20dogs",
    "/papers/1",
    "/papers/5",
]
FEEDS = ["/trending/atom.xml", "/trending/feed.json", "/topics/diffusion/atom.xml", "/topics/diffusion/feed.json"]


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(sqlite_url)
    told = [
        arxiv_entry(number, title=title, abstract=title, published_at=at(-number), community=Community(upvotes=number))
        for number, title in enumerate(HOSTILE, start=1)
    ]
    await opened.save_collection(succeeded(), [arxiv_entry(90, title="The first fetch")], at(-3000))
    await opened.save_collection(succeeded(), told, NOW)
    yield opened
    await opened.aclose()


@pytest.fixture
async def client(store: SqlStore) -> AsyncIterator[httpx2.AsyncClient]:
    async def exposition(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    probes = Probes(lambda: {"ok": True}, list, store.check_schema, exposition)
    links = Links("a secret of some length", "https://news.example")
    app = create_app(store, links, "The <Morning> Preprint", lambda: at(60), None, probes, lambda: PROFILES)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


def contents(url: str) -> object:
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_whole_safe_small_and_changes_nothing(
    client: httpx2.AsyncClient, sqlite_url: str, path: str
) -> None:
    before = contents(sqlite_url)
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    text = answer.text
    assert "<script" not in text
    assert "<img" not in text
    assert "style=" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    assert "The &lt;Morning&gt; Preprint" in text
    assert text.count("<h1") == 1
    assert '<html lang="en">' in text
    assert '<main id="content">' in text
    assert '<link rel="canonical" href="https://news.example/' in text
    assert len(answer.content) < 100_000
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert contents(sqlite_url) == before


async def test_the_most_voted_come_first_and_the_newest_when_asked(client: httpx2.AsyncClient) -> None:
    trending = (await client.get("/")).text
    newest = (await client.get("/?order=newest")).text
    assert trending.index("onerror") < trending.index("مقدمة")
    assert newest.index("مقدمة") < newest.index("onerror")
    assert '<a class="chip topic" href="/topics/diffusion">' in trending
    assert "new papers at the last check" in trending


async def test_search_marks_what_it_found_and_says_what_cannot_be_asked(client: httpx2.AsyncClient) -> None:
    assert "<mark>diffusion</mark>" in (await client.get("/search?q=diffusion")).text
    for query in ("*", "NOT x", "(", "x " * 3000, "a" * 20_000):
        answer = await client.get("/search", params={"q": query})
        assert answer.status_code == 400
        assert "This cannot be asked: column" in answer.text
    assert "No paper matches" in (await client.get("/search?q=rutabaga")).text


@pytest.mark.parametrize("path", FEEDS)
async def test_feeds_are_valid_and_lead_to_the_pages(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    if path.endswith(".json"):
        feed = json.loads(answer.text)
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert feed["feed_url"] == "https://news.example" + path
        assert {item["url"] for item in feed["items"]} >= {"https://news.example/papers/2"}
    else:
        root = ET.fromstring(answer.text)  # noqa: S314 (our own)
        space = "{http://www.w3.org/2005/Atom}"
        entries = root.findall(f"{space}entry")
        assert len(entries) >= len(HOSTILE)
        for node in (root, *entries):
            assert all(node.find(space + name) is not None for name in ("id", "title", "updated"))
        assert all(entry.find(f"{space}author/{space}name") is not None for entry in entries)


async def test_references_name_the_paper(client: httpx2.AsyncClient) -> None:
    bibtex = await client.get("/papers/2/bibtex")
    assert bibtex.text.startswith("@misc{lovelace2026paper2,\n")
    assert bibtex.text.count("{") == bibtex.text.count("}")
    ris = await client.get("/papers/2/ris")
    assert ris.text.startswith("TY  - UNPB\r\n")
    assert "AU  - Ada Lovelace\r\n" in ris.text
    assert ris.text.endswith("ER  - \r\n")


@pytest.mark.parametrize(
    "path",
    ["/papers/999", "/papers/99999999999", "/papers/x", "/papers/1/pdf", "/topics/none", "/topics/diffusion/x.xml"],
)
async def test_what_is_not_there_is_a_page_that_says_so(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "Front page" in answer.text
