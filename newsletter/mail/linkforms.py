"""Whether a link in a mail can lead anywhere, and leads where its words say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsletter.core.printable import clip

if TYPE_CHECKING:
    from newsletter.mail.anatomy import Link

_DOMAIN = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?", re.IGNORECASE)
_JINJA = re.compile(r"\{[{%]|[%}]\}")
_STRANGE = re.compile(r"[\s<>\"\\^`|]")  # RFC 3986 has no place for them
_SHORTENERS = frozenset(("bit.ly", "t.co", "tinyurl.com", "goo.gl", "ow.ly", "is.gd", "buff.ly", "cutt.ly", "rb.gy"))


def fault_of(link: Link, names: set[str]) -> str:
    """Return in a few words what is wrong with a link's form, or nothing. ``names`` are those of places in the mail."""
    url = link.url
    if not url or url == "#":
        return "it has no address"
    if _JINJA.search(url):
        return "a template's tag was not filled in"
    if _STRANGE.search(url) or not url.isascii():
        return "a character in it has to be percent-encoded"
    if url.startswith("#"):
        return "" if url[1:] in names else "no place in the mail has that name"
    return _fault_of_address(link)


def _fault_of_address(link: Link) -> str:
    try:
        parts = urlsplit(link.url)
        host = parts.hostname or ""
    except ValueError:
        return "it is no address"
    if parts.scheme == "mailto":
        return "" if "@" in parts.path else "it names no mailbox"
    if parts.scheme not in ("http", "https"):
        return f"mail programs do not follow {clip(parts.scheme, 20)}:" if parts.scheme else "the https:// is missing"
    return _fault_of_host(link, host, has_user=parts.username is not None)


def _fault_of_host(link: Link, host: str, *, has_user: bool) -> str:
    if not host:
        return "it names no host"
    if has_user:
        return "a name before @ hides where it leads"
    if host in _SHORTENERS:
        return "a shortener hides where it leads, which filters punish"
    if not link.words:
        return "there is nothing to click, nor to be read aloud"
    shown = _DOMAIN.fullmatch(link.words)
    if shown and not _is_same_site(shown[1].lower(), host):
        return f"its words say {clip(shown[1], 40)}, which filters take for phishing"
    return ""


def _is_same_site(shown: str, host: str) -> bool:
    return host == shown or host.endswith(f".{shown}") or shown.endswith(f".{host}")
