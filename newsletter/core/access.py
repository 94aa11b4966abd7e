"""Tokens of the API: made once, kept as hashes, and compared in the same time whether or not one fits.

A token is 256 random bits, so that its plain SHA-256 tells nothing of it: nobody can try them all. Passwords, which
people choose, need a slow hash.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import date  # noqa: TC003 (fields are read at run time)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGINNING: Final = "nlt_"  # by which scanners for leaked secrets know one
HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST: Final = 200  # characters of a token that are looked at


class Scope(enum.StrEnum):
    """What a token may do."""

    SUBSCRIBERS_READ = "subscribers:read"
    SUBSCRIBERS_WRITE = "subscribers:write"
    PROFILES_READ = "profiles:read"  # also to validate and to try a draft
    PAPERS_READ = "papers:read"  # also to search
    DELIVERIES_READ = "deliveries:read"  # and issues
    DELIVERIES_WRITE = "deliveries:write"  # to have one tried again
    SUPPRESSIONS_READ = "suppressions:read"
    SUPPRESSIONS_WRITE = "suppressions:write"
    BOUNCES_READ = "bounces:read"
    BOUNCES_WRITE = "bounces:write"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept: ``expires`` is the last day, in UTC, on which it opens anything; None: no last day."""

    name: str
    hash: str
    scopes: frozenset[Scope]
    expires: date | None = None

    def is_expired(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and today > self.expires


def make_token() -> str:
    """Return a new token: 256 random bits."""
    return BEGINNING + secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return what is kept of a token, e.g. ``sha256:9f86…``."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"


def find_token(tokens: Iterable[Token], presented: str, today: date) -> Token | None:
    """Return whose token was presented, None when it is nobody's or has expired.

    Every token is compared, each in constant time: how long it takes tells nothing.
    """
    shown = hash_of(presented[:LONGEST])
    fitting = [each for each in tokens if hmac.compare_digest(each.hash.encode(), shown.encode())]
    return next((each for each in fitting if not each.is_expired(today)), None)
