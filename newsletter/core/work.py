"""Proof of work: a puzzle that a browser solves in a moment, and that costs whoever signs up thousands.

The answer to ``challenge`` is a text whose SHA-256 together with it begins with so many zero bits (as in Hashcash,
http://www.hashcash.org/papers/hashcash.pdf): found by trying, checked at once.
"""

from __future__ import annotations

import hashlib
from typing import Final

LONGEST_ANSWER: Final = 20
DIGEST_BITS: Final = 256


def is_solved(challenge: str, answer: str, bits: int) -> bool:
    """Whether ``answer`` solves the puzzle of ``challenge``."""
    if not answer or len(answer) > LONGEST_ANSWER or not answer.isascii():
        return False
    digest = hashlib.sha256(f"{challenge}:{answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (DIGEST_BITS - bits) == 0


def solve(challenge: str, bits: int) -> str:
    """Return the first answer among the whole numbers: what our script in the browser does."""
    number = 0
    while not is_solved(challenge, str(number), bits):
        number += 1
    return str(number)
