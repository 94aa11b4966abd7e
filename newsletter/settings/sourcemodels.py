"""The settings of each kind of source; a new kind adds its class to :data:`SourceSettings`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from newsletter.settings.values import Category, FilePath, Section, Url


class AnySourceSettings(Section):
    """What every source may say."""

    interval_minutes: int | None = Field(
        default=None,
        ge=1,
        le=10_080,
        description="Minutes between two checks of this source. Default: `collect.interval_minutes`.",
    )
    stale_after_days: int | None = Field(
        default=None,
        ge=1,
        le=365,
        description="Days without a new paper after which it is reported as stale. Default: arxiv and huggingface 5, "
        "others never.",
    )


class ArxivSettings(AnySourceSettings):
    """New papers on arXiv, in all categories by one request."""

    kind: Literal["arxiv"]
    categories: tuple[Category, ...] = Field(
        min_length=1, max_length=200, description="arXiv categories, such as `[cs.LG, cs.CL, stat.ML]`."
    )
    base_url: Url | None = Field(default=None, description="Another address of the feed service, such as a mirror's.")


class HuggingFaceSettings(AnySourceSettings):
    """The daily papers of Hugging Face: upvotes, code and summaries for known papers, and papers of its own."""

    kind: Literal["huggingface"]
    base_url: Url | None = Field(default=None, description="Another address of the service, such as a mirror's.")
    limit: int | None = Field(default=None, ge=1, le=100, description="How many papers to ask for.")


class FeedSettings(AnySourceSettings):
    """Any RSS or Atom feed."""

    kind: Literal["feed"]
    url: Url = Field(description="The feed's address.")


class JsonFeedSettings(AnySourceSettings):
    """A JSON Feed (1.0 or 1.1)."""

    kind: Literal["jsonfeed"]
    url: Url = Field(description="The feed's address.")


class FileSettings(AnySourceSettings):
    """A feed of any of these kinds in a file."""

    kind: Literal["file"]
    path: FilePath = Field(description="The file.")
    redate: bool = Field(
        default=False, description="Move all dates so that the newest is today's: for samples, never for real papers."
    )


SourceSettings = Annotated[
    ArxivSettings | HuggingFaceSettings | FeedSettings | JsonFeedSettings | FileSettings, Field(discriminator="kind")
]
"""What `sources:` holds, told apart by `kind`."""

KINDS = (ArxivSettings, HuggingFaceSettings, FeedSettings, JsonFeedSettings, FileSettings)
