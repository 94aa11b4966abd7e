"""Every mail that a reader may get, rendered: what judges and pictures look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from tests.support.mails import digest_of, hostile_digest, make_renderer
from tests.support.real_papers import real_papers
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from newsletter.mail.render import PreparedDigest

READER = make_subscriber()


def every_mail() -> dict[str, PreparedDigest]:
    """Return each kind of mail by its name, a digest of twenty papers that people wrote, and one meant ill."""
    renderer, papers = make_renderer(), real_papers(20)
    mails = {kind.value: renderer.prepare(*sample_digest(kind)) for kind in IssueKind}
    mails["long"] = renderer.prepare(
        digest_of(papers, ("Reinforcement learning", "Language models"), "learning"), papers
    )
    mails["hostile"] = renderer.prepare(*hostile_digest())
    return mails
