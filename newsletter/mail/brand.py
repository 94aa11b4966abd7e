"""Whose newsletter this is, and its colours: everything in a mail that is neither paper nor subscriber."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from newsletter.mail.themes import MORNING, Palette, Theme
from newsletter.model import Problem

_HEX_COLOUR_LENGTH = 7  # "#rrggbb"
_READABLE = 4.5  # WCAG 2.2, 1.4.3


@dataclass(frozen=True, slots=True)
class Wording:
    """What the operator says in words of their own; whatever is empty is left out of the mail."""

    greeting: str = ""
    welcome: str = ""
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Brand:
    """A newsletter's name, addresses and looks.

    ``sender`` and ``reply_to`` are plain addresses with ASCII domains; ``sender_name`` is shown beside the sender's
    (the newsletter's name when empty). ``list_id`` is the identifier of RFC 2919, e.g. ``digest.example.org`` (made
    from the sender's domain when empty). ``unsubscribe_address`` takes unsubscriptions by mail, where there is such a
    mailbox. ``web_url`` is the public address of the web pages, ``website`` a page about the newsletter, and
    ``archive_url`` one with past mails. ``sender_id`` tells Gmail's Postmaster Tools who sends (made from the sender's
    domain when empty). ``light`` and ``dark`` are the theme's colours, or the operator's instead of some; the logo
    is ``logo_width`` CSS pixels wide, and asked for by the reader's program where that may. Whatever else is empty is
    left out of the mail.
    """

    name: str = "Newsletter"
    sender: str = "newsletter@localhost"
    sender_name: str = ""
    reply_to: str = ""
    list_id: str = ""
    unsubscribe_address: str = ""
    contact: str = ""
    postal_address: str = ""
    web_url: str = ""
    website: str = ""
    archive_url: str = ""
    sender_id: str = ""
    theme: Theme = MORNING
    light: Palette = MORNING.light
    dark: Palette = MORNING.dark
    logo_url: str = ""
    logo_width: int = 120
    wording: Wording = Wording()


def contrast(one: str, other: str) -> float:
    """Return the contrast of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.2, "contrast ratio"); ValueError for others."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    if len(colour) != _HEX_COLOUR_LENGTH or not colour.startswith("#"):
        message = f"{colour!r} is not a colour like #8c2f1b"
        raise ValueError(message)
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 (sRGB)


def colour_problems(brand: Brand) -> list[Problem]:
    """Return colours that are none, and text colours that cannot be read on the card or the ground."""
    problems = []
    for scheme, palette in (("light", brand.light), ("dark", brand.dark)):
        try:
            ratios = {
                (name, back): contrast(getattr(palette, name), getattr(palette, back))
                for name in ("ink", "muted", "accent")
                for back in ("card", "ground")
            }
            for colour in asdict(palette).values():
                contrast(colour, colour)
        except ValueError as error:
            problems.append(Problem(f"brand.{scheme}", 0, 0, str(error), "write it as #rrggbb"))
            continue
        for (name, back), ratio in ratios.items():
            if ratio < _READABLE:
                message = f"{name} stands {ratio:.1f}:1 against {back}, which is hard to read"
                problems.append(Problem(f"brand.{scheme}", 0, 0, message, "4.5:1 is the least", "warning"))
    return problems
