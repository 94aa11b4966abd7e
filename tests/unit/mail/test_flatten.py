"""Templates made quick to fill do what their sources do, and their mistakes are told with the sources' lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.errors import TemplateError
from newsletter.languages import language_of
from newsletter.mail.brand import Brand, Wording
from newsletter.mail.fill import Compiler, drafted, fill_text
from newsletter.mail.templates import TemplateFiles

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.mail.fill import Compiled

BRAND = Brand(contact="<editor@example.org>", wording=Wording(footer="Bye."))
VALUES = {"words": ["one", "two"], "brand": BRAND, "lang": "de", "end": "right"}
SOURCES = {
    "an inclusion": ('{% include "part.txt" %}\n', "{{ words | join(' ') }}\n", "one two\n"),
    "an inclusion in a loop": (
        '{% for word in words %}\n{% include "part.txt" %}\n{% endfor %}\n',
        "- {{ word }}\n",
        "- one\n- two\n",
    ),
    "names set in what is included": (
        '{% set word = "ours" %}\n{% include "part.txt" %}\n{{ word }}\n',
        '{% set word = "theirs" %}\n{{ word }}\n',
        "theirs\nours\n",
    ),
    "an inclusion of what is there": ('{% include ["nothing.txt", "part.txt"] %}\n', "part\n", "part\n"),
    "inheritance": (
        '{% extends "part.txt" %}{% block b %}own{% endblock %}',
        "<{% block b %}{% endblock %}>",
        "<own>\n",
    ),
    "an included heir": ('{% include "part.txt" %}\n', "{% block b %}block{% endblock %}\n", "block\n"),
    "texts": ('{{ _("Unsubscribe") }} {% trans %}Unsubscribe{% endtrans %}\n', "", "Abbestellen Abbestellen\n"),
    "texts with values": ('{{ _("Sent by %(name)s", name=words[0]) }}\n', "", "Gesendet von one\n"),
    "what the brand says": ("{{ brand.contact }} {{ brand.wording.footer }}\n", "", "<editor@example.org> Bye.\n"),
    "a brand of its own": ('{% set brand = {"contact": "c"} %}\n{{ brand.contact }} {{ lang }}\n', "", "c de\n"),
    "a loop over names of ours": ("{% for end in words %}\n{{ end }}\n{% endfor %}\n", "", "one\ntwo\n"),
}


def compiled(folder: Path, text: str, part: str = "") -> Compiled:
    (folder / "page.mjml").write_text("<mjml><mj-body></mj-body></mjml>", "utf-8")
    (folder / "page.txt").write_text(text, "utf-8")
    (folder / "part.txt").write_text(part, "utf-8")
    return Compiler(TemplateFiles((folder,)), BRAND, frozenset(VALUES)).compile("page", language_of("de"))


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_quick_says_what_the_source_says(name: str, tmp_path: Path) -> None:
    text, part, expected = SOURCES[name]
    found = compiled(tmp_path, text, part)
    assert fill_text(found, VALUES) == expected
    assert drafted(found.text_environment, found.text_source).render(VALUES).strip() == expected.strip()


def test_a_mistake_in_what_is_included_is_told_where_it_is(tmp_path: Path) -> None:
    found = compiled(tmp_path, 'one\n{% include "part.txt" %}\n', "\n\n{{ words.first }}\n")
    with pytest.raises(TemplateError) as caught:
        fill_text(found, VALUES)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "part.txt"), 3)


def test_what_the_brand_does_not_have_is_told(tmp_path: Path) -> None:
    found = compiled(tmp_path, "one\n{{ brand.nothing }}\n")
    with pytest.raises(TemplateError, match="nothing") as caught:
        fill_text(found, VALUES)
    assert caught.value.problems[0].line == 2
