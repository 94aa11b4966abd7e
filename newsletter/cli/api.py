"""``newsletter api``: tokens for programs, and what the API offers them."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 (Typer reads the annotations of commands)
from typing import Annotated

import typer

from newsletter.cli.options import AsJson  # noqa: TC001 (Typer reads the annotations of commands)
from newsletter.cli.output import note, print_json, say
from newsletter.core.access import Scope, hash_of, make_token
from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.settings.values import NAME

app = typer.Typer(no_args_is_help=True, help="The API: tokens for programs.")


@app.command("make-token")
def make_token_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, such as crm.", show_default=False)],
    *,
    scopes: Annotated[
        list[Scope], typer.Option("--scope", metavar="SCOPE", help="What it may do; repeat it for more.")
    ],
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", formats=["%Y-%m-%d"], metavar="DATE", help="Its last day, in UTC, as 2099-12-31."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    r"""Make a token for a program.

    It comes with the lines for newsletter.yaml that let it in. The token is printed this once and kept nowhere:
    newsletter.yaml holds its hash. A running daemon takes the lines up by itself. To end a token, remove its lines.
    docs/api.md tells what each scope opens.

    \b
    Examples:
      newsletter api make-token crm --scope subscribers:read --scope papers:read
      newsletter api make-token sums --scope deliveries:read --expires 2099-12-31
    """
    if not NAME.fullmatch(name):
        advice = "use letters (a to z), digits, dots, hyphens and underscores"
        raise ConfigurationError([Problem("NAME", 0, 0, f"“{name[:80]}” cannot be a name", advice)])
    token = make_token()
    chosen = sorted(set(scopes))
    last = expires.date() if expires else None
    if as_json:
        print_json({"name": name, "token": token, "hash": hash_of(token), "scopes": chosen, "expires": last})
        return
    say(token)
    note("This is the token. It is shown once. In newsletter.yaml:\n")
    for line in lines_of(name, hash_of(token), chosen, last):
        typer.echo(line)


def lines_of(name: str, digest: str, scopes: list[Scope], expires: date | None) -> list[str]:
    """Return the lines for newsletter.yaml."""
    last = [f"      expires: {expires}"] if expires else []
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    return ["api:", "  tokens:", f"    {name}:", f"      hash: {digest}", f"      scopes: [{listed}]", *last]
