import re
from email.utils import unquote
from urllib.parse import unquote as percent_decoded

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.replies import Cause, cause_of
from newsletter.mail.envelope import Envelope, Offer, commands, original_recipient, xtext
from newsletter.model import EmailAddress, Outcome, OutcomeKind

READER = EmailAddress("reader@example.org", "reader@example.org", "reader@example.org")
FOREIGN = EmailAddress("用户@example.org", "用户@example.org", "用户@example.org", needs_smtputf8=True)
MESSAGE = b"Subject: Papers\r\n\r\nHello\r\n"
LETTERS = "Subject: 论文\r\n\r\nHello\r\n".encode()
SENDER = "digest@news.example"


def lines(
    extensions: dict[str, str],
    *,
    message: bytes = MESSAGE,
    to: EmailAddress = READER,
    identifier: str = "",
    dsn: bool = True,
) -> list[str]:
    found = commands(Offer(extensions, 1, 1, dsn), message, Envelope(SENDER, to, identifier))
    assert not isinstance(found, Outcome)
    return [line.decode() for line in found]


def fault(extensions: dict[str, str], *, message: bytes = MESSAGE, to: EmailAddress = READER) -> Outcome:
    found = commands(Offer(extensions, 1, 1), message, Envelope(SENDER, to))
    assert isinstance(found, Outcome)
    return found


def test_a_server_that_offers_nothing_is_asked_for_nothing() -> None:
    assert lines({}) == [f"MAIL FROM:<{SENDER}>\r\n", "RCPT TO:<reader@example.org>\r\n", "DATA\r\n"]


def test_all_that_is_offered_is_used() -> None:
    offer = {"size": "1000", "8bitmime": "", "smtputf8": "", "dsn": "", "pipelining": ""}
    mail, rcpt, _ = lines(offer, message=LETTERS, to=FOREIGN, identifier="42")
    assert mail == f"MAIL FROM:<{SENDER}> SIZE={len(LETTERS)} BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=42\r\n"
    assert rcpt == "RCPT TO:<用户@example.org> NOTIFY=FAILURE,DELAY ORCPT=utf-8;用户@example.org\r\n"


def test_notifications_are_asked_for_only_when_wanted() -> None:
    mail, rcpt, _ = lines({"dsn": ""}, identifier="42", dsn=False)
    assert (mail, rcpt) == (f"MAIL FROM:<{SENDER}>\r\n", "RCPT TO:<reader@example.org>\r\n")
    mail, rcpt, _ = lines({"dsn": ""})
    assert mail.endswith("> RET=HDRS\r\n")  # an empty identifier would be none
    mail, _, _ = lines({"dsn": ""}, identifier="=" * 40)
    assert "ENVID" not in mail  # over the limit of 100 characters, once it is encoded


def test_a_plus_in_the_address_is_encoded() -> None:
    to = EmailAddress("a+b=c@example.org", "a+b=c@example.org", "a+b=c@example.org")
    assert lines({"dsn": ""}, to=to)[1].endswith(" ORCPT=rfc822;a+2Bb+3Dc@example.org\r\n")


@given(st.text(st.characters(max_codepoint=127)))
def test_xtext_is_one_word_and_can_be_read_back(value: str) -> None:
    encoded = xtext(value)
    assert re.fullmatch(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*", encoded)
    assert percent_decoded(encoded.replace("%", "%25").replace("+", "%")) == value


def test_an_address_beyond_ascii_is_escaped_by_rfc_6533() -> None:
    assert original_recipient("用+户@example.org") == "utf-8;用\\x{2B}户@example.org"
    assert unquote(original_recipient("a@example.org")) == "rfc822;a@example.org"


@pytest.mark.parametrize("stated", ["0", "", "many", "9" * 30])
def test_a_size_without_a_limit_is_none(stated: str) -> None:
    assert Offer({"size": stated}, 1, 1).size_limit is None
    assert f"SIZE={len(MESSAGE)}" in lines({"size": stated})[0]


def test_a_message_over_the_limit_is_not_begun_and_waits() -> None:
    outcome = fault({"size": str(len(MESSAGE) - 1)})
    assert (outcome.kind, outcome.code, cause_of(outcome)) == (OutcomeKind.DEFERRED, None, Cause.MAILBOX)
    assert str(len(MESSAGE)) in outcome.text
    assert lines({"size": str(len(MESSAGE))})


@pytest.mark.parametrize(
    ("extensions", "message", "to", "missing"),
    [
        ({"smtputf8": ""}, LETTERS, READER, "8BITMIME"),
        ({"8bitmime": ""}, MESSAGE, FOREIGN, "SMTPUTF8"),
    ],
)
def test_what_the_server_cannot_carry_is_not_begun_and_waits(
    extensions: dict[str, str], message: bytes, to: EmailAddress, missing: str
) -> None:
    outcome = fault(extensions, message=message, to=to)
    assert (outcome.kind, cause_of(outcome)) == (OutcomeKind.DEFERRED, Cause.MAILBOX)
    assert missing in outcome.text


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_whatever_the_addresses_hold_there_are_three_lines_or_none(sender: str, recipient: str, envid: str) -> None:
    envelope = Envelope(sender, EmailAddress(recipient, recipient, recipient), envid)
    found = commands(Offer({"dsn": "", "smtputf8": "", "8bitmime": ""}, 1, 1, wants_dsn=True), MESSAGE, envelope)
    if isinstance(found, Outcome):
        return
    for line, verb in zip(found, (b"MAIL FROM:<", b"RCPT TO:<", b"DATA\r\n"), strict=True):
        assert line.startswith(verb)
        assert line.endswith(b"\r\n")
        assert line.count(b"\n") == line.count(b"\r") == 1
