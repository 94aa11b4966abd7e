"""Judges of a mail's HTML that nobody here wrote: the official MJML compiler, caniemail and vnu, all from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.mail.brand import Brand
from newsletter.mail.compile import compile_mjml, without_remarks
from newsletter.mail.fill import with_look
from newsletter.mail.templates import Source, TemplateFiles, shipped_templates
from tests.support.browsing import node_modules

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPTS = Path(__file__).resolve().parent / "node"
PROGRAMS = ("gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "thunderbird.*")


@dataclass(frozen=True)
class Compared:
    """One template as both compilers made it, and what the official one found wrong."""

    name: str
    ours: str
    official: str
    errors: tuple[str, ...]


def module(name: str, file: str = "package.json") -> Path:
    """Return a file of an npm package; the test is skipped where it is not installed (``.ci/run`` does)."""
    folder = node_modules()
    path = folder / name / file if folder else None
    if path is None or not path.is_file():
        pytest.skip(f"{name} is not installed: npm install --global {name}")
    return path


def template_files(folder: Path) -> list[Path]:
    """Write every shipped template as one file of MJML, with its parts and its look, and return the files."""
    files, brand, written = TemplateFiles((shipped_templates(),)), Brand(), []
    for name in files.names(".mjml"):
        path = folder / f"{name}.mjml"
        text = with_look(without_remarks(files.load(f"{name}.mjml").text), brand)
        path.write_text(text.replace("{{ start }}", "left").replace("{{ direction }}", "ltr"), "utf-8")
        written.append(path)
    return written


def compared(files: Sequence[Path]) -> list[Compared]:
    """Compile templates with the official compiler and with ours."""
    said = _node("mjml.mjs", str(module("mjml").parent.parent), *map(str, files))
    return [
        Compared(path.stem, compile_mjml(_source(path)), each["html"], tuple(each["errors"]))
        for path, each in zip(files, said, strict=True)
    ]


def validated(files: Sequence[Path]) -> tuple[int, str]:
    """Return how ``mjml --validate`` ends, and what it says."""
    program = shutil.which("mjml")
    if program is None:
        pytest.skip("mjml is not installed: npm install --global mjml")
    done = subprocess.run(
        [program, "--validate", *map(str, files)], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def shortcomings(pages: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Return the features of HTML and CSS in pages that a mail program lacks (``none``) or has in part (``partial``),
    by feature, each with the programs; data of caniemail.com.
    """
    found: dict[str, dict[str, str]] = {}
    modules = str(module("caniemail").parent.parent)
    for feature, program, support in _node("caniemail.mjs", modules, ",".join(PROGRAMS), *map(str, pages)):
        if support == "none" or program not in found.get(feature, {}):
            found.setdefault(feature, {})[program] = support
    return found


def html_errors(pages: Sequence[Path]) -> dict[str, list[str]]:
    """Return what the Nu HTML checker calls errors, by page."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    checker = module("vnu-jar", "build/dist/vnu.jar")
    command = [java, "-jar", str(checker), "--format", "json", "--exit-zero-always", "--errors-only"]
    done = subprocess.run([*command, *map(str, pages)], capture_output=True, text=True, check=True, timeout=180)
    found: dict[str, list[str]] = {str(page): [] for page in pages}
    for message in json.loads(done.stderr)["messages"]:
        found[message["url"].removeprefix("file:")].append(message["message"])
    return found


def _node(script: str, *arguments: str) -> list[Any]:
    program = shutil.which("node")
    assert program is not None, "npm packages are installed, and node is not"
    done = subprocess.run(
        [program, str(SCRIPTS / script), *arguments], capture_output=True, text=True, check=True, timeout=180
    )
    return list(json.loads(done.stdout))


def _source(path: Path) -> Source:
    text = path.read_text("utf-8")
    lines = tuple((str(path), number) for number, _ in enumerate(text.split("\n"), start=1))
    return Source(path.name, text, lines, ())
