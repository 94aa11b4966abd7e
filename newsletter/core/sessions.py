"""Sessions of admins: what the browser's cookie says, signed, and which forms belong to it.

A session lives in its cookie alone, so that looking at pages writes nothing and every process knows it. What ends one
before its time is kept elsewhere: that it was ended (:class:`newsletter.ports.SessionStore`), or another password.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer

LONGEST_COOKIE: Final = 1000  # characters; ours have under 250


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has shown a password. ``lock`` changes with the password; times are in UTC, in whole seconds."""

    id: str
    user: str
    lock: str
    began_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """Writes and reads the cookies of one installation. A session ends ``idle`` after it was last seen, and ``longest``
    after it began.
    """

    secret: str
    idle: timedelta
    longest: timedelta

    def write(self, session: Session) -> str:
        """Return what the cookie holds."""
        times = int(session.began_at.timestamp()), int(session.seen_at.timestamp())
        return self._serializer("session").dumps([session.id, session.user, session.lock, *times])

    def read(self, cookie: str, now: datetime) -> Session | None:
        """Return the session of a cookie; None when it is none of ours, or has ended by itself."""
        if len(cookie) > LONGEST_COOKIE:
            return None
        try:
            session = _session_of(self._serializer("session").loads(cookie))
        except (BadSignature, ValueError, TypeError, OverflowError):
            return None
        # A clock that was put back makes no session last longer.
        lasts = abs(now - session.seen_at) < self.idle and abs(now - session.began_at) < self.longest
        return session if lasts else None

    def ends_at(self, session: Session) -> datetime:
        """Return when a session ends at the latest."""
        return session.began_at + self.longest

    def form_token(self, session: Session) -> str:
        """Return what each form of this session holds, so that no other site can send one."""
        return str(self._serializer("form").dumps(session.id))

    def owns(self, session: Session, token: str) -> bool:
        """Return whether a form was made for this session."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.form_token(session).encode())

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self.secret, salt=f"newsletter.admin-{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
        )


def lock_of(password_hash: str) -> str:
    """Return what changes with the password, and tells nothing about it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


def _session_of(said: Any) -> Session:
    session_id, user, lock, began, seen = said
    times = (datetime.fromtimestamp(each, UTC) for each in (began, seen))
    return Session(str(session_id), str(user), str(lock), *times)
