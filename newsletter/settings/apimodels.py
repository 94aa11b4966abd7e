"""Who may use the API, and for what."""

from __future__ import annotations

from datetime import date  # noqa: TC003 (Pydantic reads the annotations)
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from newsletter.core.access import HASH, Scope, Token
from newsletter.settings.values import Name, Section, complaint, suggestion


def check_hash(value: str) -> str:
    """Return a token's hash; what is refused is not repeated, for it may be the token itself."""
    if not HASH.fullmatch(value):
        raise complaint("this is not the hash of a token", "make one with `newsletter api make-token`")
    return value


def check_scope(value: object) -> object:
    """Return a scope's name; the nearest is suggested for one that is not there."""
    if isinstance(value, str) and value.strip().lower() not in set(Scope):
        advice = suggestion(value, Scope) or f"there are: {', '.join(Scope)}"
        raise complaint(f"“{value[:40]}” is not a scope", advice)
    return value.strip().lower() if isinstance(value, str) else value


ScopeName = Annotated[Scope, BeforeValidator(check_scope)]


class TokenSettings(Section):
    """A token of the API: `newsletter api make-token` prints one, with these lines."""

    hash: Annotated[str, AfterValidator(check_hash)] = Field(
        description="Its SHA-256, as `newsletter api make-token` prints it; the token itself is kept nowhere."
    )
    scopes: tuple[ScopeName, ...] = Field(
        min_length=1, description=f"What it may do: {', '.join(f'`{scope}`' for scope in Scope)}."
    )
    expires: date | None = Field(default=None, description="The last day, in UTC, on which it opens anything.")


class ApiSettings(Section):
    """The API under `/api/v1`. It is there once there is a token."""

    tokens: dict[Name, TokenSettings] = Field(default_factory=dict, description="Who may use it, by name.")
    requests_per_minute: int = Field(
        default=600, ge=1, le=1_000_000, description="How many requests one token may make in a minute, by process."
    )

    @property
    def known(self) -> tuple[Token, ...]:
        """The tokens as the API compares them."""
        return tuple(Token(name, each.hash, frozenset(each.scopes), each.expires) for name, each in self.tokens.items())
