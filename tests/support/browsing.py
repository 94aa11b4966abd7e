"""The system's Chromium for tests, and what judges pages in it: axe-core and html-validate, from npm where they are."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import sync_playwright

from newsletter.mail.chromium import find_chromium
from tests.support.pictures import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

FOCUSED = """() => {
    const at = document.activeElement, style = getComputedStyle(at);
    const outline = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
    return {name: at.name || "", text: at.innerText || "", outline};
}"""
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield opened
        opened.close()


def look(
    browser: Browser, width: int, scheme: Scheme, *, scripts: bool = True, language: str = "en"
) -> tuple[Page, list[str]]:
    """Return a new page of this width, and the list in which it notes every address that it asks."""
    page = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=scripts, locale=language
    ).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return page, asked


def overhang(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def tab_to(page: Page, name: str) -> None:
    """Go on by the tabulator to the field of this name, or to what says just this, which has to show that it has the
    focus.
    """
    for _ in range(100):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if name in {at["name"], at["text"].strip()}:
            assert at["outline"] >= 1, name
            return
    pytest.fail(f"nothing called {name} takes the focus")


@functools.cache
def node_modules() -> Path | None:
    """Return where npm keeps what was installed for all, None without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    said = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=False, timeout=60)
    return Path(said.stdout.strip()) if said.returncode == 0 else None


def axe() -> str:
    """Return the program of axe-core; the test is skipped where it is not installed (``.ci/run`` does)."""
    folder = node_modules()
    path = folder / "axe-core" / "axe.min.js" if folder else None
    if path is None or not path.is_file():
        pytest.skip("axe-core is not installed: npm install --global axe-core")
    return path.read_text("utf-8")


def violations(page: Page, program: str, *, frames: bool = True) -> list[str]:
    """Return what axe finds wrong with a page as it is now: each rule, and the first element that breaks it.

    ``program`` is that of :func:`axe`; without ``frames`` what a frame shows is not looked at.
    """
    page.evaluate(program)
    report = page.evaluate(f"axe.run({{iframes: {json.dumps(frames)}, resultTypes: ['violations']}})")
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in report["violations"]]


def html_validate() -> str:
    """Return where html-validate is; the test is skipped where it is not installed (``.ci/run`` does)."""
    program = shutil.which("html-validate")
    if program is None:
        pytest.skip("html-validate is not installed: npm install --global html-validate")
    return program
