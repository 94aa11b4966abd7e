"""Admins' logins: a password is tried slowly, seldom, and in a time that tells nothing about the name."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from newsletter.core.passwords import DIGEST_OCTETS, LONGEST, SALT_OCTETS, PasswordHash, read_hash
from newsletter.core.sessions import Session, lock_of
from newsletter.core.tries import Tries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

WINDOW: Final = timedelta(minutes=15)
PER_NETWORK: Final = 10
PER_ACCOUNT: Final = 30
REMEMBERED: Final = 10_000  # networks, and names that nobody has
WAITING: Final = 20  # passwords that may wait for their turn: each takes tenths of a second of a processor


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """Why somebody is not let in. ``wait`` is how long they must not try, None when the password was wrong."""

    wait: timedelta | None = None


@dataclass(slots=True)
class Doorkeeper:
    """Lets admins in. Failed tries are counted by network and by account, in this process; who succeeds is not.

    An account that strangers try out stays open to the networks from which its owner came in before.
    """

    _networks: Tries = field(default_factory=lambda: Tries(PER_NETWORK, WINDOW, REMEMBERED))
    _accounts: Tries = field(default_factory=lambda: Tries(PER_ACCOUNT, WINDOW, REMEMBERED))
    _strangers: Tries = field(default_factory=lambda: Tries(PER_ACCOUNT, WINDOW, REMEMBERED))
    _known: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: int = 0

    async def let_in(
        self, hashes: Mapping[str, str], user: str, password: str, network: str, now: datetime
    ) -> Session | LoginRefused:
        """Return a new session, or why there is none; ``hashes`` are the admins' passwords as they are kept,
        ``network`` is where the browser is.

        Who has to wait is told so before the password is looked at.
        """
        accounts = self._accounts if user in hashes else self._strangers
        visit = f"{user}\0{network}"
        wait = self._networks.wait(network, now) or (None if visit in self._known else accounts.wait(user, now))
        if self._waiting >= WAITING:
            wait = wait or timedelta(seconds=30)
        if wait is not None:
            return LoginRefused(wait)
        # Counted before it is known what comes of it, so that many at once are not more than the limit.
        self._networks.add(network, now)
        accounts.add(user, now)
        if not await self._is_right(hashes, user, password):
            return LoginRefused()
        self._networks.take_back(network)
        accounts.take_back(user)
        self._remember(visit)
        began_at = now.replace(microsecond=0)
        return Session(secrets.token_urlsafe(18), user, lock_of(hashes[user]), began_at, began_at)

    async def _is_right(self, hashes: Mapping[str, str], user: str, password: str) -> bool:
        kept = read_hash(hashes[user]) if user in hashes else stand_in(hashes)
        self._waiting += 1
        try:
            async with self._turn:  # one at a time: each takes 32 MiB
                fits = await asyncio.to_thread(kept.fits, password[:LONGEST])
        finally:
            self._waiting -= 1
        return fits and user in hashes and len(password) <= LONGEST

    def _remember(self, visit: str) -> None:
        self._known[visit] = None
        self._known.move_to_end(visit)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


def stand_in(hashes: Mapping[str, str]) -> PasswordHash:
    """Return a hash that no password fits, and that takes as long as the others, for names that nobody has."""
    cost = read_hash(next(iter(hashes.values()))).cost
    return PasswordHash(cost, secrets.token_bytes(SALT_OCTETS), secrets.token_bytes(DIGEST_OCTETS))
