"""What a mailing list says of itself in each mail: the fields of RFC 2369, 2919 and 8058, and the providers' own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from newsletter.mail import headers

if TYPE_CHECKING:
    from newsletter.mail.brand import Brand

ONE_CLICK: Final = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
SENDER_ID_SHORTEST, SENDER_ID_LONGEST = 5, 15  # Gmail's bounds (support.google.com/mail/answer/6254652)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CAMPAIGN = re.compile(r"[^A-Za-z0-9._-]")  # what would end an identifier, or none of Gmail's examples holds


def unsubscribe_headers(url: str, address: str) -> bytes:
    """Return List-Unsubscribe (RFC 2369) and, where a POST to ``url`` does it, List-Unsubscribe-Post (RFC 8058).

    RFC 8058, 3.1 asks for HTTPS. Plain HTTP counts only on the loopback: that mail never leaves the machine, and a
    trial should show what a real installation sends. Any other plain HTTP address stays a link to click.
    """
    targets = [url] if url else []
    if address:
        targets.append(f"mailto:{address}?subject=unsubscribe")
    if not targets:
        return b""
    return headers.uris("List-Unsubscribe", targets) + (ONE_CLICK if _takes_post(url) else b"")


def list_headers(brand: Brand) -> bytes:
    """Return the fields that are the same in all mails of a list, but for those about unsubscribing."""
    domain = brand.sender.rpartition("@")[2] or "localhost"
    owner = f"mailto:{brand.contact}" if "@" in brand.contact else ""
    help_at = [brand.website] if brand.website else [f"{owner}?subject=help"] if owner else []
    return b"".join(
        (
            headers.list_id(brand.name, brand.list_id or f"newsletter.{domain}"),
            headers.uris("List-Help", help_at) if help_at else b"",
            headers.uris("List-Owner", [owner]) if owner else b"",
            headers.uris("List-Archive", [brand.archive_url]) if brand.archive_url else b"",
            headers.plain("List-Post", "NO"),  # RFC 2369, 3.4: nobody can write to the list
        )
    )


def feedback_id(brand: Brand, *campaign: str) -> bytes:
    """Return Feedback-ID, by which Gmail's Postmaster Tools group complaints: up to three words about the mail, none
    of them about its recipient, and who sends.
    """
    sender = _CAMPAIGN.sub("", brand.sender_id) or sender_id_of(brand.sender)
    return headers.plain("Feedback-ID", ":".join([*(_CAMPAIGN.sub("-", word) for word in campaign[:3]), sender]))


def sender_id_of(sender: str) -> str:
    """Return the sender id of an address when none is configured: its domain's letters and digits, 5 to 15 of them."""
    letters = re.sub(r"[^a-z0-9]", "", sender.rpartition("@")[2].lower())
    return letters[:SENDER_ID_LONGEST].ljust(SENDER_ID_SHORTEST, "0")


def _takes_post(url: str) -> bool:
    if url.startswith("https://"):
        return True
    try:
        return url.startswith("http://") and urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False
