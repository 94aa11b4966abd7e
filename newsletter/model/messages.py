"""Texts that readers see: the mark by which they find their way into the catalogues."""

from __future__ import annotations


def gettext_noop(message: str) -> str:
    """Return ``message``: here it is put into the catalogues, elsewhere a language says it."""
    return message
