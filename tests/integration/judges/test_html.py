"""The HTML of every mail before judges of HTML: the official MJML compiler, the Nu checker, caniemail and Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browsing import SCHEMES, Scheme, axe, browser, look, overhang
from tests.support.every_mail import every_html
from tests.support.html_judges import compared, html_errors, shortcomings, template_files, validated
from tests.support.html_tokens import tokens

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["browser"]

WIDTHS = (600, 375)
MJML_OWN = {
    "Attribute “xmlns:v” not allowed here.",
    "Attribute “xmlns:o” not allowed here.",
    "CSS: “mso-table-lspace”: Property “mso-table-lspace” doesn't exist.",
    "CSS: “mso-table-rspace”: Property “mso-table-rspace” doesn't exist.",
}
"""What MJML writes for Outlook, and a browser's standard does not know."""

EXTRAS = "in a style sheet only: dark colours and the margins of telephones, without which all is readable"
OUTLOOK = "Outlook for Windows draws with Word: it leaves it out, and nothing is hidden or moved by that"
SHELL = "written by MJML's frame for other programs; no word and no colour depends on it"
NOTED = "caniemail notes an odd value or place that we do not use"
LACKING = {
    "<style> element": EXTRAS,
    "@media": EXTRAS,
    "Attribute selector": EXTRAS,
    "Chaining selectors": EXTRAS,
    "Class selector": EXTRAS,
    "Descendant combinator": EXTRAS,
    "ID selector": SHELL,
    "Type selector": EXTRAS,
    "!important keyword": EXTRAS,
    "<body> element": "its colour is that of the element within it as well",
    "Local anchors": "the list of contents; where it does not jump, the sections stand below in its order",
    "aria-label attribute": SHELL,
    "role attribute": SHELL,
    "align attribute": SHELL,
    "direction": SHELL,
    "dir attribute": "the characters of a title say their direction by themselves",
    "lang attribute": "Yahoo drops it, and a screen reader then speaks its user's language",
    "display:none": "of the preheader, which is white in one pixel as well",
    "opacity": SHELL,
    "outline": SHELL,
    "overflow": SHELL,
    "transform": "text-transform is taken for it: section names then stand as they are written",
    "text-transform": OUTLOOK,
    "height property": "line-height is taken for it",
    "word-break": SHELL,
    "word-spacing": SHELL,
    "border-radius": OUTLOOK,
    "clear": OUTLOOK,
    "float": "votes then stand after the links, in the same line or the next",
    "background": NOTED,
    "border": NOTED,
    "display": NOTED,
    "font-size": NOTED,
    "font-weight": NOTED,
    "letter-spacing": OUTLOOK,
    "line-height": NOTED,
    "margin": "negative margins, of which there are none",
    "max-width": OUTLOOK,
    "padding": "on elements that Word gives none: space is lost, and no word",
    "text-align": NOTED,
    "text-decoration": NOTED,
    "width attribute": NOTED,
    "width property": NOTED,
}
"""What some of the mail programs lack, in whole or in part, and why the mail does without."""


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Return the HTML of every mail."""
    return every_html()


@pytest.fixture(scope="module")
def files(pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the same as files."""
    folder = tmp_path_factory.mktemp("mails")
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, "utf-8")
    return sorted(folder.iterdir())


def test_the_official_compiler_makes_the_same_of_every_template(tmp_path: Path) -> None:
    for template in compared(template_files(tmp_path)):
        assert template.errors == ()
        assert tokens(template.ours) == tokens(template.official), template.name


def test_templates_are_valid_mjml(tmp_path: Path) -> None:
    files = template_files(tmp_path)
    assert validated(files) == (0, "")
    (tmp_path / "wrong.mjml").write_text("<mjml><mj-body><mj-text oops='1'>x</mj-text></mj-body></mjml>", "utf-8")
    code, said = validated([tmp_path / "wrong.mjml"])
    assert code != 0 or "oops" in said


def test_the_nu_checker_knows_only_what_mjml_writes_for_outlook(files: list[Path]) -> None:
    found = html_errors(files)
    assert {error for errors in found.values() for error in errors} == MJML_OWN
    assert all(len(errors) == len(MJML_OWN) for errors in found.values())


def test_mail_programs_lack_only_what_the_mail_does_without(files: list[Path]) -> None:
    found = shortcomings(files)
    assert {feature: programs for feature, programs in found.items() if feature not in LACKING} == {}
    assert set(LACKING) == set(found), "an entry that is no longer needed"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_mail_is_readable_and_whole(browser: Browser, pages: dict[str, str], width: int, scheme: Scheme) -> None:
    program = axe()
    page, asked = look(browser, width, scheme)
    for name, html in pages.items():
        page.set_content(html)
        assert overhang(page) <= 0, name
        page.evaluate(program)
        assert _serious(page.evaluate("axe.run({resultTypes: ['violations']})")) == [], name
    assert asked == []
    page.context.close()


def _serious(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what axe finds serious or critical, with the elements."""
    return [
        (each["id"], node["html"][:200])
        for each in report["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
