"""What a profile file may say; ``docs/profiles.md`` tells it by example."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from newsletter.model import Field as SearchedField
from newsletter.model import Frequency, Replacements, Weekday
from newsletter.settings.values import (
    Address,
    Language,
    Line,
    LowerCase,
    Name,
    Section,
    TimeOfDay,
    Zone,
    complaint,
)

MAXIMUM_TEXT = 10_000


def _check_text(value: str) -> str:
    if not value.strip():
        raise complaint("is empty", "write a text, or leave the key out")
    if len(value) > MAXIMUM_TEXT:
        raise complaint(f"is longer than {MAXIMUM_TEXT:,} characters", "shorten it")
    return value


def _check_author(value: str) -> str:
    if not any(character.isalpha() for character in value):
        raise complaint(f"“{value}” is not a name", "write an author's name, such as Ada Lovelace")
    return value


def _check_weight(value: float) -> float:
    if value == 0:
        raise complaint("is 0, so the keyword would do nothing", "remove the keyword, or put it under exclude:")
    return value


Weight = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False), AfterValidator(_check_weight)]
Author = Annotated[Line, AfterValidator(_check_author)]
Text = Annotated[str, AfterValidator(_check_text)]


class KeywordEntry(Section):
    """A keyword: its text alone, or with a weight and a field."""

    keyword: Line = Field(description="The word or phrase.")
    weight: Weight = Field(default=1.0, description="How much it counts; below zero, it lowers a paper's score.")
    field: Annotated[SearchedField, LowerCase] = Field(
        default=SearchedField.ANY,
        description="Where it is looked for: `any`, `title`, `abstract`, `authors`, `comment`.",
    )

    @model_validator(mode="before")
    @classmethod
    def take_text(cls, data: Any) -> Any:
        """Read a text alone as the keyword."""
        if data is None:
            raise complaint("is empty", "write a keyword, or remove the dash")
        return {"keyword": data} if isinstance(data, str) else data


class TopicEntry(Section):
    """A section of the digest."""

    name: Line = Field(description="The section's heading.")
    keywords: tuple[KeywordEntry, ...] = Field(default=(), description="Words and phrases, any of which takes a paper.")
    query: Text | None = Field(default=None, description="A boolean query in arXiv's field names, for experts.")

    @model_validator(mode="after")
    def check_takes_something(self) -> TopicEntry:
        """Refuse a topic that no paper can be in."""
        if not self.keywords and self.query is None:
            raise complaint(f"topic “{self.name}” has neither keywords nor query", "add keywords: [a phrase, another]")
        return self


class SubscriberEntry(Section):
    """Somebody who gets the profile, for teams that keep everything in files."""

    address: Address = Field(description="Mail address.")
    zone: Zone | None = Field(default=None, description="Time zone, such as Europe/Berlin.")
    send_at: TimeOfDay | None = Field(default=None, description="Local time of the digest.")
    frequency: Annotated[Frequency | None, LowerCase] = Field(
        default=None, description="`daily`, `weekdays`, `weekly`."
    )
    weekday: Annotated[Weekday | None, LowerCase] = Field(default=None, description="The day of a weekly digest.")
    language: Language | None = Field(default=None, description="Language of the mails.")
    template: Name | None = Field(default=None, description="Which template.")

    @model_validator(mode="before")
    @classmethod
    def take_text(cls, data: Any) -> Any:
        """Read a text alone as the address."""
        if data is None:
            raise complaint("is empty", "write an address, or remove the dash")
        return {"address": data} if isinstance(data, str) else data


class ProfileFile(Section):
    """A file in `profiles/`: what one reader, or one group of readers, cares about."""

    name: Name | None = Field(
        default=None, description="Its name in commands. Default: the file's name without ending."
    )
    title: Line | None = Field(default=None, description="Its name for readers. Default: made from the name.")
    description: str = Field(default="", max_length=MAXIMUM_TEXT, description="What it is about, for readers.")
    topics: tuple[TopicEntry, ...] = Field(default=(), description="Sections of the digest.")
    keywords: tuple[KeywordEntry, ...] = Field(
        default=(), description="Keywords of a single topic named like the title."
    )
    query: Text | None = Field(default=None, description="A boolean query for that single topic.")
    exclude: tuple[KeywordEntry, ...] = Field(default=(), description="Keywords that keep a paper out.")
    authors: tuple[Author, ...] = Field(default=(), description="Authors whose papers always come.")
    categories: tuple[Line, ...] = Field(default=(), description="Only papers in one of these categories.")
    sources: tuple[str, ...] = Field(default=(), description="Only papers from one of these sources.")
    minimum_score: float = Field(default=0.0, allow_inf_nan=False, description="Papers below it are left out.")
    maximum_papers: int = Field(default=20, ge=1, le=500, description="How many papers a digest holds at most.")
    replacements: Annotated[Replacements, LowerCase] = Field(
        default=Replacements.IGNORE, description="Newer versions of papers: `ignore`, or list them as `updated`."
    )
    trending: bool = Field(default=False, description="Rank by the community's votes instead of by keywords.")
    public: bool = Field(
        default=True,
        description="Whether the pages show it: its keywords and papers, feeds and archive. `false`: only mails do.",
    )
    subscribers: tuple[SubscriberEntry, ...] = Field(
        default=(), description="Who gets it: addresses, or groups of keys."
    )
