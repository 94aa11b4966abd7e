"""A configuration with an admin, and a store with weeks behind it, for the admin's pages."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import yaml

from newsletter.core.passwords import Cost, hash_password
from newsletter.wiring import open_application
from tests.support.history import seed
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from pathlib import Path

USER = "ada"
PASSWORD = "correct horse battery staple"
QUICK = Cost(rounds=8, block=8, lanes=1)  # for tests alone: a few milliseconds


def password_hash(password: str = PASSWORD) -> str:
    return str(hash_password(password, b"0123456789abcdef", QUICK))


def make_admin_configuration(directory: Path) -> None:
    """Write the shipped configuration with one admin."""
    make_configuration(directory)
    path = directory / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["admin"] = {"users": {USER: {"password_hash": password_hash()}}}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))


def make_history(directory: Path, people: int = 60) -> None:
    """Fill the store of a configuration."""

    async def fill() -> None:
        async with open_application(directory) as application:
            await seed(application.store, datetime.now(UTC), people)

    asyncio.run(fill())
