"""Postfix's own programs on loopback: an instance of its own with a folder of its own, and ``smtp-sink``."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TLS = Path(__file__).resolve().parent / "tls"
START_S = 30.0
BELOW_EPHEMERAL = (10_240, 32_000)
SETTINGS = {
    "compatibility_level": "3.6",
    "maillog_file": "{folder}/mail.log",
    "maillog_file_prefixes": "{folder}",
    "queue_directory": "{folder}/queue",
    "data_directory": "{folder}/data",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "disable_dns_lookups": "yes",
    "myhostname": "mx.example.org",
    "mydestination": "",
    "mynetworks": "",
    "alias_maps": "",
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "smtpd_error_sleep_time": "0",
    "smtpd_client_event_limit_exceptions": "",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_chain_files": f"{TLS}/loopback.pem",
    "virtual_mailbox_domains": "example.org",
    "virtual_mailbox_maps": "inline:{ reader@example.org=x }",
    "virtual_transport": "discard",
}
SERVICES = """\
postlog   unix-dgram n -  n -    1 postlogd
cleanup   unix   n   -   n   -    0 cleanup
qmgr      unix   n   -   n   300  1 qmgr
tlsmgr    unix   -   -   n   1000 1 tlsmgr
verify    unix   -   -   n   -    1 verify
rewrite   unix   -   -   n   -    - trivial-rewrite
bounce    unix   -   -   n   -    0 bounce
defer     unix   -   -   n   -    0 bounce
trace     unix   -   -   n   -    0 bounce
proxymap  unix   -   -   n   -    - proxymap
smtp      unix   -   -   n   -    - smtp
lmtp      unix   -   -   n   -    - lmtp
error     unix   -   -   n   -    - error
retry     unix   -   -   n   -    - error
discard   unix   -   -   n   -    - discard
anvil     unix   -   -   n   -    1 anvil
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now, and that the system gives to nobody who names none."""
    while True:
        port = random.SystemRandom().randrange(*BELOW_EPHEMERAL)  # two workers share the seed
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Postfix:
    """An instance in a folder of its own, which listens on ``port``."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._command = [program, "-c", str(folder / "conf")]

    def start(self) -> None:
        """Start it, with what its queue holds, and wait until it answers."""
        _run([*self._command, "start"], self._folder)
        _wait_for(self.port, self._folder)

    def kill(self) -> None:
        """End all of its processes at once (``kill -9``); what it has taken is in its queue."""
        master = int((self._folder / "queue" / "pid" / "master.pid").read_text())
        found = psutil.Process(master)
        members = [found, *found.children(recursive=True)]
        os.killpg(os.getpgid(master), signal.SIGKILL)
        psutil.wait_procs(members, timeout=START_S)

    def abort(self) -> None:
        """End it without waiting for anything."""
        _run([*self._command, "abort"], self._folder)


@contextmanager
def postfix(changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a Postfix with these settings over ours, and give its port; whoever asks must be root, as Postfix wants."""
    with postfix_instance(free_port(), changes) as instance:
        yield instance.port


@contextmanager
def postfix_instance(port: int, changes: Mapping[str, str] | None = None) -> Iterator[Postfix]:
    """The same on a port that is given, and the instance itself."""
    program = shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("Postfix is not installed, or we are not root")
    folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))  # where its own user can reach it
    folder.chmod(0o755)
    instance = Postfix(program, folder, port)
    try:
        for name in ("conf", "queue", "data"):
            (folder / name).mkdir()
        user = pwd.getpwnam("postfix")
        os.chown(folder / "data", user.pw_uid, user.pw_gid)
        settings = SETTINGS | dict(changes or {})
        lines = [f"{name} = {value.replace('{folder}', str(folder))}\n" for name, value in settings.items()]
        (folder / "conf" / "main.cf").write_text("".join(lines))
        (folder / "conf" / "master.cf").write_text(f"127.0.0.1:{port} inet n - n - - smtpd\n{SERVICES}")
        try:
            instance.start()
            yield instance
        finally:
            instance.abort()
    finally:
        shutil.rmtree(folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        log = folder / "mail.log"
        said = log.read_text() if log.exists() else ""
        raise AssertionError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}{said}")


@contextmanager
def smtp_sink(*options: str) -> Iterator[int]:
    """Run Postfix's ``smtp-sink`` with these options, and give its port."""
    program = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("smtp-sink, which comes with Postfix, is not installed")
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, *user, *options, f"127.0.0.1:{port}", "100"]
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()


def _wait_for(port: int, folder: Path | None = None) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=START_S) as connection:
                if connection.recv(3):
                    return
        except OSError:
            pass
        if time.monotonic() > until:
            said = (folder / "mail.log").read_text() if folder else ""
            raise AssertionError(f"nothing answers on port {port}\n{said}")
        time.sleep(0.02)
