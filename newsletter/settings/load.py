"""A configuration directory becomes one frozen :class:`Configuration`, or all of its problems at once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.core.printable import one_line
from newsletter.errors import ConfigurationError
from newsletter.settings.filesubscribers import unite_subscribers
from newsletter.settings.general import SETTINGS_NAME, read_settings, stated_sources
from newsletter.settings.profiles import profile_paths, read_profiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from newsletter.model import Problem, Profile, SubscriberDraft
    from newsletter.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a configuration directory says, checked. Paths in ``settings`` are absolute.

    ``warnings`` are problems that stop nothing. ``fingerprint`` is what :func:`fingerprint` was just before reading.
    """

    directory: Path
    settings: Settings
    profiles: tuple[Profile, ...]
    file_subscribers: tuple[SubscriberDraft, ...]
    warnings: tuple[Problem, ...]
    fingerprint: str

    def profile(self, name: str) -> Profile | None:
        """Return the profile of this name, or None."""
        return next((profile for profile in self.profiles if profile.name == name), None)


def load_configuration(directory: Path, environment: Mapping[str, str] | None = None) -> Configuration:
    """Return the configuration in ``directory``; ConfigurationError with every problem of every file otherwise.

    ``environment`` is the process's own when it is not given. Nothing is written.
    """
    seen = fingerprint(directory)
    environment = os.environ if environment is None else environment
    settings, problems = read_settings(directory, environment)
    if not directory.is_dir():  # all else would only say so again
        raise ConfigurationError(in_order(problems))
    # Which sources there are shows even where the settings hold a mistake: one look shall tell everything.
    known = stated_sources(directory, environment) if settings is None else set(settings.sources)
    loaded, found = read_profiles(directory, known)
    problems += found
    subscribers, found = unite_subscribers(loaded)
    problems = in_order([*problems, *found])
    if settings is None or any(problem.severity == "error" for problem in problems):
        raise ConfigurationError(problems)
    return Configuration(
        directory=directory,
        settings=settings,
        profiles=tuple(profile.profile for profile in loaded),
        file_subscribers=tuple(subscribers),
        warnings=tuple(problems),
        fingerprint=seen,
    )


def fingerprint(directory: Path) -> str:
    """Return a text that changes when a configuration file is added, removed or written; it reads no file."""
    try:
        profiles = profile_paths(directory)
    except OSError:
        profiles = []
    digest = hashlib.sha256()
    for path in (directory / SETTINGS_NAME, *profiles):
        try:
            status = path.stat()
            digest.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0{status.st_ino}\0".encode(errors="replace"))
        except OSError as error:
            digest.update(f"{path}\0{error.errno}\0".encode(errors="replace"))
    return digest.hexdigest()


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems each once and on one line, by file (settings before profiles), line and column."""
    return sorted(
        dict.fromkeys(map(_printable, problems)),
        key=lambda problem: (
            not problem.file.startswith("environment"),
            Path(problem.file).name != SETTINGS_NAME,
            problem.file,
            problem.line,
            problem.column,
            problem.message,
        ),
    )


def _printable(problem: Problem) -> Problem:
    """Return a problem whose words, some of them from the file, cannot break a line or a terminal."""
    file, message, advice = map(one_line, (problem.file, problem.message, problem.advice))
    return replace(problem, file=file, message=message, advice=advice)


def format_problems(problems: Iterable[Problem]) -> str:
    """Return problems as plain lines, warnings marked as such, with a count of both at the end.

    Returns an empty text when there are none.
    """
    listed = list(problems)
    if not listed:
        return ""
    lines = [str(problem) if problem.severity != "warning" else f"{problem} (warning)" for problem in listed]
    warnings = sum(problem.severity == "warning" for problem in listed)
    errors = len(listed) - warnings
    counts = [_count(errors, "problem"), _count(warnings, "warning")]
    return "\n".join([*lines, " and ".join(count for count in counts if count)])


def _count(number: int, noun: str) -> str:
    return "" if not number else f"{number} {noun}" + ("s" if number > 1 else "")
