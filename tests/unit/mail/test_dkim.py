"""Signatures: the octets that are signed are dkimpy's, and it verifies what we sign."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.address import parse_address
from newsletter.core.signing import Algorithm
from newsletter.mail.alert import AlertTemplate, MailAnnouncer
from newsletter.mail.dkim import OVERSIGNED, SIGNED, Signer, SigningTransport, relaxed_body, relaxed_field, signed_data
from newsletter.model import EmailAddress, Notice, Outcome, OutcomeKind
from tests.support.mails import BRAND, hostile_digest, make_digest, make_renderer
from tests.support.samples import make_subscriber
from tests.support.signing import DOMAIN, both_keys, dns_of, make_signing_key, pem

if TYPE_CHECKING:
    from newsletter.ports.mail import Begin

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
KEYS = both_keys()
LINES = st.lists(st.text("ab=. \t", max_size=12), max_size=8).map(lambda each: "".join(f"{line}\r\n" for line in each))
DIGEST = make_renderer().prepare(*make_digest(3)).compose(make_subscriber(), "<1@example.org>", NOW)


def signer(*keys: object) -> Signer:
    return Signer(DOMAIN, keys or KEYS, lambda: NOW)  # type: ignore[arg-type]


def verified(message: bytes) -> list[bool]:
    """Return for each signature whether dkimpy takes it."""
    oracle = dkim.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in oracle.headers)
    return [_verifies(oracle, index) for index in range(count)]


def _verifies(oracle: Any, index: int) -> bool:
    try:
        return bool(oracle.verify(index, dnsfunc=dns_of(KEYS)))
    except dkim.ValidationError:
        return False


def test_dkimpy_verifies_both_signatures_of_a_digest() -> None:
    assert verified(signer().sign(DIGEST)) == [True, True]


def test_the_message_itself_is_untouched() -> None:
    signed = signer().sign(DIGEST)
    assert signed.endswith(DIGEST)
    fields = signed.removesuffix(DIGEST)
    assert fields.count(b"DKIM-Signature:") == 2
    assert all(len(line) <= 78 for line in fields.split(b"\r\n"))
    assert b" l=" not in fields
    assert fields.count(f" t={int(NOW.timestamp())};".encode()) == 2


def test_hostile_texts_are_signed_as_well() -> None:
    reader = replace(make_subscriber(), address=parse_address("用户@example.org"))
    message = make_renderer().prepare(*hostile_digest()).compose(reader, "<1@example.org>", NOW)
    assert verified(signer().sign(message)) == [True, True]


@given(LINES)
def test_bodies_have_the_canonical_form_of_dkimpy(body: str) -> None:
    assert relaxed_body(body.encode()) == RELAXED.canonicalize_body(body.encode())


@given(st.text("ab \t", max_size=20), st.text("aB -", min_size=1, max_size=9).map(lambda name: "A" + name.strip()))
def test_fields_have_the_canonical_form_of_dkimpy(value: str, name: str) -> None:
    folded = value.replace("ab", "\r\n a")
    ((theirs, canonical),) = RELAXED.canonicalize_headers([(name.encode(), folded.encode() + b"\r\n")])
    ours = relaxed_field(f"{name}:{folded}".encode())
    assert ours == (theirs.decode(), theirs + b":" + canonical.removesuffix(b"\r\n"))


@given(st.lists(st.sampled_from(["From", "subject", "Received", "List-ID", "To"]), min_size=1, max_size=9), LINES)
def test_signed_octets_and_signature_equal_those_of_dkimpy(names: list[str], body: str) -> None:
    head = "\r\n".join(f"{name}: {number}  x\t{number}" for number, name in enumerate(["From", *names]))
    message = f"{head}\r\n\r\n{body}".encode()
    named, data = signed_data(head.encode())
    oracle = dkim.DKIM(message)
    include = named.replace("\r\n", "").replace(" ", "").encode().split(b":")
    key, policy = pem(Algorithm.RSA).encode(), (b"relaxed", b"relaxed")
    field = oracle.sign(b"rsa", DOMAIN.encode(), key, canonicalize=policy, include_headers=include)
    theirs = dict(tag.strip().split(b"=", 1) for tag in re.sub(rb"\s", b"", field.partition(b":")[2]).split(b";"))
    unsigned = re.sub(rb"(?<=[; \n]b=).*", b"", field, flags=re.DOTALL)
    digest = hashlib.sha256(data + relaxed_field(unsigned)[1]).digest()
    assert base64.b64encode(KEYS[0].sign(digest)) == theirs[b"b"]
    assert base64.b64encode(hashlib.sha256(relaxed_body(body.encode())).digest()) == theirs[b"bh"]
    assert [name for name, _ in oracle.signed_headers] == [line.partition(b":")[0] for line in data.split(b"\r\n")[:-1]]


@pytest.mark.parametrize(
    "name", [b"Subject", b"List-Unsubscribe", b"List-Unsubscribe-Post", b"From", b"Feedback-ID", b"To"]
)
def test_a_changed_field_breaks_both(name: bytes) -> None:
    signed = signer().sign(DIGEST)
    changed = re.sub(rb"(?m)^%s: .*" % name, name + b": other@example.org", signed, count=1)
    assert changed != signed
    assert verified(changed) == [False, False]


@pytest.mark.parametrize("name", OVERSIGNED)
def test_an_added_field_breaks_both(name: str) -> None:
    signed = signer().sign(DIGEST)
    for place in (0, signed.index(b"\r\n\r\n") + 2):
        assert verified(signed[:place] + f"{name}: added@example.org\r\n".encode() + signed[place:]) == [False, False]


def test_a_changed_body_breaks_both_and_white_space_does_not() -> None:
    signed = signer().sign(DIGEST)
    assert verified(signed.replace(b"Contrastive", b"contrastive", 1)) == [False, False]
    assert verified(signed.replace(b"X-Auto-Response-Suppress: All", b"X-Received:  by relay")) == [True, True]
    assert verified(signed.replace(b"List-Post: NO", b"List-Post:   NO ") + b"\r\n\r\n") == [True, True]


def test_all_that_list_mail_must_sign_is_signed() -> None:
    assert {"list-unsubscribe", "list-unsubscribe-post", "from", "feedback-id"} <= set(SIGNED)
    assert not {"received", "return-path", "comments", "keywords", "dkim-signature"} & set(SIGNED)
    named, _ = signed_data(DIGEST.partition(b"\r\n\r\n")[0])
    names = re.sub(r"\s", "", named).split(":")
    assert names.count("from") == names.count("list-unsubscribe") == names.count("list-unsubscribe-post") == 2
    assert names.count("reply-to") == names.count("cc") == 1  # absent, and to stay so
    assert names.count("list-id") == names.count("feedback-id") == 1


def test_no_key_shows_itself() -> None:
    for key in KEYS:
        assert "private" not in repr(key)
        assert pem(key.algorithm).splitlines()[1] not in repr(key)


class Taken:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.is_closed = False

    async def send(
        self,
        message: bytes,
        sender: str,
        recipient: EmailAddress,
        *,
        envelope_id: str = "",
        begin: Begin | None = None,
    ) -> Outcome:
        assert begin is None
        self.messages.append(message)
        return Outcome(OutcomeKind.ACCEPTED, 250, f"{sender} {recipient} {envelope_id}")

    async def aclose(self) -> None:
        self.is_closed = True


async def test_alerts_are_signed_too() -> None:
    relay = Taken()
    transport = SigningTransport(relay, signer())
    operator = parse_address("operator@example.org")
    announcer = MailAnnouncer(transport, BRAND, operator, AlertTemplate(BRAND))
    assert await announcer.announce([Notice("relay", "the relay is down", NOW, is_over=False)], NOW) is None
    assert verified(relay.messages[0]) == [True, True]
    outcome = await transport.send(DIGEST, "a@example.org", operator, envelope_id="7")
    assert outcome.text == "a@example.org operator@example.org 7"
    await transport.aclose()
    assert relay.is_closed


def test_a_signer_signs_with_each_of_its_keys() -> None:
    assert verified(signer(make_signing_key(Algorithm.RSA)).sign(DIGEST)) == [True]
    assert verified(signer(make_signing_key(Algorithm.ED25519)).sign(DIGEST)) == [True]
