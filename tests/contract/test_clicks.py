"""Clicks: counted by paper and issue where that is wanted, never by reader; and nobody can be sent elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import pytest

from newsletter.mail.counting import mark_of, target_of
from newsletter.mail.render import Renderer
from newsletter.metrics import Metrics
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from tests.support.mails import BRAND, LINKS, make_digest
from tests.support.samples import make_subscriber
from tests.support.stored import NOW, TODAY, add_papers

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

GO = re.compile(r"https://news\.example\.org/go/[^\s\"'<>]+")


def visitor(store: SqlStore, *, counts: bool) -> httpx2.AsyncClient:
    probes = Probes(dict, list, store.check_schema, Metrics(store, Vitals("1"), lambda: NOW).exposition)
    app = create_app(store, LINKS, "News", lambda: NOW, None, probes, counts_clicks=counts)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=LINKS.base_url)


def test_links_are_plain_unless_clicks_are_counted_and_then_equal_for_all() -> None:
    digest, papers = make_digest(3)
    plain, counting = (Renderer([], BRAND, LINKS, counts_clicks=counts) for counts in (False, True))
    assert not GO.search(plain.prepare(digest, papers).html(make_subscriber()))
    prepared = counting.prepare(digest, papers)
    readers = [make_subscriber(number) for number in (1, 2)]
    links = [GO.findall(prepared.html(reader)) + GO.findall(prepared.text(reader)) for reader in readers]
    assert links[0] == links[1]
    assert all(paper.url not in prepared.html(readers[0]) for paper in papers.values())
    for link in links[0]:
        read = LINKS.read_go(link.rpartition("/")[2])
        assert read is not None
        paper_id, day, mark = read
        assert day == digest.issue_date
        assert mark_of(target_of(papers[paper_id], mark)) == mark
    assert not GO.search(plain.prepare(digest, papers).html(readers[0])), "nothing was kept of the counted ones"
    tomorrow = replace(digest, issue_date=TODAY)
    other = GO.findall(counting.prepare(tomorrow, papers).html(readers[0]))
    assert set(other).isdisjoint(links[0])


@pytest.mark.parametrize("counts", [True, False])
async def test_a_link_leads_on_and_counts_where_that_is_wanted(store: SqlStore, *, counts: bool) -> None:
    first, second = await add_papers(store, 2)
    papers = await store.papers([first, second])
    path = LINKS.go_url(first, TODAY, mark_of(papers[first].url or "")).removeprefix(LINKS.base_url)
    async with visitor(store, counts=counts) as client:
        for _ in range(3):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["location"]) == (302, papers[first].url)
            assert "set-cookie" not in answer.headers
        assert (await client.head(path)).status_code == 302
    assert dict(await store.clicks(TODAY)) == ({(TODAY, first): 3} if counts else {})


async def test_nobody_is_sent_elsewhere(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    path = LINKS.go_url(paper, TODAY, "00000000").removeprefix(LINKS.base_url)
    unknown = LINKS.go_url(4711, TODAY, "00000000").removeprefix(LINKS.base_url)
    other = LINKS.unsubscribe_url(1).rpartition("/")[2]
    async with visitor(store, counts=True) as client:
        assert (await client.get(path)).headers["location"] == (await store.papers([paper]))[paper].url
        for wrong in (unknown, path[:-1], f"/go/{other}", "/go/https://evil.example", "/go/x"):
            assert (await client.get(wrong)).status_code == 404
    assert dict(await store.clicks(TODAY)) == {(TODAY, paper): 1}
