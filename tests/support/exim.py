"""An exim of our own that refuses every message whose address fields it cannot read.

Its package would replace Postfix, so it is unpacked into a folder and runs from there: ``.ci/run`` does that once, and
where exim is installed the ordinary way, that one is taken.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import smtplib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.postfix import free_port
from tests.support.programs import need, open_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterator

UNPACKED = Path(os.environ.get("NEWSLETTER_EXIM", "/opt/exim/usr/sbin/exim4"))
CONFIGURATION = """\
exim_user = nobody
exim_group = nogroup
spool_directory = {folder}/spool
log_file_path = {folder}/log.%s
pid_file_path = {folder}/exim.pid
primary_hostname = judge.example.net
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
host_lookup =
rfc1413_hosts =
keep_environment =
smtputf8_advertise_hosts = *
never_users =
acl_smtp_rcpt = accept
acl_smtp_data = data

begin acl

data:
  deny message = ${{acl_verify_message}}
       !verify = header_syntax
  discard

begin routers

none:
  driver = redirect
  data = :blackhole:
"""


@dataclass(frozen=True)
class Exim:
    """Reads the fields of messages, and throws them away."""

    port: int

    def answer(self, message: bytes) -> tuple[int, str]:
        """Return what it says to a message: 250 when every address field can be read."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.ehlo("client.example.org")
            client.mail("digest@example.org")
            client.rcpt("reader@example.net")
            code, said = client.data(message)
        return code, said.decode("utf-8", "replace")


@contextlib.contextmanager
def exim() -> Iterator[Exim]:
    """Run exim."""
    if UNPACKED.is_file():
        need()
        program = str(UNPACKED)
    else:
        found = shutil.which("exim4") or shutil.which("exim4", path="/usr/sbin")
        if found is None:
            pytest.skip("exim4 is neither installed nor unpacked in /opt/exim")
        (program,) = need(found)
    port = free_port()
    with open_folder() as folder:
        (folder / "spool").mkdir()
        shutil.chown(folder, "nobody", "nogroup")
        shutil.chown(folder / "spool", "nobody", "nogroup")
        configuration = folder / "exim.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
        configuration.chmod(0o644)
        with running([program, "-C", str(configuration), "-bdf"], port, folder / "started"):
            yield Exim(port)
