"""The pages as one application: unsubscribing, health, the state of the sources, and caught mails."""

from __future__ import annotations

from difflib import get_close_matches
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from newsletter.errors import StoreError
from newsletter.model import Health, SourceState, gettext_noop
from newsletter.service.foretaste import Foretastes
from newsletter.service.search import WordSearch
from newsletter.service.topics import Topics
from newsletter.web.archive import Archive
from newsletter.web.bounces import BounceHooks
from newsletter.web.confirming import Confirming
from newsletter.web.curating import Curating
from newsletter.web.going import Going
from newsletter.web.guard import HEADERS, Guard
from newsletter.web.mails import CaughtMails
from newsletter.web.managing import Managing
from newsletter.web.moving import Moving
from newsletter.web.pages import STYLE, Pages
from newsletter.web.reading import Reading
from newsletter.web.searching import Searching
from newsletter.web.speaking import Speaking, spoken
from newsletter.web.subscribing import Subscribing
from newsletter.web.unsubscribe import PersonalParts, Readers, Unsubscribing
from newsletter.web.voices import Voices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from newsletter.core.links import Links
    from newsletter.model import Profile
    from newsletter.ports import Store
    from newsletter.service.picks import Picking
    from newsletter.web.admin.desk import AdminDesk
    from newsletter.web.api_mount import ApiMount
    from newsletter.web.probes import Probes
    from newsletter.web.subscribing import SignupParts
    from newsletter.wiring.bounces import BounceParts

logger = structlog.get_logger(__name__)

LONGEST_NAME = 100
UNREAD = (  # by search engines
    *("/search", "/admin", "/mails", "/unsubscribe/", "/undo/", "/confirm/", "/manage/", "/address/", "/go/"),
    *("/v/", "/saved/", "/curate/"),
    *("/metrics", "/healthz", "/readyz"),
)
ROBOTS = "".join(f"Disallow: {path}\n" for path in UNREAD)
SAYINGS = {
    Health.FRESH: gettext_noop("new papers"),
    Health.QUIET: gettext_noop("quiet: nothing new"),
    Health.STALE: gettext_noop("nothing new for long"),
    Health.THROTTLED: gettext_noop("asked us to wait"),
    Health.BROKEN: gettext_noop("cannot be read"),
    Health.UNCHECKED: gettext_noop("not asked yet"),
}
FAULTS = {
    403: (
        gettext_noop("That is not allowed"),
        gettext_noop("The page has expired, or somebody else sent you here. Go back, reload it, and try again."),
    ),
    400: (
        gettext_noop("That could not be understood"),
        gettext_noop("The address or form was not what this page expects."),
    ),
    404: (
        gettext_noop("There is nothing here"),
        gettext_noop("The link is incomplete, or leads to something that is gone."),
    ),
    405: (
        gettext_noop("That is not possible here"),
        gettext_noop("The page exists, but not for this kind of request."),
    ),
    409: (
        gettext_noop("That is not possible now"),
        gettext_noop("What it is about has changed meanwhile. Look again at the page before."),
    ),
    413: (gettext_noop("That was too much"), gettext_noop("The request was larger than this page takes.")),
    500: (gettext_noop("Something went wrong here"), gettext_noop("It has been noted. Please try again later.")),
    503: (gettext_noop("Not just now"), gettext_noop("The store is busy. Please try again in a minute.")),
}


def create_app(  # noqa: PLR0913, PLR0917 (each is a part)
    store: Store,
    links: Links,
    brand_name: str,
    clock: Callable[[], datetime],
    catcher_maildir: Path | None,
    probes: Probes,
    profiles: Callable[[], Mapping[str, Profile]] | None = None,
    bounces: Callable[[], BounceParts] | None = None,
    language: str = "en",
    admin: AdminDesk | None = None,
    readers: Readers | None = None,
    signup: SignupParts | None = None,
    api: Callable[[Pages], ApiMount] | None = None,
    picking: Callable[[], Picking] | None = None,
    *,
    counts_clicks: bool = False,
) -> Starlette:
    """Return the pages as an ASGI application.

    ``clock`` returns the time, aware and in UTC. Caught mails are shown when ``catcher_maildir`` is given, papers and
    topics when ``profiles`` is, the admin's pages when ``admin`` is; readers may subscribe when ``signup`` is. What
    providers post of bounces is taken by what ``bounces`` returns, and curators pick papers by what ``picking``
    returns. Pages are in ``language`` for whoever asks for none that there is. What subscribers may choose is in
    ``readers``; without it, among ``profiles``. ``api`` makes the API's place among the pages. With ``counts_clicks``
    whoever follows a link in a mail is counted.
    """
    pages = Pages(
        brand_name,
        has_mails=catcher_maildir is not None,
        has_reader=profiles is not None,
        has_signup=signup is not None,
        base_url=links.base_url,
    )
    routes = Front(store, pages).routes()
    topics = None if profiles is None else Topics(store, clock, profiles)
    if topics is not None:
        routes = reader_routes(store, topics, pages) + routes
    personal = PersonalParts(store, links, pages, clock, readers or Readers(profiles or dict))
    routes += [*probes.routes(), *personal_routes(personal)]
    if signup is not None:
        routes += signup_routes(signup, store, links, pages, clock)
    routes += Going(store, links, is_counting=counts_clicks).routes()
    routes += voice_routes(store, links, pages, clock, picking)
    if catcher_maildir is not None:
        routes += CaughtMails(catcher_maildir, pages).routes()
    if bounces is not None:
        routes += BounceHooks(bounces, clock).routes()
    if admin is not None:
        routes += admin.routes(pages)
    everything = [*routes, *([] if api is None else api(pages).routes())]
    return guarded(everything, Faults(pages, topics), language)


def guarded(routes: Sequence[BaseRoute], faults: Faults, language: str) -> Starlette:
    """Return the application with what stands around each answer: headers, languages, pages for what goes wrong."""
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard), Middleware(Speaking, language)],
        exception_handlers={
            HTTPException: faults.refused,
            StoreError: faults.store_failed,
            Exception: faults.broken,
        },
    )
    app.router.redirect_slashes = False  # it would lead to the host and the scheme that the request names
    return app


def personal_routes(parts: PersonalParts) -> list[Route]:
    """Return where subscribers leave, choose, and change their address."""
    return [*Unsubscribing(parts).routes(), *Managing(parts).routes(), *Moving(parts).routes()]


def voice_routes(
    store: Store,
    links: Links,
    pages: Pages,
    clock: Callable[[], datetime],
    picking: Callable[[], Picking] | None,
) -> list[Route]:
    """Return where readers vote and save, and curators pick."""
    routes = Voices(store, links, pages, clock).routes()
    return routes if picking is None else [*routes, *Curating(store, links, pages, clock, picking).routes()]


def reader_routes(store: Store, topics: Topics, pages: Pages) -> list[Route]:
    """Return where papers are read and found."""
    search = WordSearch(store)
    routes = Reading(store, search, topics, pages, describe).routes()
    return [*routes, *Searching(store, search, topics, pages).routes(), *Archive(store, topics, pages).routes()]


def signup_routes(
    parts: SignupParts, store: Store, links: Links, pages: Pages, clock: Callable[[], datetime]
) -> list[Route]:
    """Return where readers subscribe, and confirm that."""
    topics = Topics(store, clock, parts.profiles)
    foretastes = Foretastes(store, WordSearch(store), topics)
    subscribing = Subscribing(parts, foretastes, topics, pages, clock)
    return [*subscribing.routes(), *Confirming(parts.desk, links, parts.clients, pages, clock).routes()]


def create_probe_app(probes: Probes) -> Starlette:
    """Return health and figures alone as an ASGI application, for a process that serves no pages."""
    return Starlette(routes=probes.routes(), middleware=[Middleware(Guard)])


class Front:
    """The front page and its style."""

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [Route("/", self.home), Route("/style.css", self.style), Route("/robots.txt", self.robots)]

    async def home(self, _: Request) -> Response:
        """Answer with what this is and how its sources are."""
        states = await self._store.source_states()
        ordered = sorted(states.values(), key=lambda state: state.name.casefold())
        return self._pages.answer("home.html", sources=[(state, describe(state)) for state in ordered])

    async def style(self, _: Request) -> Response:
        """Answer with the style of all pages."""
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def robots(self, _: Request) -> Response:
        """Answer what search engines may read (RFC 9309): papers, topics and archive, where readers may."""
        lines = ROBOTS if self._pages.has_reader else "Disallow: /\n"
        return Response(f"User-agent: *\n{lines}", media_type="text/plain", headers={"Cache-Control": "max-age=3600"})


class Faults:
    """Pages for what went wrong; none tells more than its reader may know."""

    def __init__(self, pages: Pages, topics: Topics | None) -> None:
        self._pages = pages
        self._topics = topics

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer an address or a request that is not ours; who mistyped a topic is told which one may be meant.

        Who asks with a slash too many at the end, or too few, is led to the right address.
        """
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == HTTPStatus.NOT_FOUND and (place := slashed_otherwise(request)):
            return RedirectResponse(place, HTTPStatus.PERMANENT_REDIRECT)
        response = self._page(status, await self._near(request.path_params.get("name", "")))
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    async def store_failed(self, _: Request, error: Exception) -> Response:
        """Answer while the store cannot be reached: whoever asks may come again."""
        logger.error("web.store_failed", error=str(error))
        response = self._page(503)
        response.headers["Retry-After"] = "60"
        return response

    async def broken(self, _: Request, error: Exception) -> Response:
        """Answer after an error of ours; the log of the server holds its traceback."""
        logger.error("web.broken", error=type(error).__name__)
        response = self._page(500)
        response.headers.update(HEADERS)  # this answer is made outside of the guard
        return response

    async def _near(self, name: str) -> list[Profile]:
        if self._topics is None or not name:
            return []
        public = (await self._topics.basis()).profiles
        return [public[near] for near in get_close_matches(name[:LONGEST_NAME], list(public), n=3)]

    def _page(self, status: int, near: Sequence[Profile] = ()) -> Response:
        title, advice = FAULTS.get(status, FAULTS[400 if status < 500 else 500])  # noqa: PLR2004 (RFC 9110 classes)
        said = spoken().gettext(title), spoken().gettext(advice)
        return self._pages.answer("fault.html", status, title=said[0], advice=said[1], near=near)


def slashed_otherwise(request: Request) -> str | None:
    """Return where a page is that is not where it was asked for, but for the slash at the end; on this host always."""
    path, query = request.scope["path"], request.url.query
    bare = "/" + path.strip("/")
    other = bare if path.endswith("/") else f"{bare}/"
    asked = {**request.scope, "path": other, "root_path": ""}
    routes = [route for route in request.app.routes if isinstance(route, Route)]  # and nothing of what is mounted
    if request.method not in {"GET", "HEAD"} or all(route.matches(asked)[0] is Match.NONE for route in routes):
        return None
    return f"{other}?{query}" if query else other


def describe(state: SourceState) -> str:
    """Return in a few words how a source is."""
    saying = spoken().gettext(SAYINGS[state.health])
    if state.health is Health.BROKEN and state.fault is not None:
        return spoken().gettext("%(saying)s: %(reason)s", saying=saying, reason=state.fault.message)
    return saying
