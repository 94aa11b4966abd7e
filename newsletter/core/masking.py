"""Text without the addresses in it, for logs and for channels that others read."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

# What stands before the @: a quoted string, or everything back to a space or to what cannot be in an unquoted local
# part (RFC 5321 section 4.1.2, RFC 6531). Each alternative begins where nothing of it stands before and gives nothing
# back, so that a reply of any length, made to be slow, is read once.
_ADDRESS: Final = re.compile(
    r"""(?: (?<!["\\]) "(?:[^"\\]|\\.){0,256}+" | (?<![^\s@<>()\[\],;:"])[^\s@<>()\[\],;:"]++ ) (?=@[\w\[])""",
    re.VERBOSE,
)
_IN_LINK: Final = re.compile(r"(?<![^\s@<>()\[\],;:\"'?&=/])[^\s@<>()\[\],;:\"'?&=/]+(?=%40\w)")


def masked(text: str) -> str:
    """Return ``text`` with ``***`` for the part before the @ of each mail address in it.

    The domain stays: it tells whose server is slow, and not who reads. Also what only looks like an address, such as a
    Message-ID or the password in a database's address, loses that part.
    """
    if "@" in text:
        text = _ADDRESS.sub(MASK, text)
    return _IN_LINK.sub(MASK, text) if "%40" in text else text
