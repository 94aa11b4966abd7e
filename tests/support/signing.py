"""Keys to sign with in tests, made once, and the DNS that holds them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from newsletter.core.signing import Algorithm, SigningKey, make_key, read_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DOMAIN = "example.org"


def pem(algorithm: Algorithm, bits: int = 2048) -> str:
    """Return a private key, the same each time."""
    return _made(algorithm, bits)


_made = cache(make_key)


def make_signing_key(algorithm: Algorithm, selector: str = "", bits: int = 2048) -> SigningKey:
    """Return a key to sign with; its selector is ``rsa`` or ``ed25519`` unless given."""
    return read_key(pem(algorithm, bits), selector or algorithm.partition("-")[0])


def both_keys() -> tuple[SigningKey, SigningKey]:
    """Return a key of each kind."""
    return make_signing_key(Algorithm.RSA), make_signing_key(Algorithm.ED25519)


def dns_of(keys: Iterable[SigningKey], domain: str = DOMAIN) -> Callable[..., bytes]:
    """Return what dkimpy asks for records."""
    records = {f"{key.name(domain)}.".encode(): key.record().encode() for key in keys}
    return lambda name, **_: records.get(name, b"")
