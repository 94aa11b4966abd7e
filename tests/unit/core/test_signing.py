"""Keys, their records, and what is said of records that are not theirs."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from newsletter.core.deliverability import judge_dkim
from newsletter.core.findings import DnsAnswer, Level
from newsletter.core.signing import (
    Algorithm,
    SigningKey,
    UnusableKeyError,
    judge_key,
    make_key,
    read_key,
    strings_of,
    zone_line,
)
from tests.support.signing import DOMAIN, both_keys, make_signing_key, pem

RSA, ED25519 = both_keys()


@pytest.mark.parametrize("key", [RSA, ED25519])
def test_our_records_are_what_the_doctor_and_we_look_for(key: SigningKey) -> None:
    answer = DnsAnswer((key.record(),))
    assert judge_key(key, DOMAIN, answer).level is Level.OK
    assert judge_dkim(key.selector, DOMAIN, answer).level is (Level.OK if key is RSA else Level.WARNING)


def test_a_record_is_split_into_strings() -> None:
    strings = strings_of(RSA.record())
    assert [len(each) <= 255 for each in strings] == [True, True]
    assert "".join(strings) == RSA.record()
    assert zone_line(ED25519, DOMAIN) == (
        f'ed25519._domainkey.example.org. IN TXT ( "v=DKIM1; k=ed25519; p={ED25519.public()}" )'
    )
    assert len(base64.b64decode(ED25519.public())) == 32  # RFC 8463, 4.2


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("v=DKIM1; k=rsa; p=", "withdrawn"),
        (f"v=DKIM1; k=rsa; p={make_signing_key(Algorithm.RSA, bits=1024).public()}", "is not ours"),
        (RSA.record().replace("k=rsa", "k=ed25519"), "our key is rsa"),
        (RSA.record().replace("DKIM1", "DKIM2"), "pass over it"),
        (RSA.record() + "; h=sha1", "does not allow sha256"),
        (RSA.record() + "; s=tlsrpt", "not for mail"),
        (RSA.record() + "; t=y:s", "marked as a test"),
        ("v=spf1 -all", "another TXT record"),
    ],
)
def test_what_is_wrong_with_a_record_is_said(record: str, words: str) -> None:
    finding = judge_key(RSA, DOMAIN, DnsAnswer((record,)))
    assert words in finding.message
    assert finding.level is (Level.WARNING if "t=y" in record else Level.PROBLEM)
    assert finding.advice


def test_no_record_two_records_and_no_answer() -> None:
    assert "no record" in judge_key(RSA, DOMAIN, DnsAnswer()).message
    assert "2 keys" in judge_key(RSA, DOMAIN, DnsAnswer((RSA.record(), ED25519.record()))).message
    assert judge_key(RSA, DOMAIN, DnsAnswer(fault="timeout")).level is Level.SKIPPED
    spaced = RSA.record().replace("; p=", " ; h=sha1:sha256; s=*; p= ")
    assert judge_key(RSA, DOMAIN, DnsAnswer((spaced,))).level is Level.OK


def test_a_short_key_is_used_with_a_warning_and_a_shorter_one_never() -> None:
    short = make_signing_key(Algorithm.RSA, bits=1024)
    assert judge_key(short, DOMAIN, DnsAnswer((short.record(),))).level is Level.WARNING
    with pytest.raises(UnusableKeyError, match="only 768 bits"):
        read_key(SHORT, "s")


def test_keys_that_are_none() -> None:
    for text, words in (
        ("", "no private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (_pem(RSA.private.public_key()), "no private key"),
        (_private(ec.generate_private_key(ec.SECP256R1())), "neither RSA nor Ed25519"),
        (_private(ed25519.Ed25519PrivateKey.generate(), b"secret words"), "locked with a password"),
    ):
        with pytest.raises(UnusableKeyError, match=words) as caught:
            read_key(text, "s")
        assert caught.value.advice
        assert "AAAA" not in str(caught.value)
    with pytest.raises(UnusableKeyError, match="not for ed25519-sha256"):
        read_key(pem(Algorithm.RSA), "s", Algorithm.ED25519)


def test_new_keys_are_new() -> None:
    assert make_key(Algorithm.ED25519) != make_key(Algorithm.ED25519)
    assert read_key(make_key(Algorithm.RSA), "s", Algorithm.RSA).bits == 2048


def _pem(public: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip


def _private(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"") -> str:
    locking = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locking).decode()


# Made with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:768
SHORT = """-----BEGIN PRIVATE KEY-----
MIIB5gIBADANBgkqhkiG9w0BAQEFAASCAdAwggHMAgEAAmEA01nb6lv2RdRJIoSW
EBwHsMeesNx0IZfyoNpyFxaqjhu3ItOY0XY5AsL8Gkxg4i6xcu/uscRjFiyNTEiZ
cGHUgdksEvFURrr3USVB4iBL5In6MZJerzBbWWPSfodUcMDBAgMBAAECYQDIvOJZ
N7szG6vS8ycsadMMHq0kwl4ywgUariAKueaITt6kX2EYITeI3fVgbQbgDQOW9X0U
lXyxB3790PXZSOCD7yK9XTNxUiCe+JfCf1j23kY/PDEHJLG+0aXSYLrbBZkCMQD1
JCgu37fntmluN8O+XeAKc99IiMh4jhqxJ/4fJ8mLpaUMgN70ZfK7WTF6xRLBbj8C
MQDctodsBjLREbc8rtzw4zwqAybBFLvhf6BWFkqqnnFkzBiM0nVLWHETOTT5PHkg
EP8CMEVvV15nicy9E0Hf07bhGit7xJvj+nyDK7ZQMJ+cgm7mnUhcXEp3cfh0/Bnd
JkHZuwIxAI7q7tPnS56PryxvOogNTJcTxVN/no1NPECiXKUQxfJ0Km19lhA867N7
9q5xFynJdwIxAI91TAvZI0F6hG2x0GswnsTCf2K1+UUJ/JNDgFDsodxnU+fRl6+s
lNM1iKk6u7Xp7w==
-----END PRIVATE KEY-----
"""
