"""What templates fill once per paper: the same mail as without, whatever was filled before, and nothing of others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from newsletter.languages import ENGLISH
from newsletter.mail.brand import Brand
from newsletter.mail.fill import Compiler
from newsletter.mail.templates import TemplateFiles, shipped_templates
from newsletter.mail.themes import Palette
from tests.support.mails import BRAND, make_digest, make_renderer
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.mail.render import Renderer
    from newsletter.model import Digest, Paper

READER = make_subscriber()
TAG = re.compile(r"(?<={% )(?:once [^%]*|endonce )(?=%})")


def mail(renderer: Renderer, digest: Digest, papers: dict[int, Paper]) -> tuple[str, str]:
    prepared = renderer.prepare(digest, papers)
    return prepared.html(READER), prepared.text(READER)


@pytest.fixture
def plain(tmp_path: Path) -> Renderer:
    """Return a renderer whose templates fill everything each time."""
    for path in shipped_templates().glob("**/*.*"):
        copy = tmp_path / path.relative_to(shipped_templates())
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(
            TAG.sub(lambda tag: "endif " if tag[0] == "endonce " else "if true ", path.read_text("utf-8")), "utf-8"
        )
    return make_renderer(tmp_path)


def test_numbers_and_margins_follow_the_paper_to_another_place(plain: Renderer) -> None:
    digest, papers = make_digest(12, "Contrastive learning")
    section = digest.sections[0]
    turned = replace(digest, sections=(replace(section, papers=tuple(reversed(section.papers))),))
    renderer = make_renderer()
    for each in (digest, turned, digest):
        assert mail(renderer, each, papers) == mail(plain, each, papers)


def test_a_paper_that_changed_is_filled_anew() -> None:
    digest, papers = make_digest(1)
    renderer = make_renderer()
    assert "Updated" not in mail(renderer, digest, papers)[0]
    section = digest.sections[0]
    updated = replace(section, papers=tuple(replace(paper, is_update=True) for paper in section.papers))
    html, text = mail(renderer, replace(digest, sections=(updated,)), papers)
    assert "Updated to version 1" in html
    assert "UPDATED to version 1" in text
    assert "Another title" in mail(renderer, digest, {1: replace(papers[1], title="Another title")})[0]


def test_another_brand_has_its_own_colours() -> None:
    digest, papers = make_digest(1)
    first, second = make_renderer(), make_renderer(brand=replace(BRAND, light=Palette(accent="#123456")))
    assert "#123456" not in mail(first, digest, papers)[0]
    assert "#123456" in mail(second, digest, papers)[0]
    assert "#123456" not in mail(first, digest, papers)[0]


def test_a_changed_template_is_filled_anew(tmp_path: Path) -> None:
    digest, papers = make_digest(1)
    renderer = make_renderer(tmp_path)
    for index, words in enumerate(("one", "two", "three" * 30)):
        text = (
            f"{{{{ unsubscribe_url }}}}{{% for s in sections %}}{{% for paper in s.papers %}}{{% once paper %}}{words}"
        )
        (tmp_path / "digest.txt").write_text(text + "{% endonce %}{% endfor %}{% endfor %}" + "\n" * index, "utf-8")
        assert mail(renderer, digest, papers)[1].rstrip().endswith(words)


def test_what_is_no_paper_is_filled_each_time(tmp_path: Path) -> None:
    (tmp_path / "page.mjml").write_text("<mjml><mj-body></mj-body></mjml>", "utf-8")
    source = "{% for word in words %}{% once word %}{{ word }}{{ loop.index }} {% endonce %}{% endfor %}"
    (tmp_path / "page.txt").write_text(source, "utf-8")
    compiled = Compiler(TemplateFiles((tmp_path,)), Brand(), frozenset({"words"})).compile("page", ENGLISH)
    assert compiled.text.render(words=["a", "b", "a"]) == "a1 b2 a3 "


def test_changes_are_seen_after_a_while_and_not_before(tmp_path: Path) -> None:
    part = tmp_path / "partials" / "footer.txt"
    part.parent.mkdir()
    part.write_text("first {{ unsubscribe_url }}", "utf-8")
    patient, quick = make_renderer(tmp_path, look_again_s=3_600), make_renderer(tmp_path)
    digest, papers = make_digest(1)
    before = mail(patient, digest, papers)
    assert mail(quick, digest, papers) == before
    part.write_text("second and longer {{ unsubscribe_url }}", "utf-8")
    assert mail(patient, digest, papers) == before
    assert "second and longer" in mail(quick, digest, papers)[1]
