"""Which SASL mechanism a login uses (RFC 4954), and that no secret goes over the network in the clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from newsletter.mail.relay import Authentication

if TYPE_CHECKING:
    from collections.abc import Collection

    from newsletter.mail.relay import Relay

PLAIN, LOGIN, CRAM_MD5 = Authentication.PLAIN, Authentication.LOGIN, Authentication.CRAM_MD5
# CRAM-MD5 comes last: it is obsolete, and wants the password kept readable on the server.
WITH_PASSWORD: Final = (PLAIN, LOGIN, CRAM_MD5)
SHOWS_NO_SECRET: Final = frozenset({CRAM_MD5})
UNSUPPORTED: Final = frozenset({504, 534})  # this mechanism will not do here, whatever the password


class NoMechanismError(Exception):
    """The relay offers no way to log in that we could use; the message says why."""


def mechanisms(relay: Relay, offered: Collection[str], *, is_private: bool) -> list[Authentication]:
    """Return the mechanisms to try, best first; NoMechanismError when there is none.

    ``offered`` are the names after AUTH in the relay's EHLO, in lower case. On a connection that others can read
    (``is_private`` is false: neither encrypted nor within this machine) only those that show no secret are left.
    """
    wanted = _wanted(relay)
    found = [kind for kind in wanted if kind.value in offered]
    if not found:
        names = ", ".join(name.upper() for name in offered) or "no login at all"
        raise NoMechanismError(f"it does not offer {' or '.join(kind.upper() for kind in wanted)}, but {names}")
    safe = [kind for kind in found if is_private or kind in SHOWS_NO_SECRET]
    if not safe:
        raise NoMechanismError("the password would go over the network in the clear: set tls to starttls or implicit")
    return safe


def _wanted(relay: Relay) -> tuple[Authentication, ...]:
    if relay.authentication is not Authentication.AUTO:
        return (relay.authentication,)
    return (Authentication.XOAUTH2,) if relay.token_command else WITH_PASSWORD
