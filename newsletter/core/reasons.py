"""Replies that say the same to different people: what differs between recipients is taken out."""

from __future__ import annotations

import re
from typing import Final

from newsletter.core.replies import enhanced_code

LONGEST: Final = 160
# In this order: what is found first is not looked at again.
VARIABLE: Final = (
    (re.compile(r"<?[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+>?"), "<address>"),
    (re.compile(r"https?://\S+"), "<link>"),
    (re.compile(r"\[?\b\d{1,3}(?:\.\d{1,3}){3}\b\]?|\[[0-9A-Fa-f:]+:[0-9A-Fa-f:.]+\]"), "<ip>"),
    # Queue and session ids: long, and with digits among the letters.
    (re.compile(r"\b(?=[A-Za-z-]*\d)(?=\S*[A-Za-z])[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*\b"), "<id>"),
    (re.compile(r"\b\d{4,}\b"), "<number>"),
)


def likeness(text: str) -> str:
    """Return a reply's text without its enhanced code and what is one recipient's or one message's own."""
    said = " ".join(text.split())
    code = enhanced_code(said)
    if code is not None:
        said = said.removeprefix(code).strip()
    for pattern, name in VARIABLE:
        said = pattern.sub(name, said)
    return said[:LONGEST]
