from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.plots import HEIGHT, Series, ceiling, columns, lines


def test_columns_stand_on_top_of_each_other_and_say_what_they_are() -> None:
    plot = columns(["Mon", "Tue"], [Series("accepted", [60, 0]), Series("failed", [20, 5], 3)])
    assert (plot.top, plot.width) == (80, 20)
    assert [(each.x, each.y, each.height, each.tone) for each in plot.shapes] == [
        (1, 25.0, 75.0, 1),
        (1, 0.0, 25.0, 3),
        (11, 93.75, 6.25, 3),
    ]
    assert plot.shapes[1].saying == "Mon: 20 failed"
    assert plot.saying == "From Mon to Tue: accepted 60 in all, most on Mon (60); failed 25 in all, most on Mon (20)."
    assert plot.rows == [("Tue", [0, 5]), ("Mon", [60, 20])]


def test_a_line_goes_through_the_middle_of_each_day() -> None:
    plot = lines(["Mon", "Tue", "Wed"], [Series("readers", [0, 1, 2])])
    assert plot.lines[0].points == "5,100 15,50 25,0"
    assert plot.saying == "From Mon to Wed: readers 2 at the end, most on Wed (2)."


def test_nothing_is_drawn_of_nothing() -> None:
    for plot in (columns([], []), lines([], []), columns(["Mon"], [Series("accepted", [0])])):
        assert plot.is_empty
        assert not plot.shapes
        assert plot.top == 1
    assert columns([], []).saying == "Nothing yet."


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (7, 8), (9, 10), (11, 20), (58, 60), (99_999, 100_000)])
def test_the_upper_edge_is_round(most: int, top: int) -> None:
    assert ceiling(most) == top


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=60))
def test_no_shape_leaves_the_box(pairs: list[tuple[int, int]]) -> None:
    labels = [str(number) for number in range(len(pairs))]
    plot = columns(labels, [Series("a", [a for a, _ in pairs]), Series("b", [b for _, b in pairs], 2)])
    for each in plot.shapes:
        assert -0.02 <= each.y <= HEIGHT
        assert each.y + each.height <= HEIGHT + 0.02
        assert 0 < each.x < plot.width


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_every_colour_of_a_plot_is_seen_on_page_and_card(place: int) -> None:
    folder = resources.files("newsletter.web")
    colours = re.findall(r"--(\w+): #(\w{6})", folder.joinpath("admin.css").read_text())
    grounds = re.findall(r"--(ground|card): #(\w{6})", folder.joinpath("style.css").read_text())
    tones = [value for name, value in colours if name.startswith("tone")][4 * place : 4 * place + 4]
    behind = [value for _, value in grounds][2 * place : 2 * place + 2]
    assert (len(colours), len(grounds), len(tones)) == (8, 4, 4)
    assert [(tone, ground) for tone in tones for ground in behind if contrast(tone, ground) < 3] == []


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
