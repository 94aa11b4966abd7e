"""Pages in the reader's language: what the address chooses, what the browser asks for, and links that keep it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route

from newsletter.web.pages import Pages
from newsletter.web.speaking import Speaking, kept_language, speak_as, spoken

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

PAGE = (
    '<a class="x" href="/topics">t</a><a href="/?day=1&amp;span=week#a">d</a><a href="?page=2">p</a>'
    '<a href="https://arxiv.org/">e</a><a href="//elsewhere">e</a><a href="#content">c</a>'
    '<link rel="stylesheet" href="/style.css"><form action="/search"><input></form><form method="post"></form>'
)
KEPT = (
    '<a class="x" href="/topics?lang=de">t</a><a href="/?day=1&amp;span=week&amp;lang=de#a">d</a>'
    '<a href="?page=2&amp;lang=de">p</a>'
    '<a href="https://arxiv.org/">e</a><a href="//elsewhere">e</a><a href="#content">c</a>'
    '<link rel="stylesheet" href="/style.css"><form action="/search?lang=de">'
    '<input type="hidden" name="lang" value="de"><input></form><form method="post"></form>'
)


async def told(_: Request) -> Response:
    return HTMLResponse(spoken().code)


async def linked(_: Request) -> Response:
    return HTMLResponse(kept_language(PAGE))


async def signed_in(_: Request) -> Response:
    speak_as("ar")
    return HTMLResponse(spoken().code)


async def moved(_: Request) -> Response:
    return RedirectResponse("/told?from=here#there", 303)


async def admin(_: Request) -> Response:
    return HTMLResponse(spoken().code)


async def plain(_: Request) -> Response:
    return PlainTextResponse("plain")


async def fault(_: Request) -> Response:
    return Pages("News", has_mails=False).answer("fault.html", title="Gone", advice="Advice", near=[])


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    routes = [Route(f"/{page.__name__}", page) for page in (told, linked, signed_in, moved, plain, fault, admin)]
    app = Starlette(routes=routes, middleware=[Middleware(Speaking, "de-AT")])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://news.example") as opened:
        yield opened


@pytest.mark.parametrize(
    ("address", "accepted", "expected"),
    [
        ("/told", None, "de-AT"),
        ("/told", "fr", "de-AT"),
        ("/told", "fr, ar-EG;q=0.5", "ar"),
        ("/told?lang=en", "ar", "en"),
        ("/told?lang=xx", "ar", "ar"),
        ("/told?lang=en&lang=ar", None, "ar"),
        ("/admin?lang=ar", "ar", "en"),
        ("/signed_in", "de", "ar"),
        ("/signed_in?lang=de", "en", "de"),
    ],
)
async def test_the_address_before_the_browser_before_the_configuration(
    client: httpx2.AsyncClient, address: str, accepted: str | None, expected: str
) -> None:
    answer = await client.get(address, headers={"Accept-Language": accepted} if accepted else {})
    assert answer.text == expected
    assert answer.headers["content-language"] == expected
    assert answer.headers["vary"] == "Accept-Language"


async def test_links_and_forms_keep_a_chosen_language(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/linked?lang=de")).text == KEPT
    assert (await client.get("/linked", headers={"Accept-Language": "de"})).text == PAGE
    assert (await client.get("/moved?lang=ar")).headers["location"] == "/told?from=here&lang=ar#there"
    assert (await client.get("/moved")).headers["location"] == "/told?from=here#there"


async def test_what_is_no_page_is_the_same_for_all(client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/plain?lang=ar")).headers
    assert "vary" not in headers
    assert "content-language" not in headers


async def test_every_page_offers_every_language_and_repeats_no_path(client: httpx2.AsyncClient) -> None:
    text = (await client.get("/fault?a=%22%3E&lang=ar")).text
    assert '<html lang="ar" dir="rtl">' in text
    choices = re.findall(r'<a href="([^"]*)" hreflang="(\w+)" lang="\w+" dir="(\w+)" rel="nofollow"([^>]*)>', text)
    assert choices == [
        ("?a=%22%3E&amp;lang=en", "en", "ltr", ""),
        ("?a=%22%3E&amp;lang=ar", "ar", "rtl", ' aria-current="true"'),
        ("?a=%22%3E&amp;lang=de", "de", "ltr", ""),
    ]
