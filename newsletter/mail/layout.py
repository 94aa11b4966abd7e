"""A text with gaps, to be filled many times. One value may fill most of them, as in a digest with links for votes below
each paper: what stands between these is joined by it, which takes half the time of joining everything.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    _Pick = Callable[[Sequence[bytes]], tuple[bytes, ...]]


class Layout:
    """``pieces`` with a gap between each two; ``values`` are the numbers of the values for these."""

    def __init__(self, pieces: Sequence[bytes], values: Sequence[int]) -> None:
        self._often = max(Counter(values).items(), key=itemgetter(1))[0]
        self._sections: list[bytes] = []
        self._gaps: list[tuple[int, list[bytes], _Pick]] = []
        held: list[bytes] = [pieces[0]]
        others: list[int] = []
        for value, piece in zip(values, pieces[1:], strict=True):
            if value == self._often:
                self._add(held, others)
                held, others = [piece], []
            else:
                held += (b"", piece)
                others.append(value)
        self._add(held, others)

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the whole with these values."""
        sections = self._sections.copy()
        for number, held, others in self._gaps:
            chunks = held.copy()
            chunks[1::2] = others(values)
            sections[number] = b"".join(chunks)
        return values[self._often].join(sections)

    def _add(self, held: list[bytes], others: list[int]) -> None:
        """Add what stands between two gaps for the one value, with gaps for others in it."""
        if others:
            pick = itemgetter(*others) if len(others) > 1 else lambda values, only=others[0]: (values[only],)
            self._gaps.append((len(self._sections), held, pick))
        self._sections.append(b"" if others else held[0])
