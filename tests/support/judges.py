"""What the judges say of our mails, as the table of ``docs/email.md``: ``python -m tests.support.judges``."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.mail.dkim import Signer
from newsletter.mail.filters import count_of
from newsletter.mail.sample import sample_digest
from newsletter.model import IssueKind
from tests.support.dns_server import in_background
from tests.support.judged import KEYS, MESSAGE_ID, ZONE
from tests.support.mails import ISSUE_DATE, digest_of, make_renderer
from tests.support.opendkim import opendkim, verdicts
from tests.support.real_papers import RECORDED, real_papers
from tests.support.relaying import mail_system
from tests.support.rspamd import rspamd
from tests.support.samples import make_subscriber
from tests.support.signing import DOMAIN
from tests.support.spamassassin import spam_score

if TYPE_CHECKING:
    from newsletter.mail.prepared import PreparedDigest

MAILS = (
    *((f"digest, {count_of(count, 'paper')}", IssueKind.DIGEST, count) for count in (1, 20, 50)),
    *((kind.value.replace("_", " "), kind, 0) for kind in IssueKind if kind is not IssueKind.DIGEST),
)


def prepare(kind: IssueKind, papers: int) -> PreparedDigest:
    """Return a digest of so many real papers, or another mail as templates are tried with."""
    if papers:
        found = real_papers(papers)
        return make_renderer().prepare(
            digest_of(found, ("Reinforcement learning", "Language models"), "learning"), found
        )
    digest, found = sample_digest(kind)
    return make_renderer().prepare(replace(digest, issue_date=ISSUE_DATE), found)


def signed_mail(kind: IssueKind, papers: int = 0) -> bytes:
    """Return a mail as it is handed over now, signed with both keys."""
    now = datetime.now(UTC)
    return Signer(DOMAIN, KEYS, lambda: now).sign(prepare(kind, papers).compose(make_subscriber(), MESSAGE_ID, now))


def main() -> None:
    source = "recorded papers" if RECORDED.exists() else "sample papers"
    print = sys.stdout.write  # noqa: A001
    print(f"| mail ({source}) | rspamd | SpamAssassin | OpenDKIM | octets | of HTML |\n")
    print("| --- | ---: | ---: | --- | ---: | ---: |\n")
    with (
        tempfile.TemporaryDirectory() as home,
        in_background(ZONE) as dns,
        rspamd(dns.port) as spam_judge,
        opendkim(KEYS, DOMAIN) as port,
        mail_system(port) as system,
    ):
        for name, kind, papers in MAILS:
            mail = signed_mail(kind, papers)
            said = ", ".join(verdicts(system.relay(mail, MESSAGE_ID)))
            scores = (spam_judge.judge(mail).score, spam_score(mail, Path(home))[0])
            html = len(prepare(kind, papers).html(make_subscriber()).encode())
            print(f"| {name} | {scores[0]:.2f} | {scores[1]:.1f} | {said} | {len(mail):,} | {html:,} |\n")


if __name__ == "__main__":
    main()
