"""The documents against the code: links, commands, and nothing of one machine."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newsletter.mail.brand import Brand, Wording
from newsletter.model import EventKind
from newsletter.settings.explain import models
from newsletter.settings.models import Settings
from newsletter.settings.reference import environment_name, group_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"\.(py|yaml|mjml|txt|md)$")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), target


def setting_names(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield path + name
        for section in models(field.annotation):
            yield from setting_names(section, f"{path}{name}.")
        group = group_of(field)
        if path and group is not None:
            yield from setting_names(group, f"{path}{name}.NAME.")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_named_in_a_document_is_there(document: Path) -> None:
    known = set(setting_names(Settings)) | set(EventKind)  # which look alike
    if document.name == "templates.md":  # whose `brand` is what templates are given
        known |= {f"brand.{field.name}" for field in fields(Brand)} | {
            f"brand.wording.{field.name}" for field in fields(Wording)
        }
    sections = "|".join(sorted({name.split(".")[0] for name in known if "." in name}))
    text = document.read_text()
    named = {name for name in re.findall(rf"`((?:{sections})(?:\.[a-z_]+)+)(?=[`:])", text) if not FILE.search(name)}
    assert named - known == set()
    variables = {environment_name(name, "") for name in known}
    told = set(re.findall(r"\bNEWSLETTER_[A-Z_]+\b", text)) - {"NEWSLETTER_CONFIG", "NEWSLETTER_NO_SKIPS"}
    assert {name for name in told if name not in variables and name.removesuffix("_FILE") not in variables} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_named_in_a_document_is_there(document: Path) -> None:
    for name in re.findall(r"`((?:newsletter|templates|config|tests|docs)/[\w./-]+\.\w+)`", document.read_text()):
        assert (ROOT / name).exists(), name


def test_the_front_page_leads_to_every_document() -> None:
    text = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCUMENTS if path.name not in text and path.name != "README.md"] == []


def test_the_front_page_shows_pictures_that_are_there_and_small() -> None:
    shown = re.findall(r'(?:src|srcset)="([^"]+)"', (ROOT / "README.md").read_text())
    assert {ROOT / name for name in shown} == set((ROOT / "docs" / "images").glob("*.png"))
    for name in shown:
        assert (ROOT / name).stat().st_size < 200_000
    described = re.findall(r'<img [^>]*alt="[^"]{20,}"', (ROOT / "README.md").read_text())
    assert len(described) == (ROOT / "README.md").read_text().count("<img ")


def test_the_architecture_tells_of_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition("## Packages")[2].partition("\n\nImport-linter")[0]
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\|([^|]+)\|", table))))
    folder = ROOT / "newsletter"
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
    assert told == modules | {path.parent.name for path in folder.glob("*/__init__.py")}


def test_nothing_names_one_machine() -> None:
    for path in tracked_files():
        if path.suffix in {".png", ".lock"} or path == Path(__file__):
            continue
        text = path.read_text(errors="replace")
        assert not re.search(r"/(?:root|home|work|tmp/w)/", text), path


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_hold_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", text, re.MULTILINE)
    assert len(pins) > 30
    assert text.count("--hash=sha256:") >= len(pins)


def test_every_dependency_has_its_reason_in_the_decisions() -> None:
    import tomllib  # noqa: PLC0415 (used here only)

    reasons = (ROOT / "docs" / "decisions.md").read_text().casefold()
    for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        assert (
            name.casefold().replace("psycopg", "psycopg 3").replace("python-multipart", "python-multipart") in reasons
        ), name
