"""A reader votes and saves from the mail, and a curator picks: in Chromium, small and wide, without scripts too."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import httpx2
import pytest
import yaml
from playwright.sync_api import expect

from newsletter.core.links import Links
from tests.e2e.test_pages import RULES, SHIFTS
from tests.support.browsing import SCHEMES, Scheme, axe, browser, html_validate, look, overhang, violations
from tests.support.daemon import DaemonProcess
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

WIDTHS = (375, 1280)
CURATOR = "Ada Lovelace"
NOTE = "Short, and it changes how one sees the rest."


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices") / "config"
    make_configuration(folder)
    path = folder / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text()) | {"curators": [{"name": CURATOR}]}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def site(directory: Path) -> Iterator[str]:
    """The address of a daemon that has sent its first digest."""
    with DaemonProcess(directory) as daemon:
        daemon.wait_for("deliver.done")
        yield daemon.url()


@pytest.fixture(scope="module")
def mail(site: str) -> str:
    """The address of the caught mail's HTML."""
    found = re.search(r'href="(/mails/[^"]+)"', httpx2.get(f"{site}/mails").text)
    assert found
    return f"{site}{found[1]}/content"


@pytest.fixture(scope="module")
def curating(site: str, directory: Path) -> str:
    """The address of the curator's page."""
    secret = (directory / "data" / "link-secret").read_text().strip()
    return Links(secret, site).curate_url(CURATOR, 1)


@pytest.fixture(scope="module")
def shown(mail: str, site: str, curating: str) -> list[str]:
    """Every page of this kind, with something on it."""
    base, papers = links_of(mail)
    for paper in papers[:2]:
        httpx2.post(f"{base}/{paper}", data={"save": "yes"})
    httpx2.post(f"{base}/{papers[0]}", data={"vote": "up"})
    httpx2.post(curating, data={"paper": arxiv_link(f"{site}/papers/{papers[1]}"), "note": NOTE})
    return [f"{base}/{papers[0]}", f"{base}/{papers[1]}/down", base, curating, f"{site}/papers/{papers[1]}", site]


def links_of(mail: str) -> tuple[str, list[str]]:
    """Return where a mail's reader votes, and the papers that it lets them vote for."""
    found = re.findall(r'href="(http[^"]+/v/[^"/]+)/(\d+)', httpx2.get(mail).text)
    return found[0][0], list(dict.fromkeys(paper for _, paper in found))


def arxiv_link(page: str) -> str:
    """Return the link to arXiv on a paper's page."""
    found = re.search(r'href="(https://arxiv\.org/abs/[^"]+)"', httpx2.get(page).text)
    assert found
    return found[1]


def expect_pressed(page: Page, *names: str) -> None:
    """Wait until these buttons, and no others, have done something."""
    expect(page.locator("button[aria-pressed=true]")).to_have_text(list(names))


@pytest.mark.parametrize(("width", "scripts"), [(375, False), (1280, True)])
def test_a_reader_votes_and_saves_from_the_mail(
    browser: Browser, site: str, mail: str, width: int, *, scripts: bool
) -> None:
    base, papers = links_of(mail)
    place = 2 + 2 * WIDTHS.index(width) + scripts
    page, _ = look(browser, width, "light", scripts=scripts)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.goto(mail)
    link = f"{base}/{papers[place]}"
    with page.context.expect_page() as opened:
        page.locator(f'a[href="{link}"], a[href="{link}/up"]').first.click()
    page = opened.value
    page.wait_for_load_state()
    assert page.url in {link, f"{link}/up"}
    expect_pressed(page)
    assert overhang(page) <= 0
    page.get_by_role("button", name="Good").click()
    expect_pressed(page, "Good")
    assert page.url == link
    assert "Your vote counts: good." in page.locator(".voice").inner_text()
    page.get_by_role("button", name="Save").click()
    expect_pressed(page, "Good", "Saved")
    page.get_by_role("button", name="Not for me").click()
    expect_pressed(page, "Not for me", "Saved")
    page.get_by_role("button", name="Not for me").click()
    expect_pressed(page, "Saved")
    page.get_by_role("link", name="Your saved papers").click()
    page.wait_for_url(base)
    assert page.locator(f'.papers a[href$="/{papers[place]}"]').count() == 1
    entry = page.locator(".papers > li").filter(has=page.locator(f'a[href$="/{papers[place]}"]'))
    entry.get_by_role("button", name="Remove").click()
    expect(page.locator(f'.papers a[href$="/{papers[place]}"]')).to_have_count(0)
    assert page.url == base
    assert [address for address in asked if not address.startswith((site, "data:"))] == []
    page.context.close()


def test_a_keyboard_is_enough_to_vote(browser: Browser, mail: str) -> None:
    base, papers = links_of(mail)
    page, _ = look(browser, 375, "dark")
    page.goto(f"{base}/{papers[7]}/down")
    assert page.evaluate("document.activeElement.innerText") == "Not for me"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/{papers[7]}")
    expect_pressed(page, "Not for me")
    page.context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_curator_picks_and_all_see_it(browser: Browser, site: str, mail: str, curating: str, width: int) -> None:
    _, papers = links_of(mail)
    paper = papers[8 + WIDTHS.index(width)]
    link = arxiv_link(f"{site}/papers/{paper}")
    page, _ = look(browser, width, "light", scripts=False)
    page.goto(curating)
    page.get_by_label("arXiv id or link").fill("A title that is no link")
    page.get_by_role("button", name="Pick it").click()
    assert "give an arXiv id" in page.get_by_role("alert").inner_text()
    page.get_by_label("arXiv id or link").fill(link)
    page.get_by_label("Your note").fill(NOTE)
    page.get_by_role("button", name="Pick it").click()
    expect(page.locator(f'.papers a[href="/papers/{paper}"]')).to_have_count(1)
    page.goto(f"{site}/papers/{paper}")
    for _ in range(50):  # pages for all may be a second old
        if page.locator(".pick").count():
            break
        page.wait_for_timeout(100)
        page.reload()
    assert page.locator(".pick").inner_text() == f"{NOTE} Editor’s pick by {CURATOR}"
    page.goto(curating)
    entry = page.locator(".papers > li").filter(has=page.locator(f'a[href="/papers/{paper}"]'))
    entry.get_by_role("button", name="Take it back").click()
    expect(page.locator(f'.papers a[href="/papers/{paper}"]')).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), list(zip(WIDTHS, SCHEMES, strict=True)))
def test_pages_are_whole_still_and_without_fault(
    browser: Browser, shown: list[str], width: int, scheme: Scheme
) -> None:
    program = axe()
    page, _ = look(browser, width, scheme)
    found = {}
    for path in shown:
        page.goto(path)
        assert overhang(page) <= 0, path
        assert page.evaluate(SHIFTS) == 0, path
        if problems := violations(page, program):
            found[path] = problems
    page.context.close()
    assert found == {}


def test_html_is_valid(shown: list[str], tmp_path: Path) -> None:
    program = html_validate()
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    for number, path in enumerate(shown):
        (tmp_path / f"{number}.html").write_text(httpx2.get(path).text)
    command = [program, "--formatter", "text", *sorted(str(each) for each in tmp_path.glob("*.html"))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{list(enumerate(shown))}\n{done.stdout}{done.stderr}"
