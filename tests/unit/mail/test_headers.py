"""Header fields: folded, encoded only where allowed, and read back as they were meant."""

from __future__ import annotations

import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail import headers
from newsletter.mail.brand import Brand, contrast


def read(field: bytes) -> str:
    """Return a field's value as a strict parser decodes it."""
    message = email.message_from_bytes(field + b"\r\n", policy=email.policy.strict)
    (value,) = message.values()
    return str(value)


@given(st.text(max_size=150))
@settings(deadline=None, max_examples=40)
def test_subjects_are_read_as_they_were_meant(text: str) -> None:
    field = headers.unstructured("Subject", text)
    meant = headers.header_text(text)
    assert field.isascii()
    assert all(len(line) <= 76 or b" " not in line.strip() for line in field.split(b"\r\n"))
    assert read(field) == meant


@given(st.text("añ=?_ 日\u200d👩", max_size=150))
@settings(deadline=None, max_examples=40)
def test_mixed_words_keep_their_spaces(text: str) -> None:
    field = headers.unstructured("Subject", text)
    assert read(field) == headers.header_text(text)
    assert all(len(word) <= 75 for word in field.decode().split() if word.startswith("=?"))


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=40)
def test_names_are_read_as_they_were_meant(name: str) -> None:
    field = headers.mailbox("From", name, "digest@example.org")
    message = email.message_from_bytes(field + b"\r\n", policy=email.policy.default)
    (address,) = message["From"].addresses
    assert address.addr_spec == "digest@example.org"
    # Python before 3.13 reads a space between two encoded words of a name, which RFC 2047, 6.2 does not have.
    assert address.display_name.replace(" ", "") == headers.header_text(name).replace(" ", "")


def test_long_ascii_subject_is_folded_at_spaces() -> None:
    field = headers.unstructured("Subject", "word " * 30)
    assert [len(line) for line in field.split(b"\r\n")] == [73, 75, 10, 0]
    assert b"=?" not in field


def test_what_looks_encoded_is_encoded() -> None:
    assert read(headers.unstructured("Subject", "=?utf-8?q?evil?= words")) == "=?utf-8?q?evil?= words"


def test_invisible_and_overlong_text_goes() -> None:
    assert headers.header_text("pay\u200bpal\u202e x\r\ny\u00ad") == "paypal x y"
    assert len(headers.header_text("x" * 5_000)) == 200


def test_uris_stay_uris() -> None:
    field = headers.uris("List-Unsubscribe", ["https://example.org/a b>\r\nBcc: x,y", "mailto:a@example.org"])
    assert field == b"List-Unsubscribe: <https://example.org/abBcc:x%2Cy>, <mailto:a@example.org>\r\n"
    assert headers.plain("Date", "a\r\nb ü") == b"Date: a b \r\n"
    assert headers.list_id("", "news.example.org\r\n") == b"List-Id: <news.example.org>\r\n"


def test_shipped_colours_can_be_read() -> None:
    for palette in (Brand().light, Brand().dark):
        for name in ("ink", "muted", "accent"):
            assert contrast(getattr(palette, name), palette.card) >= 4.5
            assert contrast(getattr(palette, name), palette.ground) >= 4.5
        assert contrast(palette.ink, palette.highlight) >= 4.5
        assert contrast(palette.muted, palette.fill) >= 4.5
    assert round(contrast("#000000", "#ffffff"), 3) == 21
