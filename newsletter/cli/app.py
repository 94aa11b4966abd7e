"""The ``newsletter`` command: mounts the groups; here, and nowhere else, an error becomes a line and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 (Typer reads the annotations of commands when they are called)
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

from newsletter import __version__
from newsletter.cli.commands import Commands, keeping_lines
from newsletter.cli.context import DEFAULT_DIRECTORY, CommandContext
from newsletter.errors import ConfigurationError, NewsletterError
from newsletter.observe import configure_for_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it
PIPE_BROKEN = 141


class RootGroup(TyperGroup):
    """The outermost group: takes ``--config`` wherever it stands, and turns errors into one line each."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.help = keeping_lines(self.help)
        self.commands: Any = self.commands or Commands(self.rich_markup_mode)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command's name."""
        return super().parse_args(ctx, hoist_config(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what goes wrong in a known way ends in a line on standard error and an exit code."""
        try:
            with logs_on_standard_error():
                return super().invoke(ctx)
        except NewsletterError as error:
            report(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            raise typer.Exit(PIPE_BROKEN) from error


@contextmanager
def logs_on_standard_error() -> Iterator[None]:
    """Keep logs out of standard output, which carries what was asked for, and to warnings: commands tell the rest.

    ``newsletter run``, which is there to log, configures logging anew.
    """
    before = structlog.get_config() if structlog.is_configured() else None
    configure_for_commands()
    try:
        yield
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)


def report(error: NewsletterError) -> None:
    """Print an error on standard error: a line for each problem."""
    lines = [str(problem) for problem in error.problems] if isinstance(error, ConfigurationError) else [str(error)]
    for line in lines:
        typer.echo(f"newsletter: {' '.join(line.split())}", err=True)


def hoist_config(args: Sequence[str]) -> list[str]:
    """Return the arguments with ``--config DIR`` before the command's name, wherever it stood."""
    found: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(args):
        word = args[position]
        if word == "--":
            return [*found, *rest, *args[position:]]
        width = 2 if word == "--config" else 1
        (found if word == "--config" or word.startswith("--config=") else rest).extend(
            args[position : position + width]
        )
        position += width
    return [*found, *rest]


# On a terminal help is coloured and framed; in a pipe it is plain text.
app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 (Typer calls it so)
    if wanted:
        typer.echo(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path,
        typer.Option(metavar="DIR", envvar="NEWSLETTER_CONFIG", help="The directory that holds newsletter.yaml."),
    ] = DEFAULT_DIRECTORY,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    r"""Read the day's new research papers and mail each subscriber the ones they care about.

    \b
    A first look:
      newsletter init my-newsletter     write a working, commented configuration
      newsletter check                  say what is wrong with it, and where
      newsletter send                   collect, plan and deliver once
      newsletter run                    the same, every day

    Each command explains itself: newsletter COMMAND --help. Exit codes: 0 done, 1 failed, 2 what was written is
    wrong, 3 the database cannot, 4 not found, 5 not allowed in its present state.
    """
    context.obj = CommandContext(config)


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name="newsletter")
    finally:
        _flush()


def _flush() -> None:
    """Write out what is left; a reader that has gone away is nobody's error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
