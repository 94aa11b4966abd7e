"""``newsletter preview``: any day's mail, in each form, with pictures by a real Chromium, and its report."""

from __future__ import annotations

import socket
import zlib
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import NewsletterError
from newsletter.mail.chromium import Chromium, find_chromium
from newsletter.model import Health, SourceState
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import arxiv_entry

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

TODAY = datetime.now(UTC).date()
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAYS_AGO = {number: TODAY - timedelta(days=number) for number in range(6)}


async def papers_of_three_days(store: SqlStore) -> None:
    """Let a paper come at noon three, two and one day ago, and one of old with the very first answer."""
    old = arxiv_entry(8, title="Image number 8", abstract="Old.", published_at=NOON - timedelta(days=30))
    began = NOON - timedelta(days=4)
    asked = SourceState("samples", last_checked_at=began, last_success_at=began, health=Health.FRESH)
    await store.save_collection(asked, [old], began)
    for number in (3, 2, 1):
        moment = NOON - timedelta(days=number)
        entry = arxiv_entry(number, title=f"Image number {number}", abstract="About an image.", categories=("cs.CV",))
        await store.save_collection(asked, [entry], moment)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command = make_command_line(tmp_path, migrated_file)
    command.with_store(papers_of_three_days)
    return command


def titles(newsletter: CommandLine, *arguments: str) -> set[int]:
    """Return the numbers of the papers in a mail."""
    said = newsletter("preview", *arguments)
    assert said.code == 0, said.err
    return {number for number in range(1, 10) if f"* number {number}" in said.out}


def test_any_day_can_be_seen(newsletter: CommandLine) -> None:
    assert titles(newsletter, "vision") == {1, 2, 3}  # a new reader's first mail
    assert titles(newsletter, "vision", "--day", str(DAYS_AGO[2])) == {3}  # what came between two seven o'clocks
    assert titles(newsletter, "vision", "--day", str(DAYS_AGO[1])) == {2}
    assert titles(newsletter, "vision", "--day", str(DAYS_AGO[5])) == set()
    said = newsletter("preview", "vision", "--day", str(DAYS_AGO[1]), "--json").json
    assert (said["kind"], said["day"], said["provenance"]) == ("digest", str(DAYS_AGO[1]), "remade")
    ahead = newsletter("preview", "vision", "--day", str(TODAY + timedelta(days=1)), "--json").json
    assert (ahead["day"], ahead["provenance"]) == (str(TODAY + timedelta(days=1)), "now")
    assert newsletter("preview", "vision", "--day", "yesterday").code == 2


def test_a_planned_issue_is_shown_as_it_was(newsletter: CommandLine) -> None:
    added = newsletter("subscribers", "add", "ada@example.org", "--profile", "vision", "--zone", "UTC")
    assert added.code == 0, added.err
    assert newsletter("issue").code == 0

    async def one_more(store: SqlStore) -> date:
        entry = arxiv_entry(9, title="Image number 9", abstract="About an image.", categories=("cs.CV",))
        await store.save_collection(SourceState("samples"), [entry], datetime.now(UTC))
        (delivery,) = await store.list_deliveries()
        return delivery.issue_date

    day = str(newsletter.with_store(one_more))
    assert titles(newsletter, "ada@example.org", "--day", day) == {1, 2, 3}
    assert newsletter("preview", "ada@example.org", "--day", day, "--json").json["provenance"] == "planned"
    assert 9 in titles(newsletter, "ada@example.org")


def test_looking_changes_nothing(newsletter: CommandLine) -> None:
    database = newsletter.directory.parent / "data" / "newsletter.db"
    newsletter("preview", "vision")
    before = database.read_bytes()
    for day in (DAYS_AGO[0], DAYS_AGO[1], DAYS_AGO[5]):
        assert newsletter("preview", "vision", "--day", str(day), "--json").code == 0
    assert database.read_bytes() == before


def test_each_form_is_the_same_mail(newsletter: CommandLine, tmp_path: Path) -> None:
    files = {name: tmp_path / f"digest.{name}" for name in ("html", "text", "eml")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    said = newsletter("preview", "vision", *options, "--json")
    assert said.code == 0, said.err
    message = message_from_bytes(files["eml"].read_bytes(), policy=policy.default)
    for name, subtype in (("html", "html"), ("text", "plain")):
        part = message.get_body((subtype,))
        assert part is not None
        assert part.get_content().replace("\r\n", "\n") == files[name].read_text()
    assert said.json["subject"] == message["Subject"]
    octets = said.json["octets"]
    assert octets["html"] == len(files["html"].read_bytes())
    assert octets["clip"] == 102_000
    assert {"url", "words", "count", "fault"} == set(said.json["links"][0])
    assert {finding["level"] for finding in said.json["findings"]} <= {"ok", "warning"}


def test_the_report_for_people(newsletter: CommandLine) -> None:
    said = newsletter("preview", "vision", "--report")
    assert said.code == 0
    assert "octets of HTML" in said.out
    assert "what Gmail shows at once" in said.out
    assert "https://arxiv.org/abs/" in said.out
    assert "0 problems" in said.err


def test_a_faulty_template_shows_in_the_report(newsletter: CommandLine) -> None:
    folder = newsletter.directory / "templates" / "partials"
    folder.mkdir(parents=True)
    settings = newsletter.directory / "newsletter.yaml"
    settings.write_text(f"templates_directory: templates\n{settings.read_text()}")
    faulty = '<mj-text><img src="https://example.org/a.png"><a href="papers">all</a></mj-text>'
    (folder / "sources.mjml").write_text(faulty)
    said = newsletter("preview", "vision", "--report")
    assert said.code == 1
    assert "has no alt" in said.out
    assert "leads to papers: the https:// is missing" in said.out


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Return the colour of the corner, which every filter of PNG leaves as it is."""
    at, packed = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    row = zlib.decompress(packed)
    return row[1], row[2], row[3]


def test_pictures_at_both_widths_light_and_dark(newsletter: CommandLine, tmp_path: Path) -> None:
    if find_chromium() is None:
        pytest.skip("there is no Chromium on this machine")
    said = newsletter("preview", "vision", "--png", str(tmp_path / "new" / "pictures"), "--json")
    assert said.code == 0, said.err
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "new" / "pictures").iterdir()}
    assert set(pictures) == {"600-light.png", "600-dark.png", "375-light.png", "375-dark.png"}
    for name, png in pictures.items():
        assert int.from_bytes(png[16:20]) == int(name[:3])
        assert int.from_bytes(png[20:24]) > 400
        assert sum(first_pixel(png)) > 600 if "light" in name else sum(first_pixel(png)) < 150
    assert {"width 600 px", "width 375 px"} <= {finding["check"] for finding in said.json["findings"]}


def test_chromium_runs_nothing_asks_nobody_and_measures() -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with socket.create_server(("127.0.0.1", 0)) as server, Chromium(program) as chromium:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.png"
        script = f"<script>document.body.innerHTML = '<i>' + fetch('{address}')</script>"
        picture = chromium.picture(f'<div style="width:700px;height:900px"><img src="{address}"></div>{script}', 600)
        assert picture.overhang > 90
        assert 900 < picture.height < 1000
        assert chromium.picture("<p>small</p>", 375).overhang == 0
        assert chromium.picture('<div style="height:40000px">', 375).is_cut
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_without_chromium_it_is_said_and_the_rest_is_done(
    newsletter: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nowhere"))
    said = newsletter("preview", "vision", "--png", str(tmp_path / "p"), "--html", str(tmp_path / "d.html"))
    assert said.code == 1
    assert "no pictures were taken, for there is no Chromium" in said.err
    assert "apt install chromium" in said.err
    assert (tmp_path / "d.html").exists()
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("script", "words"),
    [("exit 1", "ended before the pictures were taken"), ("exec sleep 60", "did not answer within 0.3 seconds")],
)
def test_a_chromium_that_fails_is_told(tmp_path: Path, script: str, words: str) -> None:
    program = tmp_path / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(NewsletterError, match=words), Chromium(str(program), timeout_s=0.3):
        pass
    program.write_text("#!/nowhere/sh\n")
    with pytest.raises(NewsletterError, match="cannot be started"), Chromium(str(program)):
        pass
