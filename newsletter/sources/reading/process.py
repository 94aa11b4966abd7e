"""The reading process: limits itself, reads one document from standard input, writes entries as JSON lines, and ends.

Started by :mod:`newsletter.sources.parse` as ``python -I -m newsletter.sources.reading.process JOB``, where JOB is
JSON. The lines are ``{"entry": …}`` for each entry, then one ``{"end": …}`` or ``{"fault": …}``; without such a last
line the process was stopped. Whatever a document does to it, nothing else is hit.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.sources.reading.drafting import Reading

LONGEST_MESSAGE: Final = 500


def limit_self(cpu_s: int, memory_bytes: int) -> None:
    """Let the kernel end this process at so much processor time, and refuse it more memory than that."""
    for kind, amount in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        # Some systems (macOS) know a limit and do not let it be set; the wall clock of the parent remains.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (amount, amount))


def main() -> None:
    """Read the document and write what it holds."""
    job = json.loads(sys.argv[1])
    limit_self(job["cpu_s"], job["memory_bytes"])
    try:
        lines = list(outcome(sys.stdin.buffer.read(), job))
    except MemoryError:
        lines = [fault("parse", f"the document needs more than {job['memory_bytes'] // 1_000_000} MB to be read")]
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def outcome(body: bytes, job: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that tell what came out of ``body``."""
    from newsletter.sources.reading.document import NotAFeedError  # noqa: PLC0415 (after the limits are set)
    from newsletter.sources.reading.formats import read_document  # noqa: PLC0415
    from newsletter.sources.reading.syndicated_entry import ServiceError  # noqa: PLC0415

    try:
        reading = read_document(body, job["format"], job["charset"], job["url"], datetime.fromisoformat(job["now"]))
    except NotAFeedError as error:
        yield fault("not-a-feed", f"the document {error}")
    except ServiceError as error:
        yield fault("status", str(error))
    except MemoryError:
        raise  # what was allocated has to go before there is room to say so
    except RecursionError:
        yield fault("parse", "the document is nested too deeply to be read")
    except Exception as error:  # noqa: BLE001 (feedparser raises many types on malformed input; this process is the net)
        yield fault("parse", f"the document cannot be read: {type(error).__name__}: {error}")
    else:
        yield from entry_lines(reading, job["most_entries"])


def entry_lines(reading: Reading, most_entries: int) -> Iterator[str]:
    """Yield the entries, then the end; entries over the limit are left out, and that is said."""
    notes = list(reading.notes)
    if len(reading.entries) > most_entries:
        notes.append(f"it holds {len(reading.entries)} entries; only the first {most_entries} were taken")
    for entry in reading.entries[:most_entries]:
        yield json.dumps({"entry": asdict(entry)}, default=datetime.isoformat)
    yield json.dumps({"end": {"skipped": reading.skipped, "notes": notes}})


def fault(kind: str, message: str) -> str:
    """Return the line of a fault, its message on one line and without controls, for it may quote the document."""
    line = "".join(character for character in " ".join(message.split()) if character.isprintable())
    return json.dumps({"fault": {"kind": kind, "message": line[:LONGEST_MESSAGE]}})


if __name__ == "__main__":
    main()
