"""``newsletter bounces``: what came back, and reading more of it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.core.verp import MailKind, ReturnPaths
from newsletter.mail.catcher import Maildir
from tests.support.command_line import SETTINGS, CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.returned import returned
from tests.support.stored import NOW, add_people, digest_of, planned

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore


__all__ = ["migrated_file"]

SECRET = "a secret of sixteen characters"
PATHS = ReturnPaths(SECRET, "bounces", "news.example")


async def a_mail(store: SqlStore) -> int:
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of())], {}, NOW)
    return (await store.list_deliveries())[0].id


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    made = make_command_line(tmp_path, migrated_file)
    maildir = tmp_path / "Maildir"
    Maildir(maildir).create()
    settings = f"bounces:\n  address: bounces@news.example\n  maildir:\n    path: {maildir}\nweb:\n  secret: {SECRET}\n"
    (made.directory / "newsletter.yaml").write_text(SETTINGS + settings)
    return made


@pytest.fixture
def path(newsletter: CommandLine) -> str:
    return PATHS.make(MailKind.ISSUE, newsletter.with_store(a_mail))


def test_a_mail_is_read_from_a_file_and_shown(newsletter: CommandLine, path: str, tmp_path: Path) -> None:
    file = tmp_path / "returned.eml"
    file.write_bytes(returned(path))
    looked = newsletter("bounces", "read", str(file), "--dry-run", "--json").json
    assert [(each["kind"], each["address"], each["outcome"]) for each in looked] == [
        ("hard", "ada@example.org", "bounced")
    ]
    assert newsletter("bounces", "list", "--json").json == []
    assert newsletter("bounces", "read", str(file)).rows[0][4] == "bounced"
    assert newsletter("bounces", "read", str(file)).rows[0][4] == "known already"
    [listed] = newsletter("bounces", "list", "--kind", "hard", "--subscriber", "ada@example.org", "--json").json
    assert (listed["source"], listed["address"], listed["enhanced_code"]) == (
        "command-line",
        "ada@example.org",
        "5.1.1",
    )
    shown = newsletter("bounces", "show", str(listed["id"]), "--json").json
    assert (shown["status"], shown["score"], shown["suppressed"]) == ("bounced", 0.0, True)
    assert "status: bounced" in newsletter("bounces", "show", str(listed["id"])).out
    assert newsletter("bounces", "show", "999").code == 4
    assert newsletter("bounces", "list", "--kind", "soft").rows == []


def test_a_mail_that_does_not_say_whom_it_came_to_may_be_told(
    newsletter: CommandLine, path: str, tmp_path: Path
) -> None:
    file = tmp_path / "returned.eml"
    file.write_bytes(returned("undisclosed-recipients:;", code="5.2.2", diagnosis="552 5.2.2 full"))
    assert newsletter("bounces", "read", str(file)).rows[0][4] == "about nobody known"
    said = newsletter("bounces", "read", str(file), "--recipient", path)
    assert (said.rows[0][2], said.rows[0][4]) == ("ada@example.org", "score 1.0")
    assert newsletter("bounces", "read", "--recipient", path).code == 2
    assert newsletter("bounces", "read", str(tmp_path / "nothing.eml")).code == 2


def test_what_waits_in_the_maildir_is_read_and_a_trial_leaves_it_there(
    newsletter: CommandLine, path: str, tmp_path: Path
) -> None:
    Maildir(tmp_path / "Maildir").add(returned(path))
    Maildir(tmp_path / "Maildir").add(b"Subject: out of office\n\naway\n")
    looked = newsletter("bounces", "read", "--dry-run")
    assert [row[4] for row in looked.rows] == ["bounced", "nothing to count"]
    assert "looked at 2 mails" in looked.err
    assert len(list((tmp_path / "Maildir" / "new").iterdir())) == 2
    assert "read 2 mails" in newsletter("bounces", "read").err
    assert list((tmp_path / "Maildir" / "new").iterdir()) == []
    assert "read 0 mails" in newsletter("bounces", "read").err


def test_a_maildir_that_is_not_there_is_told_of(newsletter: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "Maildir" / "new").rmdir()
    said = newsletter("bounces", "read")
    assert said.code == 1
    assert "the Maildir cannot be read" in said.err


def test_without_a_mailbox_files_are_needed(newsletter: CommandLine) -> None:
    (newsletter.directory / "newsletter.yaml").write_text(SETTINGS)
    said = newsletter("bounces", "read")
    assert said.code == 2
    assert "add one, or name files" in said.err


def test_a_key_that_is_none_is_found_by_a_check_and_refused_by_whatever_reads(newsletter: CommandLine) -> None:
    webhooks = f"bounces:\n  webhooks:\n    sendgrid: {{public_key: {'x' * 64}}}\n"
    (newsletter.directory / "newsletter.yaml").write_text(SETTINGS + webhooks)
    said = newsletter("check")
    assert said.code == 2
    assert "bounces.webhooks.sendgrid cannot be used: it is not the verification key" in said.out
    assert "cannot be used" in newsletter("bounces", "read").err
