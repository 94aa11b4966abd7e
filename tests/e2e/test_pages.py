"""Every page of the daemon in the system's Chromium: readable by all, whole at each width, small, and by keyboard."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.support.api import tokens_yaml
from tests.support.browsing import SCHEMES, Scheme, axe, browser, html_validate, look, overhang, violations
from tests.support.daemon import DaemonProcess
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

WIDTHS = (320, 375, 1280)  # the first is 1280 px at 400 % (WCAG 2.2, 1.4.10)
MOST_OCTETS = 100_000
RULES = {
    "root": True,
    "extends": ["html-validate:standard", "html-validate:a11y"],
    "rules": {"no-trailing-whitespace": "off", "doctype-style": "off", "long-title": "off"},
}
# What shifted after it was drawn, and whether everything that was asked for was allowed.
SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(each => { sum += each.value; }))
        .observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => setTimeout(() => done(sum), 50));
})"""
# Boxes that lie outside of the window although nothing scrolls: what is only for screen readers is meant to.
FOCUSED = """() => {
    const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
    return {
        tag: at.tagName, text: at.innerText || at.getAttribute("aria-label") || at.name || "",
        outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
        seen: box.left >= 0 && box.right <= innerWidth + 1 && box.width > 0,
    };
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon that has read the samples and sent its first digest."""
    directory = tmp_path_factory.mktemp("site") / "config"
    make_configuration(directory)
    with (directory / "newsletter.yaml").open("a") as file:
        file.write(f"\n{tokens_yaml()}")
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        yield daemon.url()


@pytest.fixture(scope="module")
def pages(site: str) -> dict[str, int]:
    """Every kind of page: its path, and the status that it should have."""
    mail = first(site, "/mails", r'href="(/mails/[^"]+)"')
    leave = first(site, f"{mail}/text", r"(/unsubscribe/[A-Za-z0-9._~-]+)")
    topic, paper = first(site, "/topics", r'href="(/topics/[^"]+)"'), first(site, "/", r'href="(/papers/\d+)"')
    good = ["/", "/?span=week&order=newest", "/?day=2020-02-02", "/topics", topic, paper, "/search", "/mails", mail]
    good += [
        "/archive",
        f"/archive?topic={topic.rpartition('/')[2]}",
        first(site, "/archive", r'href="(/archive/\d[^"]+)"'),
    ]
    good += ["/search?q=learning&order=newest&category=cs.*", "/search?q=rutabaga", f"{mail}/text", f"{mail}/headers"]
    good += ["/subscribe", f"/subscribe?profile={topic.rpartition('/')[2]}", "/subscribe/sent"]
    good += [f"{mail}/source", leave, "/api/v1/"]
    return {
        **dict.fromkeys(good, 200),
        "/search?q=(": 400,
        "/topics/difusion": 404,
        "/unsubscribe/wrong": 404,
        "/confirm/wrong": 404,
    }


def first(site: str, path: str, pattern: str) -> str:
    """Return the first address on a page that looks like this."""
    found = re.search(pattern, httpx2.get(site + path).text)
    assert found, f"{path} has no {pattern}"
    return found[1]


def test_every_page_is_there(site: str, pages: dict[str, int]) -> None:
    assert {path: httpx2.get(site + path).status_code for path in pages} == pages


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS[1:], SCHEMES, strict=True)))
def test_axe_finds_nothing(browser: Browser, site: str, pages: dict[str, int], width: int, scheme: Scheme) -> None:
    program = axe()
    page, _ = look(browser, width, scheme)
    found = {}
    for path in pages:
        page.goto(site + path)
        if problems := violations(page, program, frames=False):
            found[path] = problems
    page.context.close()
    assert found == {}


@pytest.mark.parametrize(("language", "direction", "scheme"), [("ar", "rtl", "light"), ("de", "ltr", "dark")])
def test_other_languages_are_whole_and_axe_finds_nothing(
    browser: Browser, site: str, pages: dict[str, int], language: str, direction: str, scheme: Scheme
) -> None:
    """The longest words and the mirrored layout, where there is least room."""
    program = axe()
    page, _ = look(browser, WIDTHS[1], scheme, language=language)
    for path in [each for each in pages if not each.startswith(("/mails/", "/api/"))]:  # which are English
        # A reader's own pages are in the reader's language, unless the address says otherwise.
        page.goto(f"{site}{path}{'&' if '?' in path else '?'}lang={language}")
        root = page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, direction), path
        assert overhang(page) <= 0, path
        assert violations(page, program, frames=False) == [], path
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_whole_small_and_still_and_ask_nobody_else(
    browser: Browser, site: str, pages: dict[str, int], width: int
) -> None:
    page, asked = look(browser, width, "light")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    shared = sum(len(httpx2.get(site + path).content) for path in ("/style.css", "/subscribe.js"))
    for path in pages:
        answer = page.goto(site + path)
        assert answer is not None
        assert overhang(page) <= 0, path
        assert page.evaluate(SHIFTS) == 0, path
        assert page.locator("h1").count() == 1, path
        if not path.startswith("/mails/"):  # which show a mail, however large that is
            assert len(answer.body()) + shared < MOST_OCTETS, path
    page.context.close()
    own = [address for address in asked if not address.startswith("data:")]
    assert [address for address in own if not address.startswith(site)] == []
    extra = {address.removeprefix(site) for address in own} - set(pages)
    assert {
        each for each in extra if not re.fullmatch(r"/style\.css|/subscribe\.js|/mails/[^/]+/content", each)
    } == set()
    assert [each for each in said if "Failed to load resource" not in each] == []


def test_html_is_valid(site: str, pages: dict[str, int], tmp_path: Path) -> None:
    program = html_validate()
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    for number, path in enumerate(pages):
        (tmp_path / f"{number:02}.html").write_text(httpx2.get(site + path).text)
    command = [program, "--formatter", "text", *sorted(str(each) for each in tmp_path.glob("*.html"))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{list(enumerate(pages))}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_a_keyboard_is_enough(browser: Browser, site: str, width: int) -> None:
    page, _ = look(browser, width, "light")
    page.goto(site)
    page.keyboard.press("Tab")
    assert focused(page)["text"] == "To the content"
    assert focused(page)["seen"]
    page.keyboard.press("Enter")
    page.wait_for_url("**/#content")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.goto(site)
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page)["text"] == "Search papers":
            break
    page.keyboard.type("learning")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=learning")
    assert page.locator("mark").count() > 0
    page.context.close()


def test_what_has_the_focus_is_seen(browser: Browser, site: str) -> None:
    page, _ = look(browser, 375, "dark")
    for path in ("/", "/search?q=learning", "/topics"):
        page.goto(site + path)
        stops = []
        for _ in range(200):
            page.keyboard.press("Tab")
            at = focused(page)
            if at["tag"] == "BODY":
                break
            stops.append(at)
        else:
            pytest.fail("the focus never leaves the page")
        assert len(stops) > 5, path
        assert [stop for stop in stops if not stop["outline"] >= 1 or not stop["seen"]] == [], path
    page.context.close()


def focused(page: Page) -> dict[str, Any]:
    """Return what is known of the element that has the focus."""
    found: dict[str, Any] = page.evaluate(FOCUSED)
    return found


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_search_works_without_scripts(browser: Browser, site: str, width: int) -> None:
    page, _ = look(browser, width, "light", scripts=False)
    page.goto(site)
    page.get_by_role("searchbox").fill("ti:learning")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".papers > li").count() > 0
    page.get_by_role("combobox", name="Order").select_option("newest")
    page.get_by_role("button", name="Search").click()
    assert "order=newest" in page.url
    assert "q=ti%3Alearning" in page.url
    page.context.close()
