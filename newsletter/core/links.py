"""Signed links: what a mail may ask the web side to do, provable years later and useless for anything else."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads the links of one installation; ``base_url`` is its public address, without a final slash."""

    secret: str
    base_url: str

    def unsubscribe_url(self, subscriber_id: int) -> str:
        """Return the address that ends this subscription by POST (RFC 8058); it never expires and is short enough
        (under 60 characters beyond the base) never to be folded in a header.
        """
        return f"{self.base_url}/unsubscribe/{self._signer('unsubscribe').dumps(subscriber_id)}"

    def read_unsubscribe(self, token: str) -> int | None:
        """Return whose subscription ``token`` may end, or None when it is not a token of ours for that."""
        try:
            value = self._signer("unsubscribe").loads(token)
        except BadSignature:
            return None
        return value if isinstance(value, int) else None

    def _signer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret, salt=f"newsletter.{purpose}")
