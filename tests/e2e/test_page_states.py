"""Every page that readers see, in every state it can be in, before judges of pages: also what only a mistake brings."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from newsletter.web.pages import STYLE
from newsletter.web.subscribing import SCRIPT
from tests.e2e.test_pages import MOST_OCTETS, RULES
from tests.support.browsing import axe, browser, html_validate, look, overhang, violations
from tests.support.page_states import ELSEWHERE, States

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Route

__all__ = ["browser"]

ZONES = re.compile(r"(<optgroup.*?</optgroup>)(?:\s*<optgroup.*?</optgroup>)+", re.DOTALL)  # one continent is enough
TYPED = re.compile(r'<(?:textarea|input[^>]* type="(?:search|text|email)"|input id="paper")[^>]*>')
ORIGIN = "https://news.example"
FILES = {"/style.css": ("text/css", STYLE), "/subscribe.js": ("text/javascript", SCRIPT)}


@pytest.fixture(scope="module", params=["en", "ar"])
def states(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> States:
    """Every page in every state, in a language from left to right and one from right to left."""
    with ThreadPoolExecutor(1) as thread, pytest.MonkeyPatch.context() as patched:  # a browser may have a loop running
        visit = States(request.param).visit(tmp_path_factory.mktemp("states"), patched)
        return thread.submit(asyncio.run, visit).result()


def test_every_template_is_among_them(states: States) -> None:
    folder = resources.files("newsletter.web").joinpath("templates")
    pages = {
        each.name for each in folder.iterdir() if each.name.endswith(".html") and '"base.html"' in each.read_text()
    }
    assert pages - states.templates == set(ELSEWHERE)
    assert len(states.pages) > 60


def test_axe_finds_nothing_and_nothing_sticks_out(browser: Browser, states: States) -> None:
    program, found = axe(), {}
    page, asked = look(browser, 375, "dark") if states.language == "en" else look(browser, 1280, "light")
    texts = {ZONES.sub(r"\1", text): name for name, text in states.pages.items() if not name.startswith("/")}
    answers = {f"/{number}": text for number, text in enumerate(texts)}  # the others are those of test_pages.py

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        kind, body = FILES.get(path) or ("text/html; charset=utf-8", answers[path].encode())
        route.fulfill(content_type=kind, body=body)

    page.route(f"{ORIGIN}/**", answer)
    for name, path in zip(texts.values(), answers, strict=True):
        page.goto(ORIGIN + path)
        assert overhang(page) <= 0, name
        assert page.locator("h1").count() == 1, name
        if problems := violations(page, program):
            found[name] = problems
    page.context.close()
    assert found == {}
    assert [each for each in asked if not each.startswith((ORIGIN, "data:"))] == []


def test_every_page_is_small(states: States) -> None:
    shared = sum(len(body) for _, body in FILES.values())
    assert {name: len(text) for name, text in states.pages.items() if len(text.encode()) + shared >= MOST_OCTETS} == {}


def test_what_is_typed_keeps_its_own_direction(states: States) -> None:
    """A query or an address is not turned over by a page from right to left."""
    typed = [field for text in states.pages.values() for field in TYPED.findall(text) if "tabindex" not in field]
    assert len(typed) > 60
    assert [field for field in typed if ' dir="' not in field] == []


def test_html_is_valid(states: States, tmp_path: Path) -> None:
    program = html_validate()
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    for name, text in states.pages.items():
        (tmp_path / f"{re.sub(r'[^a-z0-9]+', '-', name)}.html").write_text(text)
    assert len(list(tmp_path.glob("*.html"))) == len(states.pages)
    command = [program, "--formatter", "text", *sorted(str(each) for each in tmp_path.glob("*.html"))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
