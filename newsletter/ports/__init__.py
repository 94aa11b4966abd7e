"""Every seam of the program in one place: who provides what, and what the caller may rely on.

Methods that change the store are transactions: when one returns, its change is committed; when it raises, nothing
changed. All times are aware and in UTC. A store raises only :class:`newsletter.errors.StoreError` and its kin,
:class:`newsletter.errors.NotFoundError` and :class:`newsletter.errors.ConflictError`. ``tests/contract/`` holds one
suite per protocol, run over every implementation.
"""

from __future__ import annotations

from typing import Protocol

from newsletter.ports.archive import ArchiveStore
from newsletter.ports.bounces import BounceStore, SuppressionStore
from newsletter.ports.clicks import ClickStore
from newsletter.ports.deliveries import DeliveryStore
from newsletter.ports.history import HistoryStore, SessionStore
from newsletter.ports.ledger import LedgerStore, ListingStore
from newsletter.ports.limits import LimitStore
from newsletter.ports.mail import Announcer, Begin, Prepared, Renderer, ReportSender, Transport
from newsletter.ports.operation import OperationStore
from newsletter.ports.papers import PaperStore, Source
from newsletter.ports.personal import AddressChangeStore, DepartureStore, PersonalStore
from newsletter.ports.requests import RequestStore
from newsletter.ports.search import Candidate, Search, SearchIndex
from newsletter.ports.signups import SignupStore
from newsletter.ports.subscribers import SubscriberStore
from newsletter.ports.voices import VoiceStore
from newsletter.ports.watching import ReportStore, WatchStore
from newsletter.ports.webhooks import WebhookStore

__all__ = [
    "AddressChangeStore",
    "Announcer",
    "ArchiveStore",
    "Begin",
    "BounceStore",
    "Candidate",
    "ClickStore",
    "DeliveryStore",
    "DepartureStore",
    "HistoryStore",
    "LedgerStore",
    "LimitStore",
    "ListingStore",
    "OperationStore",
    "PaperStore",
    "PersonalStore",
    "Prepared",
    "Renderer",
    "ReportSender",
    "ReportStore",
    "RequestStore",
    "Search",
    "SearchIndex",
    "SessionStore",
    "SignupStore",
    "Source",
    "Store",
    "SubscriberStore",
    "SuppressionStore",
    "Transport",
    "VoiceStore",
    "WatchStore",
    "WebhookStore",
]


class Store(
    PaperStore,
    SearchIndex,
    ArchiveStore,
    SubscriberStore,
    DepartureStore,
    AddressChangeStore,
    PersonalStore,
    DeliveryStore,
    LedgerStore,
    LimitStore,
    ListingStore,
    OperationStore,
    WatchStore,
    ReportStore,
    BounceStore,
    SuppressionStore,
    SignupStore,
    ClickStore,
    VoiceStore,
    HistoryStore,
    SessionStore,
    RequestStore,
    WebhookStore,
    Protocol,
):
    """All of it, in one database; each consumer declares the part that it needs."""

    async def aclose(self) -> None:
        """End all connections."""
