"""Makes ``docs/commands.md`` from the command line itself.

Run ``python -m newsletter.cli.reference > docs/commands.md``; a test tells when that was forgotten.
"""

from __future__ import annotations

import re
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperGroup

from newsletter.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# Commands

What `newsletter COMMAND --help` tells, on one page. `--config DIR` (or the variable `NEWSLETTER_CONFIG`) names the
directory that holds `newsletter.yaml`, and may stand anywhere on the line; without it that is `config`. Where there is
something to read, `--json` prints one JSON document. Answers go to standard output, remarks and questions to standard
error. In a pipe, tables become lines with tabs.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed: what was asked for could not be done |
| 2 | what was written is wrong: the command line, the configuration, a query, a line of a CSV file |
| 3 | the database cannot: it is locked, full, of another version, or another newsletter runs on it |
| 4 | not found: a subscriber, profile, source, paper or delivery |
| 5 | not allowed in its present state |

*This page is made from the code by `python -m newsletter.cli.reference`; edit the docstrings, not the page.*
"""
EXAMPLES = re.compile("\b\nExamples?:")


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for path, command in commands():
        name = " ".join(path)
        if isinstance(command, TyperGroup):
            parts += [f"## {name}", command.help or ""]
        else:
            parts += [f"{'#' * (len(path) + 1)} {name}", *_described(name, command)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every group and command with its path, such as ``("sources", "list")``; first those without a group."""
    root = typer.main.get_command(app)
    if not isinstance(root, TyperGroup):
        raise TypeError("the command line has no commands")
    for name, command in root.commands.items():
        yield (name,), command
        if isinstance(command, TyperGroup):
            yield from (((name, inner), each) for inner, each in command.commands.items())


def examples(help_text: str) -> list[str]:
    """Return the command lines that a help text shows; what explains one stands after a ``#``."""
    shown = "".join(EXAMPLES.sub("", each) for each in help_text.split("\n\n") if EXAMPLES.match(each))
    lines = [line.strip() for line in re.sub(r"\\\n\s*", "", shown).splitlines() if line.strip()]
    return [re.sub(r" {2,}", "  # ", line) for line in lines]


def _described(name: str, command: Any) -> list[str]:
    usage = command.get_usage(typer.Context(command, info_name=f"newsletter {name}")).removeprefix("Usage: ")
    rows = [_row(parameter) for parameter in command.params]
    table = ["| | |\n| --- | --- |\n" + "\n".join(rows)] if rows else []
    shown = "\n".join(examples(command.help))
    return [*_prose(command.help), f"`{' '.join(usage.split())}`", *table, f"```sh\n{shown}\n```"]


def _prose(help_text: str) -> Iterator[str]:
    for paragraph in help_text.split("\n\n"):
        if EXAMPLES.match(paragraph):
            continue
        kept_lines = paragraph.removeprefix("\b\n")
        yield paragraph if kept_lines == paragraph else f"```text\n{textwrap.dedent(kept_lines)}\n```"


def _row(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        names = parameter.metavar or parameter.name.upper()
    else:
        names = "`, `".join(parameter.opts) + (f" {parameter.metavar}" if parameter.metavar else "")
    meaning = (parameter.help or "").replace("|", "\\|")
    default = parameter.default
    if getattr(parameter, "show_default", False) and isinstance(default, int) and not isinstance(default, bool):
        meaning += f" Default: {default}."
    return f"| `{names}` | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
