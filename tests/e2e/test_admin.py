"""The admin's pages of a real daemon in the system's Chromium: logging in, looking around and acting, with and without
scripts, by keyboard, at each width, light and dark; readable by all, small, and asking nobody else.
"""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.e2e.test_pages import FOCUSED, MOST_OCTETS, RULES, SHIFTS
from tests.support.adminsite import PASSWORD, USER, make_admin_configuration, make_history
from tests.support.browsing import Scheme, axe, browser, html_validate, look, overhang, violations
from tests.support.daemon import DaemonProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

WIDTHS = (375, 1280)
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date()
PAGES = (
    "/admin",
    "/admin/issues",
    f"/admin/issues/{YESTERDAY}",
    "/admin/deliveries",
    "/admin/deliveries/1",
    "/admin/sources",
    "/admin/relays",
    "/admin/bounces",
    "/admin/suppression",
    "/admin/growth",
    "/admin/growth?days=90",
    "/admin/profiles",
    "/admin/profiles/language-models",
)
DRAFT = "title: Languages\nkeywords: [language model, translation]\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon with an admin, weeks behind it, and its first digest sent."""
    directory = tmp_path_factory.mktemp("site") / "config"
    make_admin_configuration(directory)
    make_history(directory)
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        yield daemon.url()


def enter(browser: Browser, site: str, width: int, scheme: Scheme, *, scripts: bool = True) -> tuple[Page, list[str]]:
    """Return a page of somebody who has logged in."""
    page, asked = look(browser, width, scheme, scripts=scripts)
    page.goto(f"{site}/admin")
    assert page.url == f"{site}/admin/login?to=%2Fadmin"
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    assert page.url == f"{site}/admin"
    return page, asked


def try_draft(page: Page, site: str, text: str) -> None:
    page.goto(f"{site}/admin/profiles/language-models")
    page.get_by_label("YAML").fill(text)
    page.get_by_role("button", name="Try it on 30 days").click()


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_axe_finds_nothing(browser: Browser, site: str, width: int, scheme: Scheme) -> None:
    program = axe()
    page, _ = look(browser, width, scheme)
    page.goto(f"{site}/admin")
    found = judged(page, program, {}, "/admin/login")
    page.context.close()
    page, _ = enter(browser, site, width, scheme)
    for path in PAGES:
        page.goto(site + path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        judged(page, program, found, path)
    for text in (DRAFT, "keywrds: [a]\n"):
        try_draft(page, site, text)
        judged(page, program, found, text)
    page.context.close()
    assert found == {}


def judged(page: Page, program: str, found: dict[str, list[str]], path: str) -> dict[str, list[str]]:
    problems = violations(page, program)
    return found | {path: problems} if problems and not found.setdefault(path, problems) else found


def test_html_is_valid_and_pages_are_whole_small_and_still_and_ask_nobody_else(
    browser: Browser, site: str, tmp_path: Path
) -> None:
    said: list[str] = []
    styles = sum(len(httpx2.get(site + path).content) for path in ("/style.css", "/admin/style.css"))
    for width in (320, *WIDTHS):
        page, asked = enter(browser, site, width, "light")
        page.on("console", lambda message: said.append(message.text))
        for number, path in enumerate(PAGES):
            answer = page.goto(site + path)
            assert answer is not None
            assert answer.status == 200, path
            assert len(answer.body()) + styles < MOST_OCTETS, path
            assert overhang(page) <= 0, (path, width)
            assert page.evaluate(SHIFTS) == 0, path
            assert page.locator("h1").count() == 1, path
            (tmp_path / f"{number:02}.html").write_text(answer.text())
        page.context.close()
        own = {each.removeprefix(site).partition("?")[0] for each in asked if not each.startswith("data:")}
        assert own == {path.partition("?")[0] for path in (*PAGES, "/admin/login", "/style.css", "/admin/style.css")}
    assert said == []
    program = html_validate()
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    command = [program, "--formatter", "text", *sorted(str(each) for each in tmp_path.glob("*.html"))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{list(enumerate(PAGES))}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(("width", "scripts"), [(375, False), (1280, True)])
def test_an_admin_looks_around_and_acts(browser: Browser, site: str, width: int, *, scripts: bool) -> None:
    page, _ = enter(browser, site, width, "light", scripts=scripts)
    assert "All is well" in page.inner_text("h1")
    page.get_by_text("Send nothing for a while").click()
    page.get_by_label("Why, for whoever looks next").fill("moving the mail server")
    page.get_by_role("button", name="Send nothing").click()
    assert "moving the mail server" in page.inner_text("main")
    page.get_by_role("button", name="Let sending go on").click()
    assert "It goes on." in page.inner_text("main")

    page.get_by_role("link", name="Deliveries").click()
    page.get_by_label("State").select_option("rejected")
    page.get_by_role("button", name="Show").click()
    page.locator(".list a").first.click()
    assert "5.1.1 no such user" in page.inner_text("main")
    page.get_by_role("button", name="Try again now").click()
    assert "due again" in page.inner_text("main")

    page.get_by_role("link", name="Suppression").click()
    page.get_by_label("Address, or a domain").fill(f"someone{width}@example.org")
    page.get_by_role("button", name="Suppress", exact=True).click()
    page.get_by_role("button", name=f"Let mail go on to someone{width}@example.org").click()
    assert "Mail goes on." in page.inner_text("main")

    try_draft(page, site, "keywrds: [a]\n")
    assert "1:1" in page.inner_text(".troubles")
    page.get_by_label("Change it, and try again").fill(DRAFT)
    page.get_by_role("button", name="Try it on 30 days").click()
    assert re.search(r"it would have sent \d+; the one in force \d+", page.inner_text("main"))
    assert page.locator("svg polyline").count() == 2

    page.get_by_role("button", name="Log out").click()
    assert page.url == f"{site}/admin/login"
    page.goto(f"{site}/admin/growth")
    assert page.url.startswith(f"{site}/admin/login")
    page.context.close()


def test_a_keyboard_is_enough(browser: Browser, site: str) -> None:
    page, _ = look(browser, 1280, "dark")
    page.goto(f"{site}/admin/profiles")
    for text in (USER, PASSWORD):
        until_focused(page, "INPUT")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/admin/profiles")
    for path in ("/admin", "/admin/issues", "/admin/deliveries", "/admin/suppression", "/admin/profiles/trending"):
        page.goto(site + path)
        stops = []
        for _ in range(200):
            page.keyboard.press("Tab")
            at: dict[str, Any] = page.evaluate(FOCUSED)
            if at["tag"] == "BODY":
                break
            stops.append(at)
        else:
            pytest.fail("the focus never leaves the page")
        assert len(stops) > 10, path
        assert [stop for stop in stops if not stop["outline"] >= 1 or not stop["seen"]] == [], path
    page.goto(f"{site}/admin")
    until_focused(page, "SUMMARY")
    page.keyboard.press("Enter")
    assert page.locator("details[open] table").count() == 1
    page.context.close()


def until_focused(page: Page, tag: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == tag:
            return
    pytest.fail(f"no {tag} takes the focus")
