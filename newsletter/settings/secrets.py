"""Secrets from files, and the one that the newsletter makes for itself."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, SecretStr

from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.settings.reading import read_text, unreadable

if TYPE_CHECKING:
    from newsletter.settings.explain import Locate
    from newsletter.settings.models import Settings

SECRET_NAME = "link-secret"  # noqa: S105 (the name of a file)
MINIMUM_LENGTH = 16
Model = TypeVar("Model", bound=BaseModel)


def with_secrets(section: Model, locate: Locate, path: tuple[str, ...] = ()) -> tuple[Model, list[Problem]]:
    """Return ``section`` with each ``X_file`` read into ``X``, and what was wrong or unwise about these files."""
    problems: list[Problem] = []
    updates: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            updates[name], found = with_secrets(value, locate, (*path, name))
            problems += found
        elif isinstance(value, dict) and any(isinstance(each, BaseModel) for each in value.values()):
            updates[name] = dict(value)
            for key, each in value.items():
                updates[name][key], found = with_secrets(each, locate, (*path, name, key))
                problems += found
        elif isinstance(value, Path) and name.removesuffix("_file") in set(type(section).model_fields) - {name}:
            secret_name = name.removesuffix("_file")
            place = locate((*path, name))
            if getattr(section, secret_name) is not None:
                message = f"both {secret_name} and {name} are given"
                problems.append(Problem(*place, message, "keep one of them"))
                continue
            text, found = read_secret(value, place)
            problems += found
            updates[secret_name] = SecretStr(text)
    return section.model_copy(update=updates), problems


def read_secret(path: Path, place: tuple[str, int, int]) -> tuple[str, list[Problem]]:
    """Return the secret in a file without its final line break, and the problems at ``place``."""
    text = read_text(path, str(path))
    if isinstance(text, Problem):
        return "", [Problem(*place, f"{path}: {text.message}", text.advice)]
    text = text.rstrip("\r\n")
    if not text or not text.isprintable():
        wrong = "is empty" if not text else "holds more than one line or characters that cannot be read"
        return "", [Problem(*place, f"{path} {wrong}", "put the secret alone into it, on one line")]
    return text, exposure(path, place)


def exposure(path: Path, place: tuple[str, int, int]) -> list[Problem]:
    """Return a warning when everybody on the machine may read a file that holds a secret."""
    if path.stat().st_mode & stat.S_IROTH:
        return [Problem(*place, f"everybody may read {path}, which holds a secret", f"chmod o-r {path}", "warning")]
    return []


def link_secret(settings: Settings) -> str:
    """Return what links are signed with: the configured secret, or the one in the data directory, made if need be.

    It is made once and whole (written aside, then linked into place), readable by its owner alone; two processes
    that start together end with the same one. ConfigurationError when the data directory cannot be written to.
    """
    if settings.web.secret is not None:
        return settings.web.secret.get_secret_value()
    path = settings.data_directory / SECRET_NAME
    try:
        if not path.exists():
            _make_secret(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error if isinstance(error, OSError) else OSError(0, "it is not ASCII text")
        raise ConfigurationError([unreadable(str(path), reason)]) from error
    if len(text) < MINIMUM_LENGTH:
        advice = "restore it from a backup; without it the links in mails already sent end; or delete it for a new one"
        raise ConfigurationError([Problem(str(path), 0, 0, "the secret that signs links is damaged", advice)])
    return text


def replace_link_secret(settings: Settings, text: str, suffix: str) -> None:
    """Make ``text`` what links are signed with; another secret that was there is kept with ``.suffix`` to its name.

    Nothing is done where the configuration holds the secret itself. ConfigurationError when it cannot be written.
    """
    if settings.web.secret is not None:
        return
    path = settings.data_directory / SECRET_NAME
    try:
        if path.exists():
            if path.read_text("ascii", errors="replace").strip() == text:
                return
            path.rename(path.with_name(f"{path.name}.{suffix}"))
        _make_secret(path, text)
    except OSError as error:
        raise ConfigurationError([unreadable(str(path), error)]) from error


def _make_secret(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write((text or secrets.token_urlsafe(32)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(aside)
    except FileExistsError:
        pass  # somebody else was faster: theirs holds
    finally:
        aside.unlink(missing_ok=True)
