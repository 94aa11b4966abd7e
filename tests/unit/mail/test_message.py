"""The bytes that go out: exact headers, clean lines, parts that decode to what was rendered."""

from __future__ import annotations

import email
import email.policy
import quopri
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.address import parse_address
from newsletter.core.printable import one_line
from newsletter.mail import headers
from newsletter.mail.brand import Brand
from newsletter.mail.lists import feedback_id, sender_id_of, unsubscribe_headers
from newsletter.mail.message import Envelope, Part, Recipient, quoted_printable
from newsletter.mail.placeholders import Placeholders
from newsletter.mail.render import Renderer
from newsletter.mail.sample import sample_digest
from newsletter.model import EmailAddress, IssueKind
from tests.support.mails import BRAND, LINKS, hostile_digest, make_digest, make_renderer, unsubscribe_url
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from email.message import EmailMessage

    from newsletter.mail.prepared import PreparedDigest

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
READER = make_subscriber()
MESSAGE_ID = "<20261124.1.abcdef@example.org>"
ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
ONCE = (
    *("Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "List-Unsubscribe"),
    *("List-Unsubscribe-Post", "Auto-Submitted", "Precedence", "X-Auto-Response-Suppress", "List-Owner", "List-Help"),
    *("List-Post", "Feedback-ID"),
)


@pytest.fixture(scope="module")
def prepared() -> PreparedDigest:
    return make_renderer().prepare(*make_digest(20, "Contrastive learning", "Evaluation"))


def parse(message: bytes) -> EmailMessage:
    """Return the message as a strict parser reads it: it raises at the first defect."""
    parsed = email.message_from_bytes(message, policy=email.policy.strict)
    for part in parsed.walk():
        assert part.defects == []
    return parsed


def assert_clean(message: bytes) -> None:
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\x00" not in message
    head, body = message.split(b"\r\n\r\n", 1)
    assert max(len(line) for line in head.split(b"\r\n")) <= 998
    assert max(len(line) for line in body.split(b"\r\n")) <= 76


def test_parts_decode_to_what_was_rendered(prepared: PreparedDigest) -> None:
    message = prepared.compose(READER, MESSAGE_ID, NOW)
    assert_clean(message)
    parsed = parse(message)
    text, html = parsed.iter_parts()
    assert [text.get_content_type(), html.get_content_type()] == ["text/plain", "text/html"]
    assert text.get_content().replace("\r\n", "\n") == prepared.text(READER)
    assert html.get_content().replace("\r\n", "\n").rstrip("\n") == prepared.html(READER).rstrip("\n")


def test_headers_are_exact(prepared: PreparedDigest) -> None:
    head = prepared.compose(READER, MESSAGE_ID, NOW).split(b"\r\n\r\n", 1)[0].decode("ascii")
    boundary = re.search(r'boundary="(=_[0-9a-f]{32})"', head)
    assert boundary
    assert head.split("\r\n") == [
        "Date: Tue, 24 Nov 2026 06:00:00 +0000",
        f"Message-ID: {MESSAGE_ID}",
        "To: reader1@example.org",
        f"List-Unsubscribe: <{unsubscribe_url(READER)}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "From: The Morning Preprint <digest@example.org>",
        "Subject: 10 papers on contrastive learning and 10 more =?utf-8?q?=C2=B7?= 24",
        " Nov",
        "List-Id: The Morning Preprint <newsletter.example.org>",
        "List-Help: <mailto:editor@example.org?subject=help>",
        "List-Owner: <mailto:editor@example.org>",
        "List-Post: NO",
        "Feedback-ID: 2026-11-24:digest:exampleorg",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        f' boundary="{boundary[1]}"',
    ]


def test_each_header_comes_once(prepared: PreparedDigest) -> None:
    parsed = parse(prepared.compose(READER, MESSAGE_ID, NOW))
    assert sorted(parsed.keys()) == sorted(ONCE)
    assert parsed["Subject"] == prepared.subject


def test_attempts_differ_only_in_their_date(prepared: PreparedDigest) -> None:
    first = prepared.compose(READER, MESSAGE_ID, NOW)
    again = make_renderer().prepare(*make_digest(20, "Contrastive learning", "Evaluation"))
    second = again.compose(READER, MESSAGE_ID, NOW + timedelta(hours=1))
    assert first != second
    assert first.split(b"\r\n", 1)[1] == second.split(b"\r\n", 1)[1]


def test_hostile_digest_makes_a_clean_message() -> None:
    prepared = make_renderer().prepare(*hostile_digest())
    message = prepared.compose(READER, MESSAGE_ID, NOW)
    assert_clean(message)
    parsed = parse(message)
    assert sorted(parsed.keys()) == sorted(ONCE)
    text, html = parsed.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == prepared.text(READER)
    assert html.get_content().replace("\r\n", "\n").rstrip("\n") == prepared.html(READER).rstrip("\n")


def test_boundary_occurs_only_as_boundary(prepared: PreparedDigest) -> None:
    message = prepared.compose(READER, MESSAGE_ID, NOW)
    boundary = re.search(rb'boundary="([^"]+)"', message)
    assert boundary
    assert len(boundary[1]) <= 70
    assert message.count(boundary[1]) == 4


@pytest.mark.parametrize(
    ("url", "address", "expected"),
    [
        ("https://n.example/u/1", "", b"List-Unsubscribe: <https://n.example/u/1>\r\n" + ONE_CLICK),
        ("http://127.0.0.1:8025/u/1", "", b"List-Unsubscribe: <http://127.0.0.1:8025/u/1>\r\n" + ONE_CLICK),
        ("http://n.example/u/1", "", b"List-Unsubscribe: <http://n.example/u/1>\r\n"),
        ("", "out@n.example", b"List-Unsubscribe: <mailto:out@n.example?subject=unsubscribe>\r\n"),
        ("http://[", "", b"List-Unsubscribe: <http://[>\r\n"),
        ("", "", b""),
    ],
)
def test_one_click_is_offered_where_a_post_will_do(url: str, address: str, expected: bytes) -> None:
    assert unsubscribe_headers(url, address) == expected


def test_long_addresses_are_folded_between_and_never_encoded() -> None:
    url = "https://news.example.org/unsubscribe/" + "x" * 300
    field = unsubscribe_headers(url, "out@news.example.org")
    assert field.startswith(
        f"List-Unsubscribe: <{url}>,\r\n <mailto:out@news.example.org?subject=unsubscribe>\r\n".encode()
    )
    assert b"=?" not in field


def test_reply_to_and_names_with_specials() -> None:
    brand = replace(BRAND, sender_name='Papers, "daily"', reply_to="editor@example.org", list_id="digest.example.org")
    message = make_renderer(brand=brand).prepare(*make_digest(1)).compose(READER, MESSAGE_ID, NOW)
    parsed = parse(message)
    assert parsed["From"].addresses[0].display_name == 'Papers, "daily"'
    assert parsed["From"].addresses[0].addr_spec == "digest@example.org"
    assert parsed["Reply-To"] == "editor@example.org"
    assert parsed["List-Id"] == "The Morning Preprint <digest.example.org>"


def test_international_addresses() -> None:
    compose = make_renderer().prepare(*make_digest(1)).compose
    punycode = compose(replace(READER, address=parse_address("reader@bücher.example")), MESSAGE_ID, NOW)
    assert b"To: reader@xn--bcher-kva.example\r\n" in punycode
    assert punycode.split(b"\r\n\r\n")[0].isascii()
    raw = compose(replace(READER, address=parse_address("用户@example.org")), MESSAGE_ID, NOW)
    assert "To: 用户@example.org\r\n".encode() in raw


HOSTILE_TEXT = st.lists(
    st.one_of(
        st.characters(),
        st.sampled_from('\r\n\x00\x07\x85\u2028\u202e\u2066\ud800\udfff=?<>,;:@"\\() '),
        st.sampled_from(["=?utf-8?q?x?=", "\r\nBcc: x@example.net\r\n\r\n", "]]>", "{{7*7}}"]),
    ),
    max_size=60,
).map("".join)
ONE_OF_THOSE = st.one_of(HOSTILE_TEXT, st.sampled_from(["", "=?utf-8?q?x?=@example.org", "a@example.org"]))


@given(name=ONE_OF_THOSE, address=ONE_OF_THOSE, url=ONE_OF_THOSE, message_id=ONE_OF_THOSE, topic=ONE_OF_THOSE)
@settings(deadline=None)
def test_no_value_breaks_out_of_its_header(name: str, address: str, url: str, message_id: str, topic: str) -> None:
    brand = Brand(
        name=name,
        sender="digest@example.org",
        list_id=name,
        reply_to=address,
        contact=address,
        unsubscribe_address=address,
        website=url,
        archive_url=url,
        sender_id=name,
    )
    evil = replace(READER, address=EmailAddress(address, address, address))
    renderer = _shared(brand)
    message = renderer.prepare(*make_digest(1, topic + "\r\nBcc: x@example.net")).compose(evil, message_id, NOW)
    assert_clean(message)
    assert_exact_headers(message, {*ONCE, "Reply-To", "List-Archive"})


def assert_exact_headers(message: bytes, known: set[str]) -> None:
    """No field twice, none that we do not know, no hidden characters, encoded words only where they may be."""
    head = message.split(b"\r\n\r\n", 1)[0].decode()
    fields = [field.partition(":") for field in re.split(r"\r\n(?![ \t])", head)]
    names = [name for name, _, _ in fields]
    assert len(names) == len(set(names))
    assert set(names) <= known
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", head.replace("\r\n", "")
    )
    for name, _, value in fields:
        if name.startswith("List-") or name in {"Message-ID", "Feedback-ID", "Content-Type", "To", "Reply-To"}:
            assert "=?" not in value, name
        if name == "From":
            assert value.endswith("digest@example.org" if "<" not in value else "<digest@example.org>")


@given(name=HOSTILE_TEXT)
def test_encoded_words_never_reach_an_address(name: str) -> None:
    field = headers.mailbox("From", name, "=?utf-8?q?a?=@=,?.example.org")
    assert field.decode().rstrip().rpartition(" ")[2].strip("<>") == "?utf-8?q?a?=@?.example.org"


ORDINARY_URL = "https://news.example.org/unsubscribe/1.abcdefghijklmnopqrstuvwxyz0123456789"


@given(
    st.one_of(HOSTILE_TEXT, st.just(READER.address.wire), st.from_regex(r"[a-z?=+.]{1,20}@[a-z.]{1,30}")),
    st.one_of(HOSTILE_TEXT, st.just(ORDINARY_URL), st.from_regex(r"https?://[a-z./?=+]{1,300}")),
    st.one_of(HOSTILE_TEXT, st.just(MESSAGE_ID)),
)
def test_the_quick_way_writes_what_the_slow_one_does(address: str, url: str, message_id: str) -> None:
    part = Part(["text"], is_html=False)
    quick = Envelope(BRAND, "Subject", part, part).compose(Recipient(address, url, {}), message_id, NOW)
    slow = b"".join(
        (
            headers.plain("Date", "Tue, 24 Nov 2026 06:00:00 +0000"),
            headers.message_id(message_id),
            headers.mailbox("To", "", address),
            unsubscribe_headers(url, ""),
        )
    )
    assert quick.startswith(slow + b"From: ")


@given(st.one_of(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9@:/?._~%+,;!$()*=&<> -]{0,200}", fullmatch=True)))
def test_values_decode_to_what_they_were(value: str) -> None:
    clean = one_line(value)
    for is_html in (False, True):
        part = Part(["Before ", "address", " after"], is_html=is_html)
        encoded = part.encoded({"address": clean})
        assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
        assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")).decode() == part.text({"address": clean})


@pytest.mark.parametrize("end", ["x" * 76, "x" * 73 + "=", "é" * 13, "x" * 75 + " "])
@pytest.mark.parametrize("lead", range(3))
def test_a_full_line_before_a_value_makes_room_for_its_soft_break(end: str, lead: int) -> None:
    part = Part([end[lead:], "address", end[lead:], "address", ""], is_html=False)
    encoded = part.encoded({"address": end[lead:]})
    assert max(len(line) for line in encoded.split(b"\r\n")) <= 76
    assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")).decode() == end[lead:] * 4


def test_what_only_some_newsletters_have() -> None:
    brand = replace(
        BRAND,
        name="Die Frühpost",
        website="https://example.org/about?a=?b",
        archive_url="https://example.org/archive",
        sender_id="morning-paper",
        contact="",
    )
    parsed = parse(make_renderer(brand=brand).prepare(*make_digest(1)).compose(READER, MESSAGE_ID, NOW))
    assert parsed["List-Id"] == "<newsletter.example.org>"
    assert parsed["List-Help"] == "<https://example.org/about?a=%3Fb>"
    assert parsed["List-Archive"] == "<https://example.org/archive>"
    assert parsed["Feedback-ID"] == "2026-11-24:digest:morning-paper"
    assert "List-Owner" not in parsed


def test_feedback_id_holds_nothing_that_ends_an_identifier() -> None:
    assert feedback_id(BRAND, "a:b", "c\r\nd", "é", "fourth") == b"Feedback-ID: a-b:c--d:-:exampleorg\r\n"
    assert sender_id_of("a@b.c") == "bc000"
    assert sender_id_of("digest@a-very-long-name.example.org") == "averylongnameex"


@pytest.mark.parametrize("kind", [kind for kind in IssueKind if not kind.is_transactional])
def test_every_mail_to_a_reader_can_be_left(kind: IssueKind) -> None:
    digest, papers = sample_digest(kind)
    parsed = parse(make_renderer().prepare(digest, papers).compose(READER, MESSAGE_ID, NOW))
    assert sorted(parsed.keys()) == sorted(ONCE)
    assert parsed["Feedback-ID"].split(":")[1] == kind.value


@pytest.mark.parametrize("kind", [kind for kind in IssueKind if kind.is_transactional])
def test_a_transactional_mail_is_no_mail_of_a_list(kind: IssueKind) -> None:
    renderer = make_renderer(brand=replace(BRAND, unsubscribe_address="leave@example.org"))
    message = renderer.prepare(*sample_digest(kind)).compose(READER, MESSAGE_ID, NOW, reference=7)
    parsed = parse(message)
    assert not [name for name in parsed if name.startswith("List-") or name == "Precedence"]
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Feedback-ID"].split(":")[1] == kind.value
    assert b"unsubscribe" not in message.lower()


def _shared(brand: Brand) -> Renderer:
    """Return the one renderer of this module with another brand: compiling templates anew would take long."""
    _RENDERER.brand = brand
    return _RENDERER


_RENDERER = Renderer([], BRAND, LINKS)


@given(st.lists(st.text(max_size=120), min_size=1, max_size=5), st.text(alphabet="abc=-_ é\n", max_size=100))
@settings(max_examples=40, deadline=None)
def test_parts_are_joined_as_they_were_split(pieces: list[str], value: str) -> None:
    clean = [piece.replace("\r", "").encode("utf-8", "replace").decode() for piece in pieces]
    names = [name for piece in clean for name in (piece, "schedule")][:-1]
    part = Part(names, is_html=False)
    encoded = part.encoded({"schedule": value})
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    raw = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    decoded = email.message_from_bytes(raw + encoded, policy=email.policy.strict).get_content()
    assert decoded.replace("\r\n", "\n") == value.join(clean) == part.text({"schedule": value})


def test_quoted_printable_has_no_bare_line_feed() -> None:
    encoded = quoted_printable("no line end in this one, but long " * 20)
    assert encoded.count(b"\n") == encoded.count(b"\r\n") > 5


def test_changed_placeholders_are_noticed() -> None:
    placeholders = Placeholders({"schedule": 60})
    with pytest.raises(ValueError, match="changed by a filter"):
        placeholders.pieces("You get this " + placeholders.values()["schedule"].upper())
