"""Every example that a command's ``--help`` shows, typed by somebody whose newsletter has run for a while."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.cli.reference import commands, examples
from newsletter.core.webhooks import make_secret
from newsletter.mail.chromium import find_chromium
from newsletter.model import (
    Attempt,
    Bounce,
    BounceKind,
    DeliveryState,
    Outcome,
    OutcomeKind,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Verdict,
)
from tests.support.command_line import CommandLine
from tests.support.documents import take_off_the_network, type_in
from tests.support.returned import returned

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

EXAMPLES = {
    path: examples(command.help)
    for path, command in commands()
    if not hasattr(command, "commands") and path != ("move-store",)  # needs a server: tests/integration/test_moving.py
}
WEBHOOKS = f"""
webhooks:
  endpoints:
    crm:
      url: http://127.0.0.1:1/hook
      secret: {make_secret()}
      events: [subscriber.subscribed]
"""
PEOPLE = "address,zone\nann@example.org,Europe/Paris\n"
# What examples leave to the reader.
STAND_INS = {"2305.15558": "1501.95001", "attention is all": "The Last Mile of Alignment", "12": "1", "13": "2"}


async def some_history(store: SqlStore) -> None:
    """Let two deliveries be rejected, something come back, and Bob leave."""
    now = datetime.now(UTC)
    claimed = await store.claim("test", 2, timedelta(minutes=5), now)
    assert len(claimed) == 2
    no = Outcome(OutcomeKind.REJECTED, 550, "5.1.1 no such user")
    ended = [(Attempt(item.delivery.id, 1, now, now, no), DeliveryState.REJECTED, None) for item in claimed]
    await store.record(ended, now)
    await store.record_bounce(Bounce(BounceKind.SOFT, "lmtp", now, "one", text="full"), lambda _: Verdict())
    old = ("old@example.org", SuppressionReason.MANUAL, "asked by telephone", "command-line", now)
    await store.suppress([Suppression(SuppressionKind.ADDRESS, *old)])
    bob = await store.find_subscriber("bob@example.org")
    await store.set_status(bob.id, SubscriberStatus.UNSUBSCRIBED, "unsubscribed by mail", now)


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose store holds papers, people and deliveries, to be copied."""
    folder = tmp_path_factory.mktemp("lived-in") / "my-newsletter"
    newsletter = CommandLine(folder)
    assert newsletter("init", str(folder)).code == 0
    take_off_the_network(folder)
    with (folder / "newsletter.yaml").open("a") as file:
        file.write(WEBHOOKS + "\ncurators:\n  - name: Ada Lovelace\n")
    for name in ("ada", "bob"):
        assert newsletter("subscribers", "add", f"{name}@example.org", "--profile", "language-models").code == 0
    for step in ("collect", "issue"):
        assert newsletter(step).code == 0
    newsletter.with_store(some_history, folder / "data")
    assert newsletter("deliver").code == 0
    return folder


@pytest.mark.parametrize("path", EXAMPLES, ids=" ".join)
def test_every_example_works(
    path: tuple[str, ...], lived_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    assert EXAMPLES[path]
    for number, line in enumerate(EXAMPLES[path]):
        if "--png" in line and find_chromium() is None:
            continue
        directory = tmp_path / str(number) / "my-newsletter"
        shutil.copytree(lived_in, directory)
        (tmp_path / "people.csv").unlink(missing_ok=True)
        if path != ("unseal",):  # a copy sends nothing before
            assert CommandLine(directory)("unseal", "--yes").code == 0
        if path == ("unpause",):
            assert CommandLine(directory)("pause", *line.split()[2:4]).code == 0
        if path == ("picks", "remove"):
            assert CommandLine(directory)("picks", "add", "1501.95001", "--curator", "Ada Lovelace").code == 0
        if path == ("restore",) and number == 0:
            assert CommandLine(directory)("backup", str(tmp_path / "newsletter.zip")).code == 0
            shutil.rmtree(directory / "data")
        (tmp_path / "returned.eml").write_bytes(returned("bounces@example.org"))
        if "import" in path:
            (tmp_path / "people.csv").write_text(PEOPLE)
        stand_ins = STAND_INS | ({"ada@example.org": "new@example.org"} if "add" in path else {})
        answer = "correct horse battery staple\n" if path[0] == "admin" else "y\n"
        said = type_in(CommandLine(directory), line, stand_ins, answer=answer)
        assert said.code == 0, f"{line}: {said.err}"
        assert said.out or said.err
