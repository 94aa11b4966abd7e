"""Sources: their state, their answers, their faults."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)

from newsletter.model.papers import Entry  # noqa: TC001 (fields are read at run time)


class Health(enum.StrEnum):
    """Whether a quiet source is quiet or broken."""

    FRESH = "fresh"  # the last check brought new papers
    QUIET = "quiet"  # it answered, and had nothing new
    STALE = "stale"  # it answers, but has had nothing new for longer than it should
    THROTTLED = "throttled"  # it asked us to wait
    BROKEN = "broken"  # it could not be fetched or read
    UNCHECKED = "unchecked"  # never asked


@dataclass(frozen=True, slots=True)
class Fault:
    """A source's failure as a value: ``kind`` is stable for metrics and tests, ``message`` is for people."""

    kind: str  # connect, timeout, tls, status, throttled, too-large, not-a-feed, parse, file, refused
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source between checks; committed together with the papers that the check brought.

    Validators are kept byte for byte as received (arXiv's ETag carries no quotes; RFC 9110 section 8.8).
    """

    name: str
    etag: str | None = None
    last_modified: str | None = None
    next_check_at: datetime | None = None
    last_checked_at: datetime | None = None
    last_success_at: datetime | None = None
    last_new_paper_at: datetime | None = None
    failures: int = 0
    fault: Fault | None = None
    health: Health = Health.UNCHECKED
    entries: int = 0  # of the last document that was read
    skipped: int = 0  # entries of it that were no papers (no title)
    options: str = ""  # what was asked, in short: other categories or another address make a new question

    @property
    def is_first_fetch(self) -> bool:
        """Whether this source has never yet been read."""
        return self.last_success_at is None


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What asking a source came to: entries, "not modified", or a fault; never an exception.

    ``max_age_s`` is how long the source asked us not to come back (Cache-Control, RFC 9111), if it did.
    """

    entries: tuple[Entry, ...] = ()
    not_modified: bool = False
    fault: Fault | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age_s: float | None = None
    skipped: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionCounts:
    """What one collection of one source changed in the store."""

    entries: int = 0
    new: int = 0
    enriched: int = 0
    new_versions: int = 0
    unchanged: int = 0
