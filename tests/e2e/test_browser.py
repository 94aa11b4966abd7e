"""Mails and pages in the system's Chromium: nothing sticks out, nothing is fetched from elsewhere, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from tests.support.browsing import SCHEMES, Scheme, browser, look, overhang
from tests.support.daemon import DaemonProcess
from tests.support.mails import hostile_digest, make_digest, make_renderer
from tests.support.pictures import make_configuration
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

WIDTHS = (375, 600, 1280)


def mails() -> dict[str, str]:
    """Return the HTML of each kind of mail, and of one that nobody wishes for."""
    renderer, reader = make_renderer(), make_subscriber()
    digests = {str(kind): sample_digest(kind) for kind in IssueKind}
    digests |= {"twenty": make_digest(20), "hostile": hostile_digest()}
    return {name: renderer.prepare(*digest).html(reader) for name, digest in digests.items()}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_mail_sticks_out_or_asks_anybody(browser: Browser, scheme: Scheme) -> None:
    for width in WIDTHS[:2]:
        page, asked = look(browser, width, scheme)
        for name, html in mails().items():
            page.set_content(html)
            assert overhang(page) <= 0, f"{name} at {width}"
            assert page.locator("h1").count() == 1, name
        assert asked == []
        page.context.close()


def test_a_mail_is_dark_where_its_reader_is(browser: Browser) -> None:
    grounds = {}
    for scheme in SCHEMES:
        page, _ = look(browser, 600, scheme)
        page.set_content(mails()["digest"])
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.context.close()
    assert grounds == {"light": "rgb(244, 242, 238)", "dark": "rgb(21, 23, 26)"}


def test_the_first_digest_is_read_and_left_without_scripts(browser: Browser, tmp_path: Path) -> None:
    directory = tmp_path / "config"
    make_configuration(directory)
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        for scheme in SCHEMES:
            for width in WIDTHS:
                page, asked = look(browser, width, scheme, scripts=False)
                read_and_follow(page, daemon.url())
                assert all(address.startswith(daemon.url()) for address in asked)
                page.context.close()
        page, _ = look(browser, 375, "light", scripts=False)
        page.goto(f"{daemon.url()}/mails")
        page.locator(".mails a").first.click()
        link = page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").first.get_attribute("href")
        assert link is not None
        page.goto(link)
        page.get_by_role("button", name="Unsubscribe").click()
        assert "no more mail" in page.content()
        assert daemon.stop() == 0


def read_and_follow(page: Page, url: str) -> None:
    """Go from the front page to the mail and through its views."""
    page.goto(url)
    assert overhang_without_scripts(page) <= 0
    page.get_by_role("link", name="Caught mails", exact=True).click()
    page.locator(".mails a").first.click()
    frame = page.frame_locator("iframe")
    assert frame.locator("h1").inner_text().startswith("Welcome")
    for view in ("Text", "Headers", "Source"):
        page.get_by_role("link", name=view, exact=True).click()
        assert overhang_without_scripts(page) <= 0, view


def overhang_without_scripts(page: Page) -> float:
    """Return by how much the body is wider than the window, where the page may run no script."""
    box, window = page.locator("body").bounding_box(), page.viewport_size
    assert box is not None
    assert window is not None
    return box["width"] - window["width"]
