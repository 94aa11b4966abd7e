"""A reader's way through what is theirs, in the system's Chromium: choose, leave by one click, undo, move, erase."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.e2e.test_pages import RULES
from tests.support.browsing import SCHEMES, Scheme, axe, browser, html_validate, look, overhang, tab_to, violations
from tests.support.daemon import DaemonProcess, run_command
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

WIDTHS = (375, 1280)
PEOPLE = [f"{name}{width}@example.org" for name in ("ada", "eve") for width in WIDTHS] + ["ida@example.org"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon that has sent everybody a welcome."""
    directory = tmp_path_factory.mktemp("managing") / "config"
    make_configuration(directory)
    people = directory / "people.csv"
    people.write_text("\n".join([
        "address,profiles,keywords,zone",
        *(f'{person},"self-supervised;vision-diffusion",protein folding,Europe/Berlin' for person in PEOPLE),
    ]))  # fmt: skip
    done = run_command(directory, "subscribers", "import", str(people), "--yes")
    assert done.returncode == 0, done.stderr
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        yield daemon.url()


def link_in_mail(site: str, person: str, kind: str, timeout_s: float = 20) -> str:
    """Return the path of a link of some kind in a mail that somebody got, as they would find it: in the catcher."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for mail in re.findall(r'href="(/mails/[^"/]+)"', httpx2.get(f"{site}/mails").text):
            headers = httpx2.get(f"{site}{mail}/headers").text
            found = re.search(rf"(/{kind}/[A-Za-z0-9._~-]+)", httpx2.get(f"{site}{mail}/text").text)
            if person in headers and found:
                return found[1]
    raise AssertionError(f"{person} got no mail with a link to {kind}")


@pytest.mark.parametrize("width", WIDTHS)
def test_choosing_leaving_undoing_and_erasing_without_scripts(browser: Browser, site: str, width: int) -> None:
    person = f"ada{width}@example.org"
    page, asked = look(browser, width, "light", scripts=False)
    page.goto(site + link_in_mail(site, person, "manage"))
    assert person in page.locator("main").inner_text()
    assert page.get_by_label("Your own keywords").input_value() == "protein folding"
    page.get_by_role("checkbox", name=re.compile("Diffusion models")).uncheck()
    page.get_by_label("Your own keywords").fill("protein folding\ntitle:***")
    page.get_by_label("How often").select_option("weekly")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save").click()
    assert "Line 2" in page.locator("#keywords-problem").inner_text()
    assert page.get_by_label("How often").input_value() == "weekly"
    page.get_by_label("Your own keywords").fill('protein folding\ntitle:"RAG"')
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("status").inner_text().startswith("Saved")
    assert not page.get_by_role("checkbox", name=re.compile("Diffusion models")).is_checked()
    assert page.get_by_label("Time zone").input_value() == "Asia/Tokyo"
    page.get_by_label("No mail until").fill(f"{datetime.now(UTC).date() + timedelta(days=30)}")
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("status").inner_text().startswith("Paused")
    leave_and_come_back(page, site, person)
    erase(page)
    assert {each for each in asked if not each.startswith(site)} == set()
    page.context.close()


def leave_and_come_back(page: Page, site: str, person: str) -> None:
    """Leave as a mail program does, see it on the page of the visible link, and take it back."""
    leave = link_in_mail(site, person, "unsubscribe")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    done = httpx2.post(site + leave, content="List-Unsubscribe=One-Click", headers=form)
    assert (done.status_code, done.history) == (200, [])
    page.goto(site + leave)
    assert page.get_by_role("heading", level=1).inner_text() == "You are unsubscribed"
    page.get_by_role("button", name="Undo").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Welcome back"
    page.goto(site + leave)
    page.get_by_role("button", name="Pause for a week").click()
    assert page.get_by_role("status").inner_text().startswith("Paused until")
    page.get_by_role("link", name="Change what you get").click()
    page.get_by_role("button", name="Send mail again now").click()
    assert page.get_by_role("status").inner_text() == "Mail comes again."


def erase(page: Page) -> None:
    """Take everything along, and then have it erased."""
    address = page.get_by_role("link", name="Download everything").get_attribute("href")
    assert address is not None
    origin = "/".join(page.url.split("/")[:3])
    document = httpx2.get(origin + address).json()
    assert document["consents"][-1]["method"] == "undo"
    assert len(document["deliveries"]) == len(document["attempts"]) == 1
    page.get_by_role("link", name="Erase me").click()
    page.get_by_role("checkbox", name="Yes, erase everything").check()
    page.get_by_role("button", name="Erase me").click()
    assert page.get_by_role("heading", level=1).inner_text() == "You are erased"
    assert httpx2.get(origin + address).status_code == 404


@pytest.mark.parametrize("width", WIDTHS)
def test_a_new_address_is_agreed_to_by_both(browser: Browser, site: str, width: int) -> None:
    person, new = f"eve{width}@example.org", f"new{width}@example.org"
    page, _ = look(browser, width, "dark", scripts=False)
    page.goto(site + link_in_mail(site, person, "manage"))
    page.get_by_label("New mail address").fill(new)
    page.get_by_role("button", name="Change the address").click()
    assert "once both have agreed" in page.get_by_role("status").inner_text()
    for who, heading in ((new, "Thank you"), (person, "The address is changed")):
        page.goto(site + link_in_mail(site, who, "address"))
        page.get_by_role("button", name="Agree").click()
        assert page.get_by_role("heading", level=1).inner_text() == heading
    page.goto(site + link_in_mail(site, person, "manage"))
    assert new in page.locator("main").inner_text()
    page.context.close()


@pytest.fixture(scope="module")
def links(site: str) -> tuple[str, str]:
    """The paths at which Ida chooses, and leaves."""
    return link_in_mail(site, "ida@example.org", "manage"), link_in_mail(site, "ida@example.org", "unsubscribe")


def states(site: str, links: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each page in each of its states: going on changes it, and ends where it began."""
    manage, leave = links
    undo = re.search(r"/undo/[^\"]+", httpx2.post(site + leave, data={"leave": "yes"}).text)
    assert undo is not None
    yield from {"left": leave, "undo": undo[0], "manage-left": manage}.items()
    httpx2.post(site + undo[0], data={"undo": "yes"})
    yield from {"back": undo[0], "manage": manage, "leave": leave}.items()
    yield from {"saved": f"{manage}?done=saved", "erase": f"{manage}/erase"}.items()
    httpx2.post(site + leave, data={"pause": "week"})
    yield "paused", manage
    httpx2.post(f"{site}{manage}/resume", data={"resume": "yes"})


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES, strict=True)))
def test_axe_finds_nothing_and_nothing_sticks_out(
    browser: Browser, site: str, links: tuple[str, str], width: int, scheme: Scheme
) -> None:
    program, found = axe(), {}
    page, _ = look(browser, width, scheme)
    for name, path in states(site, links):
        page.goto(site + path)
        assert overhang(page) <= 0, name
        if problems := violations(page, program):
            found[name] = problems
    page.context.close()
    assert found == {}


def test_html_is_valid_and_small(site: str, links: tuple[str, str], tmp_path: Path) -> None:
    program = html_validate()
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    wrong = httpx2.post(site + links[0], data={"keywords": "***", "zone": "Mars"})
    pages = {name: httpx2.get(site + path).text for name, path in states(site, links)} | {"wrong": wrong.text}
    for name, text in pages.items():
        assert len(text.encode()) < 60_000, name
        (tmp_path / f"{name}.html").write_text(text)
    command = [program, "--formatter", "text", *sorted(str(each) for each in tmp_path.glob("*.html"))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_keyboard_is_enough_to_choose(browser: Browser, site: str, links: tuple[str, str]) -> None:
    page, _ = look(browser, 1280, "light")
    page.goto(site + links[0])
    tab_to(page, "profile")
    page.keyboard.press("Space")
    press(page, "Save")
    page.wait_for_url("**?done=saved")
    page.goto(site + links[1])
    press(page, "Unsubscribe")
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    press(page, "Undo")
    page.get_by_role("heading", name="Welcome back").wait_for()
    page.goto(f"{site}{links[0]}/erase")
    press(page, "Erase me")
    assert page.evaluate("document.activeElement.name") == "erase", "the tick that is missing has the focus"
    page.context.close()


def press(page: Page, name: str) -> None:
    """Go on by the tabulator to a button, and press it."""
    tab_to(page, name)
    page.keyboard.press("Enter")
