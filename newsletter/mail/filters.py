"""What template authors may apply to values: marked words, wrapped lines, plurals. ``docs/templates.md`` shows each."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from newsletter.core.printable import clip, one_line, printable
from newsletter.languages.language import ENDS_ISOLATE, STARTS_ISOLATE
from newsletter.mail.marks import Marked, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from newsletter.languages import Language
    from newsletter.mail.brand import Brand
    from newsletter.mail.links import LinkView

_MARK = Markup('<b class="mark" style="font-weight:inherit;padding:1px 2px;background-color:{}">')
_NARROW = re.compile("[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2605]*")
_BOTH = (STARTS_ISOLATE, ENDS_ISOLATE)
_ISOLATES = re.compile(f"([{STARTS_ISOLATE}{ENDS_ISOLATE}])")
_SPACES = re.compile(r"\s+")
TEXT_WIDTH = 72  # columns of the plain-text part


def common_filters() -> dict[str, Callable[..., Any]]:
    """Return the filters that HTML and text templates share, by name, besides those of
    :func:`newsletter.languages.templates.language_filters`.
    """
    return {
        "clip": lambda value, limit: clip(one_line(str(value)), limit),
        "count_of": count_of,
    }


def html_filters(brand: Brand) -> dict[str, Callable[..., Any]]:
    """Return the filters of HTML templates."""
    opening = str(_MARK.format(brand.light.highlight))
    return common_filters() | {"marked": lambda value: marked_html(value, opening)}


def text_filters(language: Language) -> dict[str, Callable[..., Any]]:
    """Return the filters of plain-text templates."""

    def in_language(links: Iterable[LinkView], margin: str = "") -> str:
        return references(links, margin, language)

    return common_filters() | {
        "marked": marked_text,
        "references": in_language,
        "width": display_width,
        "wrap": wrap,
    }


def count_of(number: int, noun: str) -> str:
    """Return e.g. ``1 paper`` or ``1,204 papers``: for templates that are written in English only."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def marked_html(value: Marked | str, opening: str) -> Markup:
    """Return the value escaped, each marked stretch within ``opening`` and ``</b>``: a highlight, and bold where styles
    are stripped.
    """
    pieces = (value if isinstance(value, Marked) else whole(value)).pieces
    shown = "".join([f"{opening}{escape(text)}</b>" if is_marked else escape(text) for text, is_marked in pieces])
    return Markup(shown)  # noqa: S704 (each piece has been escaped)


def marked_text(value: Marked | str) -> str:
    """Return the value with marked stretches ``*like this*``, which mail programs for terminals show bold."""
    pieces = (value if isinstance(value, Marked) else whole(value)).pieces
    return one_line("".join(f"*{text}*" if is_marked else text for text, is_marked in pieces))


def references(links: Iterable[LinkView], margin: str, language: Language) -> str:
    """Return links as numbered references, e.g. ``[3] Code (★ 412): https://example.org/``: each on a line of its own,
    after ``margin``.
    """
    return "\n".join([f"{margin}[{link.number}] {link.label}{_stars(link, language)}: {link.url}" for link in links])


def _stars(link: LinkView, language: Language) -> str:
    return "" if link.stars is None else f" (★ {language.number(link.stars)})"


def wrap(value: object, width: int = TEXT_WIDTH, indent: str = "", first: str | None = None) -> str:
    """Return the value in lines of at most ``width`` columns, wide characters counted as two, each line after
    ``indent`` (the first one after ``first``, when given). Words longer than a line, addresses above all, stay whole.
    """
    return _wrapped(str(value), width, indent, indent if first is None else first)


@lru_cache(maxsize=8192)  # the digests of one day share their papers
def _wrapped(value: str, width: int, indent: str, start: str) -> str:
    text = _isolated_line(value)
    if len(start) == len(indent) and _NARROW.fullmatch(text):
        lines = _breaks(width - len(indent)).findall(text)
        return start + ("\n" + indent).join(lines)
    return _wrapped_by_columns(text, width, indent, start)


def _isolated_line(value: str) -> str:
    """Return ``value`` on one line, with the isolates that a language from right to left puts around what it names: the
    values of messages are printable before they are isolated.
    """
    if STARTS_ISOLATE not in value:
        return one_line(value)
    pieces = _ISOLATES.split(value)
    return _SPACES.sub(" ", "".join([each if each in _BOTH else printable(each) for each in pieces])).strip()


def _wrapped_by_columns(text: str, width: int, indent: str, start: str) -> str:
    lines, line = [], start
    filled = display_width(line)
    is_empty = True
    for word in _words(text, width - display_width(indent)):
        size = display_width(word)
        if not is_empty and filled + 1 + size > width:
            lines.append(line)
            line, filled, is_empty = indent, display_width(indent), True
        line += word if is_empty else f" {word}"
        filled += size + (not is_empty)
        is_empty = False
    return "\n".join([*lines, line]).rstrip(" ")


@cache
def _breaks(width: int) -> re.Pattern[str]:
    """Return what finds the lines of a text without wide characters: as many words as fit, or one that does not."""
    return re.compile(rf"(\S{{{width + 1},}}|.{{1,{width}}})(?: |$)")


def display_width(text: str) -> int:
    """Return how many columns ``text`` takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _words(text: str, width: int) -> list[str]:
    """Return the words of ``text``; what is too long for a line is cut where the script (Chinese, say) allows it."""
    words: list[str] = []
    for word in text.split(" "):
        if word.isascii() or display_width(word) <= width:
            words.append(word)
        else:
            words.extend(_cut_wide(word, width))
    return words


def _cut_wide(word: str, width: int) -> list[str]:
    parts, part, filled = [], "", 0
    for character in word:
        columns = _columns(character)
        if part and columns and filled + columns > width:
            parts.append(part)
            part, filled = "", 0
        part += character
        filled += columns
    return [*parts, part]
