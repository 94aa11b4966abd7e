"""``newsletter admin``: what the admin's pages need."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from newsletter.cli.output import note
from newsletter.core.passwords import LONGEST, SALT_OCTETS, SHORTEST, hash_password
from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.settings.values import NAME

app = typer.Typer(no_args_is_help=True, help="The admin's pages.")


@app.callback()
def group() -> None:
    """Keep the one command a group's."""


@app.command("hash-password")
def hash_password_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the admin is called.")] = "admin",
) -> None:
    r"""Hash a password for the admin's pages.

    It prints the lines of newsletter.yaml that let somebody in. The password is asked for on a terminal, and read
    from standard input elsewhere; it is kept nowhere. It has at least 12 characters. A new hash in the
    configuration ends every login with the old one.

    \b
    Example:
      newsletter admin hash-password ada
    """
    if not NAME.fullmatch(name):
        advice = "take letters (a to z), digits, hyphens and underscores"
        raise ConfigurationError([Problem("NAME", 0, 0, f"“{name}” cannot be an admin's name", advice)])
    password = read_password()
    if not SHORTEST <= len(password) <= LONGEST:
        problem = f"the password has {len(password)} characters"
        raise ConfigurationError([Problem("admin hash-password", 0, 0, problem, f"take {SHORTEST} to {LONGEST}")])
    kept = hash_password(password, secrets.token_bytes(SALT_OCTETS))
    typer.echo(f'admin:\n  users:\n    {name}:\n      password_hash: "{kept}"')
    note("put these lines into newsletter.yaml, or the hash alone into a file named by password_hash_file")


def read_password() -> str:
    """Return what was typed twice on a terminal, or the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
