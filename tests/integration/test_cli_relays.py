"""``newsletter relays``: how relays stand, and another chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import Circuit, CircuitCause, CircuitScope, Limit, Window
from tests.support.command_line import SETTINGS, CommandLine, make_command_line
from tests.support.databases import migrated_file

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

RELAYS = """\
  sender: digest@example.org
  relays:
    main: {host: a.example.org, weight: 3, limits: {per_hour: 2}}
    spare: {host: b.example.org, priority: 1}
    campus: {host: c.example.org, domains: [example.edu]}
"""


async def some_trouble(store: SqlStore) -> None:
    """Let the spare relay refuse our mail, gmail.com be slow, and the main relay have sent all that it may."""
    now = datetime.now(UTC)
    refusing = Circuit(
        CircuitScope.RELAY, "spare", CircuitCause.POLICY, 3, "554 5.7.1 no", now, now + timedelta(hours=2)
    )
    slow = Circuit(CircuitScope.DOMAIN, "gmail.com", CircuitCause.THROTTLED, 1, "450 4.7.28", now, now)
    for circuit in (refusing, slow):
        await store.turn_circuit(circuit.scope, circuit.name, lambda _, circuit=circuit: circuit)  # type: ignore[misc]
    assert await store.take([[Limit("relay:main:hour", Window.HOUR, 2)]] * 2, now) == [None, None]


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command_line = make_command_line(tmp_path, migrated_file)
    settings = SETTINGS.replace("  sender: digest@example.org\n", RELAYS)
    (command_line.directory / "newsletter.yaml").write_text(settings)
    command_line.with_store(some_trouble)
    return command_line


def test_each_relay_says_what_it_does_and_until_when(newsletter: CommandLine) -> None:
    assert newsletter("pause", "--relay", "campus", "--reason", "moving").code == 0
    said = newsletter("relays", "list")
    assert said.code == 0
    main, spare, campus, *rest = said.rows
    assert main == ["main", "limited", "in 1 h", "0 a hour", "0", "3", "", "no more than 2 a hour"]
    assert spare == ["spare", "open", "in 2 h", "", "1", "1", "", "554 5.7.1 no"]
    assert campus == ["campus", "paused", "", "", "0", "1", "example.edu", "moving"]
    assert rest[-1] == ["gmail.com", "now", "1", "450 4.7.28"]
    found = newsletter("relays", "list", "--json").json
    assert [relay["state"] for relay in found["relays"]] == ["limited", "open", "paused"]
    assert found["relays"][0]["limits"][0]["left"] == 0
    assert found["relays"][1]["circuit"]["cause"] == "policy"
    assert [domain["name"] for domain in found["domains"]] == ["gmail.com"]


def test_a_relay_gets_another_chance(newsletter: CommandLine) -> None:
    would = newsletter("relays", "reset", "spare", "--dry-run")
    assert would.out == "the relay spare would be given mail again (it failed 3 in a row: 554 5.7.1 no)\n"
    assert "is given mail again" in newsletter("relays", "reset").out
    assert newsletter("relays", "list").rows[1][1] == "ready"
    assert newsletter("relays", "reset").err == "no relay is left alone\n"
    assert newsletter("relays", "reset", "spare").err == "the relay spare is not left alone; there is nothing to do\n"
    assert newsletter("relays", "list").rows[0][1] == "limited"  # its tokens are still out


def test_a_domain_gets_another_chance(newsletter: CommandLine) -> None:
    [ended] = newsletter("relays", "reset", "--domain", "gmail.com", "--json").json
    assert (ended["scope"], ended["name"], ended["failures"]) == ("domain", "gmail.com", 1)
    assert newsletter("relays", "list", "--json").json["domains"] == []
    assert "not left alone" in newsletter("relays", "reset", "--domain", "gmail.com").err
    assert newsletter("relays", "reset", "main", "--domain", "gmail.com").code == 2


def test_a_relay_that_is_not_there_is_neither_reset_nor_paused(newsletter: CommandLine) -> None:
    for command in (("relays", "reset", "spair"), ("pause", "--relay", "spair")):
        said = newsletter(*command)
        assert said.code == 4
        assert "there is no relay “spair” (did you mean spare?)" in said.err
