"""The judge of the crash tests must find what is wrong, else they could not fail."""

import pytest

from newsletter.model import DeliveryState
from tests.support.journal import Acceptance
from tests.support.verdict import Cut, Promise, judge

ANN = Promise("<1@a>", "ann@example.org", DeliveryState.ACCEPTED)
BEA = Promise("<2@a>", "bea@example.org", DeliveryState.ACCEPTED)
TAKEN = [
    Acceptance("<1@a>", "ann@example.org", connection=1, port=40_001, at_s=1.0),
    Acceptance("<2@a>", "bea@example.org", connection=2, port=40_002, at_s=1.1),
]
AGAIN = Acceptance("<2@a>", "bea@example.org", connection=3, port=40_003, at_s=2.0)


def test_all_is_well() -> None:
    verdict = judge([ANN, BEA], TAKEN)
    assert (verdict.mails, verdict.states) == (2, {"accepted": 2})
    assert verdict.broken() == []


def test_a_mail_that_only_the_ledger_knows_is_lost() -> None:
    verdict = judge([ANN, BEA], TAKEN[:1])
    assert verdict.lost == 1
    assert verdict.broken() == ["1 mails were lost"]


def test_a_mail_that_only_the_server_knows_was_not_recorded() -> None:
    rejected = Promise(BEA.message_id, BEA.recipient, DeliveryState.REJECTED)
    verdict = judge([ANN, rejected], TAKEN)
    assert verdict.unrecorded == 1
    assert len(verdict.broken(states=("accepted", "rejected"))) == 1
    assert len(verdict.broken()) == 2


def test_what_may_have_arrived_may_have_arrived() -> None:
    unknown = Promise(BEA.message_id, BEA.recipient, DeliveryState.UNKNOWN)
    for taken in (TAKEN, TAKEN[:1]):
        assert judge([ANN, unknown], taken).broken(states=("accepted", "unknown")) == []


def test_two_ids_for_one_reader_are_found() -> None:
    other = Acceptance("<3@a>", "ann@example.org", connection=1, port=40_001, at_s=2.0)
    assert judge([ANN, BEA], [*TAKEN, other]).other_ids == 1


@pytest.mark.parametrize(
    ("cuts", "unexplained"),
    [
        ([Cut(1.2, frozenset({40_001, 40_002}))], 0),
        ([Cut(1.2, frozenset({40_001}))], 1),  # its connection was not cut
        ([Cut(90.0, frozenset({40_002}))], 1),  # long after
        ([], 1),
    ],
)
def test_a_double_is_explained_by_the_cut_of_its_connection(cuts: list[Cut], unexplained: int) -> None:
    verdict = judge([ANN, BEA], [*TAKEN, AGAIN], cuts)
    assert (verdict.doubled, verdict.unexplained) == (1, unexplained)
    assert verdict.broken(most_doubled=0) == ["1 mails came twice, and at most 0 may"]


def test_a_double_is_not_explained_when_its_connection_went_on() -> None:
    later = Acceptance("<1@a>", "ann@example.org", connection=2, port=40_002, at_s=1.15)
    verdict = judge([ANN, BEA], [TAKEN[1], later, AGAIN], [Cut(1.2, frozenset({40_002}))])
    assert verdict.unexplained == 1


def test_a_sum_that_does_not_close_is_told() -> None:
    assert judge([ANN, BEA], TAKEN, adds_up=False).broken() == ["the report does not add up"]
