"""Every mail that a reader or the operator may get, rendered: what judges look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from newsletter.mail.sample import sample_digest
from newsletter.mail.themes import THEMES
from newsletter.model import IssueKind
from tests.support.gallery import operators_mails
from tests.support.mails import BRAND, digest_of, hostile_digest, make_renderer
from tests.support.real_papers import real_papers
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from newsletter.mail.prepared import PreparedDigest
    from newsletter.mail.render import Renderer

READER = make_subscriber()
NAMES = (*(kind.value for kind in IssueKind), *(name for name in THEMES if name != "morning"), "long", "hostile")


def themed(name: str) -> Renderer:
    """Return a renderer of a theme's mails."""
    theme = THEMES[name]
    return make_renderer(brand=replace(BRAND, theme=theme, light=theme.light, dark=theme.dark))


def every_kind(theme: str) -> dict[str, PreparedDigest]:
    """Return each kind of mail in a theme, by its name."""
    renderer = themed(theme)
    return {kind.value: renderer.prepare(*sample_digest(kind)) for kind in IssueKind}


def every_mail() -> dict[str, PreparedDigest]:
    """Return every mail by its name in ``NAMES``.

    Each kind, a digest in each theme, one of twenty real papers, and one meant ill.
    """
    renderer, papers = make_renderer(), real_papers(20)
    mails = every_kind("morning")
    mails |= {name: themed(name).prepare(*sample_digest(IssueKind.DIGEST)) for name in THEMES if name != "morning"}
    mails["long"] = renderer.prepare(
        digest_of(papers, ("Reinforcement learning", "Language models"), "learning"), papers
    )
    mails["hostile"] = renderer.prepare(*hostile_digest())
    return mails


def every_html() -> dict[str, str]:
    """Return the HTML of all of these, of a digest from right to left, and of the operator's mails."""
    digest, papers = sample_digest(IssueKind.DIGEST)
    mails = every_mail() | {"arabic": make_renderer().prepare(replace(digest, language="ar"), papers)}
    return {name: mail.html(READER) for name, mail in mails.items()} | operators_mails(BRAND)
