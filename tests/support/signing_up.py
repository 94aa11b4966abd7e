"""Pages on which readers subscribe, over a store with papers, and readers who do."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2

from newsletter.core.links import Links
from newsletter.core.work import solve
from newsletter.metrics import Metrics
from newsletter.model import IssueKind, Keyword, Profile, Topic
from newsletter.service.challenges import Challenges
from newsletter.service.signups import SignupDesk
from newsletter.settings.models import DefaultSettings
from newsletter.settings.signupmodels import SignupSettings
from newsletter.vitals import Vitals
from newsletter.web.app import create_app
from newsletter.web.client import Clients
from newsletter.web.probes import Probes
from newsletter.web.subscribing import SignupParts

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.applications import Starlette

    from newsletter.model import Delivery
    from newsletter.store.sql import SqlStore

LINKS = Links("a secret of some length", "https://news.example")
PROFILES = {
    "ml": Profile("ml", "Machine learning", "Models that learn.", (Topic("Learning", (Keyword("representation*"),)),)),
    "hidden": Profile("hidden", "Of the house", public=False),
}
CHALLENGE = re.compile(r'name="challenge" value="([^"]+)"')
BITS = 6


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Site:
    """The pages of one installation, and what they called for."""

    store: SqlStore
    clock: Clock
    settings: SignupSettings = field(default_factory=lambda: SignupSettings(work_bits=BITS))
    calls: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        desk = SignupDesk(
            self.store,
            LINKS,
            "news.example",
            self.settings.per_address_day,
            lambda: self.calls.append("asked"),
            lambda: self.calls.append("confirmed"),
            lambda event: self.events.update([event.value]),
        )
        self.parts = SignupParts(
            desk,
            lambda: PROFILES,
            self.settings,
            DefaultSettings(),
            Challenges(LINKS, self.settings.work_bits),
            Clients([ip_network("127.0.0.1")]),
        )

    @property
    def app(self) -> Starlette:
        probes = Probes(dict, list, self.store.check_schema, Metrics(self.store, Vitals("1"), self.clock).exposition)
        return create_app(
            self.store, LINKS, "The <Morning> Preprint", self.clock, None, probes, lambda: PROFILES, signup=self.parts
        )

    def visitor(self, address: str = "198.51.100.7", app: Starlette | None = None) -> Visitor:
        """Return somebody who comes from there."""
        transport = httpx2.ASGITransport(app or self.app, raise_app_exceptions=False, client=("127.0.0.1", 1))
        headers = {"X-Forwarded-For": address}
        return Visitor(httpx2.AsyncClient(transport=transport, base_url="https://news.example", headers=headers), self)

    async def mails(self, kind: IssueKind = IssueKind.CONFIRMATION) -> list[Delivery]:
        """Return the mails of a kind, oldest first."""
        return [each for each in reversed(await self.store.list_deliveries(limit=20_000)) if each.kind is kind]

    async def links(self) -> list[str]:
        """Return where the confirmations so far lead, oldest first."""
        return [path_of(each.reference or 0, self.clock()) for each in await self.mails()]


def path_of(signup_id: int, now: datetime) -> str:
    """Return the path that a confirmation holds."""
    return LINKS.confirm_url(signup_id, now).removeprefix(LINKS.base_url)


async def post(app: Starlette, path: str, form: dict[str, str], forwarded: str) -> int:
    """Send a form without a client library in between, and return the status of the answer."""
    body = urlencode(form).encode()
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("news.example", 443), "scheme": "https"}
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


@dataclass
class Visitor:
    """A browser, with our script or without."""

    client: httpx2.AsyncClient
    site: Site

    async def challenge(self) -> str:
        found = CHALLENGE.search((await self.client.get("/subscribe")).text)
        assert found
        return found[1]

    async def fill_in(self, address: str, **said: Any) -> dict[str, Any]:
        """Return the form as it is sent: solved, unless ``work`` is given."""
        challenge = said.get("challenge") or await self.challenge()
        form = {
            "address": address,
            "profiles": ["ml"],
            "keywords": "",
            "frequency": "weekdays",
            "weekday": "friday",
            "send_at": "06:30",
            "zone": "Europe/Berlin",
            "language": "de",
            "website": "",
            "challenge": challenge,
            "work": solve(challenge, BITS),
        }
        return form | said

    async def subscribe(self, address: str, **said: Any) -> httpx2.Response:
        """Fill in the form and send it."""
        return await self.client.post("/subscribe", data=await self.fill_in(address, **said))
