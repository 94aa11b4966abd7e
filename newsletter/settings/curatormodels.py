"""The settings of curators, whose picks are shown as such."""

from __future__ import annotations

from pydantic import Field, field_validator

from newsletter.settings.values import Line, Section, complaint

LONGEST_NAME = 60


class CuratorSettings(Section):
    """Somebody whose picks are shown, with their note, in digests, on pages and in feeds."""

    name: Line = Field(description="Their name, as readers see it.")
    link: int = Field(
        default=1,
        ge=1,
        description="The number of the link to their page (`newsletter picks link`); another one ends the link before.",
    )

    @field_validator("name")
    @classmethod
    def check_name(cls, value: str) -> str:
        """Refuse a name that is none, or longer than a line of a digest has room for."""
        if not value.strip() or len(value) > LONGEST_NAME:
            raise complaint(f"a curator’s name has 1 to {LONGEST_NAME} characters", "write it as readers should see it")
        return value.strip()


def check_different(curators: tuple[CuratorSettings, ...]) -> tuple[CuratorSettings, ...]:
    """Refuse two curators of one name: nobody could tell their picks apart."""
    names = [curator.name for curator in curators]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise complaint(f"there are two curators called “{twice}”", "tell them apart")
    return curators
