"""The reader's pages over a real store, with titles that nobody wishes for."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree as ET

import httpx2
import pytest

from newsletter.core.links import Links
from newsletter.model import Community, Profile
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.store.sql import SqlStore, open_store
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.databases import migrated_file, sqlite_url
from tests.support.samples import make_profile
from tests.support.stored import NOW, TODAY, add_people, arxiv_entry, at, digest_of, planned, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

__all__ = ["migrated_file", "sqlite_url"]

SHOWN = (make_profile("diffusion"), make_profile("cats & dogs", "cats"))
PRIVATE = replace(make_profile("secret", "diffusion"), title="A secret plan", public=False)
PROFILES = {profile.name: profile for profile in (*SHOWN, PRIVATE)}
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
    "/topics",
    "/archive",
    "/archive?topic=diffusion&before=2026-01-07",
    "/archive/2026-01-05/diffusion",
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
    people = await add_people(opened, "ada", "bob")
    private, late = digest_of(5), digest_of(4, 5, day=TODAY + timedelta(days=1))
    for who, digest, profile in ((0, digest_of(2, 3), "diffusion"), (1, private, "secret"), (0, late, "diffusion")):
        sections = tuple(replace(section, profile=profile, topic="T&amp;") for section in digest.sections)
        await opened.plan([planned(people[who], replace(digest, sections=sections))], {}, NOW)
    yield opened
    await opened.aclose()


@asynccontextmanager
async def reader(
    store: SqlStore, clock: Callable[[], datetime] = lambda: at(60), profiles: dict[str, Profile] | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    async def exposition(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    probes = Probes(lambda: {"ok": True}, list, store.check_schema, exposition)
    links = Links("a secret of some length", "https://news.example")
    shown = PROFILES if profiles is None else profiles
    app = create_app(store, links, "The <Morning> Preprint", clock, None, probes, lambda: shown)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


@pytest.fixture
async def client(store: SqlStore) -> AsyncIterator[httpx2.AsyncClient]:
    async with reader(store) as client:
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
    assert '<html lang="en" dir="ltr">' in text
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
    assert "new papers" in trending


async def test_search_marks_what_it_found_and_says_what_cannot_be_asked(client: httpx2.AsyncClient) -> None:
    assert "<mark>diffusion</mark>" in (await client.get("/search?q=diffusion")).text
    for query in ("*", "NOT x", "(", "x " * 3000, "a" * 20_000):
        answer = await client.get("/search", params={"q": query})
        assert answer.status_code == 400
        assert "This cannot be asked: <bdi>column" in answer.text
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


async def test_who_mistypes_a_topic_is_told_which_one_may_be_meant(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/topics/difusion")
    assert 'Did you mean one of these? <a href="/topics/diffusion">' in answer.text
    assert "Did you mean" not in (await client.get("/topics/secre")).text


PRIVATE_PAGES = ["/topics/secret", "/topics/secret/atom.xml", "/topics/secret/feed.json", "/archive/2026-01-05/secret"]


async def test_a_private_profile_is_on_no_page(store: SqlStore, client: httpx2.AsyncClient) -> None:
    assert [each.profile for each in await store.archived_issues(["secret"], 5)] == ["secret"]
    for path in (*PRIVATE_PAGES, "/archive?topic=secret"):
        assert (await client.get(path)).status_code == 404
    for path in (*PAGES, *FEEDS):
        text = (await client.get(path)).text
        assert "A secret plan" not in text
        assert "/secret" not in text
    public = {**PROFILES, "secret": replace(PRIVATE, public=True)}
    async with reader(store, profiles=public) as open_client:
        for path in (*PRIVATE_PAGES, "/archive?topic=secret"):
            assert (await open_client.get(path)).status_code == 200, path


async def test_the_archive_shows_each_issue_by_date_and_topic(client: httpx2.AsyncClient) -> None:
    everything = (await client.get("/archive")).text
    days = ["/archive/2026-01-06/diffusion", "/archive/2026-01-05/diffusion"]
    assert [everything.index(day) for day in days] == sorted(everything.index(day) for day in days)
    assert "Tuesday 6 January 2026" in everything
    assert days[0] not in (await client.get("/archive?topic=diffusion&before=2026-01-06")).text
    first, second = [(await client.get(day)).text for day in reversed(days)]
    assert "T&amp;amp;" in first
    assert ('href="/papers/2"' in first, 'href="/papers/4"' in first) == (True, False)
    assert ('href="/papers/2"' in second, 'href="/papers/4"' in second) == (False, True)
    assert f'rel="next" href="{days[0]}"' in first
    assert f'rel="prev" href="{days[1]}"' in second
    assert 'href="/archive?topic=diffusion"' in (await client.get("/topics/diffusion")).text
    for path in ("/archive/2026-01-04/diffusion", "/archive/nonsense/diffusion", "/archive/2026-01-05/none"):
        assert (await client.get(path)).status_code == 404


async def test_topics_tell_how_many_papers_they_took_on_the_day(client: httpx2.AsyncClient) -> None:
    rows = '<a href="/topics/{}"><bdi>{}</bdi></a><span class="saying quiet">{}</span>'
    today = (await client.get("/")).text
    assert rows.format("diffusion", PROFILES["diffusion"].title, "5 today") in today
    assert rows.format("cats%20%26%20dogs", "Cats &amp; Dogs", "quiet") in today
    assert "</a></li>" in (await client.get("/?day=2025-06-01")).text  # too far back to be told
    assert "5 papers in 14 days" in (await client.get("/topics")).text


async def test_pages_are_made_anew_when_something_arrives_and_not_before(store: SqlStore) -> None:
    now = [at(60)]
    async with reader(store, clock=lambda: now[0]) as client:
        first = await client.get("/?order=newest")
        assert first.headers["last-modified"] == "Mon, 05 Jan 2026 06:59:59 GMT"
        now[0] = at(70)
        again = await client.get("/?order=newest")
        assert (again.text, again.headers) == (first.text, first.headers)
        since = {"If-Modified-Since": first.headers["last-modified"]}
        assert (await client.get("/?order=newest", headers=since)).status_code == 304
        assert (await client.get("/?order=newest", headers={**since, "If-None-Match": '"other"'})).status_code == 200
        await store.save_collection(
            succeeded(minutes=71), [arxiv_entry(7, title="Diffusion models that came late")], at(71)
        )
        now[0] = at(72)
        changed = await client.get("/?order=newest", headers=since)
        assert "Diffusion models that came late" in changed.text
        assert changed.headers["last-modified"] == "Mon, 05 Jan 2026 07:11:59 GMT"
        assert "that came late" in (await client.get("/topics/diffusion")).text
        assert "6 today" in changed.text


async def test_search_engines_may_read_papers_and_not_what_is_made_for_one(client: httpx2.AsyncClient) -> None:
    rules = RobotFileParser()
    rules.parse((await client.get("/robots.txt")).text.splitlines())
    allowed = {path: rules.can_fetch("any", path) for path in ("/", "/papers/1", "/archive", "/search?q=x", "/mails")}
    assert allowed == {"/": True, "/papers/1": True, "/archive": True, "/search?q=x": False, "/mails": False}


async def test_pages_are_kept_apart_by_language(client: httpx2.AsyncClient) -> None:
    said: dict[str, str] = {}
    for code in ("en", "de", "ar", "de"):
        answer = await client.get("/", headers={"Accept-Language": code})
        assert f'<html lang="{code}"' in answer.text
        assert answer.headers["vary"] == "Accept-Language"
        assert said.setdefault(code, answer.headers["etag"]) == answer.headers["etag"]
        known = await client.get("/", headers={"Accept-Language": code, "If-None-Match": answer.headers["etag"]})
        assert (known.status_code, known.headers["vary"]) == (304, "Accept-Language")
    assert len(set(said.values())) == 3
