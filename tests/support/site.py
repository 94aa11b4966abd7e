"""A whole installation that has sent mails, in this process: every page that the daemon serves, over its real store."""

from __future__ import annotations

import asyncio
import email.policy
import html
import inspect
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email import message_from_bytes
from typing import TYPE_CHECKING, Any, Self

import httpx2
from starlette.routing import Match, Mount, Route

from newsletter.core.address import parse_address
from newsletter.daemon.pages import pages_of
from newsletter.daemon.running import Running
from newsletter.mail.sample import sample_digest
from newsletter.model import Consent, IssueKind, Keyword, Origin, Pick, SubscriberDraft, SubscriberStatus
from newsletter.notify import Notifier
from newsletter.store.copying import Contents, summarise
from newsletter.store.dialect import parse_address as parse_url
from newsletter.store.migrate import connect
from newsletter.web.api_mount import ApiMount
from newsletter.wiring.application import open_application
from newsletter.wiring.mail import build_renderer
from tests.support.adminsite import PASSWORD, USER, make_admin_configuration
from tests.support.daemon import DaemonProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from starlette.applications import Starlette

    from newsletter.core.links import Links
    from newsletter.model import Subscriber
    from newsletter.wiring.application import Application

PLACES = re.compile(r'(?:href|src|action)="([^"]*)"')
WRITTEN = re.compile(r"https?://[^\s<>\"]+")
FORMS = re.compile(r'<form\b[^>]*method="post".*?</form>', re.DOTALL)
FIELDS = re.compile(r'name="([^"]+)"[^>]*? value="([^"]*)"')
NOBODY = 900_000
CURATOR = "ada"
FILLED = {"paper_id": "1", "form": "bibtex", "choice": "up", "day": "2026-01-01", "number": "1"}


@dataclass
class Site:
    """One installation. ``mails`` are messages as they were sent; use it as a context manager."""

    directory: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    mails: list[bytes] = field(default_factory=list)
    application: Application = field(init=False)
    app: Starlette = field(init=False)
    client: httpx2.AsyncClient = field(init=False)
    admin: httpx2.AsyncClient = field(init=False)
    reader: Subscriber = field(init=False)

    def __enter__(self) -> Self:
        make_admin_configuration(self.directory)
        with (self.directory / "newsletter.yaml").open("a") as file:
            file.write(f"\ncurators:\n  - name: {CURATOR}\n")
        with DaemonProcess(self.directory) as daemon:
            daemon.wait_for("deliver.done")
            daemon.stop()
        self.loop.run_until_complete(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()

    async def _open(self) -> None:
        self.application = await self.stack.enter_async_context(open_application(self.directory))
        running = Running(self.application, Notifier(""))
        running.parts = running.build_parts()
        self.stack.push_async_callback(running.parts.aclose)
        self.app = pages_of(running)
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        clients = [httpx2.AsyncClient(transport=transport, base_url=self.links.base_url) for _ in range(2)]
        self.client, self.admin = [await self.stack.enter_async_context(each) for each in clients]
        await self._live()
        form, origin = {"user": USER, "password": PASSWORD}, {"Origin": self.links.base_url}
        answer = await self.admin.post("/admin/login", data=form, headers=origin)
        assert answer.status_code == 303
        self.mails += [path.read_bytes() for path in sorted((self.application.maildir / "new").iterdir())]

    @property
    def links(self) -> Links:
        """The installation's links."""
        return self.application.links

    async def _live(self) -> None:
        """Let somebody do what brings each kind of mail that answers it, and keep those."""
        store, now = self.application.store, self.application.now()
        names = tuple(self.application.profiles)[:2]
        people = []
        for name, status in (("zora", "active"), ("yann", "paused"), ("wim", "unsubscribed"), ("vera", "pending")):
            draft = SubscriberDraft(
                parse_address(f"{name}@example.org"),
                SubscriberStatus(status),
                profiles=names,
                keywords=(Keyword("quokkas"),),
            )
            people.append(await store.add_subscriber(draft, Consent("test", now), Origin.STORE, now))
        self.reader, leaver = people[0], people[1]
        await store.ask_address(self.reader, parse_address("new@example.org"), ("<1@x.org>", "<2@x.org>"), now)
        await store.depart(leaver.id, "unsubscribed by page", now, "<3@x.org>")
        await store.pick(Pick(1, CURATOR, "Read it.", now))
        await store.save_paper(self.reader.id, 1, now)
        for name, kind in (("ursa", IssueKind.CONFIRMATION), ("zora", IssueKind.REMINDER)):
            wanted = SubscriberDraft(parse_address(f"{name}@example.org"), profiles=names)
            await store.sign_up(wanted, "asked", f"<{kind}@x.org>", lambda _, kind=kind: kind, now)  # type: ignore[misc]
        renderer = build_renderer(self.application)
        for each in await store.claim("test", 20, timedelta(seconds=1), now):
            prepared = renderer.prepare(await store.digest(each.delivery.digest_id), {})
            reference = each.delivery.reference
            self.mails.append(prepared.compose(each.subscriber, each.delivery.message_id, now, reference))
        await store.release("test")
        for kind in (kind for kind in IssueKind if not kind.is_transactional):
            prepared = renderer.prepare(*sample_digest(kind))
            self.mails.append(prepared.compose(self.reader, f"<{kind}@x.org>", now))

    def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Return the answer to a request of somebody who has not logged in."""
        return self.loop.run_until_complete(self.client.request(method, path, **options))

    def ask_as_admin(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Return the answer to a request of an admin."""
        return self.loop.run_until_complete(self.admin.request(method, path, **options))

    def contents(self) -> Contents:
        """Return what the store holds."""
        url = self.application.configuration.settings.database_url
        with connect(parse_url(url), 5, snapshot=True) as connection:
            return summarise(connection, lambda _: None)

    def routes(self) -> list[Route]:
        """Return every route of the application, however deep; paths are whole."""
        return list(walk(self.app.routes))

    def route_of(self, path: str) -> Route | None:
        """Return the route that a path leads to."""
        scope = {"type": "http", "method": "GET", "path": path.partition("?")[0], "root_path": "", "headers": []}
        return next((route for route in self.routes() if route.matches(scope)[0] is not Match.NONE), None)

    def mail_links(self) -> set[str]:
        """Return where the links in all mails lead to, in both parts and the headers, those to us as paths."""
        found: set[str] = set()
        for octets in self.mails:
            message = message_from_bytes(octets, policy=email.policy.default)
            written = [str(value) for name, value in message.items() if name.lower().startswith("list-")]
            written += [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
            found |= {html.unescape(url).rstrip(".,)") for text in written for url in WRITTEN.findall(text)}
        return {url.removeprefix(self.links.base_url) for url in found}


def walk(routes: Iterable[object], prefix: str = "") -> Iterator[Route]:
    """Yield routes with their whole paths, those within mounts too."""
    for route in routes:
        if isinstance(route, Mount):
            if not isinstance(route.app, ApiMount):  # which is made when it is first asked, and has tests of its own
                yield from walk(route.routes or [], prefix + route.path)
        elif isinstance(route, Route):
            methods = sorted(route.methods or {"GET"})
            yield Route(prefix + route.path, route.endpoint, methods=methods) if prefix else route


def tokens_of(links: Links, who: int, when: datetime) -> dict[str, str]:
    """Return a token of every purpose, by the first part of the path in which it stands; methods' names tell which."""
    found = {}
    for name, make in inspect.getmembers(links, inspect.ismethod):
        if name.endswith("_url"):
            values = [_sample(each.annotation, who, when) for each in inspect.signature(make).parameters.values()]
            _, first, token, *_ = make(*values).removeprefix(links.base_url).split("/")
            found[first] = token
    found["curate"] = links.curate_url(CURATOR, NOBODY if who == NOBODY else 1).rpartition("/")[2]
    return found


def _sample(annotation: object, who: int, when: datetime) -> object:
    kinds: dict[str, object] = {"int": who, "datetime": when, "str": "ada", "date": date(2026, 1, 1)}
    return kinds[str(annotation).rpartition(".")[2]]


def filled(path: str, token: str) -> str:
    """Return a route's path with a token and something for each other part."""
    return re.sub(
        r"\{(\w+)(?::\w+)?\}", lambda found: token if found[1] == "token" else FILLED.get(found[1], "x"), path
    )


def links_on(page: str) -> set[str]:
    """Return the paths of ours that a page leads to."""
    found = {html.unescape(place) for place in PLACES.findall(page)}
    return {place.partition("#")[0] for place in found if place.startswith("/") and not place.startswith("//")}


def buttons_on(page: str) -> dict[str, str]:
    """Return the fields that the forms of a page would post."""
    return {name: html.unescape(value) for form in FORMS.findall(page) for name, value in FIELDS.findall(form)}


def kinds_of(mails: Sequence[bytes]) -> set[str]:
    """Return which kinds of mail these are (the second part of Feedback-ID)."""
    found = {str(message_from_bytes(each)["Feedback-ID"]).split(":")[1] for each in mails}
    return found & {kind.value for kind in IssueKind}
