"""Every type that crosses a module's border: frozen values without I/O.

Times are aware and in UTC unless a name says ``local``. Names here are the names everywhere: database columns,
YAML keys, template variables and documentation use the same word for the same idea.
"""

from newsletter.model.alerts import Alert, Condition, Notice, Readings
from newsletter.model.deliveries import (
    Attempt,
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    Digest,
    IssueKind,
    Outcome,
    OutcomeKind,
    PlannedDelivery,
    Section,
    Selected,
    SourceNote,
    Step,
)
from newsletter.model.papers import AnnounceType, Community, Entry, KeyScheme, Paper, PaperKey, PaperVersion, Sighting
from newsletter.model.problems import Problem
from newsletter.model.profiles import Field, Keyword, Match, Profile, Reason, Replacements, Span, Topic
from newsletter.model.sources import CollectionCounts, Fault, FetchResult, Health, SourceState
from newsletter.model.subscribers import (
    Consent,
    EmailAddress,
    Frequency,
    Origin,
    Schedule,
    Subscriber,
    SubscriberDraft,
    SubscriberStatus,
    Weekday,
)

__all__ = [
    "Alert",
    "AnnounceType",
    "Attempt",
    "ClaimedDelivery",
    "CollectionCounts",
    "Community",
    "Condition",
    "Consent",
    "Delivery",
    "DeliveryState",
    "Digest",
    "EmailAddress",
    "Entry",
    "Fault",
    "FetchResult",
    "Field",
    "Frequency",
    "Health",
    "IssueKind",
    "KeyScheme",
    "Keyword",
    "Match",
    "Notice",
    "Origin",
    "Outcome",
    "OutcomeKind",
    "Paper",
    "PaperKey",
    "PaperVersion",
    "PlannedDelivery",
    "Problem",
    "Profile",
    "Readings",
    "Reason",
    "Replacements",
    "Schedule",
    "Section",
    "Selected",
    "Sighting",
    "SourceNote",
    "SourceState",
    "Span",
    "Step",
    "Subscriber",
    "SubscriberDraft",
    "SubscriberStatus",
    "Topic",
    "Weekday",
]
