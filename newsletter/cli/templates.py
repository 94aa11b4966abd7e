"""``newsletter templates``: checking them strictly, and a workshop to change them in."""

from __future__ import annotations

import asyncio
import webbrowser
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.context import directory_of
from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads annotations at run time)
from newsletter.cli.output import note, say
from newsletter.cli.setup import tell_problems, template_problems
from newsletter.errors import NewsletterError
from newsletter.mail.themes import THEMES
from newsletter.settings.load import load_configuration
from newsletter.web.server import serve as serve_pages
from newsletter.web.workshop import create_workshop
from newsletter.wiring.mail import brand_of, template_directories

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(no_args_is_help=True, help="Check mail templates, and try them out while you change them.")

HOST = "127.0.0.1"
DEFAULT_PORT = 8025


@app.command()
def check(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say what is wrong with the templates, and where.

    Each problem comes as file:line:column, with what to write instead. MJML is held to its own rules: tags,
    attributes, their values and where each may stand; nothing may stand where MJML drops it. Each name is followed
    on every branch, recipients' own values may only be printed, and files of yours that no mail is made of are
    named. Exit code 0: nothing but warnings; 2: something is wrong.

    \b
    Example: newsletter templates check
    """
    tell_problems(template_problems(load_configuration(directory_of(context))), as_json=as_json)


@app.command()
def serve(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes any free one.")] = DEFAULT_PORT,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in a browser.")] = False,
) -> None:
    """Show every mail while you change its templates.

    Every mail in every theme, until Ctrl-C; only on this machine. The mails are invented: ordinary, long, empty,
    hostile, from right to left. A saved file shows at once; what is wrong with it is told with its line, and the
    last good one stays in view. Nothing is sent, and no store is opened.

    \b
    Example: newsletter templates serve --open
    """
    asyncio.run(_serve(directory_of(context), port, open_it=open_it))


async def _serve(directory: Path, port: int, *, open_it: bool) -> None:
    configuration = load_configuration(directory)
    folders = template_directories(configuration)
    async with AsyncExitStack() as stack:
        brands = {name: brand_of(configuration, name) for name in THEMES}
        workshop = create_workshop(folders, brands, configuration.settings.brand.theme)
        try:
            taken = await serve_pages(workshop, HOST, port, stack)
        except NewsletterError as error:
            reason = str(error).partition(" — ")[0]
            raise NewsletterError(f"{reason} — name another one: --port 0 takes any that is free") from error
        address = f"http://{HOST}:{taken}/"
        say(address)
        note(f"watching {', '.join(map(str, folders)) or 'the shipped templates'}; Ctrl-C ends it")
        if open_it:
            webbrowser.open(address)
        await asyncio.Event().wait()
