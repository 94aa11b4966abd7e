"""The settings of how mails look, and of what they say in the operator's own words."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from newsletter.settings.values import Line, LowerCase, Section, Url, complaint

THEMES = ("morning", "journal", "signal")
COLOUR = re.compile(r"#[0-9a-f]{6}")


def check_colour(value: str) -> str:
    """Return a colour as mail programs know it."""
    if not COLOUR.fullmatch(value):
        raise complaint(f"“{value[:40]}” is not a colour", "write it in quotes as “#8c2f1b”")
    return value


def check_theme(value: str) -> str:
    """Return the name of a theme that comes with the program."""
    if value not in THEMES:
        raise complaint(f"there is no theme “{value[:40]}”", f"the themes are {', '.join(THEMES)}")
    return value


Colour = Annotated[str, LowerCase, AfterValidator(check_colour)]


class ColourSettings(Section):
    """Colours instead of the theme's; what is left out stays as it is. Write them in quotes: `"#8c2f1b"`."""

    ground: Colour | None = Field(default=None, description="Behind everything.")
    card: Colour | None = Field(default=None, description="Behind the text.")
    ink: Colour | None = Field(default=None, description="Text.")
    muted: Colour | None = Field(default=None, description="Details.")
    line: Colour | None = Field(default=None, description="Hairlines.")
    fill: Colour | None = Field(default=None, description="Behind notes and labels.")
    accent: Colour | None = Field(default=None, description="Links and names of sections.")
    highlight: Colour | None = Field(default=None, description="Behind the words that matched.")

    @property
    def stated(self) -> dict[str, str]:
        """The colours that are given, by name."""
        return {name: value for name, value in self if value is not None}


class WordingSettings(Section):
    """Sentences of your own, in the language of your readers."""

    greeting: Line | None = Field(default=None, description="Under the headline of every digest.")
    welcome: Line | None = Field(default=None, description="In the first mail, after what comes and when.")
    footer: Line | None = Field(default=None, description="At the foot of every mail.")


class BrandSettings(Section):
    """How mails look. Whole templates can be replaced as well: `templates_directory`."""

    theme: Annotated[str, LowerCase, AfterValidator(check_theme)] = Field(
        default="morning", description="`morning`, `journal` or `signal`: colours, type and shape."
    )
    light: ColourSettings = Field(default_factory=ColourSettings, description="Colours by day.")
    dark: ColourSettings = Field(default_factory=ColourSettings, description="Colours where dark ones are preferred.")
    logo_url: Url | None = Field(
        default=None,
        description="A picture above the name, on a server of yours; readers' programs ask it there, where they may. "
        "Default: none, and no mail asks anybody for anything.",
    )
    logo_width: int = Field(default=120, ge=16, le=532, description="How wide it is shown, in pixels.")
    wording: WordingSettings = Field(default_factory=WordingSettings, description="Sentences of your own.")
