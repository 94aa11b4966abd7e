"""The daemon, or a part of it: ``run`` and ``worker``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import run
from newsletter.cli.output import note, say
from newsletter.errors import ConfigurationError
from newsletter.loading import loading
from newsletter.model import ALL_ROLES, Problem, Role

if TYPE_CHECKING:
    from newsletter.wiring.application import Application

LARGEST_PORT = 65_535
EVERYTHING = ",".join(Role)
PortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=LARGEST_PORT,
        help="Serve on this port instead of `web.port`; without the role web, serve /healthz, /readyz and /metrics.",
        show_default=False,
    ),
]
RolesOption = Annotated[
    str,
    typer.Option(
        metavar="ROLES",
        help="What to do: any of schedule (collect, plan), worker (send) and web (pages), with commas between.",
    ),
]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command("run")(run_daemon)
    app.command("worker")(worker)


def run_daemon(
    context: typer.Context, *, roles: RolesOption = EVERYTHING, port: PortOption = None
) -> None:  # fmt: skip
    """Run the daemon: collect, issue and deliver when due, and serve the pages, until told to stop.

    It needs no other process and no cron. SIGTERM (or Ctrl-C) finishes the mails in flight; SIGHUP or a changed file
    reloads the configuration, and a broken file leaves the last good one in force.

    On PostgreSQL any number of processes share the work, on any number of machines, each with the roles it is given.

    \b
    Examples:
      newsletter --config /etc/newsletter run
      newsletter run --roles schedule,web      leave the sending to workers
    """
    run_roles(context, read_roles(roles), port)


def worker(context: typer.Context, *, port: PortOption = None) -> None:
    """Send what is planned, beside other processes on one PostgreSQL: the same as `run --roles worker`.

    Start as many as you like. One that dies loses nothing: the others send what it had in hand once its lease
    (deliver.lease_minutes) has ended.

    \b
    Examples:
      newsletter worker
      newsletter worker --port 8081            with /healthz and /metrics there
    """
    run_roles(context, frozenset({Role.WORKER}), port)


def read_roles(text: str) -> frozenset[Role]:
    """Return the roles that ``text`` names; ConfigurationError when it names none, or one that there is not."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    wrong = [word for word in words if word not in set(Role)]
    if wrong or not words:
        message = f"there is no role “{wrong[0]}”" if wrong else "no role is named"
        raise ConfigurationError([Problem("--roles", 0, 0, message, f"name any of {', '.join(Role)}")])
    return frozenset(Role(word) for word in words)


def run_roles(context: typer.Context, roles: frozenset[Role], port: int | None) -> None:
    """Run a process of the daemon with these roles."""
    with loading():
        from newsletter.daemon import Daemon  # noqa: PLC0415 (--help must not wait for the daemon's libraries)
        from newsletter.notify import Notifier  # noqa: PLC0415
        from newsletter.observe import configure_logging  # noqa: PLC0415

    async def work(application: Application) -> None:
        log = application.configuration.settings.log
        configure_logging(log.format, log.level)
        for warning in application.configuration.warnings:
            note(f"newsletter: warning: {warning}")
        has_catcher = application.configuration.settings.mail.catcher.enabled
        announced = has_catcher and Role.WEB in roles
        notifier = Notifier.from_environment(os.environ)

        def announce(url: str) -> None:
            _announce(url, roles, has_mails=announced)

        await Daemon(application, announce, notifier=notifier, roles=roles, port=port).run()

    run(context, work)


def _announce(url: str, roles: frozenset[Role], *, has_mails: bool) -> None:
    if has_mails and roles == ALL_ROLES:
        say(f"The first digest arrives within a minute. Read the mail at {url}/mails")
    elif Role.WEB in roles:
        say(f"The pages are at {url}")
    elif url:
        say(f"Health and figures are at {url}")
    if roles != ALL_ROLES:
        say(f"This process does: {', '.join(sorted(roles))}.")
    say("Stop with Ctrl-C.")
    sys.stdout.flush()
