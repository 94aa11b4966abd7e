"""Who is asking: the address behind the proxies that the operator has named, and the network that it belongs to.

Anybody can write ``X-Forwarded-For``. It is read from its end, where the proxy nearest to us has written, and only for
as long as each hop is one of ``web.trusted_proxies``: the first that is not is who asks, and what stands before it is
what they say of themselves.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network

    from starlette.requests import HTTPConnection

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = "IPv4Network | IPv6Network"

NOBODY: Final = IPv4Address(0)  # of a connection that has no address, such as a local socket's
FORWARDED: Final = "x-forwarded-for"
LONGEST: Final = 2_000  # characters of the field that are looked at, from its end
WITH_PORT: Final = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>\d+(?:\.\d+){3}):\d+")
# What one household or office is usually given (RFC 6177 for IPv6): limits count these, not single addresses.
PREFIX_4: Final = 24
PREFIX_6: Final = 56


class Clients:
    """Tells who asks; ``trusted`` are the networks of the proxies before us."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def address(self, request: HTTPConnection) -> Address:
        """Return the address of whoever made a request."""
        found = parsed(request.client.host) if request.client else None
        nearest = NOBODY if found is None else found
        hops = ",".join(request.headers.getlist(FORWARDED))[-LONGEST:].split(",")
        for hop in reversed(hops):
            before = parsed(hop)
            if before is None or not self._is_trusted(nearest):
                return nearest
            nearest = before
        return nearest

    def network(self, request: HTTPConnection) -> str:
        """Return the network of whoever made a request: the first 24 bits of IPv4, or 56 of IPv6."""
        return network_of(self.address(request))

    def _is_trusted(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._trusted)


def parsed(text: str) -> Address | None:
    """Return the address that a hop says, with or without a port; None when it says none. IPv4 within IPv6 is IPv4."""
    text = text.strip().strip('"')
    if with_port := WITH_PORT.fullmatch(text):
        text = with_port["six"] or with_port["four"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def network_of(address: Address) -> str:
    """Return the network that an address belongs to, e.g. ``192.0.2.0/24``."""
    length = PREFIX_4 if isinstance(address, IPv4Address) else PREFIX_6
    return str(ip_network((address, length), strict=False))
