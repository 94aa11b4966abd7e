"""A configuration directory that a test writes in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import ConfigurationError
from newsletter.settings.load import Configuration, load_configuration

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "mail: {sender: Digest <digest@example.org>}\nsources: {a: {kind: feed, url: https://example.org/feed}}\n"
PROFILE = "keywords: [diffusion model]\n"


@dataclass
class Directory:
    """Writes files and loads them."""

    path: Path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the directory."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, environment: dict[str, str] | None = None) -> Configuration:
        """Return the configuration."""
        return load_configuration(self.path, environment or {})

    def complaints(self, environment: dict[str, str] | None = None) -> list[str]:
        """Return all problems, or the warnings when there are no others, with short file names."""
        try:
            problems = self.load(environment).warnings
        except ConfigurationError as error:
            problems = error.problems
        return [str(problem).replace(f"{self.path}/", "") for problem in problems]


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """A small configuration without fault."""
    made = Directory(tmp_path)
    made.write("newsletter.yaml", SETTINGS)
    made.write("profiles/diffusion.yaml", PROFILE)
    return made
