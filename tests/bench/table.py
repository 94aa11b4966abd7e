"""What each benchmark's figures come to in the table of ``python -m tests.bench``: beside its target, and its peer."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; ``peer`` is the same work done another way in the same run, ``target`` what may not be exceeded
    (or, with ``is_floor``, fallen short of).
    """

    what: str
    figure: float
    unit: str
    target: float | None = None
    peer: float | None = None
    peer_name: str = ""
    is_floor: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        if self.target is None:
            return None
        return self.figure >= self.target if self.is_floor else self.figure <= self.target

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer: above 1 is better."""
        if not self.peer or not self.figure:
            return None
        return self.figure / self.peer if self.is_floor else self.peer / self.figure

    def cells(self) -> tuple[str, ...]:
        """Return the row as words."""
        sign = "≥" if self.is_floor else "≤"
        verdict = {True: "", False: "  MISSED", None: ""}[self.is_met]
        return (
            self.what,
            f"{_number(self.figure)} {self.unit}".rstrip(),
            "" if self.target is None else f"{sign} {_number(self.target)}{verdict}",
            "" if self.peer is None else f"{_number(self.peer)} {self.peer_name}",
            "" if self.ratio is None else f"{_number(self.ratio)}×",
        )


HEADINGS = ("what", "figure", "target", "peer", "better by")


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def match_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    keywords, profiles = figures["20,000 keywords"], figures["100,000 profiles"]
    regex = figures["peer: one regular expression of 20,000 keywords"]["per_1000_papers_s"]
    loop = figures["peer: loop over 100,000 profiles"]["scaled_s"]
    yield Row("match 1,000 papers, 20,000 keywords", keywords["cold_s"], "s", 0.5, regex, "one regular expression")
    yield Row("the same on the next day (words known)", keywords["warm_s"], "s")
    yield Row("1,000 papers, 100,000 profiles", profiles["total_s"], "s", 10, loop, "a loop over profiles")


def render_rows(figures: Figures) -> Iterator[Row]:
    compile_ms = figures["compile_ms"]
    known, new = figures["prepare_known_papers_ms"], figures["prepare_new_papers_ms"]
    yield Row("render 20 papers, seen in a digest before", known, "ms", 0.5, compile_ms + new, "compiled for each")
    yield Row("render 20 papers, never seen before", new, "ms")
    peer = figures["emailmessage_ms"] * 1_000
    yield Row("compose one recipient's message", figures["compose_us"], "µs", 10, peer, "EmailMessage")
    yield Row("sign it with RSA, 2,048 bits", figures["sign_rsa_ms"], "ms", 0.6, figures["dkimpy_rsa_ms"], "dkimpy")
    yield Row("sign it with RSA and with Ed25519", figures["sign_both_ms"], "ms")
    yield Row("HTML of 20 papers", figures["html_bytes"], "bytes", 45_000)


def send_rows(figures: Figures) -> Iterator[Row]:
    peer = figures["smtp_source_per_s"]
    ours, whole, size = figures["transport_per_s"], figures["deliverer_per_s"], figures["octets"] // 1000
    what = f"send {size} kB, {figures['connections']} connections"
    yield Row(what, ours, "/s", None, peer, "smtp-source (C)", is_floor=True)
    yield Row("the same, each outcome committed to SQLite", whole, "/s", None, peer, "smtp-source (C)", is_floor=True)


NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def worker_rows(figures: Figures) -> Iterator[Row]:
    peer = figures["postgresql_1_per_s"]
    for key, what in (
        ("sqlite_1", "one process, SQLite"),
        ("postgresql_1", "1 worker, PostgreSQL"),
        ("postgresql_2", "2 workers, PostgreSQL"),
        ("postgresql_4", "4 workers, PostgreSQL"),
    ):
        yield Row(what, figures[f"{key}_per_s"], "/s", None, peer, "1 worker", is_floor=True)


def claim_rows(figures: Figures) -> Iterator[Row]:
    for place, where, target in (("far", "relay 10 ms away", 15), ("near", "relay that answers at once", None)):
        for key, name in NAMES.items():
            here = f"{key}_{place}"
            yield Row(f"{name}, {where}: added to the sending", figures[f"{here}_cost_percent"], "%", target)
            with_store, bare = figures[f"{here}_whole_per_s"], figures[f"{here}_alone_per_s"]
            yield Row("mails in all, beside mails without a store", with_store, "/s", None, bare, "bare", is_floor=True)
            yield Row("processor time added for each mail", figures[f"{here}_cost_cpu_us"], "µs")


def plan_rows(figures: Figures) -> Iterator[Row]:
    yield Row(f"plan {figures['subscribers']:,} subscribers' issues", figures["issue_s"], "s")
    yield Row("look who is due when nobody is", figures["nothing_due_ms"], "ms")


def collect_rows(figures: Figures) -> Iterator[Row]:
    peer = figures["feedparser_s"]
    what = f"read an arXiv feed of {figures['entries']:,} entries, child and all"
    yield Row(what, figures["read_s"], "s", None, peer, "feedparser alone")
    yield Row("store them, merged and indexed", figures["store_s"], "s")
    yield Row("of that, the search index", figures["indexing_s"], "s")
    yield Row(f"search {figures['searched']:,} papers", figures["search_s"], "s")


def search_rows(figures: Figures) -> Iterator[Row]:
    for name, database in NAMES.items():
        papers = f"{figures['papers']:,.0f} papers, {database}"
        yield Row(f"search {papers}: median, best first", figures[f"{name}_best_ms"], "ms", 50)
        yield Row("the slowest of the queries", figures[f"{name}_slowest_ms"], "ms")
        yield Row("median, newest first", figures[f"{name}_newest_ms"], "ms", 50)
        yield Row("put all of them into the index", figures[f"{name}_index_s"], "s")


def pages_rows(figures: Figures) -> Iterator[Row]:
    page = f"trending page, {figures['octets'] / 1000:.0f} kB, requests"
    name, peer = "nginx, a file", figures["nginx_per_core_s"]
    yield Row(f"{page} per second", figures["per_s"], "/s", 1_000, figures["nginx_per_s"], name, is_floor=True)
    yield Row("the same, per second of one core", figures["per_core_s"], "/s", None, peer, name, is_floor=True)


def admin_rows(figures: Figures) -> Iterator[Row]:
    pages = {name: value for name, value in figures.items() if name not in ("people", "papers", "draft")}
    slowest = max(pages, key=lambda name: pages[name])
    yield Row("the admin's overview", figures["overview"], "ms", 500)
    yield Row(f"the slowest of {len(pages)} pages ({slowest})", pages[slowest], "ms", 500)
    yield Row(f"a profile's draft on {figures['papers']:,.0f} papers", figures["draft"] / 1000, "s", 10)


EXCERPTS = {
    "precision": "sentences with idea or result",
    "idea": "abstracts whose idea is told",
    "result": "abstracts whose result is told",
}


def excerpt_rows(figures: Mapping[str, Figures]) -> Iterator[Row]:
    ours = figures["by cue and position"]
    peers = [name for name in figures if name not in ("by cue and position", "the same, in a mail")]
    for name, what in EXCERPTS.items():
        best = max(peers, key=lambda each: figures[each][name])
        yield Row(f"excerpt: {what}", ours[name] * 100, "%", None, figures[best][name] * 100, best, is_floor=True)


def daemon_rows(figures: Figures) -> Iterator[Row]:
    yield Row("start of the daemon to the first digest", figures["first_digest_s"], "s", 60)
    yield Row("daemon at rest", figures["at_rest_mb"], "MB", 150)


def memory_rows(figures: Figures) -> Iterator[Row]:
    what = f"growth over the last 90% of {figures['messages']:,} mails"
    yield Row(what, figures["growth_mb"], "MB", 10)
    yield Row("memory at their end", figures["at_the_end_mb"], "MB")


def machine() -> str:
    """Return what the figures were measured on, and how busy it was."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {python}, load {os.getloadavg()[0]:.1f}"
