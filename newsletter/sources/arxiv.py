"""``kind: arxiv``: the day's announcements of arXiv categories, from the Atom form of its RSS service.

All categories go into one request: arXiv then gives each paper once, however many of the categories list it, and
says ``cross`` only of papers whose own category is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self
from urllib.parse import urlencode

from pydantic import ConfigDict, Field

from newsletter.sources.base import SourceContext, WebSource, read_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.model import Fault, FetchResult, SourceState

BASE_URL: Final = "https://rss.arxiv.org/atom"
CATEGORY: Final = r"^[A-Za-z-]+(\.[A-Za-z-]+)?$"
# The service cuts its list at 2,000, and by its source code drops the new papers first.
MANY_ENTRIES: Final = 1_900

Category = Annotated[str, Field(pattern=CATEGORY)]


@dataclass(frozen=True, slots=True)
class ArxivOptions:
    """``categories``: ``cs.LG``, or a whole archive, ``cs``; ``base_url``: the service's address, or a mirror's."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    base_url: str = BASE_URL


class ArxivSource(WebSource):
    """arXiv's announcements."""

    __slots__ = ()

    @classmethod
    def create(cls, name: str, options: Mapping[str, object], context: SourceContext) -> Self:
        """Return the source that ``options`` describe."""
        checked = read_options(ArxivOptions, name, options)
        categories = "+".join(dict.fromkeys(checked.categories))
        return cls(name, f"{checked.base_url.rstrip('/')}/{categories}", "feed", context)

    async def fetch(self, previous: SourceState) -> FetchResult:
        """Return the day's announcements, with a warning when the list may have been cut."""
        result = await WebSource.fetch(self, previous)
        count = len(result.entries) + result.skipped
        if count < MANY_ENTRIES:
            return result
        note = f"{count} entries: arXiv cuts its list at 2,000; split the categories into two sources"
        return replace(result, notes=(*result.notes, note))

    def explained(self, fault: Fault) -> Fault:
        """Return a fault, with what arXiv means by status 400."""
        if fault.kind != "status" or ("400" not in fault.message and "arXiv says" not in fault.message):
            return fault
        categories = self.url.rpartition("/")[2].replace("+", ", ")
        return replace(fault, message=f"{fault.message}; are all of these arXiv categories: {categories}?")


def single_paper(name: str, arxiv_id: str, api_url: str, context: SourceContext) -> WebSource:
    """Return what asks arXiv's API for one paper, by its bare id; unlike the announcements, it knows all papers."""
    return WebSource(name, f"{api_url}?{urlencode({'id_list': arxiv_id, 'max_results': 1})}", "feed", context)
