import pytest

from newsletter.core.deliveries import GIVES_PAPERS_BACK, MOVES, OPEN, may_move
from newsletter.model import DeliveryState


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(DeliveryState)


@pytest.mark.parametrize("state", DeliveryState)
def test_staying_is_always_allowed(state: DeliveryState) -> None:
    assert may_move(state, state)


def test_what_was_accepted_stays_accepted() -> None:
    assert not any(may_move(DeliveryState.ACCEPTED, state) for state in DeliveryState if state is not state.ACCEPTED)


def test_only_what_is_being_sent_is_accepted() -> None:
    assert [state for state in DeliveryState if DeliveryState.ACCEPTED in MOVES[state]] == [DeliveryState.SENDING]


def test_every_open_state_leads_to_an_end() -> None:
    assert {state for state in DeliveryState if not state.is_final} == OPEN
    for state in OPEN:
        assert any(after.is_final for after in MOVES[state])


def test_a_final_state_is_left_only_for_another_try() -> None:
    for state in set(DeliveryState) - OPEN:
        assert MOVES[state] <= {DeliveryState.PLANNED}


def test_everything_that_did_not_arrive_gives_its_papers_back() -> None:
    assert set(DeliveryState) - OPEN - GIVES_PAPERS_BACK == {DeliveryState.ACCEPTED, DeliveryState.UNKNOWN}
