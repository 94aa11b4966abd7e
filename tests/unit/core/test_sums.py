from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.sums import flaw_sentence, shortfall, sums_fault, total_difference, unclosed
from newsletter.model import DeliveryState, Flaw, Inconsistency, IssueSums

DAY = date(2026, 1, 5)
COUNTS = st.dictionaries(st.sampled_from(DeliveryState), st.integers(1, 10**6))


@given(COUNTS, st.integers(0, 1000), st.integers(-1000, 1000))
def test_a_sum_closes_exactly_when_nothing_is_missing_or_too_much(
    states: dict[DeliveryState, int], forgotten: int, off: int
) -> None:
    issue = IssueSums(DAY, sum(states.values()) + forgotten + off, forgotten, states)
    assert issue.difference == off
    assert issue.is_closed is (off == 0)
    assert bool(unclosed([issue])) is bool(sums_fault([issue])) is (off != 0)
    assert total_difference([issue, issue]) == 2 * abs(off)
    assert issue.in_flight == issue[DeliveryState.PLANNED] + issue[DeliveryState.SENDING]


def test_a_sum_says_what_is_wrong_with_it() -> None:
    missing = IssueSums(DAY, 20_000, 10, {DeliveryState.ACCEPTED: 19_290})
    said = "the sum of the issue of 2026-01-05 does not close: 20,000 planned, 19,300 accounted for: 700 missing"
    assert shortfall(missing) == said
    assert shortfall(IssueSums(DAY, 1, 0, {DeliveryState.ACCEPTED: 3})).endswith("3 accounted for: 2 too many")
    assert sums_fault([missing, missing]) == f"{said} (and 1 more issues)"


def test_a_flaw_names_the_first_deliveries() -> None:
    assert flaw_sentence(Inconsistency(Flaw.MISCOUNTED, 1, (7,))) == "1 delivery with other attempts than are stored: 7"
    assert flaw_sentence(Inconsistency(Flaw.LEASED, 3, (1, 2))) == f"3 deliveries {Flaw.LEASED}: 1, 2, …"
