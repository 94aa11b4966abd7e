"""Votes and saved papers over a real store: counted by POST alone, and only by whom a link belongs to."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.core.links import Links
from newsletter.model import SavedPaper, Vote, VoteValue
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.store.sql import SqlStore, open_store
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.databases import migrated_file, sqlite_url
from tests.support.samples import make_profile
from tests.support.stored import NOW, add_papers, add_people, at, digest_of, planned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["migrated_file", "sqlite_url"]

LINKS = Links("a secret of some length", "https://news.example")
PROFILES = {"learning": make_profile("learning")}
SENT, SAVED, OTHER = 1, 2, 3
BODIES = (
    *({"vote": value} for value in ("", "maybe", "yes", "up,down")),
    *({"save": value} for value in ("", "up")),
    {"vote": "up", "save": "yes"},
    {"leave": "yes"},
    {},
)


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[SqlStore]:
    opened = open_store(sqlite_url)
    await add_papers(opened, OTHER)
    ada, bob = await add_people(opened, "ada", "bob")
    await opened.plan([planned(ada, digest_of(SENT, SAVED)), planned(bob, digest_of(SENT))], {}, NOW)
    yield opened
    await opened.aclose()


@asynccontextmanager
async def served(store: SqlStore, *, has_pages: bool = True) -> AsyncIterator[httpx2.AsyncClient]:
    async def exposition(_: str) -> tuple[bytes, str]:
        return b"", "text/plain"

    probes = Probes(lambda: {"ok": True}, list, store.check_schema, exposition)
    minutes = iter(range(60, 10_000))
    app = create_app(
        store,
        LINKS,
        "The <Morning>",
        lambda: at(next(minutes)),
        None,
        probes,
        (lambda: PROFILES) if has_pages else None,
    )
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://news.example") as client:
        yield client


@pytest.fixture
async def client(store: SqlStore) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(store) as client:
        yield client


async def who(store: SqlStore, name: str = "ada") -> int:
    return (await store.find_subscriber(f"{name}@example.org")).id


async def base(store: SqlStore, name: str = "ada") -> str:
    return LINKS.vote_url(await who(store, name)).removeprefix(LINKS.base_url)


async def feed_path(store: SqlStore) -> str:
    return LINKS.saved_feed_url(await who(store)).removeprefix(LINKS.base_url)


def contents(url: str) -> object:
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


def pressed(page: str) -> list[str]:
    """Return the buttons of a page that have done something."""
    return re.findall(r'aria-pressed="true"[^>]*>([^<]+)<', page)


async def test_a_link_shows_and_a_button_counts(client: httpx2.AsyncClient, store: SqlStore, sqlite_url: str) -> None:
    ada, path = await who(store), f"{await base(store)}/{SENT}"
    before = contents(sqlite_url)
    for address in (path, f"{path}/up", f"{path}/down", f"{path}/save", await base(store)):
        for method in ("GET", "HEAD"):
            answer = await client.request(method, address)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
    assert contents(sqlite_url) == before
    assert "Nothing counts until you press a button" in (await client.get(f"{path}/up")).text
    done = await client.post(path, data={"vote": "up"})
    assert (done.status_code, done.headers["location"]) == (303, path)
    (vote,) = await store.votes_of(ada)
    assert (vote.paper_id, vote.value) == (SENT, VoteValue.GOOD)
    page = (await client.get(path)).text
    assert pressed(page) == ["Good"]
    assert "Your vote counts: good." in page


async def test_votes_are_changed_and_taken_back_and_counted_once(client: httpx2.AsyncClient, store: SqlStore) -> None:
    ada, path = await who(store), f"{await base(store)}/{SENT}"
    for _ in range(3):
        await client.post(path, data={"vote": "up"})
    assert (await store.papers([SENT]))[SENT].good_votes == 1
    await client.post(path, data={"vote": "down"})
    assert pressed((await client.get(path)).text) == ["Not for me"]
    assert (await store.papers([SENT]))[SENT].good_votes == 0
    await client.post(path, data={"vote": "none"})
    assert await store.votes_of(ada) == []
    assert pressed((await client.get(path)).text) == []


async def test_the_page_counts_all_votes_within_a_second(client: httpx2.AsyncClient, store: SqlStore) -> None:
    first = (await client.get("/")).text
    assert "vote</p>" not in first
    for name in ("ada", "bob"):
        await client.post(f"{await base(store, name)}/{SENT}", data={"vote": "up"})
    after = (await client.get("/")).text
    assert '<p class="votes"><b>2</b> votes</p>' in after
    assert f'href="/papers/{SENT}"' in after
    assert first.index(f"/papers/{SENT}") > first.index(f"/papers/{OTHER}")
    assert after.index(f"/papers/{SENT}") < after.index(f"/papers/{OTHER}")
    feed = (await client.get("/trending/atom.xml")).text
    assert feed.index(f"/papers/{SENT}<") < feed.index(f"/papers/{OTHER}<")


async def test_saved_papers_are_a_page_references_and_a_feed(client: httpx2.AsyncClient, store: SqlStore) -> None:
    ada, home = await who(store), await base(store)
    assert "None yet." in (await client.get(home)).text
    for paper_id in (SENT, SAVED):
        answer = await client.post(f"{home}/{paper_id}", data={"save": "yes"})
        assert answer.status_code == 303
    page = (await client.get(home)).text
    assert page.index(f"{home}/{SAVED}") < page.index(f"{home}/{SENT}")
    bibtex, ris = [await client.get(f"{home}/saved/{form}") for form in ("bibtex", "ris")]
    assert bibtex.text.count("@misc{") == ris.text.count("ER  - ") == 2
    assert bibtex.headers["content-disposition"] == 'attachment; filename="saved.bib"'
    assert bibtex.headers["cache-control"] == "private, no-cache"
    path = await feed_path(store)
    assert path in page
    answer = await client.get(path)
    space = "{http://www.w3.org/2005/Atom}"
    root = ET.fromstring(answer.text)  # noqa: S314 (our own)
    assert [entry.findtext(f"{space}id") for entry in root.findall(f"{space}entry")] == [
        f"https://news.example/papers/{paper_id}" for paper_id in (SAVED, SENT)
    ]
    assert home.rpartition("/")[2] not in answer.text
    assert (await client.get(path, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304
    back = await client.post(f"{home}/{SAVED}", data={"save": "no", "back": "saved"})
    assert back.headers["location"] == home
    assert [saved.paper_id for saved in await store.saved_papers(ada, 9)] == [SENT]


async def test_a_long_list_of_saved_papers_comes_in_pages(client: httpx2.AsyncClient, store: SqlStore) -> None:
    ada, home = await who(store), await base(store)
    papers = await add_papers(store, 25)
    for minutes, paper_id in enumerate(papers):
        await store.save_paper(ada, paper_id, at(minutes))
    first = (await client.get(home)).text
    more = re.search(r'rel="next" href="([^"]+)"', first)
    assert more
    second = (await client.get(more[1])).text
    found = re.findall(rf'<a href="{re.escape(home)}/(\d+)"', first + second)
    assert found == [str(paper_id) for paper_id in reversed(papers)]
    assert "None yet" in (await client.get(f"{home}?page=500")).text


@pytest.mark.parametrize("body", BODIES)
async def test_what_no_button_says_changes_nothing(
    client: httpx2.AsyncClient, store: SqlStore, sqlite_url: str, body: dict[str, str]
) -> None:
    before = contents(sqlite_url)
    answer = await client.post(f"{await base(store)}/{SENT}", data=body)
    assert answer.status_code == 400
    assert contents(sqlite_url) == before


async def test_where_the_pages_are_off_only_what_was_sent_is_shown(store: SqlStore) -> None:
    home = await base(store)
    async with served(store, has_pages=False) as client:
        assert (await client.get(f"{home}/{SENT}/up")).status_code == 200
        assert (await client.get(f"{home}/{OTHER}")).status_code == 404
        assert (await client.post(f"{home}/{OTHER}", data={"vote": "up"})).status_code == 404
        assert (await client.get(f"{await base(store, 'bob')}/{SAVED}")).status_code == 404
        await client.post(f"{home}/{SENT}", data={"save": "yes"})
        feed = (await client.get(await feed_path(store))).text
    assert 'href="https://arxiv.org/abs/2601.00001"' in feed
    assert 'href="https://news.example/papers/' not in feed


async def test_links_for_other_ends_and_of_who_was_removed_lead_nowhere(
    client: httpx2.AsyncClient, store: SqlStore, sqlite_url: str
) -> None:
    ada = await who(store)
    tokens = {
        "vote": LINKS.vote_url(ada).rpartition("/")[2],
        "leave": LINKS.unsubscribe_url(ada).rpartition("/")[2],
        "feed": LINKS.saved_feed_url(ada).split("/")[-2],
    }
    forged = Links("another secret, as long", "").vote_url(ada).rpartition("/")[2]
    before = contents(sqlite_url)
    for path in (
        *(f"/v/{tokens[name]}/{SENT}" for name in ("leave", "feed")),
        *(f"/v/{tokens[name]}" for name in ("leave", "feed")),
        *(f"/saved/{tokens[name]}/atom.xml" for name in ("leave", "vote")),
        f"/unsubscribe/{tokens['vote']}",
        f"/v/{forged}/{SENT}",
        f"/v/{tokens['vote']}/{SENT}/sideways",
        f"/v/{tokens['vote']}/99999999999999999999",
        f"/v/{tokens['vote']}/4711",
        f"/v/{tokens['vote']}/saved/docx",
    ):
        assert (await client.get(path)).status_code == 404, path
        assert (await client.post(path, data={"vote": "up", "leave": "yes"})).status_code in {404, 405}, path
    assert contents(sqlite_url) == before
    await store.remove_subscriber("ada@example.org")
    gone, unknown = [await client.get(f"/v/{token}/{SENT}") for token in (tokens["vote"], forged)]
    assert (gone.status_code, gone.text) == (404, unknown.text.replace(forged, tokens["vote"]))
    assert (await client.post(f"/v/{tokens['vote']}/{SENT}", data={"vote": "up"})).status_code == 404
    assert (await client.get(f"/saved/{tokens['feed']}/atom.xml")).status_code == 404


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_token_that_is_not_ours_does_anything(
    client: httpx2.AsyncClient, store: SqlStore, data: st.DataObject
) -> None:
    token = (await base(store)).rpartition("/")[2]
    cut = data.draw(st.integers(0, len(token) - 1))
    odd = data.draw(st.sampled_from([token[:cut], token[:cut] + "A" + token[cut + 1 :], token + "x", token[::-1]]))
    other = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=300))
    for tried in {odd, quote(other, safe="")} - {token, "", ".", ".."}:
        for path in (f"/v/{tried}/{SENT}", f"/v/{tried}", f"/saved/{tried}/atom.xml"):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.post(f"/v/{tried}/{SENT}", data={"vote": "up"})).status_code == 404, tried
    assert await store.voice_changes() == 0


async def test_readers_are_answered_in_their_language_and_other_titles_do_no_harm(
    client: httpx2.AsyncClient, store: SqlStore
) -> None:
    page = (await client.get(f"{await base(store)}/{SENT}?lang=de")).text
    assert '<html lang="de"' in page
    assert f"{SENT}?lang=de" in page  # the form keeps the language
    assert "<script" not in page
    assert "style=" not in page
    assert "The &lt;Morning&gt;" in page
    assert 'name="robots" content="noindex"' in page
    assert 'rel="canonical"' not in page


async def test_votes_stay_with_the_reader_who_left(client: httpx2.AsyncClient, store: SqlStore) -> None:
    ada, path = await who(store), f"{await base(store)}/{SENT}"
    leave = LINKS.unsubscribe_url(ada).removeprefix(LINKS.base_url)
    await client.post(leave, data={"leave": "yes"})
    assert (await client.post(path, data={"vote": "down"})).status_code == 303
    assert (await client.post(path, data={"save": "yes"})).status_code == 303
    (vote,) = await store.votes_of(ada)
    assert vote == Vote(SENT, VoteValue.NOT_FOR_ME, vote.voted_at)
    assert await store.saved_papers(ada, 2) == [
        SavedPaper(SENT, (await store.saved_papers(ada, 1))[0].saved_at),
    ]
