"""Template files: where they lie, which one wins, what they include, and whether they have changed since."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from newsletter.errors import TemplateError
from newsletter.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = Path(__file__).resolve().parent.parent
_INCLUDE = re.compile(r"""<mj-include\s+path\s*=\s*(["'])(?P<path>.*?)\1\s*(?:/>|>\s*</mj-include\s*>)""")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Stamp = tuple[str, str, int, int]  # a file's name, its path, when it was changed (ns), and its size
_DEEPEST = 8  # levels of inclusion; deeper is a circle


@cache
def shipped_templates() -> Path:
    """Return the folder of the templates that come with the program: inside the package where it was installed from a
    wheel, beside it in a checkout.
    """
    inside = _PACKAGE / "_templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "templates"


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text with everything that it includes: ``origins`` says where each line came from, ``stamps`` which
    files it was made of, as they were, ``missing`` what it would include as well if that were there.
    """

    name: str
    text: str
    origins: tuple[tuple[str, int], ...]
    stamps: tuple[Stamp, ...]
    missing: tuple[Problem, ...] = ()

    def problem(self, line: int, column: int, message: str, advice: str = "") -> Problem:
        """Return a problem at a line (from 1) of the text, placed in the file that the line came from."""
        file, origin = self.origins[min(max(line, 1), len(self.origins)) - 1] if self.origins else (self.name, 0)
        return Problem(file, origin, column, message, advice)


@dataclass(slots=True)
class _Draft:
    """A source while its files are put together."""

    lines: list[str] = field(default_factory=list)
    origins: list[tuple[str, int]] = field(default_factory=list)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    missing: list[Problem] = field(default_factory=list)

    def add(self, line: str, origin: tuple[str, int]) -> None:
        self.lines.append(line)
        self.origins.append(origin)


class TemplateFiles:
    """The template folders, most important first; a file in one hides files of the same name in those after it."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self.directories = directories
        self._places: dict[str, tuple[str, ...]] = {}  # asked for with every digest

    def names(self, suffix: str) -> list[str]:
        """Return the names (without ``suffix``) of all templates at the top of the folders."""
        found = {path.name for folder in self.directories if folder.is_dir() for path in folder.glob(f"*{suffix}")}
        return sorted(name.removesuffix(suffix) for name in found if _NAME.fullmatch(name))

    def find(self, name: str) -> Path | None:
        """Return the file that ``name`` (a relative path with forward slashes) stands for, or None."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\x00" in name:
            return None
        for folder in self.directories:
            path = folder.joinpath(*relative.parts)
            if path.exists():
                return path
        return None

    def read(self, name: str) -> tuple[str, Path]:
        """Return a file's text and place; TemplateError when it is missing, unreadable or not UTF-8."""
        path = self.find(name)
        if path is None:
            raise TemplateError(problems=[self._missing(name)])
        try:
            return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"), path
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            advice = "save the file as UTF-8"
            raise TemplateError(problems=[Problem(str(path), line, 0, "the file is not UTF-8 text", advice)]) from error
        except OSError as error:
            message = f"the template cannot be read: {error.strerror or error}"
            advice = "make it a file that the daemon's user may read"
            raise TemplateError(problems=[Problem(str(path), 0, 0, message, advice)]) from error

    def load(self, name: str) -> Source:
        """Return a template with its ``<mj-include path="…"/>`` replaced by the files they name, and those likewise;
        TemplateError when it or one of them is unreadable or includes itself. What is not there is in ``missing``.
        """
        draft = _Draft()
        self._expand(name, draft, ())
        missing = tuple(dict.fromkeys(draft.missing))
        return Source(name, "\n".join(draft.lines), tuple(draft.origins), tuple(draft.stamps.values()), missing)

    def are_current(self, stamps: Iterable[Stamp]) -> bool:
        """Whether reading the files of ``stamps`` again would find the same ones with the same times and sizes."""
        return all(self._stamp(stamp[0]) == stamp for stamp in stamps)

    def fingerprint(self) -> frozenset[tuple[str, int, int]]:
        """Return what changes whenever any file in the folders does."""
        stamps = (self._stamp(name) for name in self._all_names())
        return frozenset(stamp[1:] for stamp in stamps if stamp)

    def _expand(self, name: str, draft: _Draft, within: tuple[tuple[str, int, int], ...]) -> None:
        if within and self.find(name) is None:
            message, advice = f"<mj-include> names {name}, which is not there", self._missing(name).advice
            draft.missing.append(Problem(*within[-1], message, advice))
            return
        if len(within) > _DEEPEST:
            advice = "take one of the <mj-include> out"
            raise TemplateError(problems=[Problem(*within[0], f"{name} is included within itself", advice)])
        text, path = self.read(name)
        if stamp := self._stamp(name):
            draft.stamps[name] = stamp
        for number, line in enumerate(text.split("\n"), start=1):
            rest = line
            while match := _INCLUDE.search(rest):
                draft.add(rest[: match.start()], (str(path), number))
                column = len(line) - len(rest) + match.start() + 1
                self._expand(match["path"], draft, (*within, (str(path), number, column)))
                rest = rest[match.end() :]
            draft.add(rest, (str(path), number))

    def _stamp(self, name: str) -> Stamp | None:
        if name not in self._places:
            parts = PurePosixPath(name).parts
            self._places[name] = tuple(str(folder.joinpath(*parts)) for folder in self.directories)
        for path in self._places[name]:
            try:
                status = os.stat(path)  # noqa: PTH116 (a Path costs twice as much)
            except OSError:
                continue
            return name, path, status.st_mtime_ns, status.st_size
        return None

    def _missing(self, name: str) -> Problem:
        near = difflib.get_close_matches(name, self._all_names(), n=1)
        folders = " or ".join(str(folder) for folder in self.directories)
        advice = f"did you mean {near[0]}?" if near else f"put it in {folders}"
        return Problem(name, 0, 0, "there is no such template", advice)

    def _all_names(self) -> list[str]:
        return sorted(
            path.relative_to(folder).as_posix()
            for folder in self.directories
            if folder.is_dir()
            for path in folder.rglob("*")
            if path.is_file()
        )
