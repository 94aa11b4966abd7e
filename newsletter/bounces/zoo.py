"""Returned mails in every format but the standard one: the only importer of flufl.bounce."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flufl.bounce import all_failures

if TYPE_CHECKING:
    from email.message import Message

# It tells, for each mail, which of its twenty detectors it tries: nobody asked.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def failures(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the recipients that a returned mail says failed for now, and those that failed for good, sorted.

    Both are empty when it is no returned mail that anybody knows.
    """
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # noqa: BLE001 (heuristics over hostile text: what they trip over is no report)
        return (), ()
    return _addresses(temporary), _addresses(permanent)


def _addresses(found: frozenset[bytes]) -> tuple[str, ...]:
    return tuple(sorted(address.decode("ascii", "replace").strip().lower() for address in found if b"@" in address))
