"""Who may see the admin's pages: logging in and out, sessions, and forms that no other site can send."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import Route

from newsletter.core.alerts import duration
from newsletter.core.sessions import Session, Sessions, lock_of
from newsletter.service.login import Doorkeeper, LoginRefused
from newsletter.web.client import Clients

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from newsletter.settings.adminmodels import AdminSettings
    from newsletter.web.pages import Pages
    from newsletter.wiring.application import Application

logger = structlog.get_logger(__name__)

HOME: Final = "/admin"
LOGIN: Final = "/admin/login"
COOKIE: Final = "newsletter_admin"
SEEN_EVERY: Final = timedelta(minutes=1)  # how exactly it is kept when somebody was last seen
MOST_FIELDS: Final = 12
# Under "no-referrer" browsers would send forms with the origin "null".
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
DONE: Final = {
    "retried": "It is due again, and will be tried at once.",
    "not-retried": "Nothing is tried again from this state.",
    "not-confirmed": "Say that it may arrive twice, then it is tried again.",
    "papers-gone": "Its papers have gone out in another digest meanwhile: nobody gets a paper twice.",
    "paused": "It is paused. Mails that are under way end.",
    "unpaused": "It goes on.",
    "not-paused": "It was not paused.",
    "reset": "It is given mail again.",
    "not-reset": "It was not left alone.",
    "suppressed": "Nobody writes there any more.",
    "unsuppressed": "Mail goes on. Who has bounced or unsubscribed stays so.",
    "not-suppressed": "It was not suppressed.",
    "no-address": "That is neither a mail address nor a domain. Nothing has changed.",
}
WRONG: Final = "That name and password do not belong together."


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who has logged in; ``token`` belongs into every form of the answer."""

    request: Request
    session: Session
    token: str


@dataclass(slots=True)
class Access:
    """Lets admins in, and nobody else; without admins in the configuration there is nothing here (404)."""

    application: Application
    pages: Pages
    _doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)

    def routes(self) -> list[Route]:
        """Return where logging in and out are found."""
        return [
            Route(LOGIN, self.ask, methods=["GET"]),
            Route(LOGIN, self.log_in, methods=["POST"]),
            Route("/admin/logout", self.acting(self.log_out), methods=["POST"]),
        ]

    def reading(self, make: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Return ``make`` for who is logged in; others are sent to log in first."""

        async def respond(request: Request) -> Response:
            session = await self._session(request)
            if session is None:
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"{LOGIN}?to={quote(here, safe='')}", 303, HEADERS)
            return self._kept(await make(self._visit(request, session)), session)

        return respond

    def acting(
        self, make: Callable[[Visit, FormData], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return ``make`` for a form of the session's own, sent from our own pages; all else changes nothing (403)."""

        async def respond(request: Request) -> Response:
            session = await self._session(request)
            form = await request.form(max_files=0, max_fields=MOST_FIELDS)
            token = form.get("token")
            if session is None or not self._is_own(request) or not isinstance(token, str):
                raise HTTPException(403)
            if not self._sessions().owns(session, token):
                raise HTTPException(403)
            return self._kept(await make(self._visit(request, session), form), session)

        return respond

    def answer(self, visit: Visit, template: str, status: int = 200, **values: Any) -> Response:
        """Return a filled template for somebody who is logged in."""
        values |= {"user": visit.session.user, "token": visit.token, "now": self.application.now()}
        values |= {"done": DONE.get(visit.request.query_params.get("done", ""), "")}
        response = self.pages.answer(f"admin/{template}", status, **values)
        response.headers.update(HEADERS)
        return response

    async def ask(self, request: Request) -> Response:
        """Answer with the form to log in, or with the overview for who has."""
        if await self._session(request) is not None:
            return RedirectResponse(HOME, 303, HEADERS)
        return self._form(request, 200)

    async def log_in(self, request: Request) -> Response:
        """Begin a session (303), or say that it was not right (403) or too often (429); names are not told apart."""
        settings = self._settings()
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
        if not self._is_own(request):
            raise HTTPException(403)
        user, password = (str(form.get(name) or "") for name in ("user", "password"))
        web = self.application.configuration.settings.web
        network = Clients(web.trusted_proxies).network(request)
        now = self.application.now()
        found = await self._doorkeeper.let_in(settings.hashes, user, password, network, now)
        if isinstance(found, LoginRefused):
            logger.warning("admin.refused", is_known=user in settings.hashes, waits=found.wait is not None)
            return self._refusal(request, found)
        logger.info("admin.logged_in", user=user)
        response = RedirectResponse(own_path(request.query_params.get("to", "")), 303, HEADERS)
        self._set_cookie(response, found)
        return response

    async def log_out(self, visit: Visit, _: FormData) -> Response:
        """End the session here and in every process."""
        ends_at = self._sessions().ends_at(visit.session)
        await self.application.store.end_session(visit.session.id, ends_at, self.application.now())
        logger.info("admin.logged_out", user=visit.session.user)
        return RedirectResponse(LOGIN, 303, HEADERS)

    def _refusal(self, request: Request, refused: LoginRefused) -> Response:
        if refused.wait is None:
            return self._form(request, 403, WRONG)
        seconds = max(1, round(refused.wait.total_seconds()))
        response = self._form(request, 429, f"Too many tries. Wait {duration(refused.wait)}, then try again.")
        response.headers["Retry-After"] = str(seconds)
        return response

    def _form(self, request: Request, status: int, problem: str = "") -> Response:
        self._settings()
        to = request.query_params.get("to", "")
        response = self.pages.answer("admin/login.html", status, problem=problem, to=own_path(to))
        response.headers.update(HEADERS)
        return response

    def _settings(self) -> AdminSettings:
        """Return who may come in now; 404 when nobody may."""
        settings = self.application.configuration.settings.admin
        if not settings.hashes:
            raise HTTPException(404)
        return settings

    def _sessions(self) -> Sessions:
        settings = self._settings()
        idle, longest = timedelta(minutes=settings.idle_minutes), timedelta(hours=settings.session_hours)
        return Sessions(self.application.links.secret, idle, longest)

    async def _session(self, request: Request) -> Session | None:
        """Return the session of a request; None without one that is still good under today's password."""
        hashes = self._settings().hashes
        session = self._sessions().read(request.cookies.get(self._cookie, ""), self.application.now())
        if session is None or session.lock != lock_of(hashes.get(session.user, "")) or session.user not in hashes:
            return None
        return None if await self.application.store.is_session_ended(session.id) else session

    def _visit(self, request: Request, session: Session) -> Visit:
        return Visit(request, session, self._sessions().form_token(session))

    def _kept(self, response: Response, session: Session) -> Response:
        """Note in the cookie that the session was seen now, unless the answer has ended it."""
        now = self.application.now().replace(microsecond=0)
        if response.headers.get("location") == LOGIN:
            response.delete_cookie(self._cookie, self._path, secure=self._is_secure, httponly=True, samesite="strict")
        elif abs(now - session.seen_at) >= SEEN_EVERY:
            self._set_cookie(response, replace(session, seen_at=now))
        return response

    def _set_cookie(self, response: Response, session: Session) -> None:
        response.set_cookie(
            self._cookie,
            self._sessions().write(session),
            path=self._path,
            secure=self._is_secure,
            httponly=True,
            samesite="strict",
        )

    @property
    def _is_secure(self) -> bool:
        return self.application.links.base_url.startswith("https://")

    @property
    def _cookie(self) -> str:
        return f"__Host-{COOKIE}" if self._is_secure else COOKIE

    @property
    def _path(self) -> str:
        return "/" if self._is_secure else HOME  # what begins with __Host- must have the path /

    def _is_own(self, request: Request) -> bool:
        """Return whether a browser says that a form comes from a page of ours; who says nothing is none."""
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = urlsplit(request.headers.get("origin", ""))
        hosts = (request.headers.get("host"), urlsplit(self.application.links.base_url).netloc)
        return bool(origin.netloc) and origin.netloc in hosts


def back(path: str, done: str) -> Response:
    """Return the way back to a page after a form, which says there what was ``done``."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}{urlencode({'done': done})}", 303, HEADERS)


def own_path(text: str) -> str:
    """Return the path among the admin's pages that an address asks to go on to; the overview for all others."""
    is_own = text == HOME or text.startswith((f"{HOME}/", f"{HOME}?"))
    return text if is_own and text.isprintable() and "\\" not in text and not text.startswith(LOGIN) else HOME
