"""The reference of the commands against the command line: current and complete; and commands named anywhere exist."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.cli.reference import commands, reference

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "commands.md"
COMMANDS = dict(commands())
WRITTEN = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "config").rglob("*.yaml"),
    *(ROOT / "newsletter").rglob("*.py"),
]


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m newsletter.cli.reference > docs/commands.md"


def test_every_command_has_its_place_in_it() -> None:
    told = {tuple(title.split()) for title in re.findall(r"(?m)^##+ (.+)$", PAGE.read_text("utf-8"))}
    assert told == set(COMMANDS)
    assert len(told) > 30


def is_there(named: str) -> bool:
    words = tuple(named.split())
    return words in COMMANDS or (words[:1] in COMMANDS and not hasattr(COMMANDS[words[:1]], "commands"))


def test_every_command_that_is_named_anywhere_is_there() -> None:
    named = {
        line
        for path in WRITTEN
        for line in re.findall(r"`newsletter ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert {line for line in named if not is_there(line)} == set()
