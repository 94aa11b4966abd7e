"""The command line on a configuration of its own, called in this process."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typer.testing import CliRunner

from newsletter.cli.app import app
from newsletter.store.sql import SqlStore, open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

SETTINGS = """\
newsletter:
  name: The Morning Preprint
mail:
  sender: digest@example.org
data_directory: ../data
defaults:
  zone: Europe/London
  send_at: "06:30"
sources:
  samples:
    kind: file
    path: feed.xml
"""
PROFILES = {
    "vision": "title: Vision\nkeywords: [image, diffusion model]\nmaximum_papers: 5\n",
    "language-models": "title: Language models\ntopics:\n  - name: Models\n    keywords: [language model]\n",
    "team": "title: Team\nkeywords: [robot]\nsubscribers:\n  - address: kept@example.org\n    zone: UTC\n",
}
FEED = Path(__file__).parents[2] / "config" / "samples" / "arxiv-sample.xml"


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the tab-separated lines, without the heading."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


@dataclass(frozen=True)
class CommandLine:
    """``newsletter --config DIR``."""

    directory: Path

    def __call__(self, *arguments: str, answer: str = "") -> Answer:
        """Run a command; ``answer`` is what the person types."""
        result = CliRunner().invoke(app, ["--config", str(self.directory), *arguments], input=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def with_store(self, work: Callable[[SqlStore], Awaitable[T]], data: Path | None = None) -> T:
        """Do something with the store that the commands use; ``data`` is where it lies if not beside them."""
        folder = data or self.directory.parent / "data"

        async def within() -> T:
            store = open_store(f"sqlite:///{folder / 'newsletter.db'}")
            try:
                return await work(store)
            finally:
                await store.aclose()

        return asyncio.run(within())


def make_command_line(folder: Path, migrated_file: Path) -> CommandLine:
    """Write a configuration with an empty store, and return the command line on it."""
    directory = folder / "config"
    (directory / "profiles").mkdir(parents=True)
    (directory / "newsletter.yaml").write_text(SETTINGS)
    for name, text in PROFILES.items():
        (directory / "profiles" / f"{name}.yaml").write_text(text)
    shutil.copyfile(FEED, directory / "feed.xml")
    (folder / "data").mkdir()
    shutil.copyfile(migrated_file, folder / "data" / "newsletter.db")
    return CommandLine(directory)
