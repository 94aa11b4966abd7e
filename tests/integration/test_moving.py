"""Moving a store that has been used between SQLite and a real PostgreSQL, both ways."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from newsletter.errors import ConflictError, StoreError, StoreLockedError, StoreVersionError
from newsletter.model import DeliveryState
from newsletter.store import moving
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.lock import hold_store
from newsletter.store.migrate import connect
from newsletter.store.moving import Route, Target, move_store
from newsletter.store.schema import metadata
from newsletter.store.sql import open_store
from tests.support.databases import empty_postgres_url, migrated_file, postgres, sqlite_url
from tests.support.lived_in import live_in
from tests.support.stored import LEASE, NOW, add_papers, add_people, arxiv_entry, at, held, succeeded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from newsletter.store.copying import Contents
    from newsletter.store.sql import SqlStore

    T = TypeVar("T")

__all__ = ["empty_postgres_url", "migrated_file", "postgres", "sqlite_url"]


def with_store(url: str, work: Callable[[SqlStore], Awaitable[T]]) -> T:
    async def within() -> T:
        store = open_store(url, busy_timeout_s=2)
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(within())


def contents(url: str) -> Contents:
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


def go(source: str, target: str, *, dry_run: bool = False) -> tuple[moving.Move, list[int]]:
    counted: list[int] = []

    def start(total: int) -> Callable[[int], None]:
        counted.append(-total)
        return counted.append

    return move_store(Route(source, target, 2), NOW, start, dry_run=dry_run), counted


@pytest.fixture
def used(sqlite_url: str) -> str:
    with_store(sqlite_url, live_in)
    return sqlite_url


def test_there_and_back_everything_is_the_same(used: str, empty_postgres_url: str, tmp_path: Path) -> None:
    before = contents(used)
    assert {name for name, table in before.items() if table.rows} >= {
        "papers", "paper_aliases", "paper_keys", "paper_versions", "sightings", "subscribers", "consents", "digests",
        "deliveries", "ledger", "attempts", "sources",
    }  # fmt: skip
    done, counted = go(used, empty_postgres_url)
    assert (done.found, done.is_done) == (Target.EMPTY, True)
    assert done.tables == {name: table.rows for name, table in before.items()}
    assert set(done.tables) == set(metadata.tables)
    assert sum(counted) == 0  # what was announced to be read was read
    back = f"sqlite:///{tmp_path / 'back' / 'newsletter.db'}"
    assert go(empty_postgres_url, back)[0].is_done
    assert before == contents(used) == contents(empty_postgres_url) == contents(back)


@pytest.mark.parametrize("back", [False, True])
def test_ids_that_were_given_are_not_given_again(
    used: str, empty_postgres_url: str, tmp_path: Path, *, back: bool
) -> None:
    url = empty_postgres_url
    go(used, url)
    if back:
        url = f"sqlite:///{tmp_path / 'back.db'}"
        go(empty_postgres_url, url)

    async def newest(store: SqlStore) -> tuple[int, list[int]]:
        await store.save_collection(succeeded(minutes=90), [arxiv_entry(99)], at(90))
        return max([paper.id async for paper in store.all_papers()]), await add_people(store, "new")

    assert with_store(url, newest) == with_store(used, newest)


def test_the_new_store_goes_on_where_the_old_one_was(used: str, empty_postgres_url: str) -> None:
    go(used, empty_postgres_url)

    async def due(store: SqlStore) -> tuple[list[tuple[int, str]], object]:
        claimed = await store.claim("worker", 100, LEASE, at(24 * 60))
        papers = sorted([paper.id async for paper in store.all_papers()])
        ledger = await held(store, range(1, 10), papers)
        return sorted((each.delivery.id, each.delivery.message_id) for each in claimed), ledger

    there, here = with_store(empty_postgres_url, due), with_store(used, due)
    assert there == here
    assert len(there[0]) == 2  # deferred, and planned for tomorrow: what was accepted is not sent again


def test_what_a_killed_process_was_sending_moves_under_its_lease_and_comes_back_there(
    used: str, empty_postgres_url: str
) -> None:
    claimed = with_store(used, lambda store: store.claim("killed", 1, LEASE, at(24 * 60)))
    before = with_store(used, lambda store: store.count_deliveries())
    assert before[DeliveryState.SENDING] == before[DeliveryState.ACCEPTED] == 1
    assert DeliveryState.PLANNED in before or DeliveryState.DEFERRED in before
    assert go(used, empty_postgres_url)[0].is_done
    assert with_store(empty_postgres_url, lambda store: store.count_deliveries()) == before
    assert "killed" in {lease.owner for lease in with_store(empty_postgres_url, lambda store: store.leases())}
    assert with_store(empty_postgres_url, lambda store: store.take_over()) == 1
    again = with_store(empty_postgres_url, lambda store: store.claim("worker", 100, LEASE, at(24 * 60)))
    assert len(again) == 2
    assert claimed[0].delivery.message_id in {each.delivery.message_id for each in again}


def test_a_finished_move_is_recognised_and_an_unused_copy_written_over(used: str, empty_postgres_url: str) -> None:
    go(used, empty_postgres_url)
    assert go(used, empty_postgres_url)[0].found is Target.SAME
    with_store(used, lambda store: add_people(store, "later"))
    assert go(used, empty_postgres_url, dry_run=True)[0] == go(used, empty_postgres_url, dry_run=True)[0]
    done, _ = go(used, empty_postgres_url)
    assert (done.found, done.is_done) == (Target.UNTOUCHED, True)
    assert contents(used) == contents(empty_postgres_url)
    with_store(empty_postgres_url, lambda store: add_people(store, "there"))
    with pytest.raises(ConflictError, match="holds something else"):
        go(used, empty_postgres_url)
    assert contents(empty_postgres_url)["subscribers"].rows == contents(used)["subscribers"].rows + 1


def test_an_unused_copy_in_a_file_is_written_over_too(used: str, tmp_path: Path) -> None:
    copy = f"sqlite:///{tmp_path / 'copy.db'}"
    go(used, copy)
    with_store(used, lambda store: add_people(store, "later"))
    assert go(used, copy)[0].found is Target.UNTOUCHED
    assert contents(used) == contents(copy)


def test_broken_off_it_has_changed_nothing_and_can_be_repeated(
    used: str, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def start(_: int) -> Callable[[int], None]:
        def advance(rows: int) -> None:
            nonlocal read
            read += rows
            if read > 30:
                raise KeyboardInterrupt

        return advance

    with pytest.raises(KeyboardInterrupt):
        move_store(Route(used, empty_postgres_url), NOW, start)
    assert sum(table.rows for table in contents(empty_postgres_url).values()) == 0
    monkeypatch.setattr(moving, "summarise", lambda connection, _: {"papers": summarise(connection, print)["sources"]})
    with pytest.raises(StoreError, match="nothing was changed, for rows came out otherwise"):
        go(used, empty_postgres_url)
    monkeypatch.undo()
    assert go(used, empty_postgres_url)[0].found is Target.EMPTY
    assert contents(used) == contents(empty_postgres_url)


def test_a_dry_run_writes_nothing(used: str, empty_postgres_url: str, tmp_path: Path) -> None:
    done, counted = go(used, empty_postgres_url, dry_run=True)
    assert (done.found, done.is_done, counted) == (Target.EMPTY, False, [])
    assert done.rows > 30
    assert go(used, f"sqlite:///{tmp_path / 'none.db'}", dry_run=True)[0].rows
    assert not (tmp_path / "none.db").exists()
    with connect(parse_address(empty_postgres_url), 5) as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar() == 0


def test_who_runs_on_either_store_must_stop_first(used: str, empty_postgres_url: str) -> None:
    with hold_store(used, NOW), pytest.raises(StoreLockedError, match="another newsletter is running on it"):
        go(used, empty_postgres_url)
    go(used, empty_postgres_url)

    async def beside(store: SqlStore) -> None:
        await store.last_arrival()
        with pytest.raises(StoreLockedError, match="another newsletter is connected"):
            await asyncio.to_thread(go, empty_postgres_url, used + ".new")

    with_store(empty_postgres_url, beside)


def test_addresses_that_make_no_sense_are_refused(used: str, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="one and the same"):
        go(used, used)
    with pytest.raises(StoreVersionError, match="no database yet"):
        go(f"sqlite:///{tmp_path / 'none.db'}", used)
    with pytest.raises(StoreError, match="unknown kind of database"):
        go(used, "mysql://localhost/x")


def test_more_rows_than_a_batch_take_their_way_in_pieces(
    sqlite_url: str, empty_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.store.copying.BATCH", 7)
    with_store(sqlite_url, lambda store: add_papers(store, 30))
    _, counted = go(sqlite_url, empty_postgres_url)
    assert max(counted) == 7
    assert contents(sqlite_url) == contents(empty_postgres_url)
