"""Which addresses a source may lead to: the public internet, unless the operator allows private ones.

A feed's address, or a redirect from it, must not make this program a way into the network it runs in. Names are
resolved here and the connection goes to the very address that was checked, so that a second look-up cannot differ.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# RFC 6052 and RFC 8215: an IPv4 address in the last 32 bits, handed on by a translator of the network we are in.
NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# RFC 6890 holds addresses that some versions of Python call global: 192.0.0.8 to 192.0.0.10 and 192.88.99.0/24.
SPECIAL_IPV4: Final = ("192.0.0.", "192.88.99.", "0.")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and every IPv4 address that is wrapped in it, belongs to the public internet."""
    return all(is_plainly_public(inner) for inner in unwrapped(address))


def is_plainly_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether one address is global and not multicast; the standard library alone errs on several blocks."""
    if isinstance(address, IPv4Address) and str(address).startswith(SPECIAL_IPV4):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def unwrapped(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Yield what an address stands for: the IPv4 address that it maps, tunnels or translates, else itself."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif any(address in network for network in NAT64):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    else:
        yield address


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that ``host`` is, in any spelling that a resolver would take (``127.1``, ``0x7f000001``)."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of ``host`` in the order to try them; OSError when it has none."""
    if (literal := literal_address(host)) is not None:
        return [str(literal)]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:  # an empty label, or one of more than 63 letters
        raise OSError("the name is malformed") from error
    return list(dict.fromkeys(str(address[0]).partition("%")[0] for _, _, _, _, address in found))
