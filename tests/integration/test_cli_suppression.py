"""``newsletter suppression``: by address and by domain, by hand and in files, and what comes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from newsletter.model import (
    Bounce,
    BounceKind,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Verdict,
)
from newsletter.wiring.application import open_application
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


def values(newsletter: CommandLine) -> list[tuple[str, str]]:
    return [(each["kind"], each["value"]) for each in newsletter("suppression", "list", "--json").json]


def test_an_address_and_a_domain_are_suppressed_and_released(newsletter: CommandLine) -> None:
    said = newsletter("suppression", "add", "Old@Example.org", "bücher.example", "--detail", "asked", "--days", "30")
    assert said.code == 0
    assert "address old@example.org is suppressed until" in said.out
    assert "domain xn--bcher-kva.example is suppressed until" in said.out
    assert values(newsletter) == [("address", "old@example.org"), ("domain", "xn--bcher-kva.example")]
    [row] = newsletter("suppression", "list", "old@").rows
    assert row[2] == "manual"
    assert row[5:] == ["command-line", "asked"]
    assert newsletter("suppression", "remove", "old@example.org", answer="n\n").code == 1
    assert newsletter("suppression", "remove", "old@example.org", "--dry-run").code == 0
    assert len(values(newsletter)) == 2
    assert newsletter("suppression", "remove", "old@example.org", "@bücher.example", "--yes").code == 0
    assert values(newsletter) == []
    assert newsletter("suppression", "remove", "old@example.org", "--yes").code == 4


def test_a_dry_run_suppresses_nobody(newsletter: CommandLine) -> None:
    said = newsletter("suppression", "add", "example.com", "--dry-run")
    assert said.out == "domain example.com would be suppressed\n"
    assert values(newsletter) == []


def test_what_is_neither_an_address_nor_a_domain_is_refused(newsletter: CommandLine) -> None:
    for wrong in ("nonsense", "a b@example.org", "@", ""):
        said = newsletter("suppression", "add", wrong)
        assert said.code == 2, said
        assert "Traceback" not in said.err


def test_an_address_is_checked_with_its_domain(newsletter: CommandLine) -> None:
    assert newsletter("suppression", "add", "example.com", "--detail", "closed").code == 0
    said = newsletter("suppression", "check", "ada@example.org", "Bob@example.com")
    assert said.code == 5
    assert [row[:3] for row in said.rows] == [
        ["ada@example.org", "nothing"],
        ["Bob@example.com", "domain example.com", "manual"],
    ]
    free = newsletter("suppression", "check", "ada@example.org", "--json")
    assert (free.code, free.json) == (0, [{"address": "ada@example.org", "suppressed": False, "by": None}])


def test_what_is_exported_is_imported_again_to_the_last_column(newsletter: CommandLine, tmp_path: Path) -> None:
    suppressions = [
        Suppression(SuppressionKind.ADDRESS, "=cmd@example.org", SuppressionReason.COMPLAINT, "“spam”", "ses", NOW),
        Suppression(SuppressionKind.DOMAIN, "example.com", SuppressionReason.MANUAL, "a, b", "x", NOW, NOW),
    ]

    async def fill(store: SqlStore) -> list[Suppression]:
        await store.suppress(suppressions)
        return await store.list_suppressions()

    async def empty(store: SqlStore) -> int:
        return await store.unsuppress([(each.kind, each.value) for each in suppressions])

    async def all_of_it(store: SqlStore) -> list[Suppression]:
        return await store.list_suppressions()

    before = newsletter.with_store(fill)
    file = tmp_path / "suppressed.csv"
    assert newsletter("suppression", "export", str(file)).code == 0
    assert "'=cmd@example.org" in file.read_text()
    assert newsletter("suppression", "export", str(file)).code == 5  # it is there already
    assert newsletter("suppression", "export").out == file.read_text()
    newsletter.with_store(empty)
    assert newsletter("suppression", "import", str(file), "--yes").code == 0
    assert newsletter.with_store(all_of_it) == before


def test_a_list_of_another_sender_is_imported(newsletter: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "bounces.csv"
    file.write_text(
        "Email,Created,Reason,IP\n"
        "Ada@example.org,1735689600,550 5.1.1 unknown user,192.0.2.1\n"
        "nonsense,,,\n"
        "example.net,2026-01-01,complaint,\n"
        "bob@example.org,yesterday,,\n"
    )
    looked = newsletter("suppression", "import", str(file), "--dry-run")
    assert looked.code == 2
    assert "bounces.csv:3: “nonsense” is neither" in looked.err
    assert "bounces.csv:5: “yesterday” is not a date" in looked.err
    assert values(newsletter) == []
    said = newsletter("suppression", "import", str(file), "--yes", "--json")
    assert said.code == 2
    assert (said.json["new"], said.json["known"], said.json["applied"]) == (2, 0, True)
    ada, domain = newsletter("suppression", "list", "--json").json
    assert (ada["value"], ada["reason"], ada["detail"]) == ("ada@example.org", "import", "550 5.1.1 unknown user")
    assert ada["created_at"] == "2025-01-01T00:00:00Z"
    assert (domain["value"], domain["reason"]) == ("example.net", "complaint")


def test_a_plain_list_does_not_replace_what_is_in_force(newsletter: CommandLine, tmp_path: Path) -> None:
    assert newsletter("suppression", "add", "ada@example.org", "--detail", "asked").code == 0
    file = tmp_path / "list.txt"
    file.write_text("# ours\nada@example.org\n\nbob@example.org\nbob@example.org\n")
    said = newsletter("suppression", "import", str(file), "--detail", "old sender", "--yes")
    assert said.out == "1 suppressed, 1 known, 0 lines wrong\n"
    ada, bob = newsletter("suppression", "list", "--json").json
    assert (ada["detail"], bob["detail"]) == ("asked", "old sender")
    assert newsletter("suppression", "import", str(file)).out == "0 to suppress, 2 known, 0 lines wrong\n"


def test_who_comes_back_is_suppressed_no_more(newsletter: CommandLine) -> None:
    assert newsletter("subscribers", "add", "ada@example.org", "--profile", "vision").code == 0

    async def bounces(store: SqlStore) -> None:
        ada = await store.find_subscriber("ada@example.org")
        found = Suppression(
            SuppressionKind.ADDRESS, "ada@example.org", SuppressionReason.HARD_BOUNCE, "5.1.1", "smtp", NOW
        )
        bounce = Bounce(BounceKind.HARD, "smtp", NOW, "one", ada.id)
        await store.record_bounce(bounce, lambda _: Verdict(None, SubscriberStatus.BOUNCED, "5.1.1", found))

    newsletter.with_store(bounces)
    dry = newsletter("suppression", "remove", "ada@example.org", "--dry-run")
    assert "`newsletter subscribers resume ada@example.org` writes to them again" in dry.err
    said = newsletter("subscribers", "resume", "ada@example.org")
    assert (said.code, said.err) == (0, "")
    assert values(newsletter) == []
    assert newsletter("suppression", "add", "example.org", "--detail", "closed").code == 0
    said = newsletter("subscribers", "resume", "ada@example.org")
    assert "domain example.org is suppressed (manual: closed)" in said.err
    assert values(newsletter) == [("domain", "example.org")]


def erase(newsletter: CommandLine, address: str) -> None:
    """Erase somebody as the pages do: with the installation's own secret."""

    async def work() -> None:
        async with open_application(newsletter.directory) as application:
            who = await application.store.find_subscriber(address)
            assert await application.store.erase_subscriber(who.id, NOW)

    asyncio.run(work())


def test_whoever_was_erased_is_known_by_a_hash_and_not_brought_back(newsletter: CommandLine) -> None:
    ada = "ada@example.org"
    assert newsletter("subscribers", "add", ada, "--profile", "vision").code == 0
    erase(newsletter, ada)
    listed = newsletter("suppression", "list")
    assert "ada" not in listed.out
    [[kind, value, reason, *_]] = listed.rows
    assert (kind, value.startswith("hmac:"), reason) == ("hash", True, "erased")
    checked = newsletter("suppression", "check", "Ada@example.org")
    assert (checked.code, checked.rows[0][1].startswith("hash hmac:")) == (5, True)
    people = newsletter.directory / "people.csv"
    people.write_text(f"address,profiles\n{ada},vision\nbob@example.org,vision\n")
    imported = newsletter("subscribers", "import", str(people), "--yes")
    assert (imported.code, "1 added" in imported.out) == (2, True)
    assert "had everything about them erased" in imported.err
    added = newsletter("subscribers", "add", ada)
    assert (added.code, "suppression remove" in added.err) == (5, True)
    exported = newsletter("suppression", "export").out
    assert newsletter("suppression", "remove", ada, "--yes").code == 0
    assert values(newsletter) == []
    (newsletter.directory / "back.csv").write_text(exported)
    assert newsletter("suppression", "import", str(newsletter.directory / "back.csv"), "--yes").code == 0
    assert values(newsletter) == [("hash", value)]
    assert newsletter("suppression", "remove", value, "--yes").code == 0
    assert newsletter("subscribers", "add", ada).code == 0
