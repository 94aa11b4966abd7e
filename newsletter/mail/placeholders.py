"""Stand-ins for what differs between the recipients of one digest, and filled text, cut where they stand."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

CHANGED: Final = "a value that differs between recipients was changed by a filter"
_BEGINS, _ENDS = "zq", "qz"
_LONG = range(400, 10_000)  # characters of a chunk that other mails are likely to hold, too: what is said of a paper
_MOST_REMEMBERED = 2_048


class Cut(NamedTuple):
    """Text and names in turn, beginning and ending with text. ``size`` is about how many bytes it has with a
    recipient's own values in it.
    """

    pieces: Sequence[str]
    size: int


class Placeholders:
    """Stand-ins for values: letters and digits that no filter changes and nobody can guess, cut out again once the
    template is filled. ``sizes`` are the names of the values, and about how many bytes each has.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = dict(sizes)
        self._token = f"{secrets.randbelow(10**16):016}"  # digits, which have no capitals
        self._names = {str(index): name for index, name in enumerate(sizes)}
        self._stand_ins = {name: f"{_BEGINS}{self._token}{index}{_ENDS}" for index, name in self._names.items()}
        self._length = max(map(len, self._stand_ins.values()))
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._cut)

    def values(self) -> dict[str, str]:
        """Return each name with its stand-in."""
        return self._stand_ins

    def pieces(self, text: str) -> list[str]:
        """Return text and names in turn, beginning and ending with text; ValueError where a stand-in was changed."""
        first, *others = text.split(_BEGINS + self._token)
        pieces = [first]
        for other in others:
            index, _, following = other.partition(_ENDS)
            pieces += (self._names.get(index, ""), following)
        if "" in pieces[1::2] or text.count(self._token) != len(others):
            raise ValueError(CHANGED)
        return pieces

    def cut(self, chunks: Iterable[str]) -> Cut:
        """Return the chunks of one text as one, cut; ValueError where a stand-in was changed."""
        pieces, size = [""], 0
        for stretch in self._stretches(chunks):
            pieces[-1] += stretch.pieces[0]
            pieces += stretch.pieces[1:]
            size += stretch.size
        return Cut(pieces, size)

    def size(self, text: str) -> int:
        """Return about how many bytes a text has with a recipient's own values in it."""
        return self._remembered(text).size

    def _stretches(self, chunks: Iterable[str]) -> Iterator[Cut]:
        """Yield the long chunks, and between them what the others are together."""
        short: list[str] = []
        for chunk in chunks:
            if len(chunk) not in _LONG:
                short.append(chunk)
                continue
            if short:
                yield self._cut("".join(short))
                short = []
            yield self._remembered(chunk)
        yield self._cut("".join(short))

    def _cut(self, text: str) -> Cut:
        text = str(text)  # what is Markup would escape what it is added to
        pieces = self.pieces(text) if self._token in text else [text]
        own = sum([self._sizes[name] - self._length for name in pieces[1::2]])
        return Cut(pieces, len(text.encode("utf-8", "replace")) + own)
