"""Plots as geometry: what a template draws as SVG, with the words that say the same. Pure: values in, values out.

Shapes alone are drawn, in a box that is stretched to the page; all text stands beside it as HTML, at its own size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOT: Final = 10  # units for each value across; a column takes eight of them
HEIGHT: Final = 100
STEPS: Final = (1, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """A row of values, each for one label; ``tone`` is the number of its colour, from 1."""

    name: str
    values: Sequence[int]
    tone: int = 1

    @property
    def total(self) -> int:
        """The sum of all values."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Shape:
    """A column: its place, its tone, and what it says when it is pointed at."""

    x: float
    y: float
    height: float
    tone: int
    saying: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points ``x,y x,y …``."""

    points: str
    tone: int
    name: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything a template needs. ``top`` is the value at the upper edge; ``saying`` tells the whole in a sentence."""

    labels: Sequence[str]
    series: Sequence[Series]
    top: int
    shapes: Sequence[Shape]
    lines: Sequence[Line]
    saying: str

    @property
    def width(self) -> int:
        """How wide the box is, in its own units."""
        return SLOT * max(len(self.labels), 1)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(any(each.values) for each in self.series)

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """The same as rows of a table, the last label first."""
        listed = [(label, [each.values[place] for each in self.series]) for place, label in enumerate(self.labels)]
        return listed[::-1]


def columns(labels: Sequence[str], series: Sequence[Series]) -> Plot:
    """Return columns, one for each label, the series on top of each other."""
    top = ceiling(max((sum(each) for each in zip(*(row.values for row in series), strict=True)), default=0))
    shapes = []
    for place, label in enumerate(labels):
        base = float(HEIGHT)
        for row in series:
            if row.values[place]:
                height = row.values[place] * HEIGHT / top
                base -= height
                x, y = SLOT * place + 1, round(base, 2)
                shapes.append(Shape(x, y, round(height, 2), row.tone, f"{label}: {row.values[place]:,} {row.name}"))
    return Plot(labels, series, top, shapes, (), saying(labels, series))


def lines(labels: Sequence[str], series: Sequence[Series]) -> Plot:
    """Return a line for each series."""
    top = ceiling(max((max(row.values, default=0) for row in series), default=0))
    drawn = [Line(points(row.values, top), row.tone, row.name) for row in series]
    return Plot(labels, series, top, (), drawn, saying(labels, series, is_level=True))


def points(values: Sequence[int], top: int) -> str:
    """Return the points of a line: each value in the middle of its slot."""
    places = ((SLOT * (place + 0.5), HEIGHT - value * HEIGHT / top) for place, value in enumerate(values))
    return " ".join(f"{x:g},{round(y, 2):g}" for x, y in places)


def ceiling(most: int) -> int:
    """Return the next round number that is at least ``most``: a digit with zeros; 1 at least."""
    unit = 1
    while unit * STEPS[-1] < most:
        unit *= 10
    return next(unit * step for step in STEPS if unit * step >= most)


def saying(labels: Sequence[str], series: Sequence[Series], *, is_level: bool = False) -> str:
    """Return what a plot shows in a sentence, for who does not see it."""
    if not labels:
        return "Nothing yet."
    parts = []
    for row in series:
        most = max(row.values)
        at = labels[list(row.values).index(most)]
        whole = f"{row.values[-1]:,} at the end" if is_level else f"{row.total:,} in all"
        parts.append(f"{row.name} {whole}" + (f", most on {at} ({most:,})" if most else ""))
    return f"From {labels[0]} to {labels[-1]}: {'; '.join(parts)}."


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in a strip: ``tone`` is the word for its colour, empty for none."""

    label: str
    tone: str
    saying: str
