"""Rooms are found from what was filled before: the same mail as from a renderer that has seen nothing, in less time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.mail import render
from newsletter.mail.fill import fill_html
from newsletter.mail.view import _room_sizes, _unplaced_view
from tests.support.mails import ABSTRACT, make_digest, make_renderer
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from newsletter.mail.fill import Compiled
    from newsletter.mail.render import Renderer
    from newsletter.model import Digest, Paper

READER = make_subscriber()


def issue(count: int, language: str, template: str = "digest", repeat: int = 4) -> tuple[Digest, dict[int, Paper]]:
    digest, papers = make_digest(count, "Contrastive learning", "Evaluation", abstract=ABSTRACT * repeat)
    return replace(digest, language=language, template=template), papers


def mail(renderer: Renderer, digest: Digest, papers: dict[int, Paper]) -> tuple[str, str]:
    prepared = renderer.prepare(digest, papers)
    return prepared.html(READER), prepared.text(READER)


@pytest.fixture
def fills(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what grows with each filling of a mail's HTML."""
    found: list[str] = []

    def counted(compiled: Compiled, variables: Mapping[str, Any]) -> list[str]:
        found.append(compiled.html_source.name)
        return fill_html(compiled, variables)

    monkeypatch.setattr(render, "fill_html", counted)
    return found


@pytest.mark.parametrize("template", ["digest", "weekly"])
def test_experience_changes_no_mail(template: str) -> None:
    issues = [
        issue(count, language, template, repeat)
        for count, repeat in ((20, 1), (20, 4), (3, 4), (36, 4), (20, 4), (80, 4))
        for language in ("en", "de", "ar")
    ]
    experienced, plain = make_renderer(), make_renderer()
    for digest, papers in issues * 2:
        found = mail(experienced, digest, papers)
        _unplaced_view.cache_clear()
        _room_sizes.cache_clear()
        plain._fitting._known.clear()
        assert found == mail(plain, digest, papers)
        mail(experienced, digest, papers)  # which has seen it again


def test_a_mail_of_known_papers_is_filled_once(fills: list[str]) -> None:
    renderer = make_renderer()
    digest, papers = issue(20, "de")
    mail(renderer, digest, papers)
    assert len(fills) > 1
    fills.clear()
    turned = tuple(replace(section, papers=section.papers[::-1]) for section in digest.sections)
    mail(renderer, replace(digest, sections=turned), papers)  # other papers come first
    fills.clear()
    mail(renderer, digest, papers)
    assert len(fills) == 1


def test_templates_that_say_more_by_room_are_filled_in_each(tmp_path: Path, fills: list[str]) -> None:
    """Where only the links are kept, what is kept of papers does not tell how long a mail is."""
    (tmp_path / "digest.mjml").write_text(
        "<mjml><mj-body><mj-section><mj-column><mj-text>{{ unsubscribe_url }}{% for section in sections %}"
        "{% for paper in section.papers %}<p>{{ paper.excerpt | marked }}</p>"
        "{% once paper %}{{ paper.title | marked }}{% endonce %}{% endfor %}{% endfor %}"
        "</mj-text></mj-column></mj-section></mj-body></mjml>",
        "utf-8",
    )
    (tmp_path / "digest.txt").write_text("{{ unsubscribe_url }}", "utf-8")
    digest, papers = make_digest(250)
    papers = {number: replace(paper, abstract=f"{number} {'word ' * 400}") for number, paper in papers.items()}
    renderer = make_renderer(tmp_path)
    first = mail(renderer, digest, papers)
    counted = len(fills)
    fills.clear()
    assert mail(renderer, digest, papers) == first
    assert len(fills) == counted > 1
