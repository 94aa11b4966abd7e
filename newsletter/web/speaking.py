"""Which language an answer is in: what the address says (``?lang=de``), else what the browser asks for, else ours.

Nothing is remembered anywhere: whoever chose a language by an address keeps it in the links of the page.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders

from newsletter.languages import ENGLISH, Language, chosen_code, known_codes, language_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PARAMETER: Final = "lang"
IN_ENGLISH: Final = re.compile(r"/(?:admin|api)(?:/|$)")  # what operators and programs read
ENGLISH_ALONE: Final = "/admin"
LONGEST: Final = 8_192  # characters of a query that are looked at
LOCAL: Final = re.compile(r'(<(?:a|form|button)\b[^>]*?\s(?:href|action|formaction)=")((?:/(?!/)|\?)[^"#]*)')
ASKING_FORM: Final = re.compile(r'<form\b(?![^>]*\bmethod="post")[^>]*>', re.IGNORECASE)
HAS_ONE: Final = re.compile(r"[?&;]lang=")


@dataclass(frozen=True, slots=True)
class Spoken:
    """The language of an answer, whether the address chose it, and the address's query."""

    language: Language
    is_chosen: bool = False
    query: str = ""


_UNASKED: Final = Spoken(ENGLISH)
_SPOKEN: ContextVar[Spoken] = ContextVar("spoken", default=_UNASKED)


def spoken() -> Language:
    """Return the language of the answer that is being made."""
    return _SPOKEN.get().language


def speak_as(code: str) -> None:
    """Answer in a subscriber's own language from here on, where the address does not choose another."""
    current = _SPOKEN.get()
    if not current.is_chosen and code.partition("-")[0] in known_codes():
        _SPOKEN.set(replace(current, language=language_of(code)))


class Speaking:
    """ASGI middleware: settles the language of each request; answers in ``default`` where nobody asks for another."""

    def __init__(self, app: ASGIApp, default: str = "en") -> None:
        self._app = app
        self._default = default if default.partition("-")[0] in known_codes() else ENGLISH.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _SPOKEN.set(self._settled(scope))

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                _tell(MutableHeaders(scope=message), int(message["status"]))
            await send(message)

        await self._app(scope, receive, told)

    def _settled(self, scope: Scope) -> Spoken:
        if scope["path"].startswith(ENGLISH_ALONE):
            return _UNASKED
        if IN_ENGLISH.match(scope["path"]):
            return _UNASKED
        query = scope["query_string"].decode("latin-1")[:LONGEST]
        asked = dict(parse_qsl(query)).get(PARAMETER) if PARAMETER in query else None
        if asked in known_codes():
            return Spoken(language_of(asked), is_chosen=True, query=query)
        accepted = Headers(scope=scope).get("accept-language", "")
        code = chosen_code(accepted, known_codes(), self._default) if accepted else self._default
        return Spoken(language_of(code), query=query)


def _tell(headers: MutableHeaders, status: int) -> None:
    """Say of a page in which language it is, and that another reader may get another; keep a chosen one on the way."""
    is_page = headers.get("content-type", "").startswith("text/html")
    if is_page or status == 304:  # noqa: PLR2004 (not modified)
        headers.add_vary_header("Accept-Language")
    if is_page:
        headers.setdefault("Content-Language", spoken().code)
    location = headers.get("location", "")
    if _SPOKEN.get().is_chosen and location.startswith("/"):
        headers["Location"] = with_language(location, spoken().code)


def with_language(address: str, code: str, joint: str = "&") -> str:
    """Return an address of ours that chooses a language, unless it does already."""
    if HAS_ONE.search(address):
        return address
    before, hash_sign, fragment = address.partition("#")
    return f"{before}{joint if '?' in before else '?'}{PARAMETER}={code}{hash_sign}{fragment}"


def kept_language(html: str) -> str:
    """Return a page whose links and forms keep the language, where its own address chose it."""
    current = _SPOKEN.get()
    if not current.is_chosen:
        return html
    code = current.language.code
    field = f'<input type="hidden" name="{PARAMETER}" value="{code}">'
    html = LOCAL.sub(lambda found: found[1] + with_language(found[2], code, "&amp;"), html)
    return ASKING_FORM.sub(lambda found: found[0] + field, html)


def language_choices() -> list[tuple[Language, str, bool]]:
    """Return the languages there are, where this page is in each (from where it is now), and whether it is in that
    one.
    """
    current = _SPOKEN.get()
    values = [(name, value) for name, value in parse_qsl(current.query) if name != PARAMETER]
    known = [language_of(code) for code in known_codes()]
    return [
        (each, f"?{urlencode([*values, (PARAMETER, each.code)])}", each.code == current.language.code) for each in known
    ]
