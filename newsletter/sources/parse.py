"""Documents to entries in a disposable child process, which is killed when it takes too much of anything.

Feed parsers are quadratic, or worse, on hostile input, and neither a thread nor a timeout can stop one. A child can be
stopped; it costs about a third of a second. The parsers are never loaded into this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from newsletter.model import AnnounceType, Community, Entry, Fault
from newsletter.sources.headers import charset

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from newsletter.sources.body import Document

MODULE: Final = "newsletter.sources.reading.process"
# Nothing else of the environment goes to a process that reads hostile input: it may hold passwords.
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ", "SYSTEMROOT")
LONGEST_LINE: Final = 1_000_000
LONGEST_COMPLAINT: Final = 65_536
LINES_PER_TURN: Final = 50


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """What one document may cost: processor seconds, seconds by the clock, bytes of memory, entries."""

    cpu_s: int = 10
    timeout_s: float = 60.0
    memory_bytes: int = 768_000_000
    most_entries: int = 10_000
    most_output_bytes: int = 100_000_000
    processes: int = 2


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document held."""

    entries: tuple[Entry, ...]
    skipped: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What the child has to know about a document besides its bytes; ``format`` as in ``reading.formats``."""

    format: str
    shown: str
    url: str
    content_type: str
    now: datetime


class Parser:
    """Reads documents, a few at a time; one per process."""

    def __init__(self, settings: ParseSettings | None = None) -> None:
        self.settings = settings or ParseSettings()
        self.turns = asyncio.Semaphore(self.settings.processes)

    async def parse(self, document: Document, job: Job) -> Parsed | Fault:
        """Return what ``document`` holds, or the fault that reading it came to; the document stays open."""
        async with self.turns:
            try:
                document.rewind()
            except OSError as error:  # what was written last did not reach the disk
                return Fault("file", f"{job.shown}: it cannot be kept for reading: {error.strerror}; free some space")
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-X", "utf8", "-m", MODULE, self.arguments(job)),
                    stdin=document.file,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=LONGEST_LINE,
                    env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                )
            except OSError as error:
                return Fault("parse", f"{job.shown}: the reading process could not be started: {error.strerror}")
            return await self.supervise(process, job)

    def arguments(self, job: Job) -> str:
        """Return the job as the child reads it."""
        settings = self.settings
        return json.dumps(
            {
                "format": job.format,
                "charset": charset(job.content_type),
                "url": job.url,
                "now": job.now.isoformat(),
                "cpu_s": settings.cpu_s,
                "memory_bytes": settings.memory_bytes,
                "most_entries": settings.most_entries,
            }
        )

    async def supervise(self, process: Process, job: Job) -> Parsed | Fault:
        """Collect what the child says, and see to its end, whatever happens to it or to us."""
        complaint = asyncio.create_task(last_complaint(process))
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                outcome = await self.collect(process)
                await process.wait()
        except TimeoutError:
            return Fault("parse", f"{job.shown}: reading it took longer than {self.settings.timeout_s:g} s")
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # a line over the limit, or not ours
            return Fault("parse", f"{job.shown}: the reading process gave an unusable answer: {error}")
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
            await asyncio.wait([complaint], timeout=1)  # its last words may still be in the pipe
            complaint.cancel()
        if isinstance(outcome, Fault):
            return Fault(outcome.kind, f"{job.shown}: {outcome.message}")
        return outcome or self.death(process, await said(complaint), job)

    async def collect(self, process: Process) -> Parsed | Fault | None:
        """Return what the child's last line says, with the entries before it; None when it died before that."""
        assert process.stdout is not None  # noqa: S101 (asked for above)
        entries: list[Entry] = []
        size = 0
        async for line in process.stdout:
            size += len(line)
            if size > self.settings.most_output_bytes:
                raise ValueError("too much text")
            message = json.loads(line)
            if "entry" in message:
                entries.append(entry_from(message["entry"]))
            elif "fault" in message:
                return Fault(message["fault"]["kind"], message["fault"]["message"])
            elif line.endswith(b"\n"):
                return Parsed(tuple(entries), message["end"]["skipped"], tuple(message["end"]["notes"]))
            if len(entries) % LINES_PER_TURN == 0:
                await asyncio.sleep(0)
        return None

    def death(self, process: Process, complaint: str, job: Job) -> Fault:
        """Return the fault of a child that ended without a last line."""
        code = process.returncode or 0
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            reason = f"reading it took more than {self.settings.cpu_s} s of processor time, or it was killed"
        elif code < 0:
            reason = f"the reading process was ended by signal {-code}"
        else:
            reason = f"the reading process failed: {complaint or f'exit status {code}'}"
        return Fault("parse", f"{job.shown}: {reason}")


async def last_complaint(process: Process) -> str:
    """Return the last line that the child wrote to standard error; what exceeds the limit is read and dropped."""
    assert process.stderr is not None  # noqa: S101 (asked for above)
    tail = b""
    while piece := await process.stderr.read(LONGEST_COMPLAINT):
        tail = (tail + piece)[-LONGEST_COMPLAINT:]
    lines = tail.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:500] if lines else ""


async def said(complaint: asyncio.Task[str]) -> str:
    """Return a child's complaint, "" when there was no time for it."""
    try:
        return await complaint
    except asyncio.CancelledError:
        return ""


def entry_from(fields: Mapping[str, Any]) -> Entry:
    """Return the entry in a line of the child's; KeyError, TypeError or ValueError when it is none."""
    community = fields["community"]
    published_at = fields["published_at"]
    return Entry(
        **{
            **fields,
            "authors": tuple(fields["authors"]),
            "categories": tuple(fields["categories"]),
            "published_at": datetime.fromisoformat(published_at) if published_at else None,
            "announce_type": AnnounceType(fields["announce_type"]),
            "community": Community(**{**community, "keywords": tuple(community["keywords"])}) if community else None,
        }
    )
