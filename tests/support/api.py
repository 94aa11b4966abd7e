"""The API over a store that has been used, with a token for each test's purpose."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2

from newsletter.core.access import Scope, hash_of
from newsletter.core.links import Links
from newsletter.settings.load import Configuration, load_configuration
from newsletter.store.sql import SqlStore, open_store
from newsletter.web.api_mount import ApiMount
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.wiring.application import Application
from newsletter.wiring.bounces import build_desk
from tests.support.command_line import PROFILES, SETTINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.applications import Starlette

ALL = "nlt_for-tests-all-scopes"
TEMPLATES = {"digest", "welcome", "quiet", "probe"}.copy
BASE = "https://news.example"
ROOT = f"{BASE}/api/v1"


def tokens_yaml(**tokens: tuple[str, list[Scope]]) -> str:
    """Return the section of newsletter.yaml that lets tokens in, each with its scopes."""
    lines = ["api:", "  requests_per_minute: 100000", "  tokens:"]
    for name, (token, scopes) in {"all": (ALL, list(Scope)), **tokens}.items():
        listed = ", ".join(f'"{scope}"' for scope in scopes)
        lines += [f"    {name}:", f"      hash: {hash_of(token)}", f"      scopes: [{listed}]"]
    return "\n".join(lines) + "\n"


def write_configuration(directory: Path, more: str = "") -> Configuration:
    """Write a configuration with a token for everything, and return it."""
    (directory / "profiles").mkdir(parents=True, exist_ok=True)
    (directory / "newsletter.yaml").write_text(SETTINGS + (more or tokens_yaml()))
    (directory / "feed.xml").touch()
    for name, text in PROFILES.items():
        (directory / "profiles" / f"{name}.yaml").write_text(text)
    return load_configuration(directory, {})


@dataclass
class Desk:
    """The API's application over a store, with a clock that can be set."""

    configuration: Configuration
    store: SqlStore
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def clock(self) -> datetime:
        """Return the time."""
        return self.now

    def forward(self, **length: float) -> None:
        """Put the clock forward."""
        self.now += timedelta(**length)

    def app(self) -> Starlette:
        """Return the pages with the API among them."""

        async def exposition(_: str) -> tuple[bytes, str]:
            return b"", "text/plain"

        links = Links("a secret of some length", BASE)
        probes = Probes(lambda: {"ok": True}, list, self.store.check_schema, exposition)
        desk = build_desk(Application(self.configuration, self.store, links))
        return create_app(
            self.store,
            links,
            "The Morning Preprint",
            self.clock,
            None,
            probes,
            lambda: {profile.name: profile for profile in self.configuration.profiles},
            None,
            api=lambda pages: ApiMount(
                self.store, pages, self.clock, lambda: self.configuration, lambda: desk, TEMPLATES
            ),
        )


@asynccontextmanager
async def asking(desk: Desk, token: str | None = ALL, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client that shows a token."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(desk.app(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=ROOT, headers={**shown, **headers}) as client:
        yield client


@asynccontextmanager
async def desk_at(url: str, directory: Path, more: str = "") -> AsyncIterator[Desk]:
    """Give the API over the store at ``url``."""
    store = open_store(url, busy_timeout_s=5)
    try:
        yield Desk(write_configuration(directory, more), store)
    finally:
        await store.aclose()


def problem_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return the problem that an answer is."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == "about:blank"
    assert {"title", "detail", "code"} <= told.keys()
    return told
