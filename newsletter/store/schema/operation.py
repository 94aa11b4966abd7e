"""What keeps mail from going, and what the operator has been told."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    Float,
    Integer,
    Table,
    Text,
)

from newsletter.model import (
    CircuitCause,
    CircuitScope,
    PauseScope,
)
from newsletter.store.schema.columns import Instant, Prose, metadata, one_of, required

# Token buckets, one for each relay or domain and window: which tokens are out, by the part of the window they went in.
buckets = Table(
    "buckets",
    metadata,
    Column("name", Text, primary_key=True),
    required("taken", Text),
    Column("seen_at", Instant),
    sqlite_with_rowid=False,
)

# Relays and domains that are left alone for a while, since they failed or asked for it.
circuits = Table(
    "circuits",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    required("cause", Text),
    required("failures", Integer),
    required("reason", Prose),
    required("opened_at", Instant),
    required("retry_at", Instant),
    Column("probe_until", Instant),  # somebody is trying one mail, until then at the latest
    one_of("scope", CircuitScope, "scope"),
    one_of("cause", CircuitCause, "cause"),
    sqlite_with_rowid=False,
)

# Who holds deliveries just now: a row for each process, which it touches for as long as it lives.
leases = Table(
    "leases",
    metadata,
    Column("owner", Prose, primary_key=True),
    required("beats", Integer),  # signs of life so far: whoever watches sees by their own clock that there are none
    required("length_s", Float),
    required("since", Instant),
    sqlite_with_rowid=False,
)

# What an operator has stopped, until they say otherwise.
pauses = Table(
    "pauses",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # of the relay or profile; empty for everything
    required("reason", Prose),
    required("since", Instant),
    one_of("scope", PauseScope, "scope"),
    sqlite_with_rowid=False,
)

# Where this store is at home: a copy elsewhere sends nothing until it is told to.
seals = Table(
    "seals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    required("fingerprint", Text),
    required("place", Prose),
    required("sealed_at", Instant),
)

# The days of which the operator has a report.
reports = Table(
    "reports",
    metadata,
    Column("day", Date, primary_key=True),
    required("claimed_at", Instant),
    sqlite_with_rowid=False,
)

# What the operator has been told is wrong, by each channel, so that a restart does not tell it again.
alerts = Table(
    "alerts",
    metadata,
    Column("condition", Prose, primary_key=True),
    Column("channel", Text, primary_key=True),
    required("summary", Prose),
    required("since", Instant),
    Column("announced_at", Instant),
    Column("calm_since", Instant),
    sqlite_with_rowid=False,
)
