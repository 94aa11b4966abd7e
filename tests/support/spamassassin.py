"""SpamAssassin, off the network."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from tests.support.programs import need

if TYPE_CHECKING:
    from pathlib import Path


def spam_score(message: bytes, home: Path) -> tuple[float, str]:
    """Return what SpamAssassin's local rules give a message, 5 being spam, and the rules that hit."""
    (program,) = need("spamassassin")
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run([program, "-L", "-t"], input=message, capture_output=True, check=True, env=environment)
    head = re.sub(r"\n[ \t]+", " ", done.stdout.decode("utf-8", "replace").partition("\n\n")[0])
    status = re.search(r"(?m)^X-Spam-Status: \w+, score=(-?[\d.]+) required=\S+ (.*)$", head)
    assert status, done.stderr.decode()
    return float(status[1]), status[2]
