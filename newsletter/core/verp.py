"""Signed return paths: an envelope sender for each mail that says, provably, which mail came back.

The address is ``bounces+TOKEN@domain`` (VERP: variable envelope return path). The token is a letter for what kind of
mail it was, the delivery's number, and a truncated HMAC (RFC 2104) over both, in base 32 with lower-case letters:
mail servers fold the case of local parts, and some of them wrap what is long.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MAC_OCTETS: Final = 15  # 120 bits, which are 24 characters without padding; RFC 2104 section 5 asks for 80 or more
MAC_LENGTH: Final = 24
NUMBER_LENGTH: Final = 13  # of the largest number that a database's key can be, in base 32
LOCAL_PART_LIMIT: Final = 64  # octets, RFC 5321 section 4.5.3.1.1
TOKEN_LIMIT: Final = 1 + NUMBER_LENGTH + MAC_LENGTH
DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"
TOKEN: Final = re.compile(rf"([dp])([1-9a-v][0-9a-v]{{0,{NUMBER_LENGTH - 1}}})([a-z2-7]{{{MAC_LENGTH}}})")
LARGEST: Final = 2**63 - 1
DELIMITERS: Final = "+-=#_."


class MailKind(enum.StrEnum):
    """What was sent; the letter with which its tokens begin."""

    ISSUE = "d"  # a digest, a welcome, a note that there is nothing new
    PROBE = "p"


class Returned(NamedTuple):
    """What a return path of ours stands for."""

    kind: MailKind
    delivery_id: int


@dataclass(frozen=True, slots=True)
class ReturnPaths:
    """Makes and reads the return paths of one installation.

    ``local`` and ``domain`` are the halves of the address under which bounces are taken, ``secret`` is what links are
    signed with: the key made of it here opens nothing else.
    """

    secret: str = field(repr=False)
    local: str
    domain: str
    delimiter: str = "+"

    @property
    def address(self) -> str:
        """The address without a token."""
        return f"{self.local}@{self.domain}"

    def make(self, kind: MailKind, delivery_id: int) -> str:
        """Return the envelope sender of a delivery: at most 64 octets before the @, equal on every attempt."""
        token = f"{kind.value}{base32(delivery_id)}{self._mac(kind, delivery_id)}"
        return f"{self.local}{self.delimiter}{token}@{self.domain}"

    def read(self, address: str) -> Returned | None:
        """Return what ``address`` stands for, in whatever case it came back; None when it is not signed by us."""
        local, _, domain = address.strip().strip("<>").rpartition("@")
        prefix = f"{self.local}{self.delimiter}".lower()
        if domain.lower() != self.domain.lower() or not local.lower().startswith(prefix):
            return None
        return self.read_token(local[len(prefix) :])

    def read_token(self, token: str) -> Returned | None:
        """Return what a token stands for, in whatever case it came back; None when it is not signed by us."""
        found = TOKEN.fullmatch(token.lower()) if token.isascii() else None
        if found is None:
            return None
        kind, delivery_id = MailKind(found[1]), int(found[2], 32)
        if delivery_id > LARGEST or not hmac.compare_digest(found[3], self._mac(kind, delivery_id)):
            return None
        return Returned(kind, delivery_id)

    def is_ours(self, address: str) -> bool:
        """Whether mail to ``address`` is ours to take: the address without a token, or with one that we signed."""
        return address.strip().lower() == self.address.lower() or self.read(address) is not None

    def _mac(self, kind: MailKind, delivery_id: int) -> str:
        key = hmac.digest(self.secret.encode(), b"newsletter.return-path", hashlib.sha256)
        whole = hmac.digest(key, f"{kind.value}:{delivery_id}".encode(), hashlib.sha256)
        return base64.b32encode(whole[:MAC_OCTETS]).decode("ascii").lower()


def base32(number: int) -> str:
    """Return a positive number in base 32, without leading zeros; ``int(text, 32)`` reads it."""
    text = ""
    while number:
        number, digit = divmod(number, 32)
        text = DIGITS[digit] + text
    return text


def room_for(delimiter: str) -> int:
    """Return how many octets the address for bounces may have before its @, so that a token fits behind it."""
    return LOCAL_PART_LIMIT - len(delimiter) - TOKEN_LIMIT
