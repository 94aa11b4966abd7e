"""Every kind of source, by the name that a configuration gives it. A new kind is one module and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.sources.arxiv import ArxivSource
from newsletter.sources.feed import FeedSource
from newsletter.sources.file import FileSource
from newsletter.sources.huggingface import HuggingFaceSource
from newsletter.sources.jsonfeed import JsonFeedSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.ports import Source
    from newsletter.sources.base import Factory, SourceContext

KINDS: Final[Mapping[str, Factory]] = {
    "arxiv": ArxivSource.create,
    "feed": FeedSource.create,
    "file": FileSource.create,
    "huggingface": HuggingFaceSource.create,
    "jsonfeed": JsonFeedSource.create,
}


def create_source(kind: str, name: str, options: Mapping[str, object], context: SourceContext) -> Source:
    """Return the source that a configuration declares; ConfigurationError when kind or options are wrong.

    ``options`` holds what the kind's own Options class names (``ArxivOptions``, ``FeedOptions``, …), and no more.
    """
    if kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ConfigurationError([Problem(f"source {name}", 0, 0, f"there is no kind {kind!r}", f"known: {known}")])
    return KINDS[kind](name, options, context)
