"""Which language a reader gets: what they ask for against what there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_RANGE: Final = re.compile(
    r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)(?:\s*;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?"
)
_MOST: Final = 20  # ranges of one header that are looked at


def chosen_code(accepted: str, known: Sequence[str], default: str) -> str:
    """Return the code among ``known`` that an Accept-Language field (RFC 9110, 12.5.4) likes best, by lookup (RFC 4647,
    3.4): ``de-AT`` finds ``de``. ``default`` where it likes none, names none, or cannot be read.
    """
    ranges = [found for part in accepted.split(",")[:_MOST] if (found := _RANGE.fullmatch(part.strip()))]
    weighed = [(float(found[2] or 1), found[1].lower()) for found in ranges]
    refused = {name for weight, name in weighed if not weight}
    for _, name in sorted(weighed, key=lambda each: -each[0]):
        code = default if name == "*" else _looked_up(name, known)
        if code is not None and code.lower() not in refused and name not in refused:
            return code
    return default


def _looked_up(name: str, known: Sequence[str]) -> str | None:
    """Return the known code that a range names, or the next shorter one."""
    by_name = {code.lower(): code for code in known}
    parts = name.split("-")
    for length in range(len(parts), 0, -1):
        if code := by_name.get("-".join(parts[:length])):
            return code
    return None
