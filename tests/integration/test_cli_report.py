"""The report that adds up, and what happens when it does not: on a real store that somebody tampers with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import DeliveryState
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import add_papers, add_people, digest_of, planned, settle

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

NOW = datetime.now(UTC)
TODAY = NOW.date()


async def three_deliveries(store: SqlStore) -> None:
    """One accepted, one rejected, one that has yet to be tried, of today's issue."""
    papers = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    for who, paper, state in zip(people, papers, (DeliveryState.ACCEPTED, DeliveryState.REJECTED, None), strict=True):
        await store.plan([planned(who, digest_of(paper, day=TODAY))], {}, NOW)
        if state is not None:
            await settle(store, state)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command_line = make_command_line(tmp_path, migrated_file)
    command_line.with_store(three_deliveries)
    return command_line


def tamper(newsletter: CommandLine, statement: str) -> None:
    """Change the database as nobody should, past every trigger and foreign key."""
    with closing(sqlite3.connect(newsletter.directory.parent / "data" / "newsletter.db")) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        connection.commit()


def test_what_was_planned_adds_up(newsletter: CommandLine) -> None:
    said = newsletter("deliveries", "report")
    assert (said.code, said.err) == (0, "")
    assert said.rows == [[str(TODAY), "3", "1", "0", "1", "0", "0", "0", "0", "1", "0"]]
    newsletter("subscribers", "remove", "ada@example.org", "--yes")
    document = newsletter("deliveries", "report", "--json").json
    assert document["adds_up"] is True
    assert document["issues"][0] == {
        "issue_date": str(TODAY),
        "planned": 3,
        "accepted": 0,
        "deferred": 0,
        "rejected": 1,
        "suppressed": 0,
        "expired": 0,
        "superseded": 0,
        "unknown": 0,
        "in_flight": 1,
        "forgotten": 1,
        "difference": 0,
        "adds_up": True,
    }


def test_a_report_is_of_the_days_asked_for(newsletter: CommandLine) -> None:
    yesterday, tomorrow = str(TODAY - timedelta(days=1)), str(TODAY + timedelta(days=1))
    assert newsletter("deliveries", "report", "--date", yesterday).rows == []
    assert len(newsletter("deliveries", "report", "--date", str(TODAY)).rows) == 1
    assert len(newsletter("deliveries", "report", "--since", yesterday, "--until", tomorrow).rows) == 1
    assert newsletter("deliveries", "report", "--until", yesterday).rows == []
    for wrong in (("--date", yesterday, "--since", yesterday), ("--since", tomorrow, "--until", yesterday)):
        assert newsletter("deliveries", "report", *wrong).code == 2


@pytest.mark.parametrize(("aspect", "value"), [("kind", "digest"), ("profile", "ml"), ("domain", "example.org")])
def test_a_report_tells_what_the_sums_consist_of(newsletter: CommandLine, aspect: str, value: str) -> None:
    rows = newsletter("deliveries", "report", "--by", aspect).rows
    assert [value, "accepted", "1"] in rows
    assert [value, "rejected", "1"] in rows
    shares = newsletter("deliveries", "report", "--by", aspect, "--json").json["shares"]
    assert {"value": value, "state": "planned", "count": 1, "doubtful": 0} in shares


def test_a_row_that_vanished_is_a_line_and_an_exit_code_everywhere(newsletter: CommandLine) -> None:
    for command in ("status", "deliveries report"):
        assert newsletter(*command.split()).code == 0
    tamper(newsletter, "DELETE FROM deliveries WHERE state = 'rejected'")
    line = f"newsletter: the sum of the issue of {TODAY} does not close: 3 planned, 2 accounted for: 1 missing"
    for command in ("status", "status --json", "deliveries report", "deliveries report --json"):
        said = newsletter(*command.split())
        assert said.code == 1
        assert said.err.splitlines() == [line]
        assert said.out
    assert newsletter("deliveries", "report", "--json").json["issues"][0]["difference"] == 1
    tamper(newsletter, "UPDATE deliveries SET state = 'accepted', ready_at = NULL WHERE state = 'planned'")
    delivered = newsletter("deliver")  # nothing is due any more, and the sum is looked at all the same
    assert delivered.code == 1
    assert delivered.err.splitlines() == [f"{line}; `newsletter deliveries report` shows it"]


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("DELETE FROM attempts WHERE outcome = 'accepted'", "accepted without an attempt that was: 1"),
        ("UPDATE deliveries SET lease_owner = 'x' WHERE state = 'accepted'", "final, and still under a lease"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_a_line_and_an_exit_code(
    newsletter: CommandLine, statement: str, flaw: str
) -> None:
    tamper(newsletter, statement)
    said = newsletter("deliveries", "report")
    assert said.code == 1
    assert said.err.startswith("newsletter: the ledger contradicts itself: 1 delivery ")
    assert flaw in said.err
    assert newsletter("deliveries", "report", "--json").json["adds_up"] is False
