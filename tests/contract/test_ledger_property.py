"""Whatever planners, workers and removals do in whatever order, nobody gets a paper twice, and the sums close."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from newsletter.model import DeliveryState
from newsletter.store.sql import SqlStore, open_store
from tests.support.stored import LEASE, NOW, TODAY, add_papers, add_people, at, attempt, digest_of, held, planned

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import PostgresServer

OUTCOMES = [
    DeliveryState.ACCEPTED,
    DeliveryState.DEFERRED,
    DeliveryState.REJECTED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPPRESSED,
]
PEOPLE, PAPERS = 3, 4

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("plan"),
            st.integers(0, PEOPLE - 1),
            st.integers(0, 6),
            st.frozensets(st.integers(0, PAPERS - 1), min_size=1),
        ),
        st.tuples(st.just("claim"), st.sampled_from(["x", "y"]), st.integers(1, 3), st.just(None)),
        st.tuples(st.just("record"), st.sampled_from(OUTCOMES), st.integers(0, 5), st.just(None)),
        st.tuples(st.just("release"), st.sampled_from(["x", "y", None]), st.just(0), st.just(None)),
        st.tuples(st.just("retry"), st.just(None), st.integers(0, 8), st.just(None)),
        st.tuples(st.just("wait"), st.just(None), st.integers(1, 30), st.just(None)),
    ),
    min_size=4,
    max_size=30,
)
few = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take hundreds of databases
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Run:
    """One interleaving: what was done to the store, and what really went out."""

    def __init__(self, store: SqlStore, people: list[int], papers: list[int]) -> None:
        self.store = store
        self.people = people
        self.papers = papers
        self.minutes = 0.0
        self.under_way: list[int] = []
        self.got: Counter[tuple[int, int]] = Counter()
        self.planned = 0

    async def plan(self, who: int, day: int, which: frozenset[int]) -> None:
        digest = digest_of(*(self.papers[each] for each in sorted(which)), day=TODAY + timedelta(days=day))
        self.planned += await self.store.plan([planned(self.people[who], digest)], {}, at(self.minutes))

    async def claim(self, owner: str, limit: int, _: None) -> None:
        for claimed in await self.store.claim(owner, limit, LEASE, at(self.minutes)):
            self.under_way = [each for each in self.under_way if each != claimed.delivery.id]
            self.under_way.append(claimed.delivery.id)

    async def record(self, state: DeliveryState, which: int, _: None) -> None:
        if not self.under_way:
            return
        delivery_id = self.under_way.pop(which % len(self.under_way))
        before = await self.store.delivery(delivery_id)
        retry_at = at(self.minutes + 5) if state is DeliveryState.DEFERRED else None
        await self.store.record([(attempt(delivery_id, state), state, retry_at)], at(self.minutes))
        if state is DeliveryState.ACCEPTED and not before.state.is_final:
            for paper_id in (await self.store.digest(before.digest_id)).paper_ids:
                self.got[before.subscriber_id, paper_id] += 1

    async def release(self, owner: str | None, _: int, __: None) -> None:
        await self.store.release(owner)

    async def retry(self, _: None, which: int, __: None) -> None:
        everything = await self.store.list_deliveries()
        if everything:
            await self.store.retry([everything[which % len(everything)].id], at(self.minutes))

    async def wait(self, _: None, minutes: int, __: None) -> None:
        self.minutes += minutes

    async def check(self) -> None:
        assert not [pair for pair, count in self.got.items() if count > 1]
        counts = await self.store.count_deliveries()
        assert sum(counts.values()) == self.planned
        counted = await self.store.sent_papers(self.people, self.papers)
        certain: dict[int, set[tuple[int, None]]] = {}
        possible: dict[int, set[tuple[int, None]]] = {}
        for delivery in await self.store.list_deliveries(limit=1000):
            if delivery.state is DeliveryState.ACCEPTED or not delivery.state.is_final:
                papers = {(paper_id, None) for paper_id in (await self.store.digest(delivery.digest_id)).paper_ids}
                mine = possible.setdefault(delivery.subscriber_id, set())
                assert not mine & papers  # no two deliveries that arrived, or still may, share a paper
                mine |= papers
                if delivery.state in (DeliveryState.ACCEPTED, DeliveryState.SENDING):
                    certain.setdefault(delivery.subscriber_id, set()).update(papers)
        assert await held(self.store, self.people, self.papers) == possible  # the ledger itself
        # What waits without doubt may be superseded, and so does not count; what waits in doubt does.
        for who in self.people:
            assert certain.get(who, set()) <= counted.get(who, frozenset()) <= possible.get(who, set())


async def run(url: str, taken: list[tuple[str, Any, Any, Any]]) -> None:
    store = open_store(url, busy_timeout_s=5)
    try:
        papers = await add_papers(store, PAPERS)
        run = Run(store, await add_people(store, "ada", "bob", "eve"), papers)
        for name, *arguments in taken:
            await getattr(run, name)(*arguments)
        await run.check()
    finally:
        await store.aclose()


@few
@given(steps)
def test_nobody_gets_a_paper_twice_on_sqlite(
    migrated_file: Path, tmp_path: Path, taken: list[tuple[str, Any, Any, Any]]
) -> None:
    path = tmp_path / "newsletter.db"
    for leftover in tmp_path.glob("newsletter.db*"):
        leftover.unlink()
    shutil.copyfile(migrated_file, path)
    asyncio.run(run(f"sqlite:///{path}", taken))


@few
@given(steps)
def test_nobody_gets_a_paper_twice_on_postgresql(
    postgres: PostgresServer, taken: list[tuple[str, Any, Any, Any]]
) -> None:
    name = postgres.create()
    try:
        asyncio.run(run(postgres.address(name), taken))
    finally:
        postgres.drop(name)


async def test_planners_and_workers_at_one_time_send_nothing_twice(store: SqlStore) -> None:
    papers = await add_papers(store, PAPERS)
    people = await add_people(store, *(f"reader{number}" for number in range(8)))
    got: Counter[tuple[int, int]] = Counter()

    async def planner(day: int) -> None:
        digest = digest_of(*papers, day=TODAY + timedelta(days=day))
        await store.plan([planned(who, digest) for who in people], {}, NOW)

    async def worker(name: str) -> None:
        for _ in range(4):
            for claimed in await store.claim(name, 3, LEASE, NOW):
                for paper_id in (await store.digest(claimed.delivery.digest_id)).paper_ids:
                    got[claimed.subscriber.id, paper_id] += 1
                outcome = attempt(claimed.delivery.id, DeliveryState.ACCEPTED)
                await store.record([(outcome, DeliveryState.ACCEPTED, None)], NOW)

    await asyncio.gather(*(planner(day) for day in range(3)), *(worker(f"w{number}") for number in range(3)))
    await worker("last")
    while await store.next_due_at() is not None:
        await worker("last")
    assert set(got.values()) == {1}
    assert set(got) == {(who, paper_id) for who in people for paper_id in papers}
