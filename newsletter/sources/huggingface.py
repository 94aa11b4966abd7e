"""``kind: huggingface``: the daily papers of Hugging Face, which enrich papers known from arXiv and bring others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self

from pydantic import ConfigDict, Field

from newsletter.sources.base import SourceContext, WebSource, read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE_URL: Final = "https://huggingface.co/api/daily_papers"
MOST_PAPERS: Final = 100  # what the service gives on one page


@dataclass(frozen=True, slots=True)
class HuggingFaceOptions:
    """``limit``: how many of the newest daily papers to ask for; ``base_url``: the service's address, or a mirror's."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    base_url: str = BASE_URL
    limit: Annotated[int, Field(ge=1, le=MOST_PAPERS)] = MOST_PAPERS


class HuggingFaceSource(WebSource):
    """The daily papers."""

    __slots__ = ()

    @classmethod
    def create(cls, name: str, options: Mapping[str, object], context: SourceContext) -> Self:
        """Return the source that ``options`` describe."""
        checked = read_options(HuggingFaceOptions, name, options)
        separator = "&" if "?" in checked.base_url else "?"
        return cls(name, f"{checked.base_url}{separator}limit={checked.limit}", "huggingface", context)
