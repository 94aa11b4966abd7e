"""What is said of a finished mail: every mail of ours is clean, and each fault that a template can make is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from newsletter.core.findings import Level
from newsletter.mail.examine import GMAIL_CLIPS, examine, overhang_finding
from newsletter.mail.message import quoted_printable
from newsletter.mail.rooms import HTML_BUDGET
from tests.support.every_mail import NAMES, READER, every_mail

if TYPE_CHECKING:
    from newsletter.mail.prepared import PreparedDigest

GOOD = '<p>See <a href="https://example.org/a">the paper</a>.</p>'
FIELDS = (
    "Date: Tue, 24 Nov 2026 07:00:00 +0000\nFrom: a@example.org\nTo: b@example.net\nSubject: Nine papers\n"
    "Message-ID: <1@example.org>\nMIME-Version: 1.0\nAuto-Submitted: auto-generated\n"
)
TEXT = "See the paper: https://example.org/a"


def mail(body: str = GOOD, fields: str = FIELDS, text: str = TEXT, lang: str = ' lang="en"') -> bytes:
    parts = ""
    for subtype, content in (("plain", text), ("html", f"<html{lang}><body>{body}</body></html>")):
        encoded = quoted_printable(content).decode()
        parts += f"--b\nContent-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        parts += f"{encoded}\n"
    head = f'{fields}Content-Type: multipart/alternative; boundary="b"\n\n'
    return f"{head}{parts}--b--\n".replace("\r\n", "\n").replace("\n", "\r\n").encode()


def said(message: bytes) -> list[str]:
    """Return what is not as it should be, each as one line."""
    found = [finding for finding in examine(message).findings if finding.level is not Level.OK]
    assert all(finding.advice for finding in found if finding.check != "fields")
    return [f"{finding.level} {finding.check}: {finding.message}" for finding in found]


@pytest.fixture(scope="module")
def mails() -> dict[str, PreparedDigest]:
    return every_mail()


def test_every_mail_is_looked_at(mails: dict[str, PreparedDigest]) -> None:
    assert sorted(mails) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_mail_of_ours_is_clean(name: str, mails: dict[str, PreparedDigest]) -> None:
    message = mails[name].compose(READER, "<1@example.org>", datetime(2026, 11, 24, tzinfo=UTC))
    assert said(message) == []
    report = examine(message)
    assert report.links
    assert report.sizes.html < HTML_BUDGET < report.sizes.clip == GMAIL_CLIPS
    assert report.sizes.message == len(message)


def test_a_plain_mail_is_clean() -> None:
    assert said(mail()) == []


@pytest.mark.parametrize(
    ("href", "words", "fault"),
    [
        ("", "a", "it has no address"),
        ("#", "a", "it has no address"),
        ("#nowhere", "a", "no place in the mail has that name"),
        ("{{ paper.url }}", "a", "a template's tag was not filled in"),
        ("https://example.org/a b", "a", "a character in it has to be percent-encoded"),
        ("https://example.org/ä", "a", "a character in it has to be percent-encoded"),
        ("/papers/1", "a", "the https:// is missing"),
        ("www.example.org", "a", "the https:// is missing"),
        ("javascript:alert(1)", "a", "mail programs do not follow javascript:"),
        ("data:text/html,x", "a", "mail programs do not follow data:"),
        ("mailto:nobody", "a", "it names no mailbox"),
        ("https://", "a", "it names no host"),
        ("https://[::1", "a", "it is no address"),
        ("https://bank.example@evil.example/", "a", "a name before @ hides where it leads"),
        ("https://bit.ly/x", "a", "a shortener hides where it leads"),
        ("https://example.org/a", "", "there is nothing to click"),
        ("https://evil.example/", "https://bank.example/login", "its words say bank.example"),
    ],
)
def test_broken_links_are_told(href: str, words: str, fault: str) -> None:
    report = examine(mail(f'{GOOD}<a href="{href}">{words}</a>'))
    (broken,) = [link for link in report.links if link.fault]
    assert broken.url == href
    assert fault in broken.fault
    assert report.has_problem
    assert any("links" in line and fault in line for line in said(mail(f'{GOOD}<a href="{href}">{words}</a>')))


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:a@example.org?subject=unsubscribe">a</a>',
        '<h2 id="s1">b</h2><a href="#s1">a</a>',
        '<a href="https://www.example.org/x">example.org</a>',
        '<a href="https://example.org/x"><img src="data:image/png;base64,AA" alt="a logo"></a>',
    ],
)
def test_good_links_are_not(link: str) -> None:
    assert not [link for link in examine(mail(GOOD + link)).links if link.fault]


def test_links_say_what_leads_where_and_how_often() -> None:
    report = examine(mail(f'{GOOD}{GOOD}<a href="https://example.org/b">two</a>'))
    assert [(link.url, link.words, link.count) for link in report.links] == [
        ("https://example.org/a", "the paper", 2),
        ("https://example.org/b", "two", 1),
    ]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('<img src="https://example.org/l.png">', "problem alt: https://example.org/l.png has no alt"),
        ('<img src="https://example.org/l.png" alt="">', "warning images: opening the mail asks for"),
        ('<img src="" alt="a">', "problem images: an image has no src"),
        ('<img src="logo.png" alt="a">', "problem images: logo.png cannot be found from a mail"),
        ("<style>@import 'https://example.org/f.css';</style>", "warning images: opening the mail asks for"),
        ('<p style="background:url(https://example.org/b.png)">a</p>', "warning images: opening the mail asks for"),
        ("<script>1</script>", "problem content: <script> is in the mail"),
        ("<form></form>", "problem content: <form> is in the mail"),
        ('<p onclick="x()">a</p>', "problem content: the attribute onclick is in the mail"),
        ('<p style="color:#999999">faint</p>', "warning contrast: #999999 on #ffffff (2.8:1): “faint”"),
        ('<div style="background:#222"><p>dark</p></div>', "warning contrast: #000000 on #222222"),
        ('<a href="http://example.org/a">a</a>', "warning links: 1 lead over plain HTTP"),
        ("x" * (HTML_BUDGET + 1), "warning size: 90,"),
        ("x" * (GMAIL_CLIPS + 1), "problem size: 102,"),
    ],
)
def test_what_a_template_can_do_wrong(body: str, line: str) -> None:
    assert any(each.startswith(line) for each in said(mail(GOOD + body)))


def test_hidden_text_needs_no_contrast_and_tables_no_size() -> None:
    hidden = '<div style="display:none;color:#ffffff">preheader</div>'
    sized = '<td style="font-size:0px"><p style="font-size:15px;color:#fefefe">seen</p></td>'
    assert said(mail(GOOD + hidden)) == []
    assert any("“seen”" in line for line in said(mail(GOOD + sized)))


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (FIELDS.replace("Subject: Nine papers\n", ""), "problem fields: Subject is missing"),
        (FIELDS + "From: c@example.org\n", "problem fields: From is there 2 times"),
        (FIELDS.replace("1@example.org", "1@example.net"), "warning fields: the Message-ID is not of the sender's"),
        (FIELDS.replace("Auto-Submitted: auto-generated\n", ""), "warning fields: Auto-Submitted is missing"),
        (FIELDS + "List-Id: <a.example.org>\n", "problem fields: List-Unsubscribe is missing"),
        (FIELDS.replace("Nine papers", "NINE PAPERS FOR YOU"), "warning subject: it is in capitals"),
        (FIELDS.replace("Nine papers", "Re: Nine papers"), "warning subject: it pretends to be an answer"),
        (FIELDS.replace("Nine papers", "Nine!!"), "warning subject: it shouts"),
        (FIELDS.replace("Nine papers", "Nine " * 40), "warning subject: it has"),
    ],
)
def test_fields_and_subjects(fields: str, line: str) -> None:
    assert any(each.startswith(line) for each in said(mail(fields=fields)))


def test_parts_that_do_not_fit_together() -> None:
    assert "problem parts: there is no plain text" in said(mail(text=" "))
    assert "problem parts: the HTML shows no text" in said(mail('<a href="https://example.org/a"></a>'))
    other = " ".join(f"word{number}" for number in range(40))
    assert any("of the plain text's words are in the HTML" in line for line in said(mail(text=f"{TEXT} {other}")))
    assert any("addresses of the HTML are not in the plain" in line for line in said(mail(text="See the paper.")))
    assert any("many images" in line for line in said(mail(GOOD + '<img src="data:," alt="a">')))
    assert any("998 octets" in line for line in said(mail(text=f"{TEXT} {'paper' * 200}")))
    assert any("no lang" in line for line in said(mail(lang="")))


@pytest.mark.parametrize(
    "message", [b"", b"\x00\xff", b"Subject: \xff\r\n\r\n<a href", mail("<a href='x'><img <p"), b":" * 99]
)
def test_whatever_it_is_something_is_said(message: bytes) -> None:
    assert examine(message).findings


def test_what_stands_out_at_the_side() -> None:
    assert overhang_finding(375, 0).level is Level.OK
    assert overhang_finding(375, 12).message == "the mail is 12 px wider than the window"
