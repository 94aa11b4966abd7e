"""Options that many commands take, and what they name."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.service.drafts import Member, RefusedWordError, read_member

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")]


def member_of(kind: type[Member], word: str | None, option: str) -> Member | None:
    """Return the member that an option names, None when it was not given; ConfigurationError with the nearest."""
    if word is None:
        return None
    try:
        return read_member(kind, word.strip(), f"a {option.strip('-')}")
    except RefusedWordError as error:
        raise ConfigurationError([Problem(option, 0, 0, str(error), error.advice)]) from error
