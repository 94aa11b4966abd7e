"""Curators' picks: found here or asked for at arXiv, refused in one line, on a page of their own and on all others."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from newsletter.core.links import Links, mark_of
from newsletter.model import Pick
from newsletter.service.picks import CURATORS, PickError, Picking
from newsletter.sources.arxiv import single_paper
from newsletter.sources.base import SourceContext
from newsletter.sources.fetch import Fetcher, FetchSettings
from newsletter.sources.parse import Parser
from newsletter.store.sql import SqlStore, open_store
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.command_line import Answer, make_command_line
from tests.support.databases import migrated_file, sqlite_url
from tests.support.feed_server import FeedServer, Reply, running_feed_server
from tests.support.samples import make_profile
from tests.support.stored import NOW, arxiv_entry, at, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["migrated_file", "sqlite_url"]

LINKS = Links("a secret of some length", "https://news.example")
ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Query</title><id>https://arxiv.org/api/x</id>{}</feed>'
ENTRY = """<entry><id>http://arxiv.org/abs/{0}v2</id><title>Tides of the deep</title>
<updated>2023-06-01T00:00:00Z</updated>
<link href="https://arxiv.org/abs/{0}v2" rel="alternate" type="text/html"/><summary>About seas.</summary>
<category term="physics.ao-ph" scheme="http://arxiv.org/schemas/atom"/><published>2023-05-24T20:51:22Z</published>
<author><name>Mary Somerville</name></author></entry>"""
ERROR = """<entry><id>https://arxiv.org/api/errors#incorrect_id_format_for_abc</id><title>Error</title>
<summary>incorrect id format for abc</summary><author><name>arXiv api core</name></author></entry>"""
WANTED = "2305.15558"
STORED, OTHER = "2601.00001", "https://arxiv.org/abs/2601.00002"


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(sqlite_url)
    await opened.save_collection(succeeded(), [arxiv_entry(1), arxiv_entry(2, title="Kelp forests")], NOW)
    yield opened
    await opened.aclose()


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with running_feed_server() as played:
        yield played


@pytest.fixture
async def picking(store: SqlStore, server: FeedServer, tmp_path: Path) -> AsyncIterator[Picking]:
    settings = FetchSettings("", "", spacing_s=0, arxiv_spacing_s=0, allow_private_addresses=True)
    fetcher = Fetcher(settings)
    context = SourceContext(fetcher, Parser(), tmp_path, lambda: NOW)

    def lookup(arxiv_id: str) -> object:
        return single_paper(CURATORS, arxiv_id, server.url("/api/query"), context)

    yield Picking(store, lookup, {"Grace": 1, "Ḥasan <b>": 3})  # type: ignore[arg-type]
    await fetcher.aclose()


def answers(server: FeedServer, *replies: Reply) -> None:
    server.play("/api/query", *replies)


async def test_what_is_stored_is_picked_by_id_or_link_and_nobody_is_asked(
    store: SqlStore, server: FeedServer, picking: Picking
) -> None:
    for reference in (STORED, f"arXiv:{STORED}v1", f" https://arxiv.org/pdf/{STORED}v3 ", OTHER):
        await picking.add(reference, "Grace", "Read\n it.", NOW)
    assert [(pick.paper_id, pick.note) for pick in await store.picks()] == [(2, "Read it."), (1, "Read it.")]
    assert server.asked == []


async def test_what_is_not_stored_is_asked_for_at_arxiv_and_is_no_news(
    store: SqlStore, server: FeedServer, picking: Picking
) -> None:
    answers(server, Reply(200, ATOM.format(ENTRY.format(WANTED)).encode(), (("Content-Type", "application/atom+xml"),)))
    paper = await picking.add(f"https://huggingface.co/papers/{WANTED}", "Grace", "Deep.", at(5))
    assert (paper.title, paper.authors, paper.version) == ("Tides of the deep", ("Mary Somerville",), 2)
    assert (paper.sources, paper.backlog) == ((CURATORS,), True)
    assert await store.picks() == [Pick(paper.id, "Grace", "Deep.", at(5))]
    again = await picking.add(WANTED, "Grace", "Deeper.", at(6))
    assert again.id == paper.id
    assert len(server.asked) == 1
    other = "2305.15559"
    answers(server, Reply(200, ATOM.format(ENTRY.format(other)).encode()))
    second = await picking.add(other, "Grace", "", at(7))
    assert second.backlog


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(200, ATOM.format("").encode()), f"arXiv knows no paper {WANTED}"),
        (Reply(200, ATOM.format(ERROR).encode()), f"arXiv could not be asked for {WANTED}: .*incorrect id format"),
        (Reply(200, ATOM.format(ENTRY.format("2305.15559")).encode()), f"arXiv knows no paper {WANTED}"),
        (Reply(400, ATOM.format(ERROR).encode()), f"arXiv could not be asked for {WANTED}: .*400"),
        (Reply(503, b"later", (("Retry-After", "60"),)), f"arXiv could not be asked for {WANTED}: "),
        (Reply(200, b"<html>Sorry</html>"), f"arXiv could not be asked for {WANTED}: "),
        (Reply(200, ATOM.encode(), length=9_999, breaks=True), f"arXiv could not be asked for {WANTED}: "),
    ],
)
async def test_remote_faults_are_told_and_nothing_is_stored(
    store: SqlStore, server: FeedServer, picking: Picking, reply: Reply, said: str
) -> None:
    answers(server, reply)
    with pytest.raises(PickError, match=said):
        await picking.add(WANTED, "Grace", "", NOW)
    assert await store.picks() == []
    assert await store.find_papers(WANTED) == []


@pytest.mark.parametrize("reference", ["", "Kelp forests", "https://kelp.example/paper", "2", "12.34", "x" * 5_000])
async def test_what_names_no_paper_is_refused(picking: Picking, reference: str) -> None:
    with pytest.raises(PickError, match="give an arXiv id"):
        await picking.add(reference, "Grace", "", NOW)


async def test_a_note_has_its_limit(picking: Picking) -> None:
    with pytest.raises(PickError, match="501 characters long"):
        await picking.add(STORED, "Grace", "x" * 501, NOW)


# --- On pages ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(store: SqlStore, picking: Picking) -> AsyncIterator[httpx2.AsyncClient]:
    async def exposition(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    probes = Probes(lambda: {"ok": True}, list, store.check_schema, exposition)
    minutes = iter(range(60, 10_000))
    profiles = {"learning": make_profile("learning", "learning")}
    app = create_app(
        store, LINKS, "Paper", lambda: at(next(minutes)), None, probes, lambda: profiles, picking=lambda: picking
    )
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


def page_of(curator: str, number: int = 1) -> str:
    return LINKS.curate_url(curator, number).removeprefix(LINKS.base_url)


async def test_a_curator_picks_on_a_page_and_takes_it_back(store: SqlStore, picking: Picking) -> None:
    async with served(store, picking) as client:
        path = page_of("Grace")
        assert (await client.get(path)).status_code == 200
        assert await store.picks() == []
        done = await client.post(path, data={"paper": STORED, "note": "Read <i>this</i>."})
        assert (done.status_code, done.headers["location"]) == (303, path)
        assert "Read &lt;i&gt;this&lt;/i&gt;." in (await client.get(path)).text
        await client.post(page_of("Ḥasan <b>", 3), data={"paper": STORED, "note": "And I."})
        assert [pick.curator for pick in await store.picks()] == ["Ḥasan <b>", "Grace"]
        await client.post(page_of("Ḥasan <b>", 3), data={"remove": "1"})
        await client.post(path, data={"remove": "1e9"})
        assert [pick.curator for pick in await store.picks()] == ["Grace"]


async def test_what_cannot_be_picked_is_told_and_what_was_typed_stays(store: SqlStore, picking: Picking) -> None:
    async with served(store, picking) as client:
        answer = await client.post(page_of("Grace"), data={"paper": "<Kelp>", "note": 'A "note"'})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert 'value="&lt;Kelp&gt;"' in answer.text
    assert "A &#34;note&#34;</textarea>" in answer.text


@pytest.mark.parametrize(
    ("language", "paper", "note", "said"),
    [
        ("de", "Kelp", "", "geben Sie eine arXiv-Nummer an"),
        ("de", STORED, "x" * 1_234, "Die Notiz ist 1.234 Zeichen lang; Platz ist für höchstens 500"),
        ("ar", "Kelp", "", "اكتب معرّف arXiv"),
        ("en", "Kelp", "", "give an arXiv id"),
    ],
)
async def test_a_curator_is_told_in_the_language_of_the_page(
    store: SqlStore, picking: Picking, language: str, paper: str, note: str, said: str
) -> None:
    async with served(store, picking) as client:
        form = {"paper": paper, "note": note}
        answer = await client.post(page_of("Grace"), data=form, headers={"Accept-Language": language})
    assert answer.status_code == 400
    assert said in answer.text


async def test_only_who_is_a_curator_now_picks(store: SqlStore, picking: Picking) -> None:
    forged = Links("another secret, as long", LINKS.base_url).curate_url("Grace", 1).removeprefix(LINKS.base_url)
    vote = LINKS.vote_url(1).rpartition("/")[2]
    async with served(store, picking) as client:
        for path in (page_of("Grace", 2), page_of("Alan"), page_of("Ḥasan <b>", 1), forged, f"/curate/{vote}"):
            assert (await client.get(path)).status_code == 404, path
            assert (await client.post(path, data={"paper": STORED})).status_code == 404, path
        for cut in range(0, len(page_of("Grace")), 7):
            assert (await client.post(page_of("Grace")[:cut] + "x", data={"paper": STORED})).status_code in {404, 405}
    assert await store.picks() == []


async def test_picks_show_with_their_note_on_pages_and_in_feeds(store: SqlStore, picking: Picking) -> None:
    async with served(store, picking) as client:
        before = (await client.get("/")).text
        assert "Editor’s pick" not in before
        await picking.add(STORED, "Ḥasan <b>", "Read this & that.", NOW)
        for path in ("/", "/papers/1", "/topics/learning", "/search?q=learning", "/trending/atom.xml"):
            text = (await client.get(path)).text
            assert "Editor’s pick by Ḥasan &lt;b&gt;" in text, path
            assert "Read this &amp; that." in text, path
        feed = json.loads((await client.get("/topics/learning/feed.json")).text)
        assert feed["items"][0]["content_text"].startswith("Editor’s pick by Ḥasan <b>: Read this & that.\n\n")
        assert re.search(r'<h2 id="picks"[^>]*>Editor’s picks</h2>', (await client.get("/?day=2020-01-01")).text)
        await store.remove_pick(1, "Ḥasan <b>")
        assert "Editor’s pick" not in (await client.get("/")).text


# --- On the command line ----------------------------------------------------------------------------------------------


async def test_the_command_line_picks_lists_and_takes_back(
    tmp_path: Path, migrated_file: Path, server: FeedServer
) -> None:
    answers(server, Reply(200, ATOM.format(ENTRY.format(WANTED)).encode()))
    newsletter = make_command_line(tmp_path, migrated_file)
    with (newsletter.directory / "newsletter.yaml").open("a") as settings:
        settings.write(f"""
collect:
  allow_private_addresses: true
  arxiv_api_url: {server.url("/api/query")}
curators:
  - name: Grace
  - name: Alan
    link: 2
""")

    async def said(*arguments: str) -> Answer:
        return await asyncio.to_thread(newsletter, "picks", *arguments)

    assert (await said("list")).err == "nothing has been picked yet\n"
    added = await said("add", WANTED, "--curator", "Grace", "--note", "Deep.")
    assert (added.code, added.out) == (0, "Grace picks paper 1: Tides of the deep\n"), added.err
    assert (await said("list", "--json")).json[0]["note"] == "Deep."
    assert (await said("list")).rows[0][2:] == ["Grace", "Tides of the deep", "Deep."]
    wrong = await said("add", WANTED, "--curator", "Gracie")
    assert (wrong.code, wrong.err) == (4, "newsletter: there is no curator “Gracie” (did you mean Grace?)\n")
    refused = await said("add", "Tides", "--curator", "Grace")
    assert refused.code == 1
    assert refused.err.startswith("newsletter: no paper here has this link")
    assert (await said("remove", WANTED, "--curator", "Alan")).code == 4
    assert (await said("remove", WANTED, "--curator", "Grace")).out.startswith("Grace no longer picks paper 1")
    links = [(await said("link", name)).out.strip() for name in ("Grace", "Alan")]
    secret = (tmp_path / "data" / "link-secret").read_text().strip()
    assert [Links(secret, "").read_curate(each.rpartition("/")[2]) for each in links] == [
        (mark_of("Grace"), 1),
        (mark_of("Alan"), 2),
    ]


def test_two_curators_of_one_name_are_refused(tmp_path: Path, migrated_file: Path) -> None:
    newsletter = make_command_line(tmp_path, migrated_file)
    with (newsletter.directory / "newsletter.yaml").open("a") as settings:
        settings.write("curators:\n  - name: Grace\n  - name: Grace\n")
    said = newsletter("check")
    assert said.code == 2
    assert "there are two curators called “Grace”" in said.err + said.out
