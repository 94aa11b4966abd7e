"""What all kinds of sources share: their surroundings, the check of their options, and one fetch from end to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from newsletter.errors import ConfigurationError
from newsletter.model import Fault, FetchResult, Problem, SourceState
from newsletter.sources.answers import Downloaded, NotModified, display_url
from newsletter.sources.parse import Job, Parser

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from newsletter.ports import Source
    from newsletter.sources.fetch import Fetcher

Options = TypeVar("Options")


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What sources are made with: one client and one parser for all, where relative paths begin, and the time (UTC)."""

    fetcher: Fetcher
    parser: Parser
    base_directory: Path
    clock: Callable[[], datetime]


Factory = Callable[[str, Mapping[str, object], SourceContext], "Source"]


def read_options(kind: type[Options], name: str, options: Mapping[str, object]) -> Options:
    """Return checked options; ConfigurationError with every problem when some are wrong, missing or unknown."""
    try:
        return TypeAdapter(kind).validate_python(dict(options))
    except ValidationError as error:
        problems = [
            Problem(f"source {name}", 0, 0, f"{'.'.join(map(str, found['loc'])) or 'options'}: {found['msg']}")
            for found in error.errors()
        ]
        raise ConfigurationError(problems) from error


@dataclass(frozen=True, slots=True)
class WebSource:
    """A source with a web address; ``format`` is what its documents must be."""

    name: str
    url: str
    format: str
    context: SourceContext

    async def fetch(self, previous: SourceState) -> FetchResult:
        """Ask for what is newer than ``previous``, and read it.

        The result's validators are the new ones after a 200 that could be read, the previous ones otherwise, so that
        they may be stored as they are.
        """
        answer = await self.context.fetcher.get(self.url, previous.etag, previous.last_modified)
        match answer:
            case Fault():
                return unchanged(previous, fault=self.explained(answer))
            case NotModified() if previous.etag is None and previous.last_modified is None:
                message = f"{display_url(self.url)}: the server answered 304 Not Modified to an unconditional request"
                return unchanged(previous, fault=Fault("status", message))
            case NotModified():
                return unchanged(previous, not_modified=True, max_age_s=answer.max_age_s)
            case Downloaded():
                return await self.read(answer, previous)

    async def read(self, answer: Downloaded, previous: SourceState) -> FetchResult:
        """Return what a downloaded document holds."""
        # Relative links and ids are resolved against the configured address: a redirect's target may change.
        job = Job(self.format, display_url(self.url), self.url, answer.content_type, self.context.clock())
        try:
            parsed = await self.context.parser.parse(answer.document, job)
        finally:
            answer.document.close()
        if isinstance(parsed, Fault):
            return unchanged(previous, fault=self.explained(parsed))
        return FetchResult(
            entries=parsed.entries,
            etag=answer.etag,
            last_modified=answer.last_modified,
            max_age_s=answer.max_age_s,
            skipped=parsed.skipped,
            notes=answer.notes + parsed.notes,
        )

    def explained(self, fault: Fault) -> Fault:
        """Return a fault with what this kind of source knows about it."""
        return fault


def unchanged(
    previous: SourceState, *, fault: Fault | None = None, not_modified: bool = False, max_age_s: float | None = None
) -> FetchResult:
    """Return a result that brought nothing and leaves the validators as they were."""
    return FetchResult(
        not_modified=not_modified,
        fault=fault,
        etag=previous.etag,
        last_modified=previous.last_modified,
        max_age_s=max_age_s,
    )
