"""The strict door for mail addresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.address import parse_address
from newsletter.errors import AddressError


def test_plain_address_keeps_its_case_and_has_a_folded_key() -> None:
    address = parse_address("Ada.Lovelace@Example.ORG")
    assert address.text == "Ada.Lovelace@example.org"
    assert address.wire == "Ada.Lovelace@example.org"
    assert address.key == "ada.lovelace@example.org"
    assert not address.needs_smtputf8
    assert str(address) == address.text


@pytest.mark.parametrize("text", ["reader@bücher.example", "reader@BÜCHER.example", "reader@xn--bcher-kva.example"])
def test_international_domain_is_readable_in_text_and_ascii_on_the_wire(text: str) -> None:
    address = parse_address(text)
    assert address.text == "reader@bücher.example"
    assert address.wire == "reader@xn--bcher-kva.example"
    assert address.key == "reader@xn--bcher-kva.example"
    assert not address.needs_smtputf8


def test_local_part_beyond_ascii_needs_smtputf8_and_is_normalised() -> None:
    composed, decomposed = parse_address("Jos\u00e9@example.org"), parse_address("Jose\u0301@example.org")
    assert composed == decomposed
    assert composed.needs_smtputf8
    assert composed.wire == "Jos\u00e9@example.org"
    assert composed.key == "jos\u00e9@example.org"


def test_key_casefolds_beyond_ascii() -> None:
    assert parse_address("STRASSE@example.org").key == parse_address("straße@example.org").key


@pytest.mark.parametrize(
    "text",
    [
        "a+b@example.org",
        "o'neil@example.org",
        "_x-1@sub.example.co.uk",
        "用户@例え.jp",
        "x@mail.internal",
        "x@a.test",
        "x@a.local",
    ],
)
def test_usual_addresses_are_taken(text: str) -> None:
    assert parse_address(text).text == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("reader.example.org", "the @ is missing"),
        ("reader@", "nothing after the @"),
        ("@example.org", "nothing before the @"),
        ("a@b@example.org", "more than one @"),
        ("reader @example.org", "a space; remove it"),
        (" reader@example.org", "a space; remove it"),
        ("reader@example.org\u00a0", "a space; remove it"),
        ("reader@example.org\n", "a line break"),
        ("reader@example.org\r\nBcc: x@example.org", "a line break"),
        ("rea\x00der@example.org", "invisible character U+0000"),
        ("rea\u200bder@example.org", "invisible character U+200B"),
        ("reader@exam\u202eple.org", "invisible character U+202E"),
        ("rea\ud800der@example.org", "invisible character U+D800"),
        ("Reader<reader@example.org>", "angle brackets"),
        ("<reader@example.org>", "angle brackets"),
        ('"reader"@example.org', "quoted part"),
        ("reader(hello)@example.org", "a comment"),
        ("reader@[127.0.0.1]", "IP address in brackets"),
        ("reader@[IPv6:::1]", "IP address in brackets"),
        ("reader@127.0.0.1", "IP address"),
        ("a@example.org,b@example.org", "a comma"),
        ("reader@gmail,com", "with dots in its domain"),
        ("a@example.org;b@example.org", "more than one address"),
        ("@relay.example:reader@example.org", "a colon"),
        ("friends:a@example.org;", "more than one address"),
        ("reader%example.org@relay.example", "read as a route"),
        ("relay!reader@example.org", "read as a route"),
        ("rea\\der@example.org", "backslash"),
        ("=?utf-8?q?a?=@example.org", "read as encoded text"),
        ("reader@gmail", "did you mean reader@gmail.com?"),
        ("reader@localhost", "no dot"),
        ("reader@example.invalid", "reserved"),
        (".reader@example.org", "period"),
        ("rea..der@example.org", "period"),
        ("reader.@example.org", "period"),
        ("reader@example..org", "period"),
        ("reader@.example.org", "period"),
        ("reader@example.org.", "period"),
        ("reader@-example.org", "hyphen"),
        ("reader@exam_ple.org", "invalid"),
        ("reader@xn--a.example", ""),
        ("l" * 65 + "@example.org", "64 bytes"),
        ("é" * 33 + "@example.org", "64 bytes"),
        ("reader@" + ".".join(["a" * 60] * 5) + ".org", "long"),
    ],
)
def test_refusals_say_why_in_one_line(text: str, words: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    message = str(caught.value)
    assert words in message
    assert message.isprintable()


def test_the_longest_address_is_254_octets_on_the_wire() -> None:
    def build(total: int) -> str:
        local, labels = "l" * 60, ".".join(["a" * 60] * 2)
        rest = total - len(local) - len(labels) - len("@..org")
        return f"{local}@{labels}.{'b' * rest}.org"

    assert len(parse_address(build(240)).wire) == 240
    with pytest.raises(AddressError):
        parse_address(f"{'l' * 60}@{'.'.join(['a' * 60] * 3)}.{'b' * 8}.org")  # 255


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(AddressError) as caught:
        parse_address("x" * 100_000)
    assert len(str(caught.value)) < 300


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[a-zé.\"<+]{1,8}@[a-zü.\-0-9]{1,12}", fullmatch=True))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert address.wire.rpartition("@")[2].isascii()
    assert not set(address.wire) & set('\r\n\0 <>"(),:;[]\\')
    assert parse_address(address.text) == address
    assert parse_address(address.wire) == address
    assert parse_address(address.key).key == address.key
