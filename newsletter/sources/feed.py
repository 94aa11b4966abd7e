"""``kind: feed``: any RSS 0.9x, 1.0, 2.0 or Atom feed on the web, arXiv's and bioRxiv's included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import ConfigDict

from newsletter.sources.base import SourceContext, WebSource, read_options

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """``url``: the address of the feed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str


class FeedSource(WebSource):
    """RSS or Atom."""

    __slots__ = ()

    @classmethod
    def create(cls, name: str, options: Mapping[str, object], context: SourceContext) -> Self:
        """Return the source that ``options`` describe."""
        return cls(name, read_options(FeedOptions, name, options).url, "feed", context)
