import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from newsletter.cli.app import RootGroup, app, hoist_config
from newsletter.cli.commands import MODULES, load
from newsletter.errors import ConfigurationError, NewsletterError, NotFoundError
from newsletter.model import Problem


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["status"], ["status"]),
        (["--config", "d", "status"], ["--config", "d", "status"]),
        (["sources", "list", "--config", "d", "--json"], ["--config", "d", "sources", "list", "--json"]),
        (["sources", "list", "--config=d"], ["--config=d", "sources", "list"]),
        (["papers", "search", "--", "--config", "d"], ["papers", "search", "--", "--config", "d"]),
        (["status", "--config"], ["--config", "status"]),
    ],
)
def test_the_configuration_may_be_named_anywhere(given: list[str], expected: list[str]) -> None:
    assert hoist_config(given) == expected


def commands_of(error: BaseException) -> typer.Typer:
    failing = typer.Typer(cls=RootGroup, pretty_exceptions_enable=False)

    @failing.callback()
    def root() -> None:
        """Have commands, so that this is a group."""

    @failing.command()
    def fail() -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NewsletterError("it failed\n  because"), 1, "newsletter: it failed because\n"),
        (NotFoundError("nobody"), 4, "newsletter: nobody\n"),
        (
            ConfigurationError([Problem("a.yaml", 1, 2, "bad", "mend it"), Problem("b.yaml", 3, 0, "worse")]),
            2,
            "newsletter: a.yaml:1:2: bad — mend it\nnewsletter: b.yaml:3: worse\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(errno.EPIPE, "gone"), 141, ""),
    ],
)
def test_an_error_is_a_line_and_an_exit_code(error: BaseException, code: int, said: str) -> None:
    result = CliRunner().invoke(commands_of(error), ["fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def every_command() -> list[list[str]]:
    def below(group: TyperGroup, path: list[str]) -> list[list[str]]:
        found = []
        for name, command in group.commands.items():
            found.append([*path, name])
            if isinstance(command, TyperGroup):
                found += below(command, [*path, name])
        return found

    root = typer.main.get_command(app)
    assert isinstance(root, RootGroup)
    return below(root, [])


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert "..." not in result.stdout.partition("Commands:")[2]
    if "Commands:" not in result.stdout:
        assert re.search(rf"Example.*newsletter .*{command[-1]}", result.stdout, re.DOTALL)
        assert "--config DIR" in result.stdout


@pytest.mark.parametrize("command", [[], *every_command()], ids=" ".join)
def test_help_keeps_to_80_columns(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "80"})
    assert max(len(line) for line in result.stdout.splitlines()) <= 80


def test_every_command_of_a_module_is_in_the_table_and_nothing_else_is() -> None:
    for module in set(MODULES.values()):
        names = [name for name, place in MODULES.items() if place == module]
        assert list(load(module, names[0])) == names


def test_a_command_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    program = (
        "import sys; from newsletter.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: print(*{'alembic', 'starlette', 'fastapi', 'feedparser'} & set(sys.modules), '.')"
    )
    command = [sys.executable, "-c", program, "deliveries", "list", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1].strip() == "."


def test_a_misspelt_command_is_suggested() -> None:
    result = CliRunner().invoke(app, ["subscribers", "lst"])
    assert result.exit_code == 2
    assert "Did you mean 'list'?" in result.stderr


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout.startswith("newsletter ")


def test_a_reader_that_goes_away_is_nobody_s_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "newsletter", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            cwd=tmp_path,
        )
    finally:
        os.close(writing)
    assert done.stderr == b""
