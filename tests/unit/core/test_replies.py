import pytest

from newsletter.core.replies import classify, enhanced_code, is_about_relay, is_bad_address, is_lost
from newsletter.model import Outcome, OutcomeKind, Step

ACCEPTED, DEFERRED, REJECTED = OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED, OutcomeKind.REJECTED


@pytest.mark.parametrize(
    ("step", "code", "kind"),
    [
        (Step.DOT, 250, ACCEPTED),
        (Step.DOT, 251, ACCEPTED),
        (Step.DOT, 451, DEFERRED),
        (Step.DOT, 354, DEFERRED),
        (Step.DOT, 554, REJECTED),
        (Step.DOT, 552, DEFERRED),
        (Step.RCPT, 450, DEFERRED),
        (Step.RCPT, 452, DEFERRED),
        (Step.RCPT, 550, REJECTED),
        (Step.RCPT, 552, DEFERRED),
        (Step.RCPT, 700, DEFERRED),
        (Step.DATA, 554, REJECTED),
        (Step.DATA, 250, DEFERRED),
        (Step.MAIL, 550, DEFERRED),
        (Step.EHLO, 554, DEFERRED),
        (Step.AUTH, 535, DEFERRED),
        (Step.CONNECT, 554, DEFERRED),
    ],
)
def test_a_reply_ends_waits_or_rejects(step: Step, code: int, kind: OutcomeKind) -> None:
    outcome = classify(step, code, "text")
    assert (outcome.kind, outcome.code, outcome.text, outcome.step) == (kind, code, "text", step)


@pytest.mark.parametrize(
    ("step", "code", "about_relay"),
    [
        (Step.CONNECT, None, True),
        (Step.CONNECT, 421, True),
        (Step.TLS, None, True),
        (Step.AUTH, 535, True),
        (Step.MAIL, 530, True),
        (Step.MAIL, 451, False),
        (Step.MAIL, 552, False),  # this message is too large, another may not be
        (Step.MAIL, None, False),
        (Step.RCPT, 451, False),
        (Step.DOT, None, False),
    ],
)
def test_what_every_other_message_would_meet_is_about_the_relay(
    step: Step, code: int | None, *, about_relay: bool
) -> None:
    assert is_about_relay(Outcome(DEFERRED, code, "", step=step)) is about_relay


def test_silence_is_a_lost_connection_and_a_reply_is_not() -> None:
    assert is_lost(Outcome(DEFERRED, None, "connection lost", step=Step.DATA))
    assert not is_lost(Outcome(DEFERRED, 451, "later", step=Step.DATA))
    assert not is_lost(Outcome(DEFERRED, None, "template: line 3"))


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("5.1.1 No such user", "5.1.1"),
        ("4.7.1 wait", "4.7.1"),
        ("No such user 5.1.1", None),
        ("5.1 x", None),
        ("", None),
    ],
)
def test_the_enhanced_code_stands_at_the_beginning(text: str, enhanced: str | None) -> None:
    assert enhanced_code(text) == enhanced


@pytest.mark.parametrize(
    ("step", "code", "text", "bad"),
    [
        (Step.RCPT, 550, "5.1.1 <x@y.example>: user unknown", True),
        (Step.RCPT, 550, "5.1.10 recipient not found", True),
        (Step.RCPT, 554, "5.1.2 no such domain", True),
        (Step.RCPT, 550, "5.2.1 mailbox disabled", True),
        (Step.RCPT, 550, "No such user here", True),
        (Step.RCPT, 550, "5.0.0 No such user here", True),
        (Step.RCPT, 553, "mailbox name not allowed", False),
        (Step.RCPT, 550, "5.1.8 bad sender address", False),
        (Step.RCPT, 550, "5.7.1 blocked", False),
        (Step.RCPT, 550, "5.2.2 mailbox full", False),
        (Step.RCPT, 550, "Relaying denied", False),
        (Step.RCPT, 554, "Transaction failed", False),
        (Step.DOT, 550, "5.1.1 user unknown", False),
        (Step.DOT, 554, "5.7.1 looks like spam", False),
    ],
)
def test_only_an_address_that_will_never_work_is_bad(step: Step, code: int, text: str, *, bad: bool) -> None:
    assert is_bad_address(classify(step, code, text)) is bad


def test_an_address_that_is_only_deferred_is_not_bad() -> None:
    assert not is_bad_address(classify(Step.RCPT, 450, "5.1.1 odd mix"))
