"""Passwords as they are kept: scrypt (RFC 7914) in the PHC string format, ``$scrypt$ln=15,r=8,p=3$salt$digest``.

32 MiB and some tenths of a second for each try, as OWASP's cheat sheet on storing passwords has it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

SHORTEST: Final = 12  # characters of a new password
LONGEST: Final = 1000
SALT_OCTETS: Final = 16
DIGEST_OCTETS: Final = 32
FORM: Final = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,64})\$([A-Za-z0-9+/]{43})", re.ASCII
)
MOST_MEMORY: Final = 2**28  # octets; a hash from elsewhere must not take the machine down


@dataclass(frozen=True, slots=True)
class Cost:
    """How hard a try is: ``2**rounds`` steps over blocks of ``128 * block`` octets, ``lanes`` times."""

    rounds: int = 15
    block: int = 8
    lanes: int = 3

    @property
    def memory(self) -> int:
        """How many octets a try takes."""
        return 128 * self.block * ((1 << self.rounds) + self.lanes)


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password as it is kept."""

    cost: Cost
    salt: bytes
    digest: bytes

    def __str__(self) -> str:
        cost, salt, digest = self.cost, _written(self.salt), _written(self.digest)
        return f"$scrypt$ln={cost.rounds},r={cost.block},p={cost.lanes}${salt}${digest}"

    def fits(self, password: str) -> bool:
        """Return whether this is the password, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(self.digest, _digest(password, self.salt, self.cost))


def hash_password(password: str, salt: bytes, cost: Cost | None = None) -> PasswordHash:
    """Return a password as it is to be kept, under a random salt of :data:`SALT_OCTETS`."""
    cost = cost or Cost()
    return PasswordHash(cost, salt, _digest(password, salt, cost))


def read_hash(text: str) -> PasswordHash:
    """Return what :func:`hash_password` made; ValueError when it is none, or asks for too much memory."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("it is not the hash of a password")
    cost = Cost(*(int(number) for number in found.groups()[:3]))
    if not (cost.rounds and cost.block and cost.lanes) or cost.memory * cost.lanes > MOST_MEMORY:
        raise ValueError("it would take too much memory, or none at all")
    return PasswordHash(cost, _read(found[4]), _read(found[5]))


def _digest(password: str, salt: bytes, cost: Cost) -> bytes:
    # The same letters, however a keyboard composes them, are the same password.
    typed = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
    return hashlib.scrypt(
        typed,
        salt=salt,
        n=1 << cost.rounds,
        r=cost.block,
        p=cost.lanes,
        maxmem=cost.memory + 2**20,
        dklen=DIGEST_OCTETS,
    )


def _written(octets: bytes) -> str:
    return b64encode(octets).decode("ascii").rstrip("=")


def _read(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))
