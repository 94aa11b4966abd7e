"""rspamd, off the network: it asks a name server of ours, and nobody else."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.postfix import free_port
from tests.support.programs import need, open_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterator

# What would ask the world, or a database that is not there.
OFF = (
    *("rbl", "surbl", "asn", "neural", "fuzzy_check", "phishing", "greylist", "ratelimit", "history_redis"),
    *("url_redirector", "dkim_signing", "arc", "reputation", "replies", "mx_check", "redis", "bayes", "whitelist"),
)
CACHE = Path(tempfile.gettempdir()) / "newsletter-rspamd"  # its compiled rules, which cost it twenty seconds once
CLIENT = {"ip": "203.0.113.5", "helo": "mail.example.org", "hostname": "mail.example.org"}


@dataclass(frozen=True)
class Verdict:
    """What rspamd says: the less, the better; 15 is refused."""

    score: float
    symbols: dict[str, float]


@dataclass(frozen=True)
class Rspamd:
    """Judges messages as if they came from a mail server of ours."""

    client: str
    port: int

    def judge(self, message: bytes, sender: str = "digest@example.org", recipient: str = "") -> Verdict:
        """Return the score of a message, and what it is made of; it goes to whom its header names, or to another."""
        recipient = recipient or message_from_bytes(message)["To"]
        told = [word for name, value in CLIENT.items() for word in (f"--{name}", value)]
        command = [self.client, "-h", f"127.0.0.1:{self.port}", "--json", *told, "--from", sender, "--rcpt", recipient]
        done = subprocess.run([*command, "symbols"], input=message, capture_output=True, check=True)
        (found,) = [json.loads(line) for line in [done.stdout.decode()] if line.strip()]
        return Verdict(found["score"], {name: symbol["score"] for name, symbol in found["symbols"].items()})


@contextlib.contextmanager
def rspamd(nameserver_port: int) -> Iterator[Rspamd]:
    """Run rspamd on the rules that it comes with."""
    program, client = need("rspamd", "rspamc")
    port = free_port()
    with open_folder() as folder:
        _write_options(folder / "override.d", nameserver_port, port)
        (folder / "modules.d").mkdir()
        CACHE.mkdir(exist_ok=True)
        shutil.chown(CACHE, "_rspamd", "_rspamd")
        subprocess.run(["chown", "-R", "_rspamd", str(folder)], check=True)
        variables = {"LOCAL_CONFDIR": folder, "DBDIR": folder, "RUNDIR": folder, "LOGDIR": folder}
        told = [word for name, value in variables.items() for word in ("--var", f"{name}={value}")]
        with running([program, "-f", "-u", "_rspamd", "-g", "_rspamd", *told], port, folder / "started"):
            yield Rspamd(client, port)


def _write_options(folder: Path, nameserver_port: int, port: int) -> None:
    folder.mkdir()
    files = {
        "options.inc": f'dns {{ nameserver = ["127.0.0.1:{nameserver_port}"]; timeout = 1s; retransmits = 2; }}\n'
        f'neighbours {{ }}\ncontrol_socket = "";\nhs_cache_dir = "{CACHE}";\n',
        "logging.inc": 'type = "console"; level = "warning";\n',
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{port}"; count = 1;\n',
        "worker-controller.inc": "enabled = false;\n",
        "worker-proxy.inc": "enabled = false;\n",
        "worker-fuzzy.inc": "enabled = false;\n",
        "classifier-bayes.conf": "enabled = false;\n",
    }
    for name in OFF:
        files[f"{name}.conf"] = "enabled = false;\n"
    for name, text in files.items():
        (folder / name).write_text(text)
