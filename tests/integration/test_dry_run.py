"""``--dry-run`` of every command that has it: nothing is sent, and nothing is other than before."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml

from newsletter.cli.reference import commands
from newsletter.model import Attempt, DeliveryState, Outcome, OutcomeKind
from newsletter.settings.load import load_configuration
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from tests.support.command_line import CommandLine
from tests.support.documents import take_off_the_network
from tests.support.receiver import SECRET
from tests.support.smtp_server import mail_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from newsletter.store.copying import Contents
    from newsletter.store.sql import SqlStore

# What is typed before --dry-run, and a word of the answer.
ASKED = {
    "bounces read": ("bounces read {folder}/returned.eml", "nothing"),
    "deliver": ("deliver", "would be sent"),
    "deliveries retry": ("deliveries retry --failed", "would"),
    "dkim generate": ("dkim generate --selector 2027", "v=DKIM1"),
    "doctor": ("doctor --nameserver 127.0.0.1:9 --send-to me@example.org", "not sent"),
    "issue": ("issue", "would be planned"),
    "move-store": ("move-store sqlite:///{data}/newsletter.db sqlite:///{data}/other.db", ""),
    "relays reset": ("relays reset", "no relay is left alone"),
    "restore": ("restore {folder}/backup.zip --force", "would restore"),
    "send": ("send", "would be planned"),
    "send-test": ("send-test me@example.org", "would go to me@example.org"),
    "subscribers import": ("subscribers import {folder}/people.csv", "new@example.org"),
    "subscribers remove": ("subscribers remove ada@example.org", "ada@example.org"),
    "suppression add": ("suppression add gone@example.org", "gone@example.org"),
    "suppression import": ("suppression import {folder}/people.csv", "1 to suppress"),
    "suppression remove": ("suppression remove out@example.org", "out@example.org"),
    "unpause": ("unpause --profile language-models", "would go on"),
    "webhooks retry": ("webhooks retry crm", "0 events would be told again"),
    "webhooks test": ("webhooks test crm", "would post"),
    "unseal": ("unseal", "would be at home here"),
}

COLLECTED: dict[str, set[str]] = {
    "send": {"sources", "sightings", "source_days"}
}  # it collects, and says what it would plan from that


def test_every_command_that_has_it_is_typed_here() -> None:
    has = {" ".join(path) for path, each in commands() if "--dry-run" in {o for p in each.params for o in p.opts}}
    assert has == set(ASKED)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The log of a mail server, and its port."""
    log = tmp_path_factory.mktemp("relay") / "accepted.log"
    with mail_server(log) as (_, port):
        yield log, port


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory, relay: tuple[Path, int]) -> Path:
    """A newsletter with a failed mail, one that waits, and a profile that is paused."""
    folder = tmp_path_factory.mktemp("lived-in") / "news"
    newsletter = CommandLine(folder)
    assert newsletter("init", str(folder)).code == 0
    take_off_the_network(folder)
    path = folder / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["mail"]["catcher"]["enabled"] = False
    hook = {"url": "https://crm.example.org/hook", "secret": SECRET, "events": ["subscriber.confirmed"]}
    settings["webhooks"] = {"endpoints": {"crm": hook}}
    settings["mail"]["relay"] = {"host": "127.0.0.1", "port": relay[1], "tls": "none"}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    for name in ("ada", "bob"):
        assert newsletter("subscribers", "add", f"{name}@example.org", "--profile", "language-models").code == 0
    out = ["suppression", "add", "out@example.org"]
    for step in (["collect"], ["issue"], ["pause", "--profile", "language-models"], out):
        assert newsletter(*step).code == 0
    newsletter.with_store(fail_one, folder / "data")
    assert newsletter("backup", str(folder / "backup.zip")).code == 0
    (folder / "people.csv").write_text("address\nnew@example.org\n")
    (folder / "returned.eml").write_text("From: MAILER-DAEMON@example.net\nSubject: Undelivered\n\nNo such user.\n")
    return folder


async def fail_one(store: SqlStore) -> None:
    now = datetime.now(UTC)
    (claimed,) = await store.claim("test", 1, timedelta(minutes=5), now)
    no = Outcome(OutcomeKind.REJECTED, 550, "5.1.1 no such user")
    await store.record([(Attempt(claimed.delivery.id, 1, now, now, no), DeliveryState.REJECTED, None)], now)
    await store.settle_here(now, moving=True)


def rows(directory: Path) -> Contents:
    url = load_configuration(directory).settings.database_url
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


def files(directory: Path) -> dict[str, bytes]:
    """Return what lies in a directory but for what SQLite and the lock keep there."""
    found = (path for path in directory.rglob("*") if path.is_file() and "newsletter.db" not in path.name)
    return {str(path.relative_to(directory)): path.read_bytes() for path in found}


@pytest.mark.parametrize("name", ASKED)
def test_it_changes_nothing(name: str, lived_in: Path, tmp_path: Path, relay: tuple[Path, int]) -> None:
    directory = tmp_path / "news"
    shutil.copytree(lived_in, directory)
    newsletter = CommandLine(directory)
    if name != "unseal":  # a copy is sealed
        assert newsletter("unseal", "--yes").code == 0
    typed, word = ASKED[name]
    words = typed.format(data=directory / "data", folder=directory).split()
    before = rows(directory), files(directory)
    answer = newsletter(*words, "--dry-run")
    after = rows(directory), files(directory)
    assert {table for table in before[0] if after[0][table] != before[0][table]} <= COLLECTED.get(name, set())
    assert after[1] == before[1]
    assert word in answer.out + answer.err
    assert answer.code == (1 if name == "doctor" else 0), answer.err  # no name server is there to be asked
    assert not relay[0].exists() or relay[0].read_text() == ""
