"""A workshop for templates: every mail in every theme, at both widths, renewed whenever a file is saved.

It stands on the loopback alone, opens no store and sends nothing. What is wrong is told with file and line, while the
last mail that could be made stays in view.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from newsletter.core.findings import Level
from newsletter.core.links import Links
from newsletter.errors import TemplateError
from newsletter.mail.alert import AlertTemplate, sample_notices
from newsletter.mail.examine import examine
from newsletter.mail.render import Renderer
from newsletter.mail.report import ReportTemplate, sample_report
from newsletter.mail.specimens import PAPERS, specimen
from newsletter.mail.templates import TemplateFiles, shipped_templates
from newsletter.model import IssueKind
from newsletter.service.issue import stand_in
from newsletter.web.guard import HEADERS, POLICY, Guard
from newsletter.web.mails import with_new_windows
from newsletter.web.pages import STYLE, Pages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from newsletter.core.findings import Finding
    from newsletter.mail.brand import Brand
    from newsletter.model import Problem

COLOURS: Final = ("browser", "light", "dark")
WIDTHS: Final = (600, 375)
OPERATOR: Final = ("alert", "report")
HOSTS: Final = ["127.0.0.1", "localhost"]  # no page elsewhere may reach it under a name of its own
OWN_STYLE: Final = resources.files("newsletter.web").joinpath("workshop.css").read_bytes()
SCRIPT: Final = resources.files("newsletter.web").joinpath("workshop.js").read_bytes()
PAGE_POLICY: Final = f"{POLICY}; script-src 'self'; connect-src 'self'"
MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; frame-ancestors 'self'"
)
DARK_QUERY: Final = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
AT: Final = datetime(2026, 11, 24, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at."""

    mail: str
    papers: str
    theme: str
    colours: str

    def query(self, **changed: str) -> str:
        """Return it as the query of an address, with something changed."""
        stated = {"mail": self.mail, "papers": self.papers, "theme": self.theme, "colours": self.colours}
        return urlencode(stated | changed)


@dataclass(frozen=True, slots=True)
class Made:
    """A mail as it was made."""

    subject: str
    html: str
    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Workshop:
    """The pages; ``brands`` has the newsletter in each theme, ``theme`` names its own."""

    folders: Sequence[Path]
    brands: Mapping[str, Brand]
    theme: str
    _made: dict[tuple[str, str, str], Made] = field(default_factory=dict)
    _told: dict[tuple[str, str, str], tuple[str, list[Problem]]] = field(default_factory=dict)
    _renderers: dict[str, Renderer] = field(default_factory=dict)
    _at_work: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pages: Pages = field(default_factory=lambda: Pages("Template workshop", has_mails=False))

    def routes(self) -> list[Route]:
        """Return where they are found."""
        return [
            Route("/", self.page),
            Route("/mail", self.mail),
            Route("/version", self.version),
            Route("/style.css", self.style),
            Route("/workshop.js", self.script),
        ]

    async def page(self, request: Request) -> Response:
        """Answer with one mail at both widths, its text, and what is wrong."""
        choice = self._choice(request)
        version = self._version()  # before the files are read: what changes meanwhile shows with the next look
        made, problems = await self._current(choice)
        answer = self._pages.answer(
            "workshop.html",
            choice=choice,
            made=made,
            problems=problems,
            version=version,
            widths=WIDTHS,
            menus=self._menus(choice),
            faults=[each for each in made.findings if each.level is not Level.OK] if made else [],
        )
        answer.headers["Content-Security-Policy"] = PAGE_POLICY
        return answer

    async def mail(self, request: Request) -> Response:
        """Answer with the mail alone, in a sandbox, in the colours chosen."""
        choice = self._choice(request)
        made, _ = await self._current(choice)
        html = in_colours(made.html, choice.colours) if made else "<p>There is none yet that could be made."
        return HTMLResponse(with_new_windows(html), headers={"Content-Security-Policy": MAIL_POLICY})

    async def version(self, _: Request) -> Response:
        """Answer with what changes whenever a template does."""
        return JSONResponse({"version": self._version()})

    async def style(self, _: Request) -> Response:
        """Answer with the style of the page."""
        return Response(STYLE + OWN_STYLE, media_type="text/css")

    async def script(self, _: Request) -> Response:
        """Answer with what asks for the version, and loads the page anew."""
        return Response(SCRIPT, media_type="text/javascript")

    def _choice(self, request: Request) -> Choice:
        """Return what an address asks for; what it does not name, or nobody knows, is the ordinary."""

        def asked(name: str, known: Sequence[str], ordinary: str) -> str:
            value = request.query_params.get(name, ordinary)
            return value if value in known else ordinary

        return Choice(
            asked("mail", self._mails(), "digest"),
            asked("papers", list(PAPERS), "sample"),
            asked("theme", list(self.brands), self.theme),
            asked("colours", COLOURS, "browser"),
        )

    def _mails(self) -> list[str]:
        own = self._renderer(self.theme).template_names()
        kinds = [kind.value for kind in IssueKind if kind is not IssueKind.DIGEST]
        return [*sorted(own, key=lambda name: name != "digest"), *kinds, *OPERATOR]

    def _menus(self, choice: Choice) -> list[tuple[str, list[tuple[str, str, bool]]]]:
        """Return the title of each menu with its entries: name, address, and whether it is chosen."""
        offered = {"mail": self._mails(), "papers": list(PAPERS), "theme": list(self.brands), "colours": COLOURS}
        chosen = {"mail": choice.mail, "papers": choice.papers, "theme": choice.theme, "colours": choice.colours}
        return [
            (menu, [(name, "/?" + choice.query(**{menu: name}), name == chosen[menu]) for name in names])
            for menu, names in offered.items()
        ]

    async def _current(self, choice: Choice) -> tuple[Made | None, list[Problem]]:
        """Return the mail as the files are now, or the last one that could be made, and what is wrong."""
        async with self._at_work:
            return await asyncio.to_thread(self._make, choice)

    def _make(self, choice: Choice) -> tuple[Made | None, list[Problem]]:
        key, version = (choice.mail, choice.papers, choice.theme), self._version()
        told_at, problems = self._told.get(key, ("", []))
        if told_at != version:
            problems = self._renewed(choice, key)
            self._told[key] = version, problems
        return self._made.get(key), problems

    def _renewed(self, choice: Choice, key: tuple[str, str, str]) -> list[Problem]:
        """Make the mail anew, where nothing is wrong; return what is."""
        try:
            made, problems = self._operators(choice) if choice.mail in OPERATOR else self._readers(choice)
        except TemplateError as error:
            return list(error.problems)
        if not any(problem.severity == "error" for problem in problems):
            self._made[key] = made
        return problems

    def _readers(self, choice: Choice) -> tuple[Made, list[Problem]]:
        renderer, reader = self._renderer(choice.theme), stand_in("invented", AT)
        digest, papers = specimen(choice.mail, choice.papers)
        problems = renderer.problems_of(digest)
        if any(problem.severity == "error" for problem in problems):
            raise TemplateError(problems=problems)
        prepared = renderer.prepare(digest, papers)
        message = prepared.compose(reader, f"<workshop@{renderer.brand.sender.rpartition('@')[2]}>", AT)
        findings = examine(message).findings
        return Made(prepared.subject, prepared.html(reader), prepared.text(reader), findings), problems

    def _operators(self, choice: Choice) -> tuple[Made, list[Problem]]:
        brand = self.brands[choice.theme]
        if choice.mail == "alert":
            text, html = AlertTemplate(brand, self.folders).fill(sample_notices(), AT)
        else:
            text, html = ReportTemplate(brand, self.folders).fill(sample_report(), AT)
        return Made(choice.mail, html, text), self._renderer(choice.theme).strict_problems(choice.mail)

    def _renderer(self, theme: str) -> Renderer:
        if theme not in self._renderers:
            links = Links("only for looking", self.brands[theme].web_url or "https://newsletter.example.org")
            self._renderers[theme] = Renderer(
                self.folders,
                self.brands[theme],
                links,
                {"invented": "Invented papers"},
                {"representation-learning": f"{links.base_url}/topics/representation-learning"},
                look_again_s=0,
            )
        return self._renderers[theme]

    def _version(self) -> str:
        stamps = TemplateFiles((*self.folders, shipped_templates())).fingerprint()
        return hashlib.sha256(repr(sorted(stamps)).encode()).hexdigest()[:16]


def in_colours(html: str, colours: str) -> str:
    """Return the mail as a program in light or dark colours shows it, whichever the browser is in."""
    if colours == "browser":
        return html
    scheme = f"<style>:root{{color-scheme:{colours} !important}}</style>"
    forced = DARK_QUERY.sub("@media all" if colours == "dark" else "@media not all", html)
    return forced.replace("</head>", f"{scheme}</head>", 1)


def create_workshop(folders: Sequence[Path], brands: Mapping[str, Brand], theme: str) -> Starlette:
    """Return the workshop as an ASGI application, for the loopback alone."""
    return Starlette(
        routes=Workshop(folders, brands, theme).routes(),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS), Middleware(Guard)],
        exception_handlers={Exception: _broken},
    )


async def _broken(_: Request, error: Exception) -> Response:
    """Answer after an error of ours; the template's own are told on the page."""
    return Response(f"{type(error).__name__}\n", 500, headers=dict(HEADERS), media_type="text/plain")
