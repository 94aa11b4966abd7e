"""Before the first run: ``init``, ``check`` and ``migrate``."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 (Typer reads the annotations of commands when they are called)
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import directory_of
from newsletter.cli.output import note, plural, print_json, say
from newsletter.core.links import Links
from newsletter.errors import ConfigurationError
from newsletter.mail.alert import template_problems as alert_problems
from newsletter.mail.render import Renderer
from newsletter.mail.report import report_problems
from newsletter.settings.example import write_example
from newsletter.settings.load import load_configuration
from newsletter.store.migrate import migrate as migrate_store
from newsletter.wiring.bounces import build_providers
from newsletter.wiring.mail import brand_of, template_directories

if TYPE_CHECKING:
    from newsletter.model import Problem
    from newsletter.settings.load import Configuration


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (init, check, migrate):
        app.command()(command)


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; made if need be.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write a working, commented configuration, to be edited.

    It runs as it is: a mail catcher on this machine takes the mail until you name a relay.

    \b
    Example: newsletter init my-newsletter
    """
    for path in write_example(directory, force=force):
        say(str(path))
    note(f"Try it: newsletter --config {directory} run")


def check(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """Say everything that is wrong with the configuration, as file:line:column, and what to do about it.

    Templates are compiled and filled with a sample. Exit code 0: nothing is wrong but for warnings; 2: something is.

    \b
    Example: newsletter --config config check
    """
    tell_problems(find_problems(directory_of(context)), as_json=as_json)


def tell_problems(problems: list[Problem], *, as_json: bool) -> None:
    """Print problems, each with its advice; exit code 2 when one is more than a warning."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        print_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            say(f"{problem}" if problem.severity == "error" else f"{problem} (warning)")
        found = f"{plural(len(errors), 'problem')}, {plural(len(problems) - len(errors), 'warning')}"
        note(f"newsletter: {found}" if problems else "newsletter: nothing is wrong")
    if errors:
        raise typer.Exit(2)


def find_problems(directory: Path) -> list[Problem]:
    """Return every problem of the configuration and, where it can be read, of the keys and templates that
    it names.
    """
    try:
        configuration = load_configuration(directory)
    except ConfigurationError as error:
        return list(error.problems)
    return [*configuration.warnings, *_provider_problems(configuration), *template_problems(configuration)]


def _provider_problems(configuration: Configuration) -> list[Problem]:
    try:
        build_providers(configuration)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def template_problems(configuration: Configuration) -> list[Problem]:
    """Return everything wrong with the templates and colours that a configuration names."""
    links = Links("only for checking", configuration.settings.web.base_url)
    directories, brand = template_directories(configuration), brand_of(configuration)
    renderer = Renderer(directories, brand, links)
    return [*renderer.check_strictly(), *alert_problems(brand, directories), *report_problems(brand, directories)]


def migrate(context: typer.Context) -> None:
    """Bring the database to this program's schema, or make it where there is none. Running it twice is harmless.

    \b
    Example: newsletter --config /etc/newsletter migrate
    """
    settings = load_configuration(directory_of(context)).settings
    work = asyncio.to_thread(migrate_store, settings.database_url, settings.store.busy_timeout_s)
    before, after = asyncio.run(work)
    if before == after:
        say(f"the database is current (version {after})")
    else:
        say(f"the database was {'made' if before is None else f'at version {before} and is now'} at version {after}")
