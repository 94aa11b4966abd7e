"""Every kind of source from its options to entries, over loopback and disk."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import ConfigurationError
from newsletter.model import AnnounceType, FetchResult, SourceState
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.kinds import KINDS, create_source
from newsletter.sources.parse import Parser, ParseSettings
from tests.support.feed_server import FeedServer, Reply, conditional, running_feed_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
FEEDS = Path(__file__).resolve().parents[1] / "corpus" / "feeds"
FEED = (
    b"<rss version='2.0'><channel><title>t</title><link>https://lab.example/</link>"
    b"<item><title>One</title><link>https://lab.example/1</link><pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate></item>"
    b"</channel></rss>"
)


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with running_feed_server() as played:
        yield played


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[SourceContext]:
    fetcher = Fetcher(FetchSettings("", "", spacing_s=0, arxiv_spacing_s=0, allow_private_addresses=True))
    yield SourceContext(fetcher, Parser(), tmp_path, lambda: NOW)
    await fetcher.aclose()


async def fetched(
    kind: str, options: dict[str, object], context: SourceContext, state: SourceState | None = None
) -> FetchResult:
    """Return what a new source of this kind says."""
    return await create_source(kind, "s", options, context).fetch(state or SourceState("s"))


async def test_feed_and_its_validators(server: FeedServer, context: SourceContext) -> None:
    url = server.play_by("/feed", conditional(FEED, "bare-etag", "yesterday"))

    first = await fetched("feed", {"url": url}, context)
    assert [entry.title for entry in first.entries] == ["One"]
    assert (first.etag, first.last_modified) == ("bare-etag", "yesterday")

    state = SourceState("s", etag=first.etag, last_modified=first.last_modified)
    second = await fetched("feed", {"url": url}, context, state)
    assert second == FetchResult(not_modified=True, etag="bare-etag", last_modified="yesterday", max_age_s=600)


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(body=b"<html></html>"), Reply(429, headers=(("Retry-After", "60"),))]
)
async def test_faults_leave_the_validators(server: FeedServer, context: SourceContext, reply: Reply) -> None:
    url = server.play("/feed", replace(reply, headers=(*reply.headers, ("ETag", "new"))))

    result = await fetched("feed", {"url": url}, context, SourceState("s", etag="old", last_modified="then"))

    assert result.fault is not None
    assert (result.entries, result.etag, result.last_modified) == ((), "old", "then")


async def test_a_success_without_validators_forgets_the_old_ones(server: FeedServer, context: SourceContext) -> None:
    url = server.play("/feed", Reply(body=FEED))

    result = await fetched("feed", {"url": url}, context, SourceState("s", etag="old", last_modified="then"))

    assert (len(result.entries), result.etag, result.last_modified) == (1, None, None)


async def test_arxiv_asks_for_all_categories_at_once(server: FeedServer, context: SourceContext) -> None:
    server.play("/atom/cs.LG+stat.ML+cs", Reply(body=(FEEDS / "arxiv_atom.xml").read_bytes()))
    options: dict[str, object] = {"categories": ["cs.LG", "stat.ML", "cs", "cs.LG"], "base_url": server.url("/atom/")}

    result = await fetched("arxiv", options, context)

    assert [asked.path for asked in server.asked] == ["/atom/cs.LG+stat.ML+cs"]
    assert [(entry.arxiv_id, entry.version, entry.announce_type) for entry in result.entries] == [
        ("2508.99001", 1, AnnounceType.NEW),
        ("math/0309136", 5, AnnounceType.REPLACE_CROSS),
    ]


async def test_arxiv_warns_near_its_cap(server: FeedServer, context: SourceContext) -> None:
    item = "<entry><id>oai:arXiv.org:2601.{0:05}v1</id><title>T{0}</title></entry>"
    entries = "".join(item.format(number) for number in range(1, 1_901))
    body = f"<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title>{entries}</feed>".encode()
    server.play("/cs.LG", Reply(body=body))

    result = await fetched("arxiv", {"categories": ["cs.LG"], "base_url": server.url("")}, context)

    assert len(result.entries) == 1_900
    assert "arXiv cuts its list at 2,000" in result.notes[-1]


@pytest.mark.parametrize(
    "body",
    [
        (
            b"<rss version='2.0'><channel><title>Feed error for query: cs.XX</title><description>Bad</description>"
            b"</channel></rss>"
        ),
        (
            b"<feed xmlns='http://www.w3.org/2005/Atom'><title>arXiv Search Results</title><entry><id>https://arxiv.org/api/"
            b"errors#x</id><title>Error</title><summary>incorrect id format for abc</summary></entry></feed>"
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_arxiv_error_feeds_are_no_papers(
    server: FeedServer, context: SourceContext, body: bytes, status: int
) -> None:
    server.play("/cs.XX", Reply(status, body))

    result = await fetched("arxiv", {"categories": ["cs.XX"], "base_url": server.url("")}, context)

    assert not result.entries
    assert result.fault is not None
    assert result.fault.kind == "status"
    assert "are all of these arXiv categories: cs.XX?" in result.fault.message


async def test_an_empty_day_is_no_fault(server: FeedServer, context: SourceContext) -> None:
    server.play("/cs.LG", Reply(body=b"<rss version='2.0'><channel><title>cs.LG updates</title></channel></rss>"))

    result = await fetched("arxiv", {"categories": ["cs.LG"], "base_url": server.url("")}, context)

    assert (result.entries, result.fault, result.skipped) == ((), None, 0)


async def test_huggingface(server: FeedServer, context: SourceContext) -> None:
    url = server.play("/api/daily_papers", Reply(body=(FEEDS / "daily_papers.json").read_bytes()))

    result = await fetched("huggingface", {"base_url": url, "limit": 30}, context)

    assert server.asked[0].path == "/api/daily_papers?limit=30"
    assert (len(result.entries), result.skipped) == (3, 4)
    assert result.entries[0].community is not None
    assert result.entries[0].community.upvotes == 0


async def test_jsonfeed(server: FeedServer, context: SourceContext) -> None:
    url = server.play("/feed.json", Reply(body=(FEEDS / "json11.json").read_bytes()))

    result = await fetched("jsonfeed", {"url": url}, context)

    assert [entry.title for entry in result.entries] == ["Seven", "Eight", "Untitled words."]


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        ("feed", b"<!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        ("feed", b"<?xml version='1.0'?><!-- x --><!DOCTYPE html><html xmlns='x'/>", "web page"),
        ("feed", b"", "is empty"),
        ("feed", b" \n\xef\xbb\xbf", "is empty"),
        ("feed", b"<opml version='2.0'/>", "XML (<opml>), but neither RSS nor Atom"),
        ("feed", b"/etc/passwd", "neither XML nor JSON"),
        ("feed", b'{"version": "https://jsonfeed.org/version/1", "items": []}', "set kind: jsonfeed"),
        ("jsonfeed", FEED, "set kind: feed"),
        ("jsonfeed", b"{", "begins like JSON but is not"),
        ("jsonfeed", b'{"error": "no such user"}', "it says: no such user"),
        ("jsonfeed", b'{"version": "https://jsonfeed.org/version/1"}', "without its list of items"),
        ("huggingface", b"{}", "is JSON, but no feed"),
    ],
)
async def test_documents_that_are_no_feed(
    server: FeedServer, context: SourceContext, kind: str, document: bytes, words: str
) -> None:
    url = server.play("/x", Reply(body=document))

    result = await fetched(kind, {"base_url" if kind == "huggingface" else "url": url}, context)

    assert result.fault is not None
    assert result.fault.kind == "not-a-feed"
    assert words in result.fault.message
    assert url in result.fault.message


async def test_charset_of_the_header_is_used(server: FeedServer, context: SourceContext) -> None:
    body = "<rss version='2.0'><channel><title>t</title><item><title>Привет</title></item></channel></rss>"
    headers = (("Content-Type", "text/xml; charset=koi8-r"),)
    url = server.play("/feed", Reply(body=body.encode("koi8-r"), headers=headers))

    assert (await fetched("feed", {"url": url}, context)).entries[0].title == "Привет"


@pytest.mark.parametrize("name", ["rss20_blog.xml", "arxiv_atom.xml", "json11.json", "daily_papers.json"])
async def test_file_of_any_format_is_read_once(context: SourceContext, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes((FEEDS / name).read_bytes())

    first = await fetched("file", {"path": name}, context)
    assert first.entries
    assert first.fault is None
    assert first.etag is not None

    state = SourceState("s", etag=first.etag)
    assert (await fetched("file", {"path": name}, context, state)).not_modified

    os.utime(tmp_path / name, (1, 1))
    assert not (await fetched("file", {"path": name}, context, state)).not_modified


async def test_file_redated_keeps_distances(context: SourceContext, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes((FEEDS / "atom_types.xml").read_bytes())
    plain = await fetched("file", {"path": "a.xml"}, context)
    shifted = await fetched("file", {"path": str(tmp_path / "a.xml"), "redate": True}, context)

    before = [entry.published_at for entry in plain.entries if entry.published_at]
    after = [entry.published_at for entry in shifted.entries if entry.published_at]
    assert max(after) == NOW
    assert after[0] - after[1] == before[0] - before[1]
    assert shifted.etag != plain.etag


async def test_files_that_cannot_be_read(context: SourceContext, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(60_000_000)

    outcomes = {}
    for name in ("missing", "folder", "pipe", "big"):
        async with asyncio.timeout(15):
            outcomes[name] = (await fetched("file", {"path": name}, context)).fault

    assert [fault.kind for fault in outcomes.values() if fault] == ["file", "file", "file", "too-large"]
    assert all(fault and str(tmp_path / name) in fault.message for name, fault in outcomes.items())
    assert outcomes["missing"] is not None
    assert "No such file" in outcomes["missing"].message


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("rss", {}, "there is no kind 'rss'"),
        ("feed", {}, "url: "),
        ("feed", {"url": "x", "colour": 1}, "colour: "),
        ("arxiv", {"categories": []}, "categories: "),
        ("arxiv", {"categories": ["cs.LG; drop"]}, "categories.0: "),
        ("huggingface", {"limit": 0}, "limit: "),
    ],
)
def test_wrong_options(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match="source s") as raised:
        create_source(kind, "s", options, None)  # type: ignore[arg-type]  # (refused before it is looked at)
    assert words in str(raised.value)


def test_kinds_are_what_the_documentation_lists() -> None:
    assert sorted(KINDS) == ["arxiv", "feed", "file", "huggingface", "jsonfeed"]


def hostile(item: str, head: str = "") -> bytes:
    """Return an RSS feed with this item."""
    return f"{head}<rss version='2.0'><channel><title>t</title>{item}</channel></rss>".encode()


LAUGHS = (
    "<!DOCTYPE l [<!ENTITY l0 'lol'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10)) + "]>"
)
NAMESPACES = " ".join(f"xmlns:n{number}='u{number}'" for number in range(2_000))
HOSTILE = {
    "regular expression": hostile(f"<item><title>x</title><author>{'a' * 200_000}</author></item>"),
    "tiny elements": b"<rss version='2.0'><channel>" + b"<a/>" * 1_000_000 + b"</channel></rss>",
    "missing start": hostile("<item><title>x</title></width></item>"),
    "nested json": b"[" * 200_000,
}
HARMLESS = {
    "billion laughs": hostile("<item><title>x&l9;</title></item>", LAUGHS),
    "backslash": hostile("<item><title>x&a;</title></item>", "<!DOCTYPE rss [<!ENTITY a 'b\\1c'>]>"),
    "no character": hostile("<item><title>x&#1114112;&#xD800;</title></item>"),
    "local file": hostile("<item><title>x&f;</title></item>", "<!DOCTYPE a [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"),
    "comments": hostile(f"<item><title>x</title><description>{'&lt;!--' * 100_000}</description></item>"),
    "style": hostile(f"<item><title>x</title><description>&lt;p style='{'url(' * 40_000}'></description></item>"),
    "namespaces": hostile(f"<item {NAMESPACES}><title>x</title></item>"),
}


async def stall_while(work: asyncio.Task[FetchResult]) -> float:
    """Return the most processor time, in seconds, that the event loop's thread took at one go until ``work`` was done.

    Time by the clock would count what other programs on this machine do.
    """
    longest = 0.0
    while not work.done():
        before = time.thread_time()
        await asyncio.sleep(0.005)
        longest = max(longest, time.thread_time() - before)
    return longest


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_documents_end_in_a_fault_and_stop_nobody(
    context: SourceContext, tmp_path: Path, name: str
) -> None:
    (tmp_path / "hostile").write_bytes(HOSTILE[name])
    short = replace(context, parser=Parser(ParseSettings(cpu_s=1, timeout_s=60)))

    work = asyncio.create_task(fetched("file", {"path": "hostile"}, short))
    stall_s = await stall_while(work)

    fault = (await work).fault
    assert fault is not None
    assert fault.kind == "parse"
    assert "\n" not in fault.message
    assert stall_s < 0.1


async def test_a_reader_that_fails_says_why(context: SourceContext, tmp_path: Path) -> None:
    class Misled(Parser):
        def arguments(self, job: object) -> str:
            del job
            return "{"

    (tmp_path / "feed").write_bytes(FEED)
    fault = (await fetched("file", {"path": "feed"}, replace(context, parser=Misled()))).fault

    assert fault is not None
    assert "the reading process failed: json.decoder.JSONDecodeError" in fault.message


async def test_not_modified_without_having_asked(server: FeedServer, context: SourceContext) -> None:
    result = await fetched("feed", {"url": server.play("/feed", Reply(304))}, context)

    assert result.fault is not None
    assert "unconditional" in result.fault.message


@pytest.mark.parametrize("name", HARMLESS)
async def test_hostile_documents_whose_entries_can_be_saved(context: SourceContext, tmp_path: Path, name: str) -> None:
    (tmp_path / "hostile").write_bytes(HARMLESS[name])

    result = await fetched("file", {"path": "hostile"}, context)

    assert result.fault is None
    assert [entry.title[0] for entry in result.entries] == ["x"]
    assert "root:" not in result.entries[0].title


async def test_the_clock_ends_a_reader_that_uses_no_processor(context: SourceContext, tmp_path: Path) -> None:
    (tmp_path / "feed").write_bytes(HOSTILE["tiny elements"])
    short = replace(context, parser=Parser(ParseSettings(cpu_s=60, timeout_s=0.5)))

    fault = (await fetched("file", {"path": "feed"}, short)).fault

    assert fault is not None
    assert "longer than 0.5 s" in fault.message


async def test_memory_and_entries_are_limited(context: SourceContext, tmp_path: Path) -> None:
    items = "".join(f"<item><title>{number}</title></item>" for number in range(200))
    (tmp_path / "feed").write_bytes(hostile(items))

    few = replace(context, parser=Parser(ParseSettings(most_entries=50)))
    result = await fetched("file", {"path": "feed"}, few)
    assert len(result.entries) == 50
    assert "only the first 50" in result.notes[0]

    (tmp_path / "large").write_bytes(hostile("<item><title>x</title></item>" + " " * 19_000_000))
    small = replace(context, parser=Parser(ParseSettings(memory_bytes=120_000_000)))
    fault = (await fetched("file", {"path": "large"}, small)).fault
    assert fault is not None
    assert "more than 120 MB" in fault.message


def children_of_this_process() -> set[str]:
    """Return the ids of running children, none where the system does not tell."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(children.read_text().split()) if children.exists() else set()


async def test_cancelling_leaves_no_process(context: SourceContext, tmp_path: Path) -> None:
    (tmp_path / "feed").write_bytes(HOSTILE["tiny elements"])
    others = children_of_this_process()  # what other tests keep running, a PostgreSQL for instance
    work = asyncio.create_task(fetched("file", {"path": "feed"}, context))
    await asyncio.sleep(0.4)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert children_of_this_process() <= others


async def test_the_parser_is_never_loaded_here(context: SourceContext, tmp_path: Path) -> None:
    code = "import sys, newsletter.sources.kinds\nassert not {'feedparser', 'html.parser'} & set(sys.modules), 'loaded'"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await process.wait() == 0

    (tmp_path / "feed").write_bytes(json.dumps([]).encode())
    assert (await fetched("file", {"path": "feed"}, context)).fault is None
