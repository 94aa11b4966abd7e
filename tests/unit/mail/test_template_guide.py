"""The guide for template authors tells every variable, field and filter there is, and its example works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from newsletter.languages import ENGLISH
from newsletter.languages.templates import language_filters
from newsletter.mail.filters import html_filters, text_filters
from newsletter.mail.links import LinkView
from newsletter.mail.names import VARIABLES
from newsletter.mail.templates import shipped_templates
from newsletter.mail.themes import DARK, Palette
from newsletter.mail.view import AuthorView, CountView, PaperView, SectionView
from newsletter.mail.words import Cause
from tests.support.mails import BRAND, make_renderer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def guide() -> str:
    return (shipped_templates().parent / "docs" / "templates.md").read_text("utf-8")


def names_under(guide: str, heading: str) -> set[str]:
    """Return the names in the table under a heading, up to the next one."""
    section = re.search(rf"^#+ {heading}\n(.*?)(?=^#)", guide, re.DOTALL | re.MULTILINE)
    assert section, heading
    return set(re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE))


def test_every_variable_is_documented(guide: str) -> None:
    assert names_under(guide, "Variables") == VARIABLES


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("A section", SectionView),
        ("A bar", CountView),
        ("A paper", PaperView),
        ("An author", AuthorView),
        ("A link", LinkView),
        ("A cause", Cause),
        ("Colours", Palette),
    ],
)
def test_every_field_is_documented(guide: str, heading: str, kind: type) -> None:
    assert names_under(guide, heading) == {name for name in dir(kind) if not name.startswith("_")}


def test_every_filter_is_documented(guide: str) -> None:
    assert names_under(guide, "Filters") == {*html_filters(BRAND), *text_filters(ENGLISH), *language_filters(ENGLISH)}


def test_colours_are_documented_as_they_are(guide: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(#\w+)` \| `(#\w+)` \|", guide, re.MULTILINE)
    assert {name: (light, dark) for name, light, dark in rows} == {
        name: (getattr(Palette(), name), getattr(DARK, name)) for name in Palette.__slots__
    }


def test_the_example_works(guide: str, tmp_path: Path) -> None:
    for language, name in (("mjml", "brief.mjml"), ("text", "brief.txt")):
        example = re.search(rf"```{language}\n(.*?)```", guide, re.DOTALL)
        assert example
        (tmp_path / name).write_text(example[1], "utf-8")
    assert make_renderer(tmp_path).check() == []
    assert "brief" in make_renderer(tmp_path).template_names()
