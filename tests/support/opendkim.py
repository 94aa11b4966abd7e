"""OpenDKIM as a milter: what another mail server thinks of our signatures."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from tests.support.postfix import free_port
from tests.support.programs import need, open_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from newsletter.core.signing import SigningKey

CONFIGURATION = """\
Mode v
AlwaysAddARHeader yes
AuthservID judge.example.net
TestPublicKeys {folder}/keys
UserID nobody
Syslog no
"""


@contextlib.contextmanager
def opendkim(keys: Iterable[SigningKey], domain: str) -> Iterator[int]:
    """Run OpenDKIM with these keys as what the DNS holds; give its port."""
    (program,) = need("opendkim")
    port = free_port()
    with open_folder() as folder:
        (folder / "keys").write_text("".join(f"{key.name(domain)} {key.record()}\n" for key in keys))
        configuration = folder / "opendkim.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder))
        command = [program, "-f", "-x", str(configuration), "-p", f"inet:{port}@127.0.0.1"]
        with running(command, port, folder / "log"):
            yield port


def verdicts(relayed: bytes) -> list[str]:
    """Return what Authentication-Results says of each signature, such as ``pass rsa-sha256``."""
    head = relayed.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    unfolded = re.sub(r"\r\n[ \t]+", " ", head)
    results = [line for line in unfolded.split("\r\n") if line.startswith("Authentication-Results: judge.example.net")]
    found = [re.findall(r"dkim=(\w+)(?:[^;]*? header\.a=(\S+))?", line) for line in results]
    return [" ".join(filter(None, each)) for line in found for each in line]
