import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.replies import Cause, cause_of, classify, enhanced_code, is_about_relay, is_bad_address, is_lost
from newsletter.model import Outcome, OutcomeKind, Step

ACCEPTED, DEFERRED, REJECTED = OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED, OutcomeKind.REJECTED
UNREACHABLE, THROTTLED, POLICY = Cause.UNREACHABLE, Cause.THROTTLED, Cause.POLICY
RECIPIENT, MAILBOX = Cause.RECIPIENT, Cause.MAILBOX


@pytest.mark.parametrize(("code", "kind"), [(250, ACCEPTED), (251, ACCEPTED), (354, DEFERRED), (700, DEFERRED)])
def test_only_2xx_after_the_final_dot_is_accepted(code: int, kind: OutcomeKind) -> None:
    outcome = classify(Step.DOT, code, "2.0.0 text")
    assert outcome == Outcome(kind, code, "2.0.0 text", step=Step.DOT, enhanced_code="2.0.0")
    assert classify(Step.DATA, 250, "no 354").kind is DEFERRED


@pytest.mark.parametrize(
    ("step", "code", "text", "cause"),
    [
        # 421 closes the connection, wherever it comes.
        *((step, 421, "4.3.2 closing", THROTTLED) for step in Step),
        # Before any recipient.
        (Step.CONNECT, 554, "5.3.2 no SMTP service here", UNREACHABLE),
        (Step.CONNECT, 450, "later", UNREACHABLE),
        (Step.CONNECT, 554, "5.7.1 your network is listed", POLICY),
        (Step.CONNECT, 554, "Blocked, see https://rbl.example", POLICY),
        (Step.TLS, 454, "4.7.0 TLS not available due to temporary reason", UNREACHABLE),
        (Step.TLS, 554, "no TLS", UNREACHABLE),
        (Step.EHLO, 501, "Invalid HELO name", POLICY),
        (Step.AUTH, 535, "5.7.8 bad credentials", POLICY),
        (Step.AUTH, 454, "4.7.0 Temporary authentication failure", UNREACHABLE),
        (Step.AUTH, 454, "4.7.0 Too many login attempts, please try again later", THROTTLED),
        (Step.MAIL, 530, "5.7.0 Authentication required", POLICY),
        (Step.MAIL, 550, "5.1.8 bad sender", POLICY),
        (Step.MAIL, 501, "5.1.7 bad syntax", POLICY),
        (Step.MAIL, 552, "5.3.4 message too big", MAILBOX),
        (Step.MAIL, 452, "4.3.1 Insufficient system storage", UNREACHABLE),
        (Step.MAIL, 451, "later", MAILBOX),
        # Limits.
        (Step.RCPT, 450, "4.7.28 unusual rate of unsolicited mail", THROTTLED),
        (Step.RCPT, 451, "4.7.500 Server busy", THROTTLED),
        (Step.RCPT, 450, "4.7.1 Error: too much mail from 192.0.2.1", THROTTLED),
        (Step.RCPT, 450, "4.7.1 Error: too many recipients from 192.0.2.1", THROTTLED),
        (Step.DOT, 454, "Throttling failure: Maximum sending rate exceeded.", THROTTLED),
        # Not now.
        (Step.RCPT, 450, "4.2.0 Greylisted", MAILBOX),
        (Step.RCPT, 451, "4.7.1 Greylisting in action, please come back later", MAILBOX),
        (Step.RCPT, 451, "4.7.0 greylisted for five minutes", MAILBOX),
        (Step.RCPT, 450, "mailbox busy", MAILBOX),
        (Step.RCPT, 452, "4.5.3 too many recipients", MAILBOX),
        (Step.RCPT, 452, "4.2.2 over quota", MAILBOX),
        (Step.RCPT, 552, "Requested mail action aborted: exceeded storage allocation", MAILBOX),
        (Step.RCPT, 550, "5.2.2 mailbox full", MAILBOX),
        (Step.RCPT, 550, "mailbox is full", MAILBOX),
        (Step.RCPT, 451, "4.3.0 Temporary lookup failure", MAILBOX),
        (Step.DOT, 451, "4.7.1 Try again later", MAILBOX),
        (Step.DOT, 552, "5.3.4 message too big", MAILBOX),
        (Step.DOT, 452, "4.3.1 disk full", UNREACHABLE),
        (Step.DOT, 451, "4.3.0 queue file write error", UNREACHABLE),
        # The address, for good.
        (Step.RCPT, 550, "5.1.1 <x@y.example>: user unknown", RECIPIENT),
        (Step.RCPT, 554, "5.1.2 no such domain", RECIPIENT),
        (Step.RCPT, 501, "5.1.3 bad address syntax", RECIPIENT),
        (Step.RCPT, 551, "5.1.6 has moved", RECIPIENT),
        (Step.RCPT, 556, "5.1.10 null MX", RECIPIENT),
        (Step.RCPT, 550, "5.2.1 mailbox disabled", RECIPIENT),
        (Step.RCPT, 550, "No such user here", RECIPIENT),
        (Step.RCPT, 550, "", RECIPIENT),
        (Step.RCPT, 550, "5.0.0 No such user here", RECIPIENT),
        (Step.RCPT, 550, "5.5.0 Requested action not taken: mailbox unavailable", RECIPIENT),
        (Step.RCPT, 553, "mailbox name not allowed", RECIPIENT),
        (Step.RCPT, 554, "This user doesn't have a yahoo.com account", RECIPIENT),
        (Step.DATA, 550, "5.1.1 user unknown", RECIPIENT),
        (Step.DOT, 550, "5.1.1 user unknown", RECIPIENT),
        # About us.
        (Step.RCPT, 550, "5.7.1 blocked", POLICY),
        (Step.RCPT, 554, "5.7.1 Relay access denied", POLICY),
        (Step.RCPT, 550, "5.1.8 bad sender address", POLICY),
        (Step.RCPT, 550, "Relaying denied", POLICY),
        (Step.RCPT, 550, "5.0.0 blocked by policy", POLICY),
        (Step.RCPT, 503, "5.5.1 bad sequence of commands", POLICY),
        (Step.RCPT, 555, "unsupported parameter", POLICY),
        (Step.RCPT, 530, "please log in first", POLICY),
        (Step.DATA, 554, "5.7.1 no", POLICY),
        (Step.DATA, 554, "no valid recipients", POLICY),
        (Step.DOT, 554, "5.7.1 looks like spam", POLICY),
        (Step.DOT, 550, "5.6.0 broken content", POLICY),
        (Step.DOT, 550, "user unknown", POLICY),
        # Neither the address nor us: waits.
        (Step.RCPT, 554, "Transaction failed", MAILBOX),
        (Step.RCPT, 550, "5.4.4 no route", MAILBOX),
        (Step.RCPT, 550, "5.4.1 Recipient address rejected: Access denied", MAILBOX),
        (Step.RCPT, 550, "5.3.0 system trouble", MAILBOX),
        (Step.RCPT, 550, "5.1.4 ambiguous", MAILBOX),
        (Step.RCPT, 550, "5.5.3 too many recipients", MAILBOX),
        # The two codes contradict each other: the basic one counts.
        (Step.RCPT, 450, "5.1.1 odd mix", MAILBOX),
        (Step.RCPT, 554, "4.7.1 host blocked", POLICY),
        # No reply class at all.
        (Step.RCPT, 700, "text", MAILBOX),
    ],
)
def test_whose_fault_a_reply_is(step: Step, code: int, text: str, cause: Cause) -> None:
    outcome = classify(step, code, text)
    assert cause_of(outcome) is cause
    assert outcome.kind is (REJECTED if cause is RECIPIENT else DEFERRED)
    assert (outcome.step, outcome.code, outcome.text) == (step, code, text)
    assert outcome.enhanced_code == enhanced_code(text)
    assert is_bad_address(outcome) is (cause is RECIPIENT)


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome(ACCEPTED, 250, "ok", step=Step.DOT), Cause.NONE),
        (Outcome(OutcomeKind.SUPPRESSED, text="not sent: unsubscribed"), Cause.NONE),
        (Outcome(DEFERRED, text="could not be made: template.html:3: …"), Cause.NONE),
        (Outcome(DEFERRED, None, "connection refused", step=Step.CONNECT), UNREACHABLE),
        (Outcome(DEFERRED, None, "no answer within 60 seconds", step=Step.RCPT), UNREACHABLE),
        (Outcome(DEFERRED, None, "after the final dot: lost", is_unknown=True, step=Step.DOT), UNREACHABLE),
        (Outcome(DEFERRED, None, "larger than it takes", step=Step.MAIL, enhanced_code="5.3.4"), MAILBOX),
        (Outcome(REJECTED, None, "characters that SMTP cannot carry", step=Step.RCPT), RECIPIENT),
        (Outcome(DEFERRED, 554, "relay.example:25 at connect: go", step=Step.CONNECT, enhanced_code="5.7.1"), POLICY),
    ],
)
def test_whose_fault_it_is_that_there_was_no_reply(outcome: Outcome, cause: Cause) -> None:
    assert cause_of(outcome) is cause


@given(st.sampled_from(Step), st.integers(400, 599), st.text(max_size=40))
def test_a_list_is_never_burnt(step: Step, code: int, text: str) -> None:
    outcome = classify(step, code, text)
    assert cause_of(outcome) is not Cause.NONE
    if outcome.kind is REJECTED:
        assert code >= 500
        assert step in (Step.RCPT, Step.DATA, Step.DOT)
        assert outcome.enhanced_code is None or not outcome.enhanced_code.startswith("5.7.")


@pytest.mark.parametrize(
    ("step", "code", "about_relay"),
    [
        (Step.CONNECT, None, True),
        (Step.CONNECT, 421, True),
        (Step.TLS, None, True),
        (Step.AUTH, 535, True),
        (Step.MAIL, 530, True),
        (Step.MAIL, 421, True),
        (Step.MAIL, 451, False),
        (Step.MAIL, 552, False),  # this message is too large, another may not be
        (Step.MAIL, None, False),
        (Step.RCPT, 451, False),
        (Step.RCPT, 421, False),  # the connection is closed; whether the relay is slowed is for who counts them
        (Step.RCPT, 530, False),  # one recipient's policy, perhaps
        (Step.DATA, 554, True),
        (Step.DOT, 554, True),
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
    assert not is_lost(Outcome(DEFERRED, None, "larger than it takes", step=Step.MAIL, enhanced_code="5.3.4"))


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
