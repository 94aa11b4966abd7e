"""Lines as SMTP wants them. NumPy looks at all octets at once: this runs over every byte of every mail."""

from __future__ import annotations

from typing import Final

import numpy as np

CARRIAGE_RETURN: Final = 13
LINE_FEED: Final = 10
DOT: Final = 46


def is_clean(message: bytes) -> bool:
    """Whether every line ends in CRLF, the last one too, and no bare CR or LF is among them (RFC 5321, 2.3.8)."""
    if not message.endswith(b"\r\n"):
        return False
    octets = np.frombuffer(message, np.uint8)
    feeds = octets == LINE_FEED
    returns = octets == CARRIAGE_RETURN
    return not feeds[0] and bool((feeds[1:] == returns[:-1]).all())


def stuffed(message: bytes) -> bytes:
    """Return a clean message with its leading dots doubled and the final dot set (RFC 5321 section 4.5.2)."""
    octets = np.frombuffer(message, np.uint8)
    if bool(((octets[:-1] == LINE_FEED) & (octets[1:] == DOT)).any()):
        message = message.replace(b"\r\n.", b"\r\n..")
    lead = b"." if message.startswith(b".") else b""
    return b"".join((lead, message, b".\r\n"))
