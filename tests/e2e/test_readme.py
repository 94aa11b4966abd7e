"""What the README and the other documents tell a reader to type and to write, typed and written."""

from __future__ import annotations

import subprocess
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.core.match import Matcher
from newsletter.settings.load import load_configuration
from newsletter.store.lock import hold_store
from tests.support.command_line import CommandLine
from tests.support.documents import blocks, command_lines, take_off_the_network, type_in
from tests.support.samples import make_paper

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
# tests/architecture/test_commands.py runs those of the reference, each on its own.
DOCS = sorted(
    path for path in (ROOT / "docs").glob("*.md") if path.name != "commands.md" and command_lines(path.read_text())
)
PEOPLE = "address,zone,profiles\nann@example.org,Europe/Paris,language-models\nbea@example.org,,vision-diffusion\n"
# What documents leave to the reader.
STAND_INS = {
    "2305.15558": "1501.95001",
    "PAPER": "1501.95001",
    "ADDRESS": "reader@example.org",
    "PROFILE": "language-models",
    "NAME": "language-models",
    "DIRECTORY": "another-newsletter",
    "FILE": "returned.eml",
    "robots": "language-models",
    "ID": "1",
}
MORE_IN_SENTENCES = {
    "newsletter why",
    "newsletter subscribers import",
    "newsletter COMMAND --help",
    "newsletter subscribers pause",
    "newsletter subscribers show",
    "newsletter subscribers remove",
    "newsletter api make-token",
    "newsletter suppression add",
    "newsletter move-store",
}
# What needs more than a new installation (daemons, other machines, a failure), and where it is typed instead.
ELSEWHERE = {
    "newsletter run": "tests/e2e/test_daemon.py",
    "newsletter worker": "tests/e2e/test_roles.py",
    "newsletter doctor": "tests/integration/test_doctor.py",
    "newsletter dkim check": "tests/integration/test_dkim_command.py",
    "newsletter pause --relay backup": "tests/integration/test_cli_relays.py",
    "newsletter relays reset": "tests/integration/test_cli_relays.py",
    "newsletter deliveries retry": "tests/integration/test_cli_deliveries.py",
    "newsletter webhooks": "tests/integration/test_cli_webhooks.py",
    "newsletter picks": "tests/integration/test_picks.py",
    "newsletter suppression remove": "tests/integration/test_cli_suppression.py",
    "newsletter admin hash-password": "tests/unit/settings/test_admin.py",
    "newsletter unseal": "tests/integration/test_cli_stopping.py",
}
RETURNED = "From: MAILER-DAEMON@example.net\nSubject: Undelivered\n\nNo such user.\n"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were shown in a browser."""
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


@pytest.fixture
def newsletter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> CommandLine:
    """A reader's terminal, on what ``newsletter init`` wrote."""
    monkeypatch.chdir(tmp_path)
    for name in ("readers.csv", "people.csv"):
        (tmp_path / name).write_text(PEOPLE)
    (tmp_path / "returned.eml").write_text(RETURNED)
    made = CommandLine(tmp_path / "my-newsletter")
    assert made("init", "my-newsletter").code == 0
    take_off_the_network(made.directory)
    assert isinstance(opened, list)
    return made


def test_the_readme_s_commands_do_what_it_says(newsletter: CommandLine, opened: list[str]) -> None:
    shown = [line for line in command_lines(README) if line not in MORE_IN_SENTENCES]
    assert len(shown) > 12
    for line in shown:
        if " init " in line:  # which the fixture did
            continue
        said = type_in(newsletter, line, STAND_INS)
        assert said.code == 0, f"{line}: {said.err}"
        if "subscribers import" in line:  # the daemon's turn: step 5 of the README
            sent = newsletter("send")
            assert sent.code == 0, sent.err
    assert opened


def test_what_one_does_every_day_works_beside_a_running_daemon(newsletter: CommandLine) -> None:
    assert newsletter("send").code == 0
    every_day = README.partition("## Every day")[2]
    with hold_store(f"sqlite:///{newsletter.directory / 'data' / 'newsletter.db'}", datetime.now(UTC)):
        assert newsletter("send").code == 3  # which only one process may do
        for line in [*command_lines(every_day), "newsletter subscribers add new@example.org", "newsletter collect"]:
            said = type_in(newsletter, line, STAND_INS)
            assert said.code == 0, f"{line}: {said.err}"


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_the_documents_commands_do_what_they_say(document: Path, newsletter: CommandLine) -> None:
    assert newsletter("send").code == 0
    for line in command_lines(document.read_text()):
        is_elsewhere = any(line.startswith(command) for command in ELSEWHERE)
        if line not in MORE_IN_SENTENCES and "…" not in line and not is_elsewhere:
            said = type_in(newsletter, line, STAND_INS)
            assert said.code == 0, f"{line}: {said.err}"


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_typed_elsewhere_is(command: str) -> None:
    words = command.split()[1:]
    typed = (ROOT / ELSEWHERE[command]).read_text()
    assert all(f'"{word}"' in typed or f" {word}" in typed for word in words if word != "backup")


def test_the_readme_s_profile_is_complete(newsletter: CommandLine) -> None:
    (text,) = blocks(README, "yaml")
    (newsletter.directory / "profiles" / "contrastive.yaml").write_text(text)
    assert newsletter("check").code == 0
    (profile,) = [each for each in load_configuration(newsletter.directory).profiles if each.name == "contrastive"]
    wanted = make_paper(1, "Selfsupervised Encoders of Images", abstract="They learn fast.", categories=("cs.CV",))
    queried = make_paper(2, "A Benchmark of Encoders", abstract="By probing them.", categories=("cs.LG",))
    followed = make_paper(3, "On Cats", abstract="They sleep.", categories=("cs.LG",), authors=("Yann LeCun",))
    dropped = make_paper(4, "Self-Supervised Learning: A Survey", abstract="All of it.", categories=("cs.LG",))
    elsewhere = make_paper(5, "Contrastive Learning of Proteins", abstract="They fold.", categories=("q-bio.BM",))
    matches = Matcher([profile]).scan([wanted, queried, followed, dropped, elsewhere]).matches("contrastive")
    assert {match.paper_id for match in matches} == {1, 2, 3}


def targets() -> Iterator[str]:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for block in blocks(document.read_text(), "sh"):
            yield from (line.partition("#")[0].strip() for line in block.splitlines() if line.startswith("make "))


@pytest.mark.parametrize("command", sorted({*targets(), "make docs", "make pictures", "make lock"}))
def test_every_target_that_is_told_of_is_there(command: str) -> None:
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" not in done.stdout
