"""A reader subscribes in the system's Chromium, with our script and without, and reads the mails in the catcher."""

from __future__ import annotations

import html
import json
import re
import subprocess
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.e2e.test_pages import RULES
from tests.support.browsing import SCHEMES, Scheme, axe, browser, html_validate, look, overhang, tab_to, violations
from tests.support.daemon import DaemonProcess
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

DEADLINE_S = 30


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon that has read the samples and sent its first digest."""
    directory = tmp_path_factory.mktemp("site") / "config"
    make_configuration(directory)
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        yield daemon.url()


def mail_to(site: str, address: str, subject: str) -> str:
    """Return the plain text of the mail to somebody with these words in its subject, once it is there."""
    until = time.monotonic() + DEADLINE_S
    row = re.compile(
        rf'href="(/mails/[^"?]+)">(?:(?!</a>).)*{re.escape(subject)}(?:(?!</a>).)*{re.escape(address)}', re.DOTALL
    )
    while time.monotonic() < until:
        found = row.search(httpx2.get(f"{site}/mails").text)
        if found:
            return html.unescape(httpx2.get(f"{site}{found[1]}/text").text)
        time.sleep(0.2)
    pytest.fail(f"no mail to {address} says {subject}")


def open_form(browser: Browser, site: str, width: int, *, scripts: bool) -> Page:
    page = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=scripts, timezone_id="Asia/Tokyo", locale="en-GB"
    ).new_page()
    page.goto(site)
    page.locator(".banner").get_by_role("link", name="Subscribe").click()
    page.wait_for_url("**/subscribe")
    return page


@pytest.mark.parametrize(("width", "scripts"), [(375, False), (1280, True)])
def test_from_the_banner_to_the_first_digest(browser: Browser, site: str, width: int, *, scripts: bool) -> None:
    address = f"reader{width}{'s' if scripts else ''}@example.org"
    page = open_form(browser, site, width, scripts=scripts)
    began = time.monotonic()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    assert page.locator("#zone").input_value() == ("Asia/Tokyo" if scripts else "UTC")
    page.locator("[name=profiles]").first.check()
    page.get_by_label("Your own keywords").fill("diffus*\ntransformer")
    if not scripts:
        page.get_by_role("button", name="Show what the last week").click()
        page.wait_for_url("**/subscribe/preview")
    page.get_by_role("heading", name="in the last week").wait_for()
    assert page.locator("#foretaste mark").count() > 0
    assert page.get_by_label("Your own keywords").input_value() == "diffus*\ntransformer"
    assert overhang(page) <= 0
    page.get_by_label("How often").select_option("weekdays")
    page.get_by_label("Your mail address").fill(address)
    page.wait_for_timeout(0 if scripts else max(0.0, 3.2 - (time.monotonic() - began)) * 1000)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.wait_for_url("**/subscribe/sent")
    page.get_by_role("heading", name="Look into your mailbox").wait_for()

    confirmation = mail_to(site, address, "Confirm your subscription")
    (link,) = set(re.findall(rf"{re.escape(site)}/confirm/\S+", confirmation))
    page.goto(link)
    assert overhang(page) <= 0
    page.get_by_role("button", name="Confirm the subscription").click()
    page.get_by_role("heading", name="You are subscribed").wait_for()

    welcome = mail_to(site, address, "Welcome")
    assert "your own keywords" in welcome
    assert ("Asia/Tokyo" if scripts else "UTC") in welcome
    assert said == []
    page.context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_and_the_validator_find_nothing_behind_the_link(
    browser: Browser, site: str, tmp_path: Path, scheme: Scheme
) -> None:
    program, validator = axe(), html_validate()
    address = f"{scheme}@example.org"
    page, asked = look(browser, 375, scheme)
    page.goto(f"{site}/subscribe")
    page.locator("[name=profiles]").first.check()
    page.locator("#address").fill(address)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    page.wait_for_url("**/subscribe/sent")
    (link,) = set(re.findall(rf"{re.escape(site)}/confirm/\S+", mail_to(site, address, "Confirm your subscription")))
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    (tmp_path / "confirm.html").write_text(httpx2.get(link).text)
    for presses in (False, True):
        page.goto(link)
        if presses:
            page.get_by_role("button", name="Never write to me again").click()
        assert violations(page, program) == []
    command = [validator, "--formatter", "text", str(tmp_path / "confirm.html")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each for each in asked if not each.startswith((site, "data:"))] == []
    page.context.close()


def test_who_presses_once_more_is_told_why(browser: Browser, site: str) -> None:
    page = open_form(browser, site, 375, scripts=False)
    page.locator("[name=profiles]").first.check()
    page.get_by_label("Your mail address").fill("quick@example.org")
    page.get_by_role("button", name="Subscribe", exact=True).click()
    assert "once more" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Your mail address").input_value() == "quick@example.org"
    assert page.locator("[name=profiles]").first.is_checked()
    page.context.close()


def test_the_keyboard_alone_subscribes(browser: Browser, site: str) -> None:
    page = open_form(browser, site, 1280, scripts=True)
    tab_to(page, "profiles")
    page.keyboard.press("Space")
    tab_to(page, "address")
    page.keyboard.type("keys@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url("**/subscribe/sent")
    confirmation = mail_to(site, "keys@example.org", "Confirm your subscription")
    (link,) = set(re.findall(rf"{re.escape(site)}/confirm/\S+", confirmation))
    page.goto(link)
    tab_to(page, "Confirm the subscription")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You are subscribed").wait_for()
    page.context.close()
