"""What a mail that has arrived tells: how long it took, and what its receiver thought of us (RFC 8601)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING, Final

from newsletter.core.findings import Finding, ok, problem, skipped, warning

if TYPE_CHECKING:
    from email.message import Message

METHODS: Final = ("spf", "dkim", "dmarc")
REFUSED: Final = frozenset({"fail", "hardfail", "permerror", "policy"})
JUNK: Final = re.compile(r"junk|spam|bulk", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT: Final = re.compile(r"\([^()]*\)")
_RESULT: Final = re.compile(r"\s*([a-z0-9-]+)(?:/\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_DEEPEST: Final = 10  # comments within comments
ADVICE: Final = {
    "spf": "let the domain's SPF record name the servers that send, and use a return path of that domain",
    "dkim": "sign with a key that the DNS holds: mail.dkim, or your relay (`newsletter doctor --dkim-selector`)",
    "dmarc": "let spf or dkim pass for the very domain of mail.sender",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail in a mailbox: its beginning with all headers, in which folder, and how many seconds after it left."""

    content: bytes
    folder: str
    after_s: float


def judge_arrival(arrival: Arrival) -> list[Finding]:
    """Return what an arrived mail tells of the way that mails take."""
    mail = BytesHeaderParser(policy=compat32).parsebytes(arrival.content)
    servers = len(mail.get_all("Received", []))
    came = f"it arrived after {arrival.after_s:.1f} s, over {servers} server{'' if servers == 1 else 's'}"
    if arrival.folder and JUNK.search(arrival.folder):
        advice = "look at what its headers say of spam, and at the findings above; new senders need some weeks of mail"
        found = [warning("arrival", f"{came}, in the folder {arrival.folder}", advice)]
    else:
        found = [ok("arrival", came + (f", in the folder {arrival.folder}" if arrival.folder else ""))]
    return [*found, *_spam(mail), *_authentication(mail)]


def _spam(mail: Message) -> list[Finding]:
    said = {name: str(mail.get(name, "")) for name in ("X-Spam-Flag", "X-Spam", "X-Spam-Status")}
    for name, value in said.items():
        if value.strip().lower().startswith("yes"):
            advice = "look at which rules it names, and change what they find in templates or DNS"
            return [warning("spam", f"its receiver takes it for spam: {name}: {' '.join(value.split())[:200]}", advice)]
    return []


def _authentication(mail: Message) -> list[Finding]:
    """Return a finding a method. The topmost header is the receiver's own; one below it by another may be anybody's."""
    headers = [_without_comments(str(value)) for value in mail.get_all("Authentication-Results", [])]
    if not headers:
        advice = "let the receiving server check mails, or send to a mailbox at a provider that says what it thinks"
        return [skipped("authentication", "its receiver says nothing: no Authentication-Results", advice)]
    server = _server(headers[0])
    results: dict[str, list[str]] = {}
    for part in (part for header in headers if _server(header) == server for part in header.split(";")[1:]):
        if said := _RESULT.match(part):
            results.setdefault(said[1].lower(), []).append(said[2].lower())
    return [_judge(method, results.get(method, []), server) for method in METHODS]


def _judge(method: str, results: list[str], server: str) -> Finding:
    """Return what is said of one method; of several signatures, one that holds is enough."""
    said = f"{server} says {method}={'pass' if 'pass' in results else ', '.join(results) or 'nothing'}"
    if "pass" in results:
        return ok("authentication", said)
    if any(result in REFUSED for result in results):
        return problem("authentication", said, ADVICE[method])
    return warning("authentication", said, ADVICE[method])


def _server(header: str) -> str:
    return (header.split(";", maxsplit=1)[0].split() or ["its receiver"])[0]


def _without_comments(text: str) -> str:
    text = _QUOTED.sub('""', text)
    for _ in range(_DEEPEST):
        if (less := _COMMENT.sub(" ", text)) == text:
            break
        text = less
    return text
