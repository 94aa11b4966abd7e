"""``newsletter subscribers`` on a real store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from newsletter.core.address import parse_address
from newsletter.model import Consent, Keyword, Origin, Subscriber, SubscriberDraft, SubscriberStatus
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

ADA = "ada@example.org"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


def find(newsletter: CommandLine, address: str = ADA) -> Subscriber:
    return newsletter.with_store(lambda store: store.find_subscriber(parse_address(address).key))


def keep_in_a_file(newsletter: CommandLine, address: str = "kept@example.org") -> None:
    draft = SubscriberDraft(parse_address(address), profiles=("team",), zone="UTC")
    newsletter.with_store(lambda store: store.sync_file_subscribers([draft], NOW))


def write(newsletter: CommandLine, content: str, name: str = "people.csv") -> str:
    path = newsletter.directory / name
    path.write_text(content, encoding="utf-8")
    return str(path)


def test_somebody_is_added_with_what_is_said_and_the_defaults_for_the_rest(newsletter: CommandLine) -> None:
    said = newsletter(
        *("subscribers", "add", ADA, "--profile", "vision", "--profile", "language-models", "--at", "7:45"),
        *("--on", "friday", "--keyword", 'title:"RAG"^2', "--json"),
    )
    assert said.code == 0
    assert said.json == json.loads(newsletter("subscribers", "show", ADA, "--json").out)
    ada = find(newsletter)
    assert ada.profiles == ("vision", "language-models")
    assert (ada.zone, f"{ada.send_at_local:%H:%M}") == ("Europe/London", "07:45")
    assert (ada.frequency, ada.weekday, ada.status) == ("weekly", "friday", SubscriberStatus.ACTIVE)
    assert ada.keywords[0].text == '"RAG"'
    assert ada.consent.method == "command-line"
    assert ada.consent.proof.startswith("added by ")


def test_everything_that_is_wrong_with_the_options_is_told_at_once(newsletter: CommandLine) -> None:
    words = ("--profile", "visoin", "--zone", "Berlin", "--at", "noon", "--on", "Fryday", "--template", "digset")
    said = newsletter("subscribers", "add", "ada", *words)
    assert said.code == 2
    lines = said.err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [
        "ADDRESS",
        "--zone",
        "--at",
        "--on",
        "--profile",
        "--template",
    ]
    assert "did you mean “Europe/Berlin”?" in lines[1]
    assert "did you mean “friday”?" in lines[3]
    assert "did you mean “vision”?" in lines[4]
    assert "did you mean “digest”?" in lines[5]
    assert newsletter("subscribers", "list").rows == []


def test_nobody_is_added_twice(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    said = newsletter("subscribers", "add", "Ada@Example.org", "--profile", "team")
    assert said.code == 5
    assert "is there already" in said.err
    assert find(newsletter).profiles == ("vision",)


def test_who_has_yet_to_confirm_is_pending_until_resumed(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision", "--pending")
    assert find(newsletter).status is SubscriberStatus.PENDING
    assert newsletter("subscribers", "resume", ADA).code == 0
    assert find(newsletter).status is SubscriberStatus.ACTIVE


def test_who_takes_nothing_is_remarked(newsletter: CommandLine) -> None:
    assert "there is nothing to send" in newsletter("subscribers", "add", ADA).err


def test_a_misspelt_address_is_suggested(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    said = newsletter("subscribers", "show", "aba@example.org")
    assert (said.code, said.out) == (4, "")
    assert said.err == "newsletter: there is no subscriber aba@example.org (did you mean ada@example.org?)\n"


def test_an_edit_changes_what_is_said_and_nothing_else(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision", "--keyword", "graph*", "--keyword", "audio")
    before = find(newsletter)
    said = newsletter(
        *("subscribers", "edit", ADA, "--add-profile", "team", "--drop-profile", "vision", "--drop-keyword", "audio"),
        *("--add-keyword", "speech", "--zone", "Asia/Tokyo"),
    )
    assert said.code == 0
    after = find(newsletter)
    assert (after.profiles, after.zone) == (("team",), "Asia/Tokyo")
    assert after.keywords == (Keyword("graph*"), Keyword("speech"))
    assert (after.send_at_local, after.frequency, after.id) == (before.send_at_local, before.frequency, before.id)


def test_lists_are_emptied_and_addresses_changed(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision", "--keyword", "graph*")
    newsletter("subscribers", "edit", ADA, "--keyword", "none", "--address", "countess@example.org")
    assert find(newsletter, "countess@example.org").keywords == ()
    assert newsletter("subscribers", "show", ADA).code == 4


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "there is nothing to change"),
        (("--add-profile", "visoin"), 4, "did you mean vision?"),
        (("--add-keyword", "x^0"), 2, "is not above 0"),
        (("--frequency", "hourly"), 2, "is not a frequency"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(
    newsletter: CommandLine, options: tuple[str, ...], code: int, said: str
) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    before = find(newsletter)
    refused = newsletter("subscribers", "edit", ADA, *options)
    assert refused.code == code
    assert said in refused.err
    assert find(newsletter) == before


@pytest.mark.parametrize("command", [("edit", "--zone", "UTC"), ("remove", "--yes")])
def test_who_is_kept_in_a_file_is_changed_there(newsletter: CommandLine, command: tuple[str, ...]) -> None:
    keep_in_a_file(newsletter)
    said = newsletter("subscribers", command[0], "kept@example.org", *command[1:])
    assert said.code == 5
    assert str(newsletter.directory / "profiles" / "team.yaml") in said.err
    assert find(newsletter, "kept@example.org").zone == "UTC"


def test_the_list_is_filtered(newsletter: CommandLine) -> None:
    for name, profile in (("ada", "vision"), ("bob", "team"), ("eve", "vision")):
        newsletter("subscribers", "add", f"{name}@example.org", "--profile", profile)
    newsletter("subscribers", "pause", "eve@example.org")
    keep_in_a_file(newsletter)

    def listed(*options: str) -> list[str]:
        return [row[0].split("@")[0] for row in newsletter("subscribers", "list", *options).rows]

    assert listed() == ["ada", "bob", "eve", "kept"]
    assert listed("--status", "paused") == ["eve"]
    assert listed("--profile", "vision") == ["ada", "eve"]
    assert listed("--origin", "file") == ["kept"]
    assert listed("--text", "BOB") == ["bob"]
    shortened = newsletter("subscribers", "list", "--limit", "2")
    assert (len(shortened.rows), "only the first 2" in shortened.err) == (2, True)
    assert [item["address"] for item in newsletter("subscribers", "list", "--limit", "1", "--json").json] == [ADA]
    unknown = newsletter("subscribers", "list", "--profile", "visoin")
    assert (unknown.code, "did you mean “vision”?" in unknown.err) == (4, True)
    misspelt = newsletter("subscribers", "list", "--status", "actve")
    assert (misspelt.code, misspelt.out) == (2, "")
    assert misspelt.err == "newsletter: --status: “actve” is not a status — did you mean “active”?\n"
    assert "use one of store, file" in newsletter("subscribers", "list", "--origin", "x").err


def test_a_pause_has_an_end_in_the_future(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    assert newsletter("subscribers", "pause", ADA, "--until", "2020-01-01").code == 2
    assert find(newsletter).status is SubscriberStatus.ACTIVE
    assert "paused until 2999-12-31" in newsletter("subscribers", "pause", ADA, "--until", "2999-12-31").out
    shown = newsletter("subscribers", "show", ADA).out.splitlines()
    assert "paused until: 2999-12-31" in shown
    assert "reason: paused on the command line" in shown
    newsletter("subscribers", "resume", ADA)
    assert (find(newsletter).status, find(newsletter).paused_until) == (SubscriberStatus.ACTIVE, None)


def test_who_unsubscribed_comes_back_only_when_they_asked_to(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    ada = find(newsletter)
    newsletter.with_store(
        lambda store: store.set_status(ada.id, SubscriberStatus.UNSUBSCRIBED, "by the link in a mail", NOW)
    )
    assert newsletter("subscribers", "pause", ADA).code == 5
    refused = newsletter("subscribers", "resume", ADA)
    assert (refused.code, "--consent" in refused.err) == (5, True)
    newsletter("subscribers", "resume", ADA, "--consent", "mail of 3 May")
    assert (find(newsletter).status, find(newsletter).status_reason) == (SubscriberStatus.ACTIVE, "mail of 3 May")


def test_removing_asks_and_forgets(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    assert "would remove" in newsletter("subscribers", "remove", ADA, "--dry-run").out
    assert newsletter("subscribers", "remove", ADA, answer="n\n").code == 1
    assert "--yes" in newsletter("subscribers", "remove", ADA).err
    assert find(newsletter).address.text == ADA
    assert newsletter("subscribers", "remove", ADA, answer="y\n").code == 0
    assert newsletter("subscribers", "list").rows == []


PEOPLE = """\
address,zone,profiles,keywords,status
ada@example.org,Europe/Berlin,vision;team,"graph*;title:""RAG"" ",
bob@example,,vision,,
eve@example.org,Mars/Base,visoin,,
joe@example.org,,none,audio,paused
ada@example.org,UTC,vision,,
"""


def test_an_import_says_what_it_would_do_and_does_it(newsletter: CommandLine) -> None:
    file = write(newsletter, PEOPLE)
    tried = newsletter("subscribers", "import", file, "--dry-run")
    assert tried.code == 2
    assert tried.out.splitlines()[0].startswith("+ ada@example.org zone=Europe/Berlin; send_at=06:30")
    assert tried.out.splitlines()[-1] == "2 to add, 0 to change, 0 unchanged, 4 lines wrong"
    assert [line.partition(f"{file}:")[2].split(":")[0] for line in tried.err.splitlines()] == ["3", "4", "4", "6"]
    assert newsletter("subscribers", "list").rows == []

    assert newsletter("subscribers", "import", file, answer="no\n").code == 1
    assert newsletter("subscribers", "list").rows == []

    done = newsletter("subscribers", "import", file, "--yes")
    assert done.code == 2
    assert "imported: 2 added, 0 changed" in done.out
    ada, joe = find(newsletter), find(newsletter, "joe@example.org")
    assert (ada.profiles, ada.zone, ada.keywords[0].text) == (("vision", "team"), "Europe/Berlin", "graph*")
    assert (joe.status, joe.zone, joe.profiles) == (SubscriberStatus.PAUSED, "Europe/London", ())
    assert (ada.consent.method, ada.consent.proof) == ("import", "people.csv, line 2")
    assert joe.consent.proof == "people.csv, line 5"


def test_a_second_import_changes_nothing(newsletter: CommandLine) -> None:
    file = write(newsletter, PEOPLE)
    newsletter("subscribers", "import", file, "--yes")
    before = newsletter("subscribers", "list", "--json").out
    again = newsletter("subscribers", "import", file, "--yes")
    assert "0 to add, 0 to change, 2 unchanged" in again.out
    assert "nothing to import" in again.out
    assert newsletter("subscribers", "list", "--json").out == before


def test_an_import_as_json_is_one_document(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision", "--zone", "UTC")
    file = write(newsletter, "address,zone\nada@example.org,Asia/Tokyo\nbob@example.org,\nx,\n")
    said = newsletter("subscribers", "import", file, "--json", "--yes")
    assert said.json["changed"] == [
        {"line": 2, "address": ADA, "fields": {"zone": {"before": "UTC", "after": "Asia/Tokyo"}}}
    ]
    assert [item["address"] for item in said.json["added"]] == ["bob@example.org"]
    assert [item["line"] for item in said.json["errors"]] == [4]
    assert said.json["applied"] is True
    assert find(newsletter).zone == "Asia/Tokyo"


def test_an_import_touches_neither_the_files_people_nor_who_said_no(newsletter: CommandLine) -> None:
    keep_in_a_file(newsletter)
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    ada = find(newsletter)
    newsletter.with_store(lambda store: store.set_status(ada.id, SubscriberStatus.UNSUBSCRIBED, "link", NOW))
    file = write(newsletter, "address,status,zone\nada@example.org,active,\nkept@example.org,,Asia/Tokyo\n")
    said = newsletter("subscribers", "import", file, "--yes")
    assert "ada@example.org is unsubscribed since" in said.err
    assert "kept@example.org is kept in a profile file" in said.err
    assert find(newsletter).status is SubscriberStatus.UNSUBSCRIBED
    assert find(newsletter, "kept@example.org").zone == "UTC"


def test_a_file_that_is_no_list_of_subscribers_changes_nothing(newsletter: CommandLine) -> None:
    said = newsletter("subscribers", "import", write(newsletter, "email,zone\nada@example.org,UTC\n"))
    assert (said.code, said.out) == (2, "")
    assert "did you mean “address”?" in said.err


async def add_strange_people(store: SqlStore) -> None:
    for number, text in enumerate(("=cmd@example.org", "+x@bücher.example", "o'brien@example.org")):
        draft = SubscriberDraft(
            parse_address(text), profiles=("vision",), keywords=(Keyword("=1+1"), Keyword("a;b^2", 2.0 + number))
        )
        await store.add_subscriber(draft, Consent("test", NOW), Origin.STORE, NOW)


def test_what_is_exported_is_imported_elsewhere_as_it_was(
    newsletter: CommandLine, tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> None:
    newsletter.with_store(add_strange_people)
    newsletter("subscribers", "add", ADA, "--profile", "team", "--on", "sunday")
    newsletter("subscribers", "pause", "o'brien@example.org")
    keep_in_a_file(newsletter)
    exported = newsletter("subscribers", "export")
    assert "1 subscriber of the profile files left out" in exported.err
    assert "\n=" not in exported.out
    file = write(newsletter, exported.out)
    assert "0 to add, 0 to change, 4 unchanged" in newsletter("subscribers", "import", file, "--dry-run").out

    elsewhere = make_command_line(tmp_path_factory.mktemp("elsewhere"), migrated_file)
    assert elsewhere("subscribers", "import", file, "--yes").code == 0
    assert elsewhere("subscribers", "export").out == exported.out


def test_an_exported_file_is_its_owner_s_and_not_overwritten_unasked(newsletter: CommandLine) -> None:
    newsletter("subscribers", "add", ADA, "--profile", "vision")
    file = newsletter.directory / "out.csv"
    assert newsletter("subscribers", "export", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text()
    newsletter("subscribers", "add", "bob@example.org", "--profile", "vision")
    assert newsletter("subscribers", "export", str(file), answer="n\n").code == 1
    assert file.read_text() == first
    assert newsletter("subscribers", "export", str(file), "--yes").code == 0
    assert "bob@example.org" in file.read_text()
    assert newsletter("subscribers", "export", str(newsletter.directory / "none" / "out.csv")).code == 2


def test_nobody_is_exported_as_a_header_alone(newsletter: CommandLine) -> None:
    assert newsletter("subscribers", "export").out.startswith("address,zone,send_at,")
