"""A newsletter with as many readers as wanted, on a real configuration: three papers, a relay on loopback."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.daemon import run_command
from tests.support.deployment import PAPERS, PROFILE, feed_of

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
newsletter:
  name: The Morning Preprint
data_directory: ../data
{store}
mail:
  sender: digest@example.org
  relay:
    host: 127.0.0.1
    port: {port}
    tls: none
    connections: {connections}
web:
  port: 0
  secret: the same for all of its processes
deliver:
  first_retry_minutes: 0.001
  when_unknown: {when_unknown}
sources:
  samples:
    kind: file
    path: feed.xml
    redate: true
"""


@dataclass
class Newsletter:
    """A configuration in ``folder/config`` over the store at ``url`` (without one, SQLite beside it)."""

    folder: Path
    relay_port: int
    connections: int = 4
    url: str | None = None
    when_unknown: str = "resend"
    directory: Path = field(init=False)

    def __post_init__(self) -> None:
        self.directory = self.folder / "config"
        (self.directory / "profiles").mkdir(parents=True)
        (self.directory / "feed.xml").write_text(feed_of(*PAPERS))
        (self.directory / "profiles" / "diffusion.yaml").write_text(PROFILE.replace("subscribers:\n", ""))
        store = ""
        if self.url is not None:
            (self.directory / "url.txt").write_text(f"{self.url}\n")
            (self.directory / "url.txt").chmod(0o600)
            store = "store:\n  url_file: url.txt"
        settings = SETTINGS.format(
            store=store, port=self.relay_port, connections=self.connections, when_unknown=self.when_unknown
        )
        (self.directory / "newsletter.yaml").write_text(settings)

    @property
    def store_url(self) -> str:
        """The address of its store."""
        return self.url or f"sqlite:///{self.folder / 'data' / 'newsletter.db'}"

    def subscribe(self, readers: int) -> None:
        """Let so many people take it."""
        file = self.folder / "readers.csv"
        file.write_text("address,profiles\n" + "".join(f"reader{n}@example.org,diffusion\n" for n in range(readers)))
        self.done("migrate")
        self.done("subscribers", "import", str(file), "--yes")

    def done(self, *arguments: str) -> str:
        """Run a command that has to succeed and return what it printed."""
        done = run_command(self.directory, *arguments, timeout_s=300)
        if done.returncode:
            raise AssertionError(f"newsletter {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
        return done.stdout
