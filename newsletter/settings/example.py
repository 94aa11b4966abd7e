"""The configuration that ``newsletter init`` writes: the one that the project ships and runs itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from newsletter.errors import ConfigurationError, ConflictError
from newsletter.settings.general import SETTINGS_NAME
from newsletter.settings.reading import unreadable

PARTS = (SETTINGS_NAME, "profiles", "samples")


def example_directory() -> Path:
    """Return where the shipped configuration lies: in the package when installed, else beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_config"
    return installed if installed.is_dir() else package.parent / "config"


def write_example(directory: Path, *, force: bool = False) -> list[Path]:
    """Write a working, commented configuration into ``directory`` and return its files, in order.

    Nothing is written when one of them is there already (ConflictError), unless ``force``. ConfigurationError when
    the directory cannot be written to.
    """
    source = example_directory()
    names = [path.relative_to(source) for path in sorted(source.rglob("*")) if _is_shipped(path, source)]
    taken = [str(directory / name) for name in names if (directory / name).exists()]
    if taken and not force:
        raise ConflictError(f"{taken[0]} is there already: choose another directory, or write over it with --force")
    try:
        for name in names:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            _copy(source / name, directory / name)
    except OSError as error:
        raise ConfigurationError([unreadable(error.filename or str(directory), error)]) from error
    return [directory / name for name in names]


def _copy(source: Path, target: Path) -> None:
    """Copy one file; the settings get their data inside the new directory, not beside it as in a checkout."""
    if source.name == SETTINGS_NAME:
        text = source.read_text("utf-8").replace("data_directory: ../data", "data_directory: data")
        target.write_text(text, "utf-8")
    else:
        shutil.copyfile(source, target)


def _is_shipped(path: Path, source: Path) -> bool:
    inside = path.relative_to(source)
    return path.is_file() and inside.parts[0] in PARTS and not path.name.startswith(".")
