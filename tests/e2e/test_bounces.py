"""The real daemon reads what comes back, says how its readers are, and takes over other ones."""

from __future__ import annotations

import signal
import smtplib
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.mail.catcher import Maildir
from tests.support.command_line import SETTINGS, CommandLine, make_command_line
from tests.support.daemon import DaemonProcess
from tests.support.databases import migrated_file
from tests.support.returned import returned
from tests.support.stored import NOW, add_people, digest_of, planned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

SECRET = "a secret of sixteen characters"
PATHS = ReturnPaths(SECRET, "bounces", "news.example")
CATCHER = "  catcher:\n    enabled: true\n    port: 0\n"


def settings(folder: Path, readers: str) -> str:
    mail = SETTINGS.replace("  sender: digest@example.org\n", "  sender: digest@example.org\n" + CATCHER)
    return f"{mail}bounces:\n  address: bounces@news.example\n{readers}web:\n  port: 0\n  secret: {SECRET}\n".replace(
        "FOLDER", str(folder)
    )


MAILDIR = "  maildir:\n    path: FOLDER/Maildir\n    interval_s: 0.1\n"
LMTP = "  lmtp:\n    socket: FOLDER/lmtp.sock\n"


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    made = make_command_line(tmp_path, migrated_file)
    (made.directory / "newsletter.yaml").write_text(settings(tmp_path, MAILDIR + LMTP))
    return made


def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def readers(daemon: DaemonProcess) -> dict[str, Any]:
    found = httpx2.get(daemon.url() + "/healthz", timeout=10).json()["bounce_readers"]
    assert isinstance(found, dict)
    return found


async def two_mails(store: SqlStore) -> list[int]:
    people = await add_people(store, "ada", "bob")
    await store.plan([planned(who, digest_of()) for who in people], {}, NOW)
    return sorted(each.id for each in await store.list_deliveries())


def bounced(newsletter: CommandLine) -> set[str]:
    return {each["address"] for each in newsletter("bounces", "list", "--json").json}


def hand_over(socket: Path, path: str) -> int:
    with smtplib.LMTP(str(socket), local_hostname="mx.example") as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        client.rcpt(path)
        return client.data(returned(path))[0]


def test_a_reader_that_fails_is_told_of_and_goes_on_and_others_take_over(
    newsletter: CommandLine, tmp_path: Path
) -> None:
    one, other = (PATHS.make(MailKind.ISSUE, number) for number in newsletter.with_store(two_mails))
    with DaemonProcess(newsletter.directory) as daemon:
        until(lambda: "No such file" in readers(daemon).get("maildir", ""))
        assert readers(daemon)["lmtp"] == "ok"
        Maildir(tmp_path / "Maildir").create()
        Maildir(tmp_path / "Maildir").add(returned(one))
        until(lambda: readers(daemon)["maildir"] == "ok")
        until(lambda: bounced(newsletter) == {"ada@example.org"})
        (newsletter.directory / "newsletter.yaml").write_text(settings(tmp_path, LMTP))
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("configuration.reloaded")
        until(lambda: readers(daemon) == {"lmtp": "ok"})
        until((tmp_path / "lmtp.sock").exists)
        assert hand_over(tmp_path / "lmtp.sock", other) == 250
        assert bounced(newsletter) == {"ada@example.org", "bob@example.org"}
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.said()
    assert not (tmp_path / "lmtp.sock").exists()
