"""Files become text here, and every way in which one can fail to becomes a problem."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from newsletter.model import Problem
from newsletter.settings.compose import compose_document

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.settings.document import Document

MAXIMUM_BYTES = 4 * 1024 * 1024


def read_document(path: Path, file: str) -> tuple[Document | None, list[Problem]]:
    """Return what a YAML file says and every problem in it; ``file`` is what the problems call it."""
    text = read_text(path, file)
    if isinstance(text, Problem):
        return None, [text]
    return compose_document(file, text)


def read_text(path: Path, file: str) -> str | Problem:
    """Return a file's text (UTF-8, without a byte order mark), or why there is none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its other end
            return Problem(file, 0, 0, "this is not a regular file", "put a text file there")
        with path.open("rb") as stream:
            data = stream.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        return unreadable(file, error)
    if len(data) > MAXIMUM_BYTES:
        return Problem(file, 0, 0, f"the file is larger than {MAXIMUM_BYTES // 1024 // 1024} MiB", "split it")
    return decode(data, file)


def unreadable(file: str, error: OSError) -> Problem:
    """Return the problem that a file or directory cannot be read."""
    reason = (error.strerror or str(error)).lower()
    advice = "check its owner and mode" if isinstance(error, PermissionError) else "check the path"
    return Problem(file, 0, 0, f"it cannot be read: {reason}", advice)


def decode(data: bytes, file: str) -> str | Problem:
    """Return octets as the text that they are in UTF-8, or what in them is none, or is not allowed in YAML."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(data[: error.start].decode("utf-8", "replace"))
        wrong = f"the byte 0x{data[error.start]:02X} is not UTF-8"
        return Problem(file, line, column, wrong, "save the file as UTF-8")
    for index, character in enumerate(text):
        if not _is_allowed(character):
            line, column = _line_and_column(text[:index])
            return Problem(file, line, column, f"the character U+{ord(character):04X} is not allowed", "remove it")
    return text


def _is_allowed(character: str) -> bool:
    """Whether YAML 1.1 lets this character stand in a file (its section 5.1)."""
    if character.isprintable() or character in "\t\n\r\x85":
        return True
    return character >= "\xa0" and character not in "\ufeff\ufffe\uffff"


def _line_and_column(before: str) -> tuple[int, int]:
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1
