"""What a process may do: all of it, or a part, beside others on one database."""

from __future__ import annotations

import enum
from typing import Final


class Role(enum.StrEnum):
    """A part of the work that a process can take on."""

    SCHEDULE = "schedule"  # collects, plans issues, reads the profile files, and tells the operator what is wrong
    WORKER = "worker"  # sends what is planned
    WEB = "web"  # serves the pages


ALL_ROLES: Final = frozenset(Role)
