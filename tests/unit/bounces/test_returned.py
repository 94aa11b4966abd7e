"""Reading what comes back: formats, what may tell whom it is about, and that nothing makes it fail or run for long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.bounces.limits import PART_LIMIT
from newsletter.bounces.returned import read_returned
from newsletter.bounces.status import unxtext
from newsletter.model import BounceKind

RETURNED = b"""Return-Path: <bounces+dtoken@news.example>
Received: from x by y
Message-ID: <20261124.abc@news.example>
List-Unsubscribe: <https://news.example/unsubscribe/MTI.signature-of-ours>
Subject: Seven papers

"""


def dsn(block: bytes, *, returned: bytes = RETURNED, kind: bytes = b"message/rfc822", envelope: bytes = b"") -> bytes:
    return (
        b"From: MAILER-DAEMON@relay.example\nTo: bounces+dtoken@news.example\nMessage-ID: <dsn@relay.example>\n"
        b"Auto-Submitted: auto-replied\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nIt could not be delivered.\n\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n" + envelope + b"\n"
        + block + b"\n--b\nContent-Type: " + kind + b"\n\n" + returned + b"\n--b--\n"
    )  # fmt: skip


FAILED = b"""Final-Recipient: rfc822; Reader@Bad.test
Original-Recipient: rfc822; reader@bad.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
"""


def test_a_standard_report() -> None:
    report = read_returned(dsn(FAILED, envelope=b"Original-Envelope-Id: dtoken\n"), ("bounces+dtoken@news.example",))
    assert report.kind is BounceKind.HARD
    assert report.recipients == ("reader@bad.test",)
    assert report.enhanced_code == "5.1.1"
    assert report.text == "550 5.1.1 no such user"
    assert report.return_paths == ("bounces+dtoken@news.example",)
    assert report.unsubscribe_tokens == ("MTI.signature-of-ours",)
    assert report.message_ids == ("dtoken", "20261124.abc@news.example")
    assert not report.is_vouched


def test_field_names_are_read_in_any_case_and_exims_status_from_its_diagnosis() -> None:
    block = b"action: failed\nFINAL-RECIPIENT: RFC822;reader@bad.test\nstatus: 5.0.0\n"
    diagnosis = b"diagnostic-code: smtp; 550 5.1.1 <reader@bad.test>: no such user\n"
    report = read_returned(dsn(block + diagnosis, envelope=b"Original-Envelope-ID: id-in-another-case\n"))
    assert (report.kind, report.enhanced_code) == (BounceKind.HARD, "5.1.1")
    assert report.message_ids[0] == "id-in-another-case"


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("reader@bad.test: 550 5.1.1 no such user", BounceKind.HARD, "5.1.1"),
        ("Reader@Bad.test: 552 5.2.2 mailbox full", BounceKind.SOFT, "5.2.2"),
        ("reader@bad.test: 554 5.7.1 blocked for what it says", BounceKind.SOFT, "5.7.1"),
        ("other@bad.test: 550 5.1.1 no such user", BounceKind.SOFT, "5.0.0"),
        ("the words reader@bad.test: 550 5.1.1 stand within a sentence", BounceKind.SOFT, "5.0.0"),
    ],
)
def test_a_report_without_a_diagnosis_is_read_by_its_words(line: str, kind: BounceKind, code: str) -> None:
    """As OpenSMTPD writes them: the answer of the other server stands in the part for people alone."""
    report = f"""From: MAILER-DAEMON@relay.test
To: bounces+dtoken@news.example
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

    Hi!

{line}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.test

Final-Recipient: rfc822; reader@bad.test
Action: failed
Status: 5.0.0

--b--
"""
    found = read_returned(report.encode())
    assert (found.kind, found.enhanced_code, found.recipients) == (kind, code, ("reader@bad.test",))


def test_xtext_is_undone() -> None:
    block = b"Original-Recipient: rfc822;reader+2Btag@bad.test\nFinal-Recipient: rfc822; x@y.test\nAction: failed\n"
    report = read_returned(dsn(block + b"Status: 5.2.2\n"))
    assert report.recipients == ("reader+tag@bad.test",)
    assert report.kind is BounceKind.SOFT
    assert unxtext("bounces+2Bdtoken+3D") == "bounces+dtoken="


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "Delayed (still trying)"])
def test_what_is_no_failure_counts_for_nothing(action: str) -> None:
    report = read_returned(dsn(FAILED.replace(b"failed", action.encode())))
    assert report.kind is None
    assert report.text.startswith("no failure")


def test_the_worst_of_several_recipients_counts() -> None:
    soft = FAILED.replace(b"5.1.1", b"4.4.1").replace(b"reader@bad.test", b"other@bad.test")
    report = read_returned(dsn(soft + b"\n" + FAILED))
    assert (report.kind, report.recipients) == (BounceKind.HARD, ("reader@bad.test",))


def test_headers_alone_are_enough_to_know_the_mail() -> None:
    report = read_returned(dsn(FAILED, kind=b"text/rfc822-headers"))
    assert report.unsubscribe_tokens == ("MTI.signature-of-ours",)
    assert report.message_ids == ("20261124.abc@news.example",)


def test_a_returned_mail_in_plain_text_is_found() -> None:
    mail = (
        b"From: MAILER-DAEMON@qmail.example\nTo: bounces@news.example\n\n"
        b"Hi. This is the qmail-send program at qmail.example.\n"
        b"I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
        b"<reader@bad.test>:\n192.0.2.1 does not like recipient.\n"
        b"Remote host said: 550 5.1.1 no such user\n\n--- Below this line is a copy of the message.\n\n" + RETURNED
    )
    report = read_returned(mail)
    assert report.kind is BounceKind.HARD
    assert report.recipients == ("reader@bad.test",)
    assert report.unsubscribe_tokens == ("MTI.signature-of-ours",)
    assert "bounces+dtoken@news.example" in report.return_paths


def arf(kind: bytes) -> bytes:
    return (
        b"From: fbl@provider.example\nTo: complaints@news.example\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nA complaint.\n\n"
        b"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: " + kind + b"\nUser-Agent: x/1\nVersion: 1\n"
        b"Original-Mail-From: <bounces+dtoken@news.example>\nOriginal-Rcpt-To: <reader@good.test>\n\n"
        b"--b\nContent-Type: message/rfc822\n\n" + RETURNED + b"\nthe mail\n--b--\n"
    )  # fmt: skip


@pytest.mark.parametrize("kind", [b"abuse", b"fraud", b"virus", b"other", b"Abuse", b"something-new"])
def test_a_feedback_report_is_a_complaint(kind: bytes) -> None:
    report = read_returned(arf(kind))
    assert report.kind is BounceKind.COMPLAINT
    assert report.recipients == ("reader@good.test",)
    assert "bounces+dtoken@news.example" in report.return_paths
    assert report.unsubscribe_tokens == ("MTI.signature-of-ours",)


@pytest.mark.parametrize("kind", [b"not-spam", b"auth-failure"])
def test_what_is_no_complaint_counts_for_nothing(kind: bytes) -> None:
    assert read_returned(arf(kind)).kind is None


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: Out of office until Monday",
        b"Subject: Automatic reply: Seven papers",
        b"Subject: Abwesenheitsnotiz",
        b"Auto-Submitted: auto-replied (vacation)\nSubject: Re: Seven papers",
        b"Auto-Submitted: auto-replied\nSubject: Re: Seven papers",
        b"X-Autoreply: yes\nSubject: gone",
        b"Precedence: auto_reply\nSubject: gone",
    ],
)
def test_auto_replies_count_for_nothing(header: bytes) -> None:
    report = read_returned(
        header + b"\nTo: bounces+dtoken@news.example\n\nI am away. 550 5.1.1 user unknown\n" + RETURNED
    )
    assert (report.kind, report.text) == (None, "an auto-reply")


def test_a_persons_answer_is_no_report() -> None:
    report = read_returned(b"From: ada@example.org\nSubject: Re: your digest\n\nThank you, I like it.\n")
    assert (report.kind, report.text) == (None, "not a report")


def test_equal_reports_have_equal_fingerprints_whichever_way_they_came() -> None:
    mail = dsn(FAILED)
    copy = b"Return-Path: <>\r\nDelivered-To: somebody@here\r\n" + mail.replace(b"\n", b"\r\n")
    assert read_returned(mail).fingerprint == read_returned(copy).fingerprint
    assert read_returned(mail).fingerprint != read_returned(mail.replace(b"reader", b"other")).fingerprint


@given(st.binary(max_size=2000))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert read_returned(data).kind in (None, *BounceKind)


@given(st.lists(st.sampled_from(dsn(FAILED).splitlines(keepends=True) + arf(b"abuse").splitlines(keepends=True))))
def test_no_shuffled_report_makes_it_fail(lines: list[bytes]) -> None:
    assert read_returned(b"".join(lines)).kind in (None, *BounceKind)


def nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(depth)
    )
    return b"From: x@y.test\n" + opening + b"Content-Type: text/plain\n\nhello\n"


HOSTILE = {
    "deep": nested(20_000),
    "deep messages": b"Content-Type: message/rfc822\n\n" * 20_000,
    "many parts": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 60_000,
    "a line without end": b"Subject: x\n\n" + b"a" * 5_000_000,
    "a header without end": b"Subject: " + b"a " * 2_000_000,
    "many headers": b"X-Failed-Recipients: a@b.test\n" * 100_000,
    "many blocks": dsn(FAILED + (b"\n" + FAILED) * 20_000),
    "brackets": b"From: a@b.test\n\n" + b"<" * 400_000,
    "addresses": b"To: " + b"a@b.test, " * 200_000 + b"\n\n",
    "tags": b"Content-Type: text/html\nFrom: mailer-daemon@a.test\n\n" + b"<a" * 200_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\n",
    "wrong encodings": b"Content-Type: text/plain; charset=nonsense\nContent-Transfer-Encoding: base64\n\n!!!!\xff\xfe",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_within_bounds(name: str) -> None:
    started = time.process_time()
    report = read_returned(HOSTILE[name])
    assert time.process_time() - started < 10  # a bound that holds on a busy machine; measured: well under one second
    assert len(report.recipients) <= PART_LIMIT
    assert len(report.text) <= 500
