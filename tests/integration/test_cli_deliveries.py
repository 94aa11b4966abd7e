"""``newsletter deliveries`` on a real store."""

from __future__ import annotations

import csv
import json
import stat
from typing import TYPE_CHECKING

import pytest

from newsletter.cli.delivery_export import cell
from newsletter.model import Attempt, DeliveryState, Outcome, OutcomeKind, Step
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import LEASE, NOW, TODAY, add_papers, add_people, at, digest_of, planned, settle

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
        "duration_s": 0.6,
        "outcome": "rejected",
        "relay": None,
        "connection": None,
        "step": None,
        "reply_code": 550,
        "enhanced_code": None,
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


def test_the_list_is_narrowed_down_and_paged(newsletter: CommandLine) -> None:
    def addresses(*options: str) -> list[str]:
        return [item["address"] for item in newsletter("deliveries", "list", "--json", *options).json]

    assert addresses("--state", "rejected", "--state", "accepted") == ["bob@example.org", "ada@example.org"]
    assert addresses("--code", "5.1") == []  # this attempt came without its enhanced code
    assert addresses("--code", "55") == ["bob@example.org"]
    assert addresses("--domain", "example.org", "--kind", "digest", "--since", TODAY.isoformat()) != []
    assert addresses("--profile", "nobody-has-it") == []
    assert addresses("--unknown") == []
    for wrong in (("--code", "x"), ("--kind", "letter"), ("--date", "2026-01-05", "--until", "2026-01-05")):
        assert newsletter("deliveries", "list", *wrong).code == 2
    page = newsletter("deliveries", "list", "--limit", "2")
    last = page.rows[-1][0]
    assert f"--before {last}" in page.err
    assert [row[4] for row in newsletter("deliveries", "list", "--before", last).rows] == ["ada@example.org"]


def test_an_export_holds_every_line_as_csv_or_json(newsletter: CommandLine, tmp_path: Path) -> None:
    table = tmp_path / "mails.csv"
    assert newsletter("deliveries", "export", str(table)).err == f"wrote 3 lines to {table}\n"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["address"], row["state"], row["reply_code"]) for row in rows] == [
        ("eve@example.org", "planned", ""),
        ("bob@example.org", "rejected", "550"),
        ("ada@example.org", "accepted", "250"),
    ]
    assert rows[0]["issue_date"] == TODAY.isoformat()
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    again = newsletter("deliveries", "export", str(table))
    assert (again.code, "add --force" in again.err) == (5, True)
    assert newsletter("deliveries", "export", str(table), "--force", "--state", "rejected").code == 0
    assert len(table.read_text().splitlines()) == 2
    said = newsletter("deliveries", "export", "-", "--format", "jsonl").out.splitlines()
    listed = newsletter("deliveries", "list", "--json").json
    assert [
        {key: value for key, value in json.loads(line).items() if key != "may_have_arrived"} for line in said
    ] == listed
    assert newsletter("deliveries", "export", str(tmp_path / "nowhere" / "x.csv")).code == 1
    assert list(tmp_path.glob(".*.part")) == []


def test_an_export_holds_nothing_that_a_spreadsheet_computes() -> None:
    assert cell("=1+1") == "'=1+1"
    assert cell("@SUM(A1)") == "'@SUM(A1)"
    assert cell(-1) == "-1"
    assert cell(None) == ""
    assert cell("5.1.1 no such user") == "5.1.1 no such user"


def test_reasons_are_counted(newsletter: CommandLine) -> None:
    assert [row[:4] + row[5:] for row in newsletter("deliveries", "reasons").rows] == [
        ["1", "rejected", "550", "5.1.1", "No such user"]
    ]
    [document] = newsletter("deliveries", "reasons", "--json").json
    assert (document["count"], document["reply"]) == (1, "No such user")
    assert newsletter("deliveries", "show", str(document["example"])).code == 0
    assert newsletter("deliveries", "reasons", "--state", "deferred").rows == []


def test_only_what_failed_is_tried_again_whatever_is_asked(newsletter: CommandLine) -> None:
    everything = newsletter("deliveries", "retry", "--domain", "example.org", "--dry-run")
    assert everything.out.splitlines()[-1] == "1 delivery to try again"
    for never in ("accepted", "suppressed", "superseded"):
        assert newsletter("deliveries", "retry", "--state", never, "--yes").code == 5
    assert newsletter("deliveries", "retry", "--code", "550", "--yes").out == "1 of 1 will be tried again\n"
    assert newsletter("deliveries", "list", "--state", "rejected").rows == []


async def lose_one(store: SqlStore) -> None:
    """Let the mail that waits be lost after its final dot, for good."""
    [claimed] = await store.claim("worker", 10, LEASE, at(5))
    lost = Outcome(OutcomeKind.DEFERRED, None, "lost", is_unknown=True, step=Step.DOT)
    await store.record([(Attempt(claimed.delivery.id, 1, at(5), at(5), lost), DeliveryState.UNKNOWN, None)], at(5))


def test_what_may_have_arrived_is_tried_again_only_when_it_is_named(newsletter: CommandLine) -> None:
    newsletter.with_store(lose_one)
    assert [row[2] for row in newsletter("deliveries", "list", "--unknown").rows] == ["unknown"]
    assert "1 delivery to try again" in newsletter("deliveries", "retry", "--failed", "--dry-run").out
    named = newsletter("deliveries", "retry", "--state", "unknown", "--dry-run")
    assert "1 mail may have arrived: whoever got it gets it a second time" in named.err
    [row] = newsletter("deliveries", "list", "--unknown").rows
    assert newsletter("deliveries", "retry", row[0], answer="n\n").code == 1
    assert newsletter("deliveries", "retry", row[0], answer="y\n").out == "1 of 1 will be tried again\n"
    assert [item[2] for item in newsletter("deliveries", "list", "--unknown").rows] == ["planned ?"]
