"""What is to be said of a finished mail before it goes out: its size, its images, where its links lead, and what
filters would hold against it that is ours to mend. Pure: a message in, findings out.

What is not ours (the relay's name and reputation, SPF, DMARC) is for ``newsletter doctor``; DKIM is signed later.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Final

from newsletter.core.findings import Finding, Level, ok, problem, warning
from newsletter.core.printable import clip
from newsletter.mail.anatomy import anatomy_of
from newsletter.mail.brand import contrast
from newsletter.mail.linkforms import fault_of
from newsletter.mail.rooms import HTML_BUDGET
from newsletter.mail.spamsigns import header_findings, subject_findings, text_findings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from newsletter.mail.anatomy import Anatomy

GMAIL_CLIPS: Final = 102_000
"""Octets of HTML beyond which Gmail shows the rest only when asked ("Message clipped")."""
_READABLE = 4.5  # WCAG 2.2, 1.4.3
_SHOWN = 60  # characters of what is quoted


@dataclass(frozen=True, slots=True)
class Target:
    """Where links lead, the words of the first of them, and how many do; ``fault`` says what is wrong with the form."""

    url: str
    words: str
    count: int
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Octets: of the whole message as it is sent, and of its parts decoded; ``clip`` is Gmail's limit."""

    message: int
    html: int
    text: int
    clip: int = GMAIL_CLIPS


@dataclass(frozen=True, slots=True)
class MailReport:
    """What was looked at."""

    subject: str
    sizes: Sizes
    images: int
    links: tuple[Target, ...]
    findings: tuple[Finding, ...]

    @property
    def has_problem(self) -> bool:
        """Whether something is wrong, and not only improvable."""
        return any(finding.level is Level.PROBLEM for finding in self.findings)


def examine(message: bytes) -> MailReport:
    """Return what is to be said of a message as it would be handed over; of any, nothing is raised."""
    mail: EmailMessage = message_from_bytes(message, policy=policy.default)
    html, text = _part(mail, "html"), _part(mail, "plain")
    anatomy = anatomy_of(html)
    sizes = Sizes(len(message), len(html.encode("utf-8", "replace")), len(text.encode("utf-8", "replace")))
    links = tuple(_targets(anatomy))
    findings = (
        *_size_findings(sizes),
        *_image_findings(anatomy),
        *_link_findings(links),
        *_contrast_findings(anatomy),
        *_active_findings(anatomy),
        *subject_findings(str(mail["Subject"] or "")),
        *header_findings(mail),
        *text_findings(anatomy.text, text, [link.url for link in anatomy.links], len(anatomy.images)),
    )
    return MailReport(str(mail["Subject"] or ""), sizes, len(anatomy.images), links, findings)


def overhang_finding(width: int, overhang: int) -> Finding:
    """Return whether a mail that was shown ``width`` pixels wide was wider than that."""
    check = f"width {width} px"
    if overhang <= 0:
        return ok(check, "nothing stands out at the side")
    return problem(check, f"the mail is {overhang} px wider than the window", "let long words break, and images shrink")


def _part(mail: EmailMessage, subtype: str) -> str:
    body = mail.get_body((subtype,))
    return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""


def _size_findings(sizes: Sizes) -> Iterator[Finding]:
    share = f"{sizes.html:,} octets of HTML, {sizes.html / sizes.clip:.0%} of what Gmail shows at once"
    if sizes.html > sizes.clip:
        yield problem("size", share, "Gmail will cut it: show less of each paper, or fewer papers")
    elif sizes.html > HTML_BUDGET:
        yield warning("size", share, f"stay under {HTML_BUDGET:,}, so that signatures and links have room")
    else:
        yield ok("size", share)


def _image_findings(anatomy: Anatomy) -> Iterator[Finding]:
    for image in anatomy.images:
        name = clip(image.source, _SHOWN) or "an image"
        if image.alt is None:
            yield problem("alt", f"{name} has no alt", 'write alt="…", or alt="" where it only adorns')
        if not image.source:
            yield problem("images", "an image has no src", "take it out, or name its address")
        elif not image.source.startswith(("data:", "cid:", "https://", "http://")):
            yield problem("images", f"{name} cannot be found from a mail", "write the whole address, https://…")
    remote = [image.source for image in anatomy.images if image.source.startswith("http")] + anatomy.fetched
    if remote:
        message = f"opening the mail asks for {clip(remote[0], _SHOWN)}" + (
            f" and {len(remote) - 1} more" if len(remote) > 1 else ""
        )
        yield warning("images", message, "many readers do not allow it: let nothing depend on it")
    elif anatomy.images and all(image.alt is not None for image in anatomy.images):
        yield ok("alt", "each image says what it shows")
    elif not anatomy.images:
        yield ok("images", "there are none, so that nothing waits to be allowed")


def _targets(anatomy: Anatomy) -> Iterator[Target]:
    """Yield where the links lead, each address once."""
    counts = Counter(link.url for link in anatomy.links)
    for url, count in counts.items():
        links = [link for link in anatomy.links if link.url == url]
        faults = [fault for link in links if (fault := fault_of(link, anatomy.names))]
        yield Target(url, links[0].words, count, faults[0] if faults else "")


def _link_findings(links: tuple[Target, ...]) -> Iterator[Finding]:
    broken = [link for link in links if link.fault]
    for link in broken:
        named = f"“{clip(link.words, _SHOWN)}”" if link.words else "a link without words"
        yield problem("links", f"{named} leads to {clip(link.url, _SHOWN) or 'nothing'}: {link.fault}", _MEND)
    plain = [link for link in links if link.url.startswith("http://") and not link.fault]
    if plain:
        yield warning("links", f"{len(plain)} lead over plain HTTP, the first to {clip(plain[0].url, _SHOWN)}", _HTTPS)
    if links and not broken:
        yield ok("links", f"{sum(link.count for link in links)} links to {len(links)} addresses, none of a broken form")


_MEND = "see what the template or the source says there"
_HTTPS = "give web.base_url and websites as https://, where they can be had so"


def _contrast_findings(anatomy: Anatomy) -> Iterator[Finding]:
    faint = []
    for colours in anatomy.colours.values():
        ratio = contrast(colours.text, colours.ground)
        if ratio < _READABLE:
            faint.append(f"{colours.text} on {colours.ground} ({ratio:.1f}:1): “{clip(colours.words, 40)}”")
    for each in faint:
        yield warning("contrast", each, "filters count what is hard to see; 4.5:1 is the least")
    if anatomy.colours and not faint:
        yield ok("contrast", "all text stands out at least 4.5:1 from what is behind it")


def _active_findings(anatomy: Anatomy) -> Iterator[Finding]:
    for name in dict.fromkeys(anatomy.active):
        what = f"the attribute {name}" if name.startswith("on") else f"<{name}>"
        yield problem("content", f"{what} is in the mail", "mail programs take it out, and filters suspect it")
    if not anatomy.language:
        yield warning("content", "<html> has no lang", 'write <mjml lang="{{ lang }}">, so that it is read aloud right')
