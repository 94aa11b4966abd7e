"""The shape of the code: sizes, marks left behind, one-way imports."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "newsletter").rglob("*.py"))
FILE_CEILING = 400
FUNCTION_CEILING = 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_file_and_no_function_outgrows_its_reader(path: Path) -> None:
    text = path.read_text()
    if "migrations" not in path.parts:
        assert text.count("\n") <= FILE_CEILING
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno < FUNCTION_CEILING, node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", path.read_text())


def test_every_module_says_what_it_owns() -> None:
    silent = [name_of(path) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_migrations_form_one_line() -> None:
    paths = sorted((ROOT / "newsletter" / "store" / "migrations" / "versions").glob("[0-9]*.py"))
    stated = [re.findall(r'^(?:down_)?revision = "?(\w+)"?$', path.read_text(), re.MULTILINE) for path in paths]
    numbers = [path.name[:4] for path in paths]
    assert stated == [list(pair) for pair in zip(numbers, ["None", *numbers[:-1]], strict=True)]


def test_imports_point_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_one_door(path: Path) -> None:
    doors: dict[str, str | tuple[str, ...]] = {
        "feedparser": "newsletter/sources/",
        "mjml": "newsletter/mail/",
        "babel": "newsletter/languages/",
        "aiosmtplib": "newsletter/mail/session.py",
        "apscheduler": "newsletter/daemon/ticks.py",
        "sqlalchemy": "newsletter/store/",
        "alembic": "newsletter/store/",
        "yaml": "newsletter/settings/",
        "httpx2": "newsletter/sources/",
        "dns": "newsletter/mail/dns.py",
        "flufl": "newsletter/bounces/zoo.py",
        "fastapi": "newsletter/web/api/",
        "imapclient": "newsletter/bounces/imap.py",
        "cryptography": ("newsletter/bounces/", "newsletter/core/signing.py"),
    }
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            door = doors.get(name.split(".")[0])
            assert door is None or name_of(path).startswith(door), f"{name} is imported outside {door}"
