"""``kind: jsonfeed``: a JSON Feed 1.0 or 1.1 on the web."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import ConfigDict

from newsletter.sources.base import SourceContext, WebSource, read_options

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class JsonFeedOptions:
    """``url``: the address of the feed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str


class JsonFeedSource(WebSource):
    """A JSON Feed."""

    __slots__ = ()

    @classmethod
    def create(cls, name: str, options: Mapping[str, object], context: SourceContext) -> Self:
        """Return the source that ``options`` describe."""
        return cls(name, read_options(JsonFeedOptions, name, options).url, "jsonfeed", context)
