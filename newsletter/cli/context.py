"""What every command starts from: where the configuration is, and the application that it makes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import typer  # noqa: TC002 (Typer reads the annotations of commands when they are called)

from newsletter.core.address import parse_address
from newsletter.errors import AddressError, NotFoundError
from newsletter.wiring.application import open_application

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from newsletter.model import Profile, Subscriber
    from newsletter.ports import Store
    from newsletter.wiring.application import Application

T = TypeVar("T")

DEFAULT_DIRECTORY = Path("config")
LOOK_AT = 2000


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What the options before the command's name said."""

    directory: Path = DEFAULT_DIRECTORY


def directory_of(context: typer.Context) -> Path:
    """Return the directory of the configuration that this command works with."""
    found = context.find_object(CommandContext)
    return found.directory if found is not None else DEFAULT_DIRECTORY


def run(context: typer.Context, work: Callable[[Application], Awaitable[T]]) -> T:
    """Open the application, do ``work`` with it, close it, and return what came of it."""

    async def within() -> T:
        async with open_application(directory_of(context)) as application:
            return await work(application)

    return asyncio.run(within())


async def find_subscriber(store: Store, text: str) -> Subscriber:
    """Return who has this address; NotFoundError with the nearest one, AddressError when it is no address."""
    address = parse_address(text.strip())
    try:
        return await store.find_subscriber(address.key)
    except NotFoundError as error:
        known = await store.list_subscribers(limit=LOOK_AT)
        near = get_close_matches(address.text, [subscriber.address.text for subscriber in known], n=1, cutoff=0.7)
        advice = f"did you mean {near[0]}?" if near else "`newsletter subscribers list` shows who there is"
        raise NotFoundError(f"there is no subscriber {address} ({advice})") from error


def find_profile(profiles: Iterable[Profile], name: str) -> Profile:
    """Return the profile of this name; NotFoundError with the nearest one."""
    by_name = {profile.name: profile for profile in profiles}
    return by_name[name] if name in by_name else not_found("profile", name, by_name)


def not_found(what: str, name: str, known: Iterable[str]) -> NoReturn:
    """Raise the NotFoundError for ``name``, with the nearest of the names there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names[:20]) or 'none'}"
    raise NotFoundError(f"there is no {what} “{name}” ({advice})")


def is_address(text: str) -> bool:
    """Return whether text is a mail address."""
    try:
        parse_address(text.strip())
    except AddressError:
        return False
    return True
