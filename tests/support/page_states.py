"""Every page of the readers in each of its states, as its HTML: what judges of pages look at, in any language."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2

from newsletter.model import IssueKind, Keyword, Origin, SignupStanding, SubscriberDraft, SubscriberStatus
from newsletter.model import VoteValue as Vote
from newsletter.service.picks import Picking
from newsletter.settings.signupmodels import SignupSettings
from newsletter.web.app import create_app
from newsletter.web.pages import Pages
from newsletter.web.probes import Probes
from newsletter.web.unsubscribe import Readers
from tests.support.deliveries import make_store
from tests.support.samples import make_consent, make_draft
from tests.support.signing_up import BITS, LINKS, PROFILES, Clock, Site, path_of
from tests.support.stored import add_papers, address

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.applications import Starlette

    from newsletter.store.sql import SqlStore

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ELSEWHERE = ("api.html", "issue.html", "mail.html", "mails.html")  # tests/e2e/test_pages.py has these


@dataclass
class States:
    """Pages by a name for their state, and the templates that they were made from."""

    language: str
    pages: dict[str, str] = field(default_factory=dict)
    templates: set[str] = field(default_factory=set)
    site: Site = field(init=False)
    client: httpx2.AsyncClient = field(init=False)

    @property
    def store(self) -> SqlStore:
        return self.site.store

    async def visit(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> States:
        """Let readers bring every page into every state."""
        render = Pages.render

        def noted(pages: Pages, template: str, **values: Any) -> str:
            self.templates.add(template)
            return render(pages, template, **values)

        monkeypatch.setattr(Pages, "render", noted)
        settings = SignupSettings(work_bits=BITS, per_network_hour=8)
        self.site = Site(make_store(folder), Clock(NOW), settings)
        await add_papers(self.store, 3)
        self.client = self._client(self._app())
        for visit in (self._reading, self._subscribing, self._confirming, self._leaving, self._managing):
            await visit()
        for visit in (self._moving, self._voting, self._picking, self._failing):
            await visit()
        await self.store.aclose()
        return self

    def _app(self, **replaced: Any) -> Starlette:
        async def figures(_: str) -> tuple[bytes, str]:
            return b"", "text/plain"

        probes = Probes(lambda: {"ok": True}, list, self.store.check_schema, figures)
        picking = Picking(self.store, lambda _: None, {"Grace": 1})  # type: ignore[arg-type,return-value]
        parts: dict[str, Any] = {
            "profiles": lambda: PROFILES,
            "readers": Readers(lambda: PROFILES, "news.example"),
            "signup": self.site.parts,
            "picking": lambda: picking,
        }
        name = "The <Morning> Preprint"
        return create_app(self.store, LINKS, name, self.site.clock, None, probes, **parts | replaced)

    def _client(self, app: Starlette) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Accept-Language": self.language}
        return httpx2.AsyncClient(transport=transport, base_url=LINKS.base_url, headers=headers)

    async def keep(self, name: str, status: int, path: str, method: str = "GET", **form: Any) -> None:
        """Keep what is answered under a name; it has to have this status."""
        answer = await self.client.request(method, path, data=form or None, follow_redirects=True)
        assert answer.status_code == status, (name, answer.status_code)
        assert answer.headers["content-language"] == self.language, name
        assert name not in self.pages
        self.pages[name] = answer.text

    async def post(self, name: str, status: int, path: str, **form: Any) -> None:
        """Keep the answer to a form."""
        await self.keep(name, status, path, "POST", **form)

    async def person(self, name: str, status: str = "active", origin: Origin = Origin.STORE) -> int:
        """Add somebody who reads this language."""
        draft = make_draft(
            f"{name}@example.org",
            profiles=("ml",),
            keywords=(Keyword("folding"),),
            language=self.language,
            status=SubscriberStatus(status),
        )
        return (await self.store.add_subscriber(draft, make_consent(), origin, NOW)).id

    # --- The pages ----------------------------------------------------------------------------------------------------

    async def _reading(self) -> None:
        paths = ["/", "/?span=month&order=newest", "/?day=2020-01-01", "/papers/1", "/topics", "/topics/ml", "/archive"]
        for path in (*paths, "/search", "/search?q=representations", "/search?q=rutabaga", "/archive/2026-01-05/ml"):
            await self.keep(path, 404 if path.startswith("/archive/") else 200, path)
        await self.keep("search: wrong", 400, "/search?q=(")
        self.client, with_reader = self._client(self._app(profiles=None, signup=None)), self.client
        await self.keep("home", 200, "/")
        self.client = with_reader

    async def _subscribing(self) -> None:
        await self.keep("subscribe", 200, "/subscribe?profile=ml")
        visitor = self.site.visitor()
        form = await visitor.fill_in("new@example.org", keywords="representation*", language=self.language)
        await self.post("subscribe: preview", 200, "/subscribe/preview", **form)
        wrong = {"address": "nobody", "keywords": "title:", "zone": "Mars", "send_at": "25:00", "frequency": "x"}
        await self.post("subscribe: wrong", 400, "/subscribe", **form | wrong)
        await self.post("subscribe: nothing chosen", 400, "/subscribe", **form | {"profiles": [], "keywords": ""})
        await self.post("subscribe: too quick", 409, "/subscribe", **form | {"work": ""})
        await self.post("subscribe: sent", 200, "/subscribe", **form)
        for number in range(8):
            await self.client.post("/subscribe", data=await visitor.fill_in(f"spare{number}@example.org"))
        await self.post("subscribe: too many", 429, "/subscribe", **form)

    async def _asked(self, name: str) -> str:
        """Let an address be entered, and return the path in its confirmation."""
        draft = SubscriberDraft(address(name), profiles=("ml",), language=self.language)

        def confirmation(_: SignupStanding) -> IssueKind:
            return IssueKind.CONFIRMATION

        await self.store.sign_up(draft, "asked", f"<{name}@x.org>", confirmation, self.site.clock())
        mails = [each for each in await self.site.mails() if each.message_id == f"<{name}@x.org>"]
        return path_of(mails[0].reference or 0, self.site.clock())

    async def _confirming(self) -> None:
        path = await self._asked("confirming")
        await self.keep("confirm", 200, path)
        await self.post("confirm: nothing said", 400, path, other="yes")
        await self.post("confirm: done", 200, path, answer="yes")
        who = await self.store.find_subscriber("confirming@example.org")
        await self.store.depart(who.id, "unsubscribed by page", NOW, "")
        await self.keep("confirm: over", 200, path)
        await self.post("confirm: refused", 200, await self._asked("refusing"), answer="never")
        expired = await self._asked("late")
        self.site.clock.pass_by(days=4)
        await self.keep("confirm: expired", 410, expired)

    async def _leaving(self) -> None:
        who = await self.person("leaving")
        leave = LINKS.unsubscribe_url(who).removeprefix(LINKS.base_url)
        await self.keep("leave", 200, leave)
        await self.post("leave: nothing said", 400, leave, other="yes")
        await self.post("leave: less", 200, leave, less="weekly")
        await self.post("leave: paused", 200, leave, pause="week")
        await self.post("leave: without keywords", 200, leave, drop_keywords="yes")
        await self.post("leave: done", 200, leave, leave="yes")
        departure = await self.store.departure(who)
        assert departure is not None
        undo = LINKS.undo_url(who, departure.left_at).removeprefix(LINKS.base_url)
        await self.keep("undo", 200, undo)
        await self.post("undo: nothing said", 400, undo, other="yes")
        await self.post("undo: done", 200, undo, undo="yes")
        await self.keep("leave: nobody", 200, LINKS.unsubscribe_url(900_000).removeprefix(LINKS.base_url))

    async def _managing(self) -> None:
        who = await self.person("managing")
        manage = LINKS.manage_url(who).removeprefix(LINKS.base_url)
        await self.keep("manage", 200, manage)
        wrong = {
            "keywords": "***",
            "zone": "Mars",
            "send_at": "25:00",
            "frequency": "x",
            "weekday": "x",
            "language": "x",
        }
        await self.post("manage: wrong", 422, manage, **wrong)
        await self.post("manage: wrong day", 422, f"{manage}/pause", until="yesterday")
        await self.post("manage: wrong address", 422, f"{manage}/address", address="nobody")
        await self.post("manage: paused", 200, f"{manage}/pause", until=f"{NOW.date() + timedelta(days=30)}")
        await self.post("manage: resumed", 200, f"{manage}/resume", resume="yes")
        await self.post("manage: asked", 200, f"{manage}/address", address="moved@example.org")
        filed = LINKS.manage_url(await self.person("filed", origin=Origin.FILE)).removeprefix(LINKS.base_url)
        await self.keep("manage: in a file", 200, filed)
        await self.keep("erase: in a file", 200, f"{filed}/erase")
        gone = await self.person("gone")
        await self.store.depart(gone, "unsubscribed by page", self.site.clock(), "")
        left = LINKS.manage_url(gone).removeprefix(LINKS.base_url)
        await self.keep("manage: left", 200, left)
        await self.post("fault: 409", 409, left, keywords="folding")
        await self.keep("erase", 200, f"{manage}/erase")
        await self.post("erase: not ticked", 422, f"{manage}/erase", other="yes")
        await self.post("erase: done", 200, f"{manage}/erase", erase="yes")

    async def _moving(self) -> None:
        for answers in (("yes", "yes"), ("no",)):
            who = await self.store.subscriber(await self.person(f"moving{len(answers)}"))
            ids = (f"<{len(answers)}1@x.org>", f"<{len(answers)}2@x.org>")
            await self.store.ask_address(who, address(f"moved{len(answers)}"), ids, self.site.clock())
            for side, said in zip(ids, answers, strict=False):
                found = [each for each in await self.store.list_deliveries(limit=500) if each.message_id == side]
                url = LINKS.address_change_url(found[0].reference or 0, self.site.clock())
                path = url.removeprefix(LINKS.base_url)
                if side == ids[0]:
                    await self.keep(f"address: asked {len(answers)}", 200, path)
                await self.post(f"address: {said} {side[1:3]}", 200, path, agree=said)

    async def _voting(self) -> None:
        who = await self.person("voting")
        base = LINKS.vote_url(who).removeprefix(LINKS.base_url)
        await self.keep("saved: nothing", 200, base)
        await self.keep("vote: asked", 200, f"{base}/1/up")
        await self.post("vote: nothing said", 400, f"{base}/1", other="yes")
        await self.post("vote: done", 200, f"{base}/1", vote="up")
        await self.post("vote: saved", 200, f"{base}/1", save="yes")
        await self.store.cast_vote(who, 2, Vote.NOT_FOR_ME, NOW)
        await self.keep("vote: not for me", 200, f"{base}/2")
        await self.keep("saved", 200, base)

    async def _picking(self) -> None:
        path = LINKS.curate_url("Grace", 1).removeprefix(LINKS.base_url)
        await self.keep("curate", 200, path)
        await self.post("curate: wrong", 400, path, paper="Kelp <b>", note="n")
        found = (await self.store.papers([1]))[1]
        await self.post("curate: picked", 200, path, paper=found.arxiv_id or found.url, note="Read it.")
        await self.keep("paper: picked", 200, "/papers/1")

    async def _failing(self) -> None:
        await self.keep("fault: 404", 404, "/topics/mll")
        await self.keep("fault: 405", 405, "/topics", "DELETE")
        await self.post("fault: 413", 413, "/subscribe/preview", keywords="x" * 100_000)
