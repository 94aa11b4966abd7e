"""``newsletter deliveries`` on a real store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.model import DeliveryState
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import NOW, TODAY, add_papers, add_people, digest_of, planned, settle

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]


async def three_deliveries(store: SqlStore) -> None:
    """One accepted, one rejected, one that has yet to be tried."""
    papers = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    for who, paper, state in zip(people, papers, (DeliveryState.ACCEPTED, DeliveryState.REJECTED, None), strict=True):
        await store.plan([planned(who, digest_of(paper))], {}, NOW)
        if state is not None:
            await settle(store, state)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command_line = make_command_line(tmp_path, migrated_file)
    command_line.with_store(three_deliveries)
    return command_line


def test_deliveries_are_listed_newest_first_and_filtered(newsletter: CommandLine) -> None:
    rows = newsletter("deliveries", "list").rows
    assert [(row[2], row[4]) for row in rows] == [
        ("planned", "eve@example.org"),
        ("rejected", "bob@example.org"),
        ("accepted", "ada@example.org"),
    ]
    assert rows[1][5] == "550 5.1.1 No such user"

    def addresses(*options: str) -> list[str]:
        return [item["address"] for item in newsletter("deliveries", "list", "--json", *options).json]

    assert addresses("--state", "rejected") == ["bob@example.org"]
    assert addresses("--subscriber", "ada@example.org") == ["ada@example.org"]
    assert len(addresses("--date", TODAY.isoformat())) == 3
    assert addresses("--date", "2001-01-01") == []
    assert len(addresses("--limit", "1")) == 1
    assert "did you mean “rejected”?" in newsletter("deliveries", "list", "--state", "rejectd").err
    assert "did you mean bob@example.org?" in newsletter("deliveries", "list", "--subscriber", "bobb@example.org").err


def test_a_delivery_is_shown_with_what_the_server_said(newsletter: CommandLine) -> None:
    rejected = newsletter("deliveries", "list", "--state", "rejected", "--json").json[0]["id"]
    shown = newsletter("deliveries", "show", str(rejected))
    assert "state: rejected" in shown.out
    assert "rejected: 550 5.1.1 No such user" in shown.out
    document = newsletter("deliveries", "show", str(rejected), "--json").json
    assert document["address"] == "bob@example.org"
    assert document["attempts"][0] == {
        "number": 1,
        "started_at": "2026-01-05T06:01:00Z",
        "finished_at": "2026-01-05T06:01:00.600000Z",
        "outcome": "rejected",
        "reply_code": 550,
        "reply_text": "5.1.1 No such user",
        "may_have_arrived": False,
    }
    assert newsletter("deliveries", "show", "999").code == 4


def test_deliveries_to_who_was_removed_are_gone_with_them(newsletter: CommandLine) -> None:
    newsletter("subscribers", "remove", "bob@example.org", "--yes")
    assert [row[4] for row in newsletter("deliveries", "list").rows] == ["eve@example.org", "ada@example.org"]


def test_what_failed_is_tried_again_when_asked(newsletter: CommandLine) -> None:
    tried = newsletter("deliveries", "retry", "--failed", "--dry-run")
    assert "rejected, issue of 2026-01-05" in tried.out
    assert newsletter("deliveries", "retry", "--failed", answer="n\n").code == 1
    assert len(newsletter("deliveries", "list", "--state", "rejected").rows) == 1
    done = newsletter("deliveries", "retry", "--failed", "--yes")
    assert done.out == "1 of 1 will be tried again\n"
    assert newsletter("deliveries", "list", "--state", "rejected").rows == []
    assert "0 deliveries to try again" in newsletter("deliveries", "retry", "--failed").out


def test_what_arrived_is_never_sent_again(newsletter: CommandLine) -> None:
    accepted = newsletter("deliveries", "list", "--state", "accepted", "--json").json[0]["id"]
    said = newsletter("deliveries", "retry", str(accepted))
    assert said.code == 5
    assert "is accepted; only these are tried again" in said.err


@pytest.mark.parametrize("arguments", [(), ("1", "--failed")])
def test_a_retry_says_which(newsletter: CommandLine, arguments: tuple[str, ...]) -> None:
    assert newsletter("deliveries", "retry", *arguments).code == 2
