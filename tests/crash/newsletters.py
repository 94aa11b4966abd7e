"""A newsletter with as many readers as wanted, on a real configuration: three papers, a relay on loopback."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.command_line import CommandLine
from tests.support.deployment import PAPERS, PROFILE, feed_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONNECTIONS = 4
Sections = dict[str, dict[str, Any]]


@dataclass
class Newsletter:
    """A configuration in ``folder/config`` over the store at ``url`` (without one, SQLite beside it).

    ``relay``, ``deliver`` and ``store`` are keys of those sections of ``newsletter.yaml``.
    """

    folder: Path
    relay_port: int
    url: str | None = None
    relay: Mapping[str, Any] = field(default_factory=dict)
    deliver: Mapping[str, Any] = field(default_factory=dict)
    store: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.directory / "profiles").mkdir(parents=True)
        (self.directory / "feed.xml").write_text(feed_of(*PAPERS))
        (self.directory / "profiles" / "diffusion.yaml").write_text(PROFILE.replace("subscribers:\n", ""))
        if self.url is not None:
            (self.directory / "url.txt").write_text(f"{self.url}\n")
            (self.directory / "url.txt").chmod(0o600)
        (self.directory / "newsletter.yaml").write_text(yaml.safe_dump(self.settings(), sort_keys=False))

    def settings(self) -> Sections:
        """Return what ``newsletter.yaml`` says."""
        relay = {"host": "127.0.0.1", "port": self.relay_port, "tls": "none", "connections": CONNECTIONS}
        place = {} if self.url is None else {"url_file": "url.txt"}
        return {
            "newsletter": {"name": "The Morning Preprint"},
            "data_directory": "../data",  # type: ignore[dict-item]
            "store": {**place, **self.store},
            "mail": {"sender": "digest@example.org", "relay": {**relay, **self.relay}},
            "web": {"port": 0, "secret": "the same for all of its processes"},
            "deliver": {**self.deliver},
            "sources": {"samples": {"kind": "file", "path": "feed.xml", "redate": True}},
        }

    @property
    def directory(self) -> Path:
        """Where its configuration is."""
        return self.folder / "config"

    @property
    def store_url(self) -> str:
        """The address of its store."""
        return self.url or f"sqlite:///{self.folder / 'data' / 'newsletter.db'}"

    def subscribe(self, readers: int) -> None:
        """Let so many people take it."""
        file = self.folder / "readers.csv"
        file.write_text("address,profiles\n" + "".join(f"{reader(n)},diffusion\n" for n in range(readers)))
        self.done("migrate")
        self.done("subscribers", "import", str(file), "--yes")

    def done(self, *arguments: str) -> str:
        """Run a command that has to succeed and return what it printed."""
        done = CommandLine(self.directory)(*arguments)
        if done.code:
            raise AssertionError(f"newsletter {' '.join(arguments)}: {done.code}\n{done.err}")
        return done.out

    def adds_up(self) -> bool:
        """Whether the program's own report closes, as its exit code says."""
        return CommandLine(self.directory)("deliveries", "report").code == 0


def reader(number: int) -> str:
    """Return a reader's address."""
    return f"reader{number}@example.org"
