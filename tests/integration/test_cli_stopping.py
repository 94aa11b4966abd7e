"""``newsletter pause``, ``unpause`` and ``unseal``, and what commands that send say then."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from newsletter.model import PauseScope
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import NOW, add_people, digest_of, planned

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]


async def a_mail_that_waits(store: SqlStore) -> None:
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of())], {}, NOW)


async def settle_here(store: SqlStore) -> None:
    await store.settle_here(NOW, moving=True)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command_line = make_command_line(tmp_path / "here", migrated_file)
    command_line.with_store(a_mail_that_waits)
    return command_line


@pytest.fixture
def copied(newsletter: CommandLine, tmp_path: Path) -> CommandLine:
    """A copy of an installation that has sent."""
    newsletter.with_store(settle_here)
    shutil.copytree(newsletter.directory.parent, tmp_path / "copy")
    return CommandLine(tmp_path / "copy" / "config")


def test_what_is_paused_is_not_sent_and_everybody_says_so(newsletter: CommandLine) -> None:
    assert newsletter("pause", "--reason", "moving the mail server").out == "sending is paused\n"
    assert newsletter("pause").out == "sending was paused already\n"
    assert newsletter("pause", "--reason", "moving on").code == 0
    for command in ("deliver", "send"):
        said = newsletter(command)
        assert said.code == 5
        assert "sending is paused since" in said.err
        assert "(moving on); `newsletter unpause` goes on" in said.err
    assert "sending is paused since" in newsletter("status").err
    assert newsletter("status", "--json").json["clearance"]["pauses"][0]["reason"] == "moving on"
    assert newsletter("pause").code == 0  # which says nothing new, and so changes nothing
    rehearsed = newsletter("deliver", "--dry-run")
    assert (rehearsed.code, rehearsed.err.count("(moving on); `newsletter unpause` goes on")) == (0, 1)
    assert newsletter("unpause", "--dry-run").out == "sending would go on; 2 mails not sent yet\n"
    assert newsletter("unpause").out == "sending goes on; 2 mails not sent yet\n"
    assert newsletter("unpause").code == 4
    assert newsletter("status").err == ""


def test_a_profile_is_paused_by_its_name(newsletter: CommandLine) -> None:
    assert newsletter("pause", "--profile", "vision").out == "the profile vision is paused\n"
    for words in (["deliver", "--dry-run"], ["deliver"]):
        assert "the profile vision is paused since" in newsletter(*words).err
    assert "did you mean vision?" in newsletter("pause", "--profile", "vison").err
    assert "the profile vision is paused since" in newsletter("status").err
    assert newsletter("pause").code == 0
    assert "the profile vision is paused since" in newsletter("unpause").err
    assert newsletter("unpause", "--profile", "vision").code == 0


def test_one_thing_is_paused_at_a_time(newsletter: CommandLine) -> None:
    assert newsletter("pause", "--profile", "vision", "--relay", "x").code == 2


def test_a_copy_sends_nothing_until_it_is_told(copied: CommandLine) -> None:
    for command in ("deliver", "send"):
        said = copied(command)
        assert said.code == 5
        assert "the store is sealed, nothing is sent from" in said.err
        assert "run `newsletter unseal`" in said.err
    assert copied("collect").code == copied("issue").code == 0
    assert copied("status", "--json").json["sealed"] is True
    looked = copied("unseal", "--dry-run")
    assert "here/data/newsletter.db on " in looked.out
    assert "copy/data/newsletter.db on " in looked.out
    assert copied("unseal", answer="n\n").code == 1
    assert copied("status", "--json").json["sealed"] is True
    assert copied("unseal", answer="y\n").code == 0
    assert copied("status", "--json").json["sealed"] is False
    assert "not sealed" in copied("unseal").out
    assert "the store is sealed" not in copied("deliver").err


def test_the_original_goes_on_sending(newsletter: CommandLine, copied: CommandLine) -> None:
    assert copied("status", "--json").json["sealed"] is True
    assert newsletter("status", "--json").json["sealed"] is False
    assert newsletter("deliver").code != 5


async def pauses_of(store: SqlStore) -> list[PauseScope]:
    return [pause.scope for pause in await store.pauses()]


def test_a_pause_comes_along_with_a_copy(newsletter: CommandLine, tmp_path: Path) -> None:
    assert newsletter("pause").code == 0
    shutil.copytree(newsletter.directory.parent, tmp_path / "other")
    assert CommandLine(tmp_path / "other" / "config").with_store(pauses_of) == [PauseScope.ALL]
