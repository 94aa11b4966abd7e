"""Domains: which belong together, and under which anybody may have an address."""

from __future__ import annotations

from typing import Final

# Addresses there belong to persons; their providers tell everybody to refuse mail that only claims to be from them.
FREEMAIL_NAMES: Final = """
    aol.com fastmail.com free.fr gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk
    hotmail.com hotmail.de hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com mail.ru me.com
    msn.com naver.com orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com
    rocketmail.com seznam.cz t-online.de web.de wp.pl yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.fr yahoo.it
    yandex.com yandex.ru ymail.com zoho.com 126.com 163.com
"""
FREEMAIL: Final = frozenset(FREEMAIL_NAMES.split())
# Whose relay is whose, where the names do not say so.
RELAYS_OF: Final = {
    "gmail.com": ("google.com",),
    "googlemail.com": ("gmail.com", "google.com"),
    "hotmail.com": ("outlook.com", "office365.com"),
    "live.com": ("outlook.com", "office365.com"),
    "outlook.com": ("office365.com",),
    "icloud.com": ("me.com",),
    "me.com": ("icloud.com",),
}
SECOND_LEVEL: Final = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org"})  # under country codes: co.uk


def belongs_together(one: str, other: str) -> bool:
    """Return whether two names seem to have one owner: they share a registered domain.

    Which domains can be registered is guessed from their shape, since the full list would be out of date soon.
    """
    return registered(one) == registered(other)


def registered(name: str) -> str:
    """Return the domain that somebody registered, such as example.co.uk for mail.example.co.uk."""
    labels = name.lower().rstrip(".").split(".")
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL  # noqa: PLR2004 (labels, letters)
    return ".".join(labels[-3 if is_deep else -2 :])


def above(domain: str) -> list[str]:
    """Return a domain and those above it, down to two labels, in which DMARC records are looked for (RFC 9989)."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))][:8]
