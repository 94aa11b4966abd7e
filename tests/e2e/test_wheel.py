"""The built wheel, installed away from the checkout: what it holds, and that it runs from what it holds alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.documents import take_off_the_network

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def newsletter(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The command that the wheel installs, in an environment that knows our dependencies but not the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*install, "--quiet", "--disable-pip-version-check"], check=True)
    # A path file within this folder is not read: the one that leads to the checkout leads nowhere.
    libraries = next((folder / "venv" / "lib").glob("python*/site-packages"))
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("NEWSLETTER_", "PYTHON"))}

    def run(*arguments: str) -> str:
        command = [str(python.with_name("newsletter")), *arguments]
        done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_holds_what_running_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    metadata = next(name.split("/")[0] for name in names if name.endswith("/METADATA"))
    assert {name.split("/")[0] for name in names} == {"newsletter", metadata}
    assert f"{metadata}/licenses/LICENSE" in names
    for folder, inside in (("newsletter", "newsletter"), ("templates", "newsletter/_templates")):
        files = [path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()]
        wanted = {f"{inside}/{path.as_posix()}" for path in files if path.suffix != ".pyc"}
        assert wanted
        assert not wanted - set(names)
    for needed in ("py.typed", "_config/newsletter.yaml", "store/migrations/versions/0001_first_release.py"):
        assert f"newsletter/{needed}" in names
    kinds = {Path(name).suffix for name in names if name.startswith("newsletter/")}
    assert not kinds & {".pyc", ".db", ".sqlite", ".eml", ".lock", ".log", ".env", ".png"}
    assert not [name for name in names if "/tests/" in name or "/data/" in name]


def test_it_runs_away_from_the_checkout(newsletter: Callable[..., str], tmp_path: Path) -> None:
    directory = tmp_path / "my-newsletter"
    assert "newsletter.yaml" in newsletter("init", str(directory))
    take_off_the_network(directory)
    at_work = ("--config", str(directory))
    newsletter(*at_work, "check")
    assert "was made" in newsletter(*at_work, "migrate")
    assert "samples" in newsletter(*at_work, "collect", "samples")
    assert "LANGUAGE MODELS" in newsletter(*at_work, "preview", "language-models").upper()
    assert "accepted" in newsletter(*at_work, "send")
    assert str(ROOT) not in newsletter(*at_work, "status", "--json")
