"""An OpenSMTPD of our own: a relay that offers neither PIPELINING nor SMTPUTF8, and writes reports in its own way.

Its package would replace Postfix, so ``.ci/run`` unpacks it into a folder. Its queue and its control socket have their
places in the system: one runs at a time, begins with an empty queue, and none where another is at home.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.controller import Controller

from tests.support.postfix import free_port
from tests.support.programs import need, open_folder, running
from tests.support.relaying import Keeper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiosmtpd.smtp import SMTP, Envelope, Session

PROGRAM = Path(os.environ.get("NEWSLETTER_OPENSMTPD", "/opt/opensmtpd/usr/sbin/smtpd"))
INSTALLED = Path("/etc/smtpd.conf")
QUEUE = Path("/var/spool/smtpd")
CONFIGURATION = """\
listen on 127.0.0.1 port {port} hostname judge.example.net
action "onward" relay host smtp://127.0.0.1:{behind}
action "back" relay host lmtp://127.0.0.1:{lmtp}
match from any for domain "news.example" action "back"
match from any for any action "onward"
"""


class Behind(Keeper):
    """The next server: keeps what it takes, and refuses every recipient while it has an ``answer`` to give."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = ""

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        del server, session, options
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"


@dataclass(frozen=True)
class OpenSmtpd:
    """Relays to ``behind``; what is addressed to news.example goes to a listener at ``lmtp_port``."""

    port: int
    lmtp_port: int
    behind: Behind


@contextlib.contextmanager
def opensmtpd() -> Iterator[OpenSmtpd]:
    """Run OpenSMTPD; the test is skipped where it is not unpacked, or has no users of its own (``.ci/run``)."""
    need()
    try:
        pwd.getpwnam("opensmtpd")
    except KeyError:
        pytest.skip("there is no user for OpenSMTPD")
    if not PROGRAM.is_file() or INSTALLED.exists():
        pytest.skip(f"OpenSMTPD is not unpacked in {PROGRAM}, or one is installed, whose queue we leave alone")
    behind = Behind()
    next_server = Controller(behind, hostname="127.0.0.1", port=free_port(), data_size_limit=None)
    port, lmtp_port = free_port(), free_port()
    with open_folder() as folder, contextlib.ExitStack() as stack:
        fcntl.flock(stack.enter_context(PROGRAM.open("rb")), fcntl.LOCK_EX)
        stack.callback(forget_queue)
        forget_queue()  # what was left there would be tried first, and the whole machine left alone when that fails
        next_server.start()
        stack.callback(next_server.stop)
        configuration = folder / "smtpd.conf"
        configuration.write_text(CONFIGURATION.format(port=port, behind=next_server.port, lmtp=lmtp_port))
        with running([str(PROGRAM), "-d", "-f", str(configuration)], port, folder / "said"):
            yield OpenSmtpd(port, lmtp_port, behind)


def forget_queue() -> None:
    """Remove every mail that waits."""
    for folder in QUEUE.iterdir():
        shutil.rmtree(folder)
