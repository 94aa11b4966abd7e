"""A configuration with an admin, and a store with weeks behind it, for the admin's pages."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

from newsletter.core.passwords import Cost, hash_password
from newsletter.store.copying import summarise
from newsletter.store.dialect import parse_address
from newsletter.store.migrate import connect
from newsletter.web.admin.desk import AdminDesk
from newsletter.web.app import create_app
from newsletter.web.probes import Probes
from newsletter.wiring.application import Application, open_application
from tests.support.history import seed
from tests.support.pictures import make_configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

USER = "ada"
PASSWORD = "correct horse battery staple"
OWN = {"Origin": "http://127.0.0.1"}
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

    with ThreadPoolExecutor(1) as thread:  # a browser's tests have a loop of their own running
        thread.submit(asyncio.run, fill()).result()


async def no_figures(_: str) -> tuple[bytes, str]:
    return b"", "text/plain"


@asynccontextmanager
async def visitor(application: Application, address: str = "192.0.2.1") -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a browser at this address; it keeps cookies."""
    probes = Probes(lambda: {"ok": True}, list, application.store.check_schema, no_figures)
    desk = AdminDesk(application, lambda: {"ok": True})
    app = create_app(application.store, application.links, "The <Morning>", application.now, None, probes, admin=desk)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=(address, 40000))
    base_url = "http://127.0.0.1"
    async with httpx2.AsyncClient(transport=transport, base_url=base_url) as client:
        yield client


async def log_in(
    client: httpx2.AsyncClient, password: str = PASSWORD, user: str = USER, **said: Any
) -> httpx2.Response:
    fields = {"user": user, "password": password}
    return await client.post("/admin/login", data=fields, headers=said.pop("headers", OWN), **said)


def contents(application: Application) -> Any:
    url = application.configuration.settings.database_url.replace("+aiosqlite", "")
    with connect(parse_address(url), 5) as connection:
        return summarise(connection, lambda _: None)


async def token_of(client: httpx2.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await client.get("/admin")).text)
    assert found
    return found[1]
