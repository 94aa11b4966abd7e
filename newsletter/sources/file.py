"""``kind: file``: a feed on disk, in any format that is understood, told apart by its content."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path  # noqa: TC003 (pydantic reads the options at run time)
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import ConfigDict

from newsletter.model import Entry, Fault, FetchResult, SourceState
from newsletter.sources.base import SourceContext, read_options, unchanged
from newsletter.sources.body import PIECE, Document, TooLargeError, megabytes
from newsletter.sources.parse import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

FORMAT: Final = "any"


@dataclass(frozen=True, slots=True)
class FileOptions:
    """``path``: the file, relative to the configuration's directory; ``redate``: shift all dates so that the newest
    entry is from now, the others as far before it as they were (for samples).
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    path: Path
    redate: bool = False


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file. Its validator is made of its place, time, size and content, so that an unchanged file is read once."""

    name: str
    path: Path
    redate: bool
    context: SourceContext

    @classmethod
    def create(cls, name: str, options: Mapping[str, object], context: SourceContext) -> Self:
        """Return the source that ``options`` describe."""
        checked = read_options(FileOptions, name, options)
        return cls(name, context.base_directory / checked.path.expanduser(), checked.redate, context)

    async def fetch(self, previous: SourceState) -> FetchResult:
        """Return what the file holds, or that it is as it was when ``previous`` was stored."""
        most_bytes = self.context.fetcher.settings.most_wire_bytes
        try:
            document, validator = await asyncio.to_thread(copy_of, self.path, most_bytes)
        except TooLargeError as error:
            return unchanged(
                previous, fault=Fault("too-large", f"{self.path}: the file {error}; nothing of it was read")
            )
        except OSError as error:
            return unchanged(previous, fault=Fault("file", f"{self.path}: the file cannot be read: {error.strerror}"))
        validator = f"{validator}-redated" if self.redate else validator
        try:
            if validator == previous.etag:
                return unchanged(previous, not_modified=True)
            return await self.read(document, validator, previous)
        finally:
            document.close()

    async def read(self, document: Document, validator: str, previous: SourceState) -> FetchResult:
        """Return the entries of the copied file."""
        now = self.context.clock()
        parsed = await self.context.parser.parse(document, Job(FORMAT, str(self.path), "", "", now))
        if isinstance(parsed, Fault):
            return unchanged(previous, fault=parsed)
        entries = redated(parsed.entries, now) if self.redate else parsed.entries
        return FetchResult(entries=entries, etag=validator, skipped=parsed.skipped, notes=parsed.notes)


def copy_of(path: Path, most_bytes: int) -> tuple[Document, str]:
    """Return a copy of a file, which nobody can change while it is read, and its validator.

    TooLargeError when it is over the limit, OSError when it cannot be read or is no regular file.
    """
    # Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a regular file")
        if status.st_size > most_bytes:
            raise TooLargeError(f"is {megabytes(status.st_size)}, larger than {megabytes(most_bytes)}")
        document, digest = Document(), hashlib.sha256(str(path).encode("utf-8", "surrogateescape"))
        try:
            while piece := file.read(PIECE):
                document.write(piece)
                digest.update(piece)
        except BaseException:
            document.close()
            raise
    return document, f"{status.st_mtime_ns:x}-{status.st_size:x}-{digest.hexdigest()}"


def redated(entries: Sequence[Entry], now: datetime) -> tuple[Entry, ...]:
    """Return the entries with the newest one dated ``now`` and the same distances between them."""
    newest = max((entry.published_at for entry in entries if entry.published_at), default=None)
    if newest is None:
        return tuple(entries)
    shift = now - newest
    return tuple(
        replace(entry, published_at=entry.published_at + shift) if entry.published_at else entry for entry in entries
    )
