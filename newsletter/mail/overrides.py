"""The operator's own template files, and which of them nothing uses."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from newsletter.errors import TemplateError
from newsletter.mail.placeholders import CHANGED
from newsletter.mail.templates import shipped_templates
from newsletter.mail.variables import MISUSED
from newsletter.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from newsletter.mail.templates import TemplateFiles

SUFFIXES: Final = (".mjml", ".txt", ".html")
_VAGUE = "has no attribute '"  # Python's and Jinja's own words
_INCLUDES = re.compile(r"\{%-?\s*(?:include|import|from|extends)\s+(?:[\"']([^\"']+)[\"'])?")


def override_problems(files: TemplateFiles, needed: Iterable[str]) -> list[Problem]:
    """Return a warning for each file of the operator's that no mail is made of, or that is the shipped one unchanged.

    ``needed`` are the names of the templates that mails call for.
    """
    used = _used(files, {*files.names(".mjml"), *needed})
    if used is None:
        return []
    shipped = shipped_templates()
    return [
        problem
        for folder in files.directories
        if folder != shipped and folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES
        for problem in _problem(path, path.relative_to(folder).as_posix(), used, shipped)
    ]


def _problem(path: Path, name: str, used: set[str], shipped: Path) -> Iterator[Problem]:
    if name not in used:
        near = get_close_matches(name, sorted(used), n=1)
        advice = f"did you mean {near[0]}?" if near else "include it, or take it away"
        yield Problem(str(path), 0, 0, "no mail is made of this file", advice, "warning")
    elif (ours := shipped / name).is_file() and _are_equal(ours, path):
        advice = "take it away, so that it does not stay behind when the shipped one changes"
        yield Problem(str(path), 0, 0, "this is the shipped file, unchanged", advice, "warning")


def _are_equal(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:  # told where the template is checked
        return False


def _used(files: TemplateFiles, names: Iterable[str]) -> set[str] | None:
    """Return every file that the templates of these names are made of; None where that is decided only when filled."""
    waiting = [f"{name}{suffix}" for name in names for suffix in (".mjml", ".txt")]
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in used:
            continue
        try:
            source = files.load(name)
        except TemplateError:  # told where the template is checked
            used |= {name} if files.find(name) else set()
            continue
        used |= {stamp[0] for stamp in source.stamps}
        included = _INCLUDES.findall(source.text)
        if "" in included:
            return None
        waiting += included
    return used


def without_doubles(problems: Iterable[Problem]) -> list[Problem]:
    """Return each problem once; what was met when a sample was filled is left out where it was told more exactly."""
    found = list(dict.fromkeys(problems))
    exact = {(each.file, each.line) for each in found if each.column and _VAGUE not in each.message}
    is_misuse_told = any(MISUSED in each.message for each in found)
    return [
        each
        for each in found
        if not (_VAGUE in each.message and (each.file, each.line) in exact)
        and not (each.message == CHANGED and is_misuse_told)
    ]
