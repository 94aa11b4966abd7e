"""Filters that decide where mail goes: rspamd with the DNS that it would ask, and SpamAssassin's local rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from newsletter.model import IssueKind
from tests.support.judges import MAILS, signed_mail
from tests.support.spamassassin import spam_score

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rspamd import Rspamd

MOST_OF_RSPAMD = 1.0
MOST_OF_SPAMASSASSIN = 2.0
ALLOWED = {"R_DKIM_ALLOW", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"}


def test_rspamd_lets_the_digest_pass(spam_judge: Rspamd, signed: bytes) -> None:
    verdict = spam_judge.judge(signed)
    assert verdict.score <= MOST_OF_RSPAMD, verdict
    assert verdict.symbols.keys() >= ALLOWED | {"HAS_LIST_UNSUB", "MAILLIST", "MIME_GOOD"}


@pytest.mark.parametrize(("name", "kind", "papers"), MAILS)
def test_rspamd_lets_every_mail_pass(spam_judge: Rspamd, name: str, kind: IssueKind, papers: int) -> None:
    del name
    verdict = spam_judge.judge(signed_mail(kind, papers))
    assert verdict.score <= MOST_OF_RSPAMD, verdict
    assert verdict.symbols.keys() >= ALLOWED


def test_rspamd_is_a_judge(spam_judge: Rspamd, signed: bytes) -> None:
    tampered = spam_judge.judge(signed.replace(b"Subject: ", b"Subject: [x] ", 1))
    assert "R_DKIM_REJECT" in tampered.symbols
    assert "R_DKIM_ALLOW" not in tampered.symbols
    forged = spam_judge.judge(signed, sender="digest@example.com")
    assert "R_SPF_ALLOW" not in forged.symbols
    misled = spam_judge.judge(signed_mail(IssueKind.GOODBYE), recipient="another@example.net")
    assert misled.symbols["FORGED_RECIPIENTS"] > MOST_OF_RSPAMD


@pytest.mark.parametrize(
    ("kind", "papers"), [(IssueKind.DIGEST, 20), (IssueKind.QUIET, 0), (IssueKind.CONFIRMATION, 0)]
)
def test_spamassassin_lets_our_mails_pass(home: Path, kind: IssueKind, papers: int) -> None:
    score, rules = spam_score(signed_mail(kind, papers), home)
    assert score <= MOST_OF_SPAMASSASSIN, rules


def test_spamassassin_is_a_judge(home: Path, signed: bytes) -> None:
    without = b"\r\n".join(line for line in signed.split(b"\r\n") if not line.startswith((b"Date: ", b"Message-ID: ")))
    worse, rules = spam_score(without, home)
    assert "MISSING_DATE" in rules
    assert worse > spam_score(signed, home)[0]
