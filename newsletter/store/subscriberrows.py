"""Subscribers as rows, and back."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any, Final

from newsletter.model import (
    Consent,
    EmailAddress,
    Frequency,
    Keyword,
    Origin,
    Subscriber,
    SubscriberStatus,
    Weekday,
)
from newsletter.store.codec import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from newsletter.model import SubscriberDraft

# What somebody new gets where their draft is silent.
DEFAULTS: Final[Mapping[str, Any]] = {
    "status": SubscriberStatus.ACTIVE.value,
    "status_reason": "",
    "zone": "UTC",
    "send_at_local": time(7, 0),
    "frequency": Frequency.DAILY.value,
    "weekday": Weekday.MONDAY.value,
    "keywords": "[]",
    "language": "en",
    "template": "digest",
}


def address_row(address: EmailAddress) -> dict[str, Any]:
    """Return the columns of a mail address."""
    return {
        "address": address.text,
        "address_wire": address.wire,
        "address_key": address.key,
        "needs_smtputf8": address.needs_smtputf8,
        "domain": address.domain,
    }


def draft_row(draft: SubscriberDraft) -> dict[str, Any]:
    """Return the columns that a draft speaks of, but for the profiles, which have rows of their own."""
    said = {
        "status": draft.status.value if draft.status else None,
        "zone": draft.zone,
        "send_at_local": draft.send_at_local,
        "frequency": draft.frequency.value if draft.frequency else None,
        "weekday": draft.weekday.value if draft.weekday else None,
        "keywords": None if draft.keywords is None else dumps(draft.keywords),
        "language": draft.language,
        "template": draft.template,
    }
    return address_row(draft.address) | {name: value for name, value in said.items() if value is not None}


def changed_columns(row: Row[Any], draft: SubscriberDraft) -> dict[str, Any]:
    """Return the columns in which a draft differs from what is stored; a new status comes without the old reason."""
    stored = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    changed = {name: value for name, value in draft_row(draft).items() if stored[name] != value}
    if "status" in changed:
        changed |= {"status_reason": "", "paused_until": None}
    return changed


def subscriber_of(row: Row[Any], profiles: Sequence[str], consent: Consent) -> Subscriber:
    """Return the subscriber in a row of ``subscribers`` with the rows that belong to it."""
    return Subscriber(
        id=row.id,
        address=EmailAddress(row.address, row.address_wire, row.address_key, row.needs_smtputf8),
        status=SubscriberStatus(row.status),
        zone=row.zone,
        send_at_local=row.send_at_local,
        frequency=Frequency(row.frequency),
        weekday=Weekday(row.weekday),
        profiles=tuple(profiles),
        keywords=loads(tuple[Keyword, ...], row.keywords),
        language=row.language,
        template=row.template,
        origin=Origin(row.origin),
        consent=consent,
        created_at=row.created_at,
        updated_at=row.updated_at,
        status_reason=row.status_reason,
        paused_until=row.paused_until,
    )
