"""Collecting from end to end: politely, through faults and restarts, and the recorded feeds into the store."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.core.checks import CheckPlan
from newsletter.errors import StoreBusyError
from newsletter.model import FetchResult, Health, SourceState
from newsletter.service.collect import ScheduledSource, collect
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import create_source
from newsletter.sources.parse import Parser
from newsletter.store.sql import SqlStore, open_store
from tests.support.command_line import make_command_line
from tests.support.databases import migrated_file, sqlite_url
from tests.support.feed_server import FeedServer, Reply, running_feed_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.command_line import CommandLine

__all__ = ["migrated_file", "sqlite_url"]

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>A blog</title>{}</channel></rss>"""
ITEM = "<item><title>Paper {0} on graphs</title><link>https://blog.example/{0}</link><description>Text.</description></item>"


def feed(*numbers: int) -> bytes:
    return FEED.format("".join(ITEM.format(number) for number in numbers)).encode()


@dataclass
class Line:
    """One source on loopback, a store, and a clock."""

    store: SqlStore
    server: FeedServer
    fetcher: Fetcher
    now: datetime = NOW

    def source(self, name: str, path: str, options: str = "") -> ScheduledSource:
        context = SourceContext(self.fetcher, Parser(), Path(), lambda: self.now)
        made = create_source("feed", name, {"url": self.server.url(path)}, context)
        return ScheduledSource(made, CheckPlan(timedelta(hours=1), timedelta(days=5)), options)

    async def collect(self, *sources: ScheduledSource, hours: float = 0, force: bool = False) -> list[tuple[str, int]]:
        self.now += timedelta(hours=hours)
        reports = await collect(self.store, sources, lambda: self.now, force=force)
        return [(str(report.state.health) if report.asked else "not due", report.counts.new) for report in reports]


@pytest.fixture
async def line(sqlite_url: str) -> AsyncIterator[Line]:
    fetcher = Fetcher(FetchSettings("", "", spacing_s=0, allow_private_addresses=True))
    store = open_store(sqlite_url, busy_timeout_s=0.2)
    async with running_feed_server() as server:
        yield Line(store, server, fetcher)
    await fetcher.aclose()
    await store.aclose()


async def test_a_source_is_asked_when_due_and_conditionally(line: Line) -> None:
    line.server.play("/feed", Reply(body=feed(1, 2), headers=(("ETag", "W/odd etag"),)), Reply(status=304))
    blog = line.source("blog", "/feed")
    assert await line.collect(blog) == [("fresh", 2)]
    assert await line.collect(blog, hours=0.5) == [("not due", 0)]
    assert await line.collect(blog, hours=1) == [("quiet", 0)]
    assert [asked.headers.get("if-none-match") for asked in line.server.asked] == [None, "W/odd etag"]
    state = (await line.store.source_states())["blog"]
    assert (state.last_new_paper_at, state.etag) == (NOW, "W/odd etag")


async def test_a_fault_is_recorded_and_stops_no_other_source(line: Line) -> None:
    line.server.play("/broken", Reply(status=500), Reply(body=feed(3)))
    line.server.play("/html", Reply(body=b"<!doctype html><html><body>Log in</body></html>"))
    line.server.play("/good", Reply(body=feed(1)))
    sources = [line.source(name, f"/{name}") for name in ("broken", "html", "good")]
    assert await line.collect(*sources) == [("broken", 0), ("broken", 0), ("fresh", 1)]
    states = await line.store.source_states()
    kinds = [fault.kind for fault in (states["broken"].fault, states["html"].fault) if fault]
    assert kinds == ["status", "not-a-feed"]
    assert await line.collect(sources[0], hours=1.2) == [("fresh", 1)]
    assert (await line.store.source_states())["broken"].failures == 0


async def test_an_answer_cut_off_is_broken_and_an_empty_feed_is_quiet(line: Line) -> None:
    line.server.play("/cut", Reply(body=b'<?xml version="1.0"?><rss version="2.0"><channel><title>A blog</ti'))
    line.server.play("/empty", Reply(body=feed()))
    assert await line.collect(line.source("cut", "/cut"), line.source("empty", "/empty")) == [
        ("broken", 0),
        ("quiet", 0),
    ]


async def test_what_is_asked_anew_is_not_stored_anew(line: Line) -> None:
    line.server.play("/feed", Reply(body=feed(1, 2)), Reply(body=feed(1, 2, 3)))
    blog = line.source("blog", "/feed")
    await line.collect(blog)
    assert await line.collect(blog, force=True) == [("fresh", 1)]
    assert len([paper async for paper in line.store.all_papers()]) == 3


async def test_other_options_are_asked_at_once_without_the_old_validators(line: Line) -> None:
    line.server.play("/feed", Reply(body=feed(1), headers=(("ETag", "one"),)))
    await line.collect(line.source("blog", "/feed", "one"))
    assert await line.collect(line.source("blog", "/feed", "one")) == [("not due", 0)]
    assert await line.collect(line.source("blog", "/feed", "two")) == [("quiet", 0)]
    assert [asked.headers.get("if-none-match") for asked in line.server.asked] == [None, None]


async def test_a_store_that_fails_once_loses_nothing(line: Line) -> None:
    line.server.play("/feed", Reply(body=feed(1)))
    blog = line.source("blog", "/feed")

    path = line.store.database.address.path
    assert path is not None
    with sqlite3.connect(path, isolation_level=None) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            await collect(line.store, [blog], lambda: line.now)
        somebody.execute("ROLLBACK")
    somebody.close()
    assert await line.store.source_states() == {}
    assert await line.collect(blog) == [("fresh", 1)]


class Mute:
    """A source that answers with nothing new, for years."""

    name = "mute"

    async def fetch(self, previous: SourceState) -> FetchResult:
        assert previous.name == self.name
        return FetchResult(not_modified=True)


async def test_a_source_that_brings_nothing_for_long_is_stale(line: Line) -> None:
    await line.store.save_collection(
        SourceState("mute", last_success_at=NOW, last_new_paper_at=NOW - timedelta(days=9)), (), NOW
    )
    mute = ScheduledSource(Mute(), CheckPlan(timedelta(hours=1), timedelta(days=5)))
    (report,) = await collect(line.store, [mute], lambda: NOW)
    assert report.state.health is Health.STALE


# --- The recorded feeds, through the command line ---------------------------------------------------------------------

COUNTS = {
    "arxiv_atom_cs.AI_2025-08-20.xml": 7,
    "arxiv_rss_cs.AI_2026-04-27.xml": 3,
    "arxiv_api_transformer_2026-06-14.xml": 5,
    "hf_daily_papers_2026-06-12.json": 30,
    "biorxiv_plant_biology_2019-08.rdf": 30,
    "blog_bair_2026-04-27.xml": 3,
    "blog_deepmind_2026-04-27.xml": 3,
    "nasty_latin1_undeclared.xml": 9,
}


def with_sources(newsletter: CommandLine, sources: dict[str, Path]) -> None:
    path = newsletter.directory / "newsletter.yaml"
    text = path.read_text().split("sources:")[0]
    blocks = [f"  {name}:\n    kind: file\n    path: {file}\n" for name, file in sources.items()]
    path.write_text(text + "sources:\n" + "".join(blocks))


def test_recorded_feeds_become_papers(shared_data: Path, tmp_path: Path, migrated_file: Path) -> None:
    newsletter = make_command_line(tmp_path, migrated_file)
    names = {f"recorded-{number}": name for number, name in enumerate(COUNTS)}
    with_sources(newsletter, {key: shared_data / "feeds" / name for key, name in names.items()})
    reports = newsletter("collect", "--json").json
    assert {names[report["source"]]: report["new"] for report in reports} == COUNTS
    assert {report["health"] for report in reports} == {"fresh"}
    again = newsletter("collect", "--json").json
    assert [report["new"] + report["enriched"] for report in again] == [0] * len(COUNTS)
    (paper,) = newsletter("papers", "search", "ti:Mana AND cat:cs.RO", "--json").json
    assert paper["arxiv_id"] == "2606.13677"
    assert paper["url"] == "https://arxiv.org/abs/2606.13677"


def test_a_saved_search_page_as_a_source(shared_data: Path, tmp_path: Path, migrated_file: Path) -> None:
    newsletter = make_command_line(tmp_path, migrated_file)
    papers = json.loads((shared_data / "papers" / "hf-search.json").read_text())["papers"]
    items = [
        {"id": f"https://example.org/{paper['n']}", "title": paper["title"], "content_text": paper["abstract"]}
        for paper in papers
    ]
    saved = tmp_path / "search.json"
    saved.write_text(json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Saved", "items": items}))
    with_sources(newsletter, {"saved": saved})
    (newsletter.directory / "profiles" / "unsupervised.yaml").write_text(
        "title: Unsupervised\nkeywords: [unsupervised learning, unsupervised]\nmaximum_papers: 200\n"
    )
    assert newsletter("collect", "--json").json[0]["new"] == len(papers) == 108
    holding = {paper["title"] for paper in papers if "unsupervis" in f"{paper['title']} {paper['abstract']}".lower()}
    tested = newsletter("profiles", "test", "unsupervised", "--limit", "0", "--json").json
    assert {match["paper"]["title"] for match in tested["matches"]} == holding
    assert all(match["reasons"] and match["reasons"][0]["spans"] for match in tested["matches"])
