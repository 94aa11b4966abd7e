"""The finished themes: colours for both schemes, type and shape. ``brand.theme`` in the settings names one of them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SERIF: Final = "Georgia,serif"
SANS: Final = "-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one scheme, each ``#rrggbb``. None is pure black or white, so that a mail program that inverts
    colours by force keeps them readable; ink, muted and accent stand at least 4.5:1 against ground and card (WCAG 2.2,
    1.4.3).
    """

    ground: str = "#f4f2ee"
    card: str = "#fffefb"
    ink: str = "#1f2328"
    muted: str = "#5c636b"
    line: str = "#e4e0d8"
    fill: str = "#efece5"
    accent: str = "#8c2f1b"
    highlight: str = "#fff0b8"


DARK = Palette(
    ground="#15171a",
    card="#1d2024",
    ink="#e8e6e1",
    muted="#a9adb3",
    line="#32363b",
    fill="#2a2e33",
    accent="#f0a08a",
    highlight="#54481a",
)


@dataclass(frozen=True, slots=True)
class Theme:
    """A look: values of CSS, each printed as it stands. Fonts are those that machines have; none is fetched."""

    light: Palette = Palette()
    dark: Palette = DARK
    title_font: str = SERIF
    text_font: str = SANS
    text_size: str = "15px"
    title_weight: str = "bold"
    radius: str = "10px"  # of the card's corners
    edge: str = "1px"  # around the card; 0 where it is not told from the ground
    label: str = "letter-spacing:.9px;text-transform:uppercase"  # a section's name


MORNING: Final = Theme()

JOURNAL: Final = Theme(
    light=Palette(
        ground="#fbfaf7",
        card="#fbfaf7",
        ink="#1b1d21",
        muted="#5a5f66",
        line="#d9d5cb",
        fill="#f1eee7",
        accent="#1f4b7a",
        highlight="#dfeaf6",
    ),
    dark=Palette(
        ground="#14161a",
        card="#14161a",
        ink="#e6e4df",
        muted="#a6abb2",
        line="#33383f",
        fill="#23272d",
        accent="#8fb8e6",
        highlight="#21405f",
    ),
    text_font=SERIF,
    text_size="16px",
    title_weight="normal",
    radius="0",
    edge="0",
    label="font-size:16px;font-style:italic",
)

SIGNAL: Final = Theme(
    light=Palette(
        ground="#eef1f0",
        card="#fdfefd",
        ink="#1c2422",
        muted="#55605d",
        line="#dbe2df",
        fill="#eaf0ee",
        accent="#0b6b57",
        highlight="#d3f0e4",
    ),
    dark=Palette(
        ground="#111615",
        card="#1a201f",
        ink="#e4eae8",
        muted="#9fadaa",
        line="#2d3634",
        fill="#252d2b",
        accent="#6fd1b5",
        highlight="#1d4d40",
    ),
    title_font=SANS,
    radius="14px",
    label="letter-spacing:.2px",
)

THEMES: Final[Mapping[str, Theme]] = MappingProxyType({"morning": MORNING, "journal": JOURNAL, "signal": SIGNAL})
