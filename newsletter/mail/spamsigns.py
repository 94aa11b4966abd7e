"""What filters hold against a mail that is ours to mend: its subject, its fields, its two parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.core.findings import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import EmailMessage

_LONGEST_SUBJECT = 120  # characters; filters count 200, and few windows show 80
_ONCE = ("Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type")  # RFC 5322, 3.6
_LIST = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence")  # RFC 2919, 2369, 8058
_WORD = re.compile(r"\w{4,}")
_URL = re.compile(r"https?://[^\s<>]+[^\s<>.,;:)]")
_LEAST_SHARED = 0.6  # of the plain text's words; SpamAssassin's MPART_ALT_DIFF and rspamd's R_PARTS_DIFFER look there
_ENOUGH = 20  # words, below which a share says nothing
_WORDS_PER_IMAGE = 40
_SHOUTED = 0.7  # of a subject's letters in capitals
_LETTERS = 12
_LONGEST_LINE = 998  # octets, RFC 5322, 2.1.1


def subject_findings(subject: str) -> Iterator[Finding]:
    """Yield what a subject says against its mail."""
    letters = [letter for letter in subject if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    said = list(_subject_problems(subject))
    if len(letters) >= _LETTERS and capitals > _SHOUTED * len(letters):
        said.append(warning("subject", "it is in capitals", "write it as a sentence"))
    yield from said or [ok("subject", f"{len(subject)} characters, and nothing that filters count")]


def _subject_problems(subject: str) -> Iterator[Finding]:
    if not subject.strip():
        yield problem("subject", "there is none", "let the digest have a headline")
    if len(subject) > _LONGEST_SUBJECT:
        yield warning("subject", f"it has {len(subject)} characters", f"{_LONGEST_SUBJECT} are the most to be seen")
    if re.match(r"(re|fwd?|aw|wg)\s*:", subject, re.IGNORECASE):
        yield warning("subject", "it pretends to be an answer", "leave Re: and Fwd: to people")
    if "!!" in subject or "$$" in subject:
        yield warning("subject", "it shouts", "leave out what is there twice: !! or $$")


def header_findings(mail: EmailMessage) -> Iterator[Finding]:
    """Yield which fields a mail lacks or has wrongly."""
    found = list(_field_problems(mail))
    found += [problem("fields", f"Python's parser finds {type(defect).__name__}", "") for defect in _defects(mail)]
    yield from found or [ok("fields", "all that the RFCs and the large providers ask for, once each")]


def _field_problems(mail: EmailMessage) -> Iterator[Finding]:
    for name in _ONCE:
        if (count := len(mail.get_all(name, []))) != 1:
            said = "is missing" if not count else f"is there {count} times"
            yield problem("fields", f"{name} {said}", "RFC 5322, 3.6 asks for it once")
    if mail["Auto-Submitted"] is None:
        yield warning("fields", "Auto-Submitted is missing", "without it, holiday notices come back")
    is_list = any(mail[name] is not None for name in _LIST)
    for name in _LIST if is_list else ():
        if mail[name] is None:
            yield problem("fields", f"{name} is missing", _HELP.get(name, "a mail of a list says so"))
    sender, message_id = str(mail["From"] or ""), str(mail["Message-ID"] or "")
    if (domain := sender.rpartition("@")[2].strip("> ")) and not message_id.strip("<> ").endswith(domain):
        yield warning("fields", "the Message-ID is not of the sender's domain", "filters compare the two")


_HELP = {
    "List-Unsubscribe": "give web.base_url or mail.unsubscribe_address",
    "List-Unsubscribe-Post": "Gmail and Yahoo ask for one-click unsubscribing: give web.base_url as https://",
}


def _defects(mail: EmailMessage) -> list[object]:
    fields = [defect for _, value in mail.items() for defect in getattr(value, "defects", ())]
    return [defect for part in mail.walk() for defect in part.defects] + fields


def text_findings(shown: str, text: str, links: Sequence[str], images: int) -> Iterator[Finding]:
    """Yield what is wrong between the parts: ``shown`` is the HTML's text, ``text`` the other part."""
    found = list(_part_problems(shown, text, links, images))
    yield from found or [ok("parts", "the plain text says what the HTML says, and has its links")]


def _part_problems(shown: str, text: str, links: Sequence[str], images: int) -> Iterator[Finding]:
    if not text.strip():
        yield problem("parts", "there is no plain text", "fill the template that ends in .txt")
        return
    if not shown.strip():
        yield problem("parts", "the HTML shows no text", "fill the template that ends in .mjml")
        return
    words, others = _words(text), _words(shown)
    if len(words) >= _ENOUGH and len(words & others) < _LEAST_SHARED * len(words):
        share = f"{len(words & others) / len(words):.0%} of the plain text's words are in the HTML"
        yield warning("parts", share, "filters compare the two: let both say the same")
    told = tuple(_URL.findall(text))  # the page of a paper's votes stands for each of them
    missing = [url for url in dict.fromkeys(links) if url.startswith("http") and not url.startswith(told)]
    if missing and len(missing) > len(set(links)) / 2:
        yield warning("parts", f"{len(missing)} addresses of the HTML are not in the plain text", "print them there")
    if images and len(shown.split()) < _WORDS_PER_IMAGE * images:
        yield warning("parts", "there are many images for so little text", "say in words what they show")
    if any(len(line.encode()) > _LONGEST_LINE for line in text.split("\n")):
        yield warning("parts", "a line of the plain text is over 998 octets", "print it with the filter wrap")


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(_URL.sub(" ", text))}
