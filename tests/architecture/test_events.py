"""Log events: dotted names that never change, one for each meaning; and the page lists those that somebody must see."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("\n## Logs\n")[2].partition("\n## ")[0]
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")
LOUD = ("warning", "error", "exception", "critical")
DOTTED = re.compile(r"[a-z]+(_[a-z]+)*(\.[a-z]+(_[a-z]+)*)+")
# Told at several places, because it is the same there.
SHARED = {"daemon.stage_failed"}


@dataclass(frozen=True)
class Call:
    """One place that logs: ``names`` are those that it may use."""

    where: str
    level: str
    names: tuple[str, ...]
    keys: frozenset[str]


def calls() -> Iterator[Call]:
    for path in sorted((ROOT / "newsletter").rglob("*.py")):
        text = path.read_text("utf-8")
        if "structlog.get_logger" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                logger = node.func.value
                if isinstance(logger, ast.Name) and logger.id in ("logger", "log", "_log"):
                    first = node.args[1 if node.func.attr == "log" else 0]
                    keys = frozenset(each.arg for each in node.keywords if each.arg)
                    where = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield Call(where, node.func.attr, tuple(constants(first)), keys)


def constants(node: ast.expr) -> Iterator[str]:
    """Give the names that an expression can be: a constant, or one of two."""
    branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    for branch in branches:
        assert isinstance(branch, ast.Constant), f"line {branch.lineno}: an event's name is written out"
        yield str(branch.value)


CALLS = list(calls())


def test_there_are_loggers_of_one_name_only() -> None:
    named = set()
    for path in (ROOT / "newsletter").rglob("*.py"):
        named |= set(re.findall(r"(?m)^(\w+) = structlog\.get_logger", path.read_text("utf-8")))
    assert named == {"logger"}
    assert len(CALLS) > 40


def test_names_are_dotted() -> None:
    assert [call for call in CALLS for name in call.names if not DOTTED.fullmatch(name)] == []


def test_a_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for call in CALLS:
        for name in call.names:
            places.setdefault(name, []).append(call.where)
    assert {name: where for name, where in places.items() if len(where) > 1 and name not in SHARED} == {}


def test_nobody_is_told_by_address() -> None:
    assert [call for call in CALLS if call.keys & {"address", "recipient", "email", "to", "sender"}] == []


def test_the_page_lists_every_event_that_somebody_must_see() -> None:
    told = set(re.findall(r"`event=([\w.]+)`", SECTION))
    loud = {name for call in CALLS if call.level in LOUD for name in call.names}
    assert loud - told == set(), "docs/operations.md, Logs: say what they mean, and what to do"
    assert told - {name for call in CALLS for name in call.names} == set(), "nothing logs these any more"
