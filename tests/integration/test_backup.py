"""Backups of a store that has been used: taken while others write, put back elsewhere, and refused when damaged."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import stat
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config

from newsletter.core.links import Links
from newsletter.settings.load import load_configuration
from newsletter.settings.secrets import link_secret
from newsletter.store.archive import DATABASE, MANIFEST
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.lock import hold_store
from newsletter.store.migrate import SCRIPTS, connect, newest_version
from newsletter.store.sql import open_store
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import empty_postgres_url, migrated_file, postgres, postgres_url
from tests.support.lived_in import live_in
from tests.support.stored import NOW, add_people, arxiv_entry, at, succeeded

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.copying import Contents

__all__ = ["empty_postgres_url", "migrated_file", "postgres", "postgres_url"]


def contents(url: str) -> Contents:
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


def url_of(line: CommandLine) -> str:
    return load_configuration(line.directory).settings.database_url


def secret_of(line: CommandLine) -> str:
    return link_secret(load_configuration(line.directory).settings)


def point_at(line: CommandLine, url: str) -> None:
    path = line.directory / "newsletter.yaml"
    path.write_text(f"{path.read_text()}store:\n  url: {url}\n")
    path.chmod(0o600)


def restored(url: str) -> Contents:
    """Return what a store holds but for the seal, which restoring sets."""
    return {name: table for name, table in contents(url).items() if name != "seals"}


@pytest.fixture
def used(tmp_path: Path, migrated_file: Path) -> CommandLine:
    line = make_command_line(tmp_path / "used", migrated_file)
    line.with_store(live_in)
    return line


@pytest.fixture
def elsewhere(tmp_path: Path, migrated_file: Path) -> CommandLine:
    """The same configuration on another machine, with no database yet."""
    line = make_command_line(tmp_path / "elsewhere", migrated_file)
    shutil.rmtree(tmp_path / "elsewhere" / "data")
    return line


def test_what_was_backed_up_is_restored_elsewhere_and_old_links_work(
    used: CommandLine, elsewhere: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    answer = used("backup", str(file))
    assert (answer.code, answer.err) == (0, "")
    assert "4 subscribers" in answer.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    link = Links(secret_of(used), "https://example.org").unsubscribe_url(3)
    elsewhere("status")  # makes a database without anything and a secret of its own
    assert secret_of(elsewhere) != secret_of(used)
    answer = elsewhere("restore", str(file))
    assert answer.code == 0, answer.err
    assert "2 mails had not been sent when the backup was made" in answer.err
    assert restored(url_of(elsewhere)) == restored(url_of(used))
    assert Links(secret_of(elsewhere), "").read_unsubscribe(link.rpartition("/")[2]) == 3
    assert list(tmp_path.rglob(".newsletter-*")) == []
    assert elsewhere("restore", str(file)).code == 5
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        assert sorted(archive.namelist()) == ["link-secret", MANIFEST, DATABASE]
    assert manifest["schema"] == newest_version()
    assert manifest["tables"] == {name: table.rows for name, table in contents(url_of(used)).items()}
    assert secret_of(used) not in json.dumps(manifest)


@pytest.mark.parametrize("way", ["to", "from"])
def test_a_backup_goes_from_either_database_into_either(
    used: CommandLine, elsewhere: CommandLine, empty_postgres_url: str, tmp_path: Path, way: str
) -> None:
    file, before = str(tmp_path / "backup.zip"), restored(url_of(used))
    if way == "from":
        assert used("move-store", url_of(used), empty_postgres_url).code == 0
        point_at(used, empty_postgres_url)
    else:
        point_at(elsewhere, empty_postgres_url)
    assert used("backup", file).code == 0
    answer = elsewhere("restore", file, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["same_secret"] is True
    assert answer.json["kind"] == ("postgresql" if way == "from" else "sqlite")
    assert restored(url_of(elsewhere)) == before


def test_over_a_store_that_is_not_empty_only_by_force_and_what_it_held_is_kept(
    used: CommandLine, elsewhere: CommandLine, tmp_path: Path
) -> None:
    file = str(tmp_path / "backup.zip")
    assert used("backup", file).code == 0
    elsewhere("status")
    elsewhere.with_store(lambda store: add_people(store, "zoe"))
    before, secret = contents(url_of(elsewhere)), secret_of(elsewhere)
    refused = elsewhere("restore", file)
    assert (refused.code, "not empty" in refused.err) == (5, True)
    assert (contents(url_of(elsewhere)), secret_of(elsewhere)) == (before, secret)
    answer = elsewhere("restore", file, "--force", "--json")
    assert answer.code == 0, answer.err
    assert restored(url_of(elsewhere)) == restored(url_of(used))
    assert contents(f"sqlite:///{answer.json['kept']}") == before
    (kept_secret,) = (elsewhere.directory.parent / "data").glob("link-secret.before-restore-*")
    assert kept_secret.read_text().strip() == secret


def test_the_same_on_postgresql(used: CommandLine, elsewhere: CommandLine, postgres_url: str, tmp_path: Path) -> None:
    file = str(tmp_path / "backup.zip")
    assert used("backup", file).code == 0
    point_at(elsewhere, postgres_url)

    async def add_zoe() -> None:
        store = open_store(postgres_url)
        await add_people(store, "zoe")
        await store.aclose()

    asyncio.run(add_zoe())
    before = contents(postgres_url)
    assert elsewhere("restore", file).code == 5
    answer = elsewhere("restore", file, "--force", "--json")
    assert answer.code == 0, answer.err
    assert restored(postgres_url) == restored(url_of(used))
    assert elsewhere("restore", answer.json["kept"], "--force").code == 0
    assert restored(postgres_url) == {name: table for name, table in before.items() if name != "seals"}


def test_a_damaged_store_is_put_aside(used: CommandLine, elsewhere: CommandLine, tmp_path: Path) -> None:
    file = str(tmp_path / "backup.zip")
    assert used("backup", file).code == 0
    database = elsewhere.directory.parent / "data" / "newsletter.db"
    database.parent.mkdir()
    database.write_bytes(b"no database at all" * 1000)
    assert elsewhere("restore", file).code == 5
    assert elsewhere("restore", file, "--force").code == 0
    assert restored(url_of(elsewhere)) == restored(url_of(used))


def test_nobody_may_run_on_the_store(used: CommandLine, elsewhere: CommandLine, tmp_path: Path) -> None:
    file = str(tmp_path / "backup.zip")
    with hold_store(url_of(used), NOW):
        assert used("backup", file).code == 0  # that may go on beside the daemon
    with hold_store(url_of(elsewhere), NOW):
        refused = elsewhere("restore", file)
    assert refused.code == 3
    assert "another newsletter is running" in refused.err


def test_a_backup_is_not_written_over(used: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    file.write_text("precious")
    refused = used("backup", str(file))
    assert (refused.code, file.read_text()) == (5, "precious")
    assert used("backup", str(file), "--force").code == 0
    folder = tmp_path / "backups"
    folder.mkdir()
    made = used("backup", str(folder), "--json").json
    assert made["file"].startswith(f"{folder}/newsletter-2")
    assert made["bytes"] == next(folder.iterdir()).stat().st_size
    assert used("backup", str(tmp_path / "backup.zip" / "no-folder")).code == 3


def test_the_configuration_goes_along_only_when_asked_for(used: CommandLine, tmp_path: Path) -> None:
    path = used.directory / "newsletter.yaml"
    path.write_text(path.read_text() + "web:\n  secret: a secret of the configuration\n")
    path.chmod(0o600)
    used("backup", str(tmp_path / "without.zip"))
    used("backup", str(tmp_path / "with.zip"), "--with-configuration")
    with zipfile.ZipFile(tmp_path / "without.zip") as archive:
        assert sorted(archive.namelist()) == [MANIFEST, DATABASE]
        assert all(b"a secret of the configuration" not in archive.read(name) for name in archive.namelist())
    with zipfile.ZipFile(tmp_path / "with.zip") as archive:
        assert archive.read("configuration/newsletter.yaml").decode() == path.read_text()
        assert "configuration/profiles/vision.yaml" in archive.namelist()


def test_another_secret_in_the_configuration_is_told(used: CommandLine, elsewhere: CommandLine, tmp_path: Path) -> None:
    used("backup", str(tmp_path / "backup.zip"))
    path = elsewhere.directory / "newsletter.yaml"
    path.write_text(path.read_text() + "web:\n  secret: another secret altogether\n")
    path.chmod(0o600)
    answer = elsewhere("restore", str(tmp_path / "backup.zip"))
    assert answer.code == 0
    assert "links in mails already sent do not work" in answer.err


def repack(file: Path, changed: dict[str, bytes | None]) -> None:
    """Put other bytes into parts of a backup, or leave parts out."""
    with zipfile.ZipFile(file) as archive:
        parts: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (parts | changed).items():
            if content is not None:
                archive.writestr(name, content)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({DATABASE: b"other bytes"}, "not what was backed up"),
        ({DATABASE: None}, "holds no newsletter.db"),
        ({"link-secret": b"forged"}, "link-secret is not what was backed up"),
        ({MANIFEST: b"{"}, "no backup of newsletter"),
        ({MANIFEST: b'{"format": 1}'}, "no backup of newsletter"),
        ({MANIFEST: b"[]"}, "no backup of newsletter"),
        ({MANIFEST: b'{"format": 2}'}, "format 2"),
        ({MANIFEST: None}, "no backup of newsletter"),
    ],
    ids=range(8),
)
def test_a_damaged_backup_changes_nothing(
    used: CommandLine, elsewhere: CommandLine, tmp_path: Path, changed: dict[str, bytes | None], complaint: str
) -> None:
    file = tmp_path / "backup.zip"
    used("backup", str(file))
    repack(file, changed)
    answer = elsewhere("restore", str(file))
    assert (answer.code, complaint in answer.err) == (3, True), answer.err
    assert not (elsewhere.directory.parent / "data" / "newsletter.db").exists()


def test_what_is_no_backup_is_refused(elsewhere: CommandLine, tmp_path: Path, used: CommandLine) -> None:
    (tmp_path / "text").write_text("hello")
    assert elsewhere("restore", str(tmp_path / "text")).code == 3
    assert elsewhere("restore", str(tmp_path / "none")).code == 1
    file = tmp_path / "backup.zip"
    used("backup", str(file))
    file.write_bytes(file.read_bytes()[:-200])
    assert elsewhere("restore", str(file)).code == 3


def change_manifest(file: Path, **changes: object) -> None:
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    repack(file, {MANIFEST: json.dumps(manifest | changes).encode()})


def test_counts_and_versions_are_checked(used: CommandLine, elsewhere: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    used("backup", str(file))
    change_manifest(file, schema="9999")
    assert "made by a newer newsletter" in elsewhere("restore", str(file)).err
    change_manifest(file, schema=newest_version(), tables={"papers": 1})
    assert "does not hold what its manifest says" in elsewhere("restore", str(file)).err


def test_an_older_schema_is_brought_up_to_date(elsewhere: CommandLine, tmp_path: Path, used: CommandLine) -> None:
    database = used.directory.parent / "data" / "newsletter.db"
    database.unlink()
    with connect(parse_address(f"sqlite:///{database}"), 5, writing=True) as connection:
        configuration = Config()
        configuration.set_main_option("script_location", SCRIPTS)
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "0001")
        connection.exec_driver_sql(
            "INSERT INTO sources (name, failures, health, entries, skipped, options) "
            "VALUES ('old', 0, 'quiet', 1, 0, '')"
        )
    assert used("backup", str(tmp_path / "old.zip"), "--json").json["schema"] == "0001"
    answer = elsewhere("restore", str(tmp_path / "old.zip"))
    assert answer.code == 0, answer.err
    assert contents(url_of(elsewhere))["sources"].rows == 1


def test_a_damaged_store_gives_no_backup(used: CommandLine, tmp_path: Path) -> None:
    database = used.directory.parent / "data" / "newsletter.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("INSERT INTO paper_aliases (id, paper_id) VALUES (999, 998)")
    connection.close()
    answer = used("backup", str(tmp_path / "backup.zip"))
    assert answer.code == 3
    assert "a row of paper_aliases refers to none of papers" in answer.err
    assert not (tmp_path / "backup.zip").exists()


def is_consistent(tables: dict[str, int]) -> bool:
    """Every arrival of the writer below brings one paper and one sighting in one transaction."""
    return tables["papers"] == tables["sightings"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_backups_beside_a_writer_hold_one_moment_each(
    elsewhere: CommandLine, postgres_url: str, tmp_path: Path, kind: str
) -> None:
    if kind == "postgresql":
        point_at(elsewhere, postgres_url)
    elsewhere("migrate")
    url, stop = url_of(elsewhere), threading.Event()

    async def write() -> int:
        store, number = open_store(url), 0
        while not stop.is_set():
            number += 1
            await store.save_collection(succeeded(minutes=number), [arxiv_entry(number)], at(number))
        await store.aclose()
        return number

    written: list[int] = []
    thread = threading.Thread(target=lambda: written.append(asyncio.run(write())))
    thread.start()
    try:
        files = [str(tmp_path / f"{number}.zip") for number in range(4)]
        made = [elsewhere("backup", file, "--json") for file in files]
    finally:
        stop.set()
        thread.join()
    assert [answer.code for answer in made] == [0] * 4
    counts = [answer.json["tables"]["papers"] for answer in made]
    assert all(is_consistent(answer.json["tables"]) for answer in made)
    assert counts == sorted(counts)
    assert counts[-1] <= written[0]
    assert elsewhere("restore", files[-1], "--force").code == 0
    assert contents(url)["papers"].rows == counts[-1]
