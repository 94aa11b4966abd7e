"""Requests to the API that carry an idempotency key."""

from __future__ import annotations

import enum
from collections.abc import Mapping  # noqa: TC003 (fields are read at run time)
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 (fields are read at run time)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request: whose ``token`` asks, under which ``key``, and a hash of all that is asked."""

    token: str
    key: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given."""

    status: int
    headers: Mapping[str, str]
    body: str


class RequestPhase(enum.StrEnum):
    """How far a request is that comes under a key."""

    NEW = "new"  # to be carried out
    RESUMED = "resumed"  # to be carried out again: whoever began it has died, or takes too long
    UNDER_WAY = "under_way"
    ANSWERED = "answered"
    OTHER = "other"  # the key was used for something else


@dataclass(frozen=True, slots=True)
class RequestStanding:
    """How a request stands; ``started_at`` is when it first began, ``answer`` what was answered, if anything was."""

    phase: RequestPhase
    started_at: datetime
    answer: KeptAnswer | None = None
