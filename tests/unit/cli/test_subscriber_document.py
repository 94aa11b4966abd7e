"""docs/subscribers.md against the program."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from newsletter.cli.app import app
from newsletter.model import Field, SubscriberStatus
from newsletter.service.drafts import COLUMNS, Vocabulary, read_draft

TEXT = (Path(__file__).parents[3] / "docs" / "subscribers.md").read_text()
COMMANDS = re.findall(r"^newsletter (.+)$", TEXT, re.MULTILINE)
ROWS = [
    [cell.strip().replace("`", "") for cell in row.strip("|").split("|")]
    for row in re.findall(r"^\|.+\|$", TEXT, re.MULTILINE)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_in_the_document_is_one(line: str) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    group, name, *arguments = shlex.split(line)
    commands = root.commands[group]
    assert isinstance(commands, TyperGroup)
    command = commands.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= options


def test_every_column_and_status_and_field_is_told() -> None:
    first = [row[0] for row in ROWS]
    assert [column for column in COLUMNS if column not in first] == []
    assert [status for status in SubscriberStatus if status not in first] == []
    assert [field for field in Field if f"`{field}`" not in TEXT] == []


def test_every_example_of_a_column_is_read() -> None:
    words = {row[0]: row[2] for row in ROWS if row[0] in COLUMNS}
    known = Vocabulary(frozenset({"language-models", "trending"}), frozenset({"digest"}))
    assert read_draft(words, known)[1] == []
