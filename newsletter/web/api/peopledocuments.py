"""What the API tells of people: the keys that ``--json`` prints, each always there, null for what is not known."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from pydantic import BaseModel, Field

from newsletter.core.keyword_text import format_keyword
from newsletter.model import (
    Bounce,
    BounceKind,
    Frequency,
    Origin,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Weekday,
)


class ConsentDocument(BaseModel):
    """Proof of how somebody came to be on the list."""

    method: str
    given_at: datetime
    proof: str | None


class SubscriberDocument(BaseModel):
    """Somebody who gets digests."""

    id: int
    address: str
    status: SubscriberStatus
    status_reason: str | None
    paused_until: date | None
    zone: str = Field(description="IANA name of the time zone.")
    send_at: str = Field(description="Local time of the digest, HH:MM.")
    frequency: Frequency
    weekday: Weekday
    profiles: list[str]
    keywords: list[str] = Field(description="As `--keyword` takes them, such as `title:RAG^2`.")
    language: str
    template: str
    origin: Origin = Field(description="Who owns this: the store, or a profile file, where it has to be edited.")
    consent: ConsentDocument
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, subscriber: Subscriber) -> SubscriberDocument:
        """Return what there is to know of somebody."""
        consent = subscriber.consent
        return cls(
            id=subscriber.id,
            address=subscriber.address.text,
            status=subscriber.status,
            status_reason=subscriber.status_reason or None,
            paused_until=subscriber.paused_until,
            zone=subscriber.zone,
            send_at=f"{subscriber.send_at_local:%H:%M}",
            frequency=subscriber.frequency,
            weekday=subscriber.weekday,
            profiles=list(subscriber.profiles),
            keywords=[format_keyword(keyword) for keyword in subscriber.keywords],
            language=subscriber.language,
            template=subscriber.template,
            origin=subscriber.origin,
            consent=ConsentDocument(method=consent.method, given_at=consent.given_at, proof=consent.proof or None),
            created_at=subscriber.created_at,
            updated_at=subscriber.updated_at,
        )


class SuppressionDocument(BaseModel):
    """An address or a domain that nobody writes to."""

    kind: SuppressionKind
    value: str
    reason: SuppressionReason
    detail: str | None
    source: str
    created_at: datetime
    expires_at: datetime | None

    @classmethod
    def of(cls, suppression: Suppression) -> SuppressionDocument:
        """Return a suppression."""
        told = {name: getattr(suppression, name) for name in cls.model_fields if name != "detail"}
        return cls(**told, detail=suppression.detail or None)


class BounceDocument(BaseModel):
    """What came back."""

    id: int
    recorded_at: datetime
    kind: BounceKind
    source: str
    enhanced_code: str | None
    subscriber_id: int | None = Field(description="Null when nothing proves whom it is about: it changed nothing then.")
    delivery_id: int | None
    text: str

    @classmethod
    def of(cls, bounce: Bounce) -> BounceDocument:
        """Return a bounce."""
        return cls(**{name: getattr(bounce, name) for name in cls.model_fields})


def tag_of(document: BaseModel) -> str:
    """Return what tells this state of a thing from every other (RFC 9110 section 8.8.3)."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'
