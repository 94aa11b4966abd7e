"""Programs that read mail read in ours what we wrote: exim, mblaze, flanker, Python's strict parser, and Postfix."""

from __future__ import annotations

import email
import email.policy
import subprocess
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.core.address import parse_address
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from tests.support.judged import MESSAGE_ID
from tests.support.mails import BRAND, hostile_digest, make_digest, make_renderer
from tests.support.programs import need
from tests.support.samples import NOW, make_subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.mail.prepared import PreparedDigest
    from tests.support.exim import Exim
    from tests.support.relaying import MailSystem

READER = make_subscriber()
HOSTILE_BRAND = replace(BRAND, name='Päpers, "daily" <x@example.net>\r\nBcc: y', reply_to="=?utf-8?q?x?=@example.org")
KINDS = ("ordinary", "hostile", "hostile brand", *(kind.value for kind in IssueKind if kind is not IssueKind.DIGEST))


@pytest.fixture(scope="module", params=KINDS)
def prepared(request: pytest.FixtureRequest) -> PreparedDigest:
    """Mails of every kind, and two of which everything is meant ill."""
    if request.param == "ordinary":
        return make_renderer().prepare(*make_digest(20, "Contrastive learning", "Evaluation"))
    if request.param.startswith("hostile"):
        return make_renderer(brand=HOSTILE_BRAND if "brand" in request.param else BRAND).prepare(*hostile_digest())
    return make_renderer().prepare(*sample_digest(IssueKind(request.param)))


@pytest.fixture(scope="module")
def message(prepared: PreparedDigest) -> bytes:
    return prepared.compose(READER, MESSAGE_ID, prepared._day)  # when the links that expire are those that it shows


def test_exim_finds_every_address_field_well_formed(syntax_judge: Exim, message: bytes) -> None:
    assert syntax_judge.answer(message)[0] == 250


def test_exim_is_a_judge(syntax_judge: Exim, message: bytes) -> None:
    code, said = syntax_judge.answer(message.replace(b"To: reader1@example.org", b"To: user@@x..y, <x"))
    assert code == 550, said


def test_exim_takes_international_addresses(syntax_judge: Exim, prepared: PreparedDigest) -> None:
    reader = replace(READER, address=parse_address("reader@bücher.example"))
    assert syntax_judge.answer(prepared.compose(reader, MESSAGE_ID, NOW))[0] == 250


def test_python_finds_no_defect(message: bytes) -> None:
    parsed = email.message_from_bytes(message, policy=email.policy.strict)
    for part in parsed.walk():
        assert part.defects == []
        assert all(not getattr(value, "defects", ()) for value in part.values())


def flanker() -> Any:
    """Return flanker's parser.

    Its first import writes tables beside its code, and who imports it meanwhile reads half of them: so only the one
    worker that judges does, and not while tests are collected.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it still imports cgi, through WebOb
        from flanker import mime  # noqa: PLC0415
    return mime


def test_flanker_reads_the_same(prepared: PreparedDigest, message: bytes) -> None:
    parsed = flanker().from_string(message)
    text, html = parsed.parts
    assert parsed.headers["Subject"] == prepared.subject
    one_click = None if prepared._kind.is_transactional else "List-Unsubscribe=One-Click"
    assert parsed.headers["List-Unsubscribe-Post"] == one_click
    assert lines_of(text.body) == lines_of(prepared.text(READER))
    assert lines_of(html.body) == lines_of(prepared.html(READER).replace("\xa0", "&nbsp;"))  # it writes that so


def test_mblaze_reads_the_same(prepared: PreparedDigest, message: bytes, tmp_path: Path) -> None:
    show, head = need("mshow", "mhdr")
    file = tmp_path / "mail"
    file.write_bytes(message)
    said = [said_by(show, "-O", str(file), part) for part in ("2", "3")]
    assert lines_of(said[0]) == lines_of(prepared.text(READER))
    assert lines_of(said[1]) == lines_of(prepared.html(READER))
    assert said_by(head, "-h", "subject", "-d", str(file)).strip() == prepared.subject
    if prepared._kind.is_transactional:
        return  # of no list
    unsubscribe = said_by(head, "-h", "list-unsubscribe", str(file)).strip()
    assert unsubscribe == f"<{make_renderer().recipient(READER).unsubscribe_url}>"


def test_both_parts_come_through_postfix_unchanged(
    mail_system: MailSystem, prepared: PreparedDigest, message: bytes
) -> None:
    relayed = mail_system.relay(message, MESSAGE_ID)
    assert relayed.partition(b"\r\n\r\n")[2] == message.partition(b"\r\n\r\n")[2]
    text, html = email.message_from_bytes(relayed, policy=email.policy.default).iter_parts()
    assert lines_of(text.get_content()) == lines_of(prepared.text(READER))
    assert lines_of(html.get_content()) == lines_of(prepared.html(READER))


def said_by(*command: str) -> str:
    """Return what a program prints; its line ends are the mail's, for some show them."""
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def lines_of(text: str) -> list[str]:
    """Return a text's lines without those that are empty at its end, which a MIME part may gain or lose."""
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")
