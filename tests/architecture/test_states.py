"""The moves of a delivery as documented: those of the program's table (``tests/contract/`` has the databases)."""

from __future__ import annotations

import re
from pathlib import Path

from newsletter.core.deliveries import MOVES
from newsletter.model import DeliveryState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
SECTION = PAGE.read_text("utf-8").partition("## States of a delivery")[2].partition("\n## ")[0]


def test_the_page_has_the_table() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \|(.*)\|$", SECTION)
    told = {DeliveryState(state): set(re.findall(r"`(\w+)`", moves)) for state, moves in rows}
    assert told == {state: {str(after) for after in moves} for state, moves in MOVES.items()}


def test_the_page_draws_every_state() -> None:
    drawing = SECTION.partition("```")[2].partition("```")[0]
    assert [state for state in DeliveryState if state not in drawing] == []


def test_the_page_adds_every_state_up() -> None:
    sentence = re.search(r"planned = (.+)", SECTION)
    assert sentence is not None
    terms = {term.strip() for term in sentence[1].split("+")}
    in_flight = {DeliveryState.PLANNED, DeliveryState.SENDING}
    assert terms == {str(state) for state in DeliveryState if state not in in_flight} | {"in flight", "forgotten"}
