"""The judges, one of each for all tests, and what they judge: digests of real papers, signed with both kinds of key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from newsletter.mail.dkim import Signer
from newsletter.model import IssueKind
from tests.support.dns_server import in_background
from tests.support.exim import Exim, exim
from tests.support.judged import KEYS, MESSAGE_ID, ZONE
from tests.support.judges import prepare
from tests.support.opendkim import opendkim
from tests.support.relaying import MailSystem
from tests.support.relaying import mail_system as run_mail_system
from tests.support.rspamd import Rspamd, rspamd
from tests.support.samples import make_subscriber
from tests.support.signing import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def digest() -> bytes:
    """A digest of twenty papers, not signed, as it is handed over now."""
    return prepare(IssueKind.DIGEST, 20).compose(make_subscriber(), MESSAGE_ID, datetime.now(UTC))


@pytest.fixture(scope="session")
def signed(digest: bytes) -> bytes:
    """The same, signed with both keys."""
    return Signer(DOMAIN, KEYS, lambda: datetime.now(UTC)).sign(digest)


@pytest.fixture(scope="session")
def mail_system() -> Iterator[MailSystem]:
    """Postfix with OpenDKIM as its milter."""
    with opendkim(KEYS, DOMAIN) as port, run_mail_system(port) as system:
        yield system


@pytest.fixture(scope="session")
def spam_judge() -> Iterator[Rspamd]:
    """Rspamd, with what the DNS says of us."""
    with in_background(ZONE) as dns, rspamd(dns.port) as judge:
        yield judge


@pytest.fixture(scope="session")
def syntax_judge() -> Iterator[Exim]:
    """Exim, which verifies the syntax of header fields."""
    with exim() as judge:
        yield judge


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory without anybody's preferences."""
    return tmp_path
