"""``newsletter templates serve``: the workshop as its user sees it, in the system's Chromium and without."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from newsletter.mail.specimens import PAPERS
from newsletter.mail.themes import THEMES
from newsletter.model import IssueKind
from newsletter.web.workshop import in_colours
from tests.support.browsing import axe, browser, html_validate, look, overhang, violations
from tests.support.command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["browser"]

SETTINGS = "newsletter: {name: The Morning Preprint}\nmail: {sender: digest@example.org}\nweb: {public_url: https://news.example.org}\n"
GOOD = "<mj-text>\n<p>{{ name }} says</p>\n</mj-text>\n"
MAILS = ("digest", "weekly", *(kind.value for kind in IssueKind if kind is not IssueKind.DIGEST), "alert", "report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a template folder of its own, and no data."""
    directory = tmp_path_factory.mktemp("workshop") / "config"
    (directory / "templates" / "partials").mkdir(parents=True)
    settings = f"{SETTINGS}templates_directory: templates\ndata_directory: ../data\n"
    (directory / "newsletter.yaml").write_text(f"{settings}sources: {{samples: {{kind: file, path: feed.xml}}}}\n")
    return directory


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """The address of the workshop; at the end nothing has been stored, and Ctrl-C has ended it."""
    command = [sys.executable, "-m", "newsletter", "--config", str(folder), "templates", "serve", "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip().rstrip("/")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert not (folder.parent / "data").exists()


def test_it_is_served_to_this_machine_alone(site: str) -> None:
    assert site.startswith("http://127.0.0.1:")
    answer = httpx2.get(site)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert httpx2.get(site, headers={"Host": "rebound.example"}).status_code == 400
    assert httpx2.post(site).status_code == 405


def test_a_taken_port_is_told(site: str, folder: Path) -> None:
    arguments = ("templates", "serve", "--port", site.rpartition(":")[2])
    with ThreadPoolExecutor() as pool:  # the browser's loop runs in this thread
        said = pool.submit(CommandLine(folder), *arguments).result(60)
    assert said.code == 1
    assert "cannot listen on 127.0.0.1" in said.err
    assert "--port 0 takes any that is free" in said.err


def test_every_mail_in_every_theme_with_every_kind_of_papers(site: str) -> None:
    with httpx2.Client(base_url=site, timeout=60) as client:
        for mail, papers, theme in (
            *((mail, "sample", "morning") for mail in MAILS),
            *(("digest", papers, "journal") for papers in PAPERS),
            *((mail, "right-to-left", "signal") for mail in ("welcome", "weekly")),
        ):
            address = f"mail={mail}&papers={papers}&theme={theme}"
            page, shown = client.get(f"/?{address}"), client.get(f"/mail?{address}")
            assert (page.status_code, shown.status_code) == (200, 200)
            assert "What is wrong" not in page.text, address
            assert shown.headers["content-security-policy"].startswith("sandbox ")
            assert "script>alert" not in shown.text
            assert ('dir="rtl"' in shown.text) == (papers == "right-to-left"), address
            if mail not in ("alert", "report"):
                assert THEMES[theme].light.card in shown.text
                assert "Report: nothing to mend" in page.text, address
        assert {f"mail={mail}" for mail in MAILS} <= set(re.findall(r"mail=\w+", client.get("/").text))
        assert client.get("/?mail=nonsense&theme=%00").status_code == 200


def test_a_saved_file_shows_at_once_and_a_broken_one_is_told(browser: Browser, site: str, folder: Path) -> None:
    part = folder / "templates" / "partials" / "more.mjml"
    page, asked = look(browser, 1280, "light")
    page.goto(f"{site}/?papers=sample")
    frames = page.locator("iframe")
    assert [frames.nth(each).evaluate("it => it.clientWidth") for each in range(2)] == [600, 375]
    part.write_text(GOOD)
    page.frame_locator("iframe >> nth=1").get_by_text("The Morning Preprint says").wait_for()
    part.write_text(GOOD.replace("name }}", "nmae }}"))
    problems = page.locator(".problems")
    problems.wait_for()
    assert f"{part}:2:7" in problems.inner_text()
    assert "did you mean name?" in problems.inner_text()
    assert "the last one that could be made" in problems.inner_text()
    page.frame_locator("iframe >> nth=0").get_by_text("The Morning Preprint says").wait_for()
    part.unlink()
    problems.wait_for(state="detached")
    assert all(address.startswith((site, "data:")) for address in asked)


def test_without_scripts_it_is_reloaded_by_hand(browser: Browser, site: str) -> None:
    page, _ = look(browser, 375, "dark", scripts=False)
    page.goto(f"{site}/?papers=long&theme=signal")
    assert page.get_by_text("Reload the page after a change").is_visible()
    page.get_by_role("link", name="journal").click()
    assert page.locator("nav[aria-label=Theme] [aria-current]").inner_text() == "journal"
    assert overhang(page) == 0


@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (1280, "dark")])
def test_axe_finds_nothing(browser: Browser, site: str, width: int, scheme: Any) -> None:
    page, _ = look(browser, width, scheme)
    page.goto(f"{site}/?papers=hostile&colours=dark")
    assert violations(page, axe(), frames=False) == []
    assert overhang(page) == 0


def test_html_validate_finds_nothing(site: str, tmp_path: Path) -> None:
    program = html_validate()
    (tmp_path / "page.html").write_text(httpx2.get(site).text, "utf-8")
    rules = {"no-trailing-whitespace": "off", "doctype-style": "off", "long-title": "off"}
    configuration = {"root": True, "extends": ["html-validate:standard", "html-validate:a11y"], "rules": rules}
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(configuration))
    done = subprocess.run([program, "page.html"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_colours_can_be_forced() -> None:
    html = "<head><style>@media (prefers-color-scheme: dark) { a { color: red } }</style></head>"
    assert in_colours(html, "browser") == html
    assert "@media all {" in in_colours(html, "dark")
    assert "@media not all {" in in_colours(html, "light")
