"""Text with some of its words marked: what matched, ready for a template to show its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.core.printable import clip, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.model import Span


@dataclass(frozen=True, slots=True)
class Marked:
    """Printable text in pieces, each marked or not; ``str()`` gives the text alone."""

    pieces: tuple[tuple[str, bool], ...] = ()

    def __str__(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def __bool__(self) -> bool:
        return bool(self.pieces)


def mark(text: str, spans: Iterable[Span], start: int = 0, end: int | None = None) -> Marked:
    """Return ``text[start:end]`` with the parts marked that ``spans`` (positions in ``text``) cover. ``text`` is
    :func:`newsletter.core.text.readable` already.
    """
    return Marked(tuple(_pieces(text, spans, start, len(text) if end is None else min(end, len(text)))))


def mark_clipped(text: str, spans: Iterable[Span], limit: int) -> Marked:
    """Return all of ``text``, marked, or its first ``limit`` characters and an ellipsis."""
    if len(text) <= limit:
        return mark(text, spans)
    kept = clip(text, limit)
    head = mark(text, spans, 0, len(kept) - 1)
    return Marked((*head.pieces, (kept[-1], False)))


def whole(text: str) -> Marked:
    """Return ``text`` on one line, nothing of it marked."""
    return Marked(((one_line(text), False),))


def _pieces(text: str, spans: Iterable[Span], start: int, end: int) -> Iterator[tuple[str, bool]]:
    position = start
    for low, high in _joined(spans):
        first, last = max(low, position), min(high, end)
        if first >= last:
            continue
        if position < first:
            yield text[position:first], False
        yield text[first:last], True
        position = last
    if position < end:
        yield text[position:end], False


def _joined(spans: Iterable[Span]) -> Iterator[tuple[int, int]]:
    """Yield where marks begin and end: "latent diffusion" and "diffusion model", which overlap, are one mark."""
    low = high = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start > high:
            yield low, high
            low = span.start
        high = max(high, span.end)
    yield low, high
