"""Logging in to the admin's pages: who may, how often, for how long; and forms that other sites send."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import structlog.testing
import yaml

from newsletter.core.links import Links
from newsletter.core.sessions import Sessions
from newsletter.service.login import PER_ACCOUNT, PER_NETWORK, WAITING, Doorkeeper, LoginRefused
from newsletter.settings.load import load_configuration
from newsletter.web.admin.access import own_path
from newsletter.wiring.application import Application, open_application
from tests.support.adminsite import (
    OWN,
    PASSWORD,
    USER,
    contents,
    log_in,
    make_admin_configuration,
    password_hash,
    token_of,
    visitor,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    make_admin_configuration(tmp_path / "config")
    async with open_application(tmp_path / "config") as opened:
        yield opened


async def test_without_admins_there_is_nothing(application: Application, tmp_path: Path) -> None:
    path = tmp_path / "config" / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    del settings["admin"]
    path.write_text(yaml.safe_dump(settings))
    application.adopt(load_configuration(tmp_path / "config"))
    async with visitor(application) as client:
        for path_there in ("/admin", "/admin/login"):
            assert (await client.get(path_there)).status_code == 404
        assert (await log_in(client)).status_code == 404
        assert (await client.post("/admin/logout")).status_code == 404


async def test_who_is_not_logged_in_is_sent_to_log_in_and_comes_back(application: Application) -> None:
    async with visitor(application) as client:
        answer = await client.get("/admin?days=7")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login?to=%2Fadmin%3Fdays%3D7")
        page = await client.get(answer.headers["location"])
        assert page.status_code == 200
        assert "The &lt;Morning&gt;" in page.text
        action = re.search(r'action="([^"]+)"', page.text)
        assert action
        answer = await client.post(action[1], data={"user": USER, "password": PASSWORD}, headers=OWN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin?days=7")
        page = await client.get("/admin")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert (await client.get("/admin/login")).headers["location"] == "/admin"


async def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[tuple[Any, ...]] = []
    real = hashlib.scrypt

    def counted(password: bytes, **said: Any) -> bytes:
        hashed.append((said["n"], said["r"], said["p"]))
        return real(password, **said)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    async with visitor(application) as client:
        with structlog.testing.capture_logs() as logs:
            wrong = [await log_in(client, "wrong password"), await log_in(client, PASSWORD, "nobody")]
            wrong += [await log_in(client, ""), await log_in(client, "x" * 5000)]
    assert {answer.status_code for answer in wrong} == {403}
    assert len({answer.content for answer in wrong}) == 1
    assert "do not belong together" in wrong[0].text
    assert len(hashed) == 4
    assert len(set(hashed)) == 1
    assert "wrong password" not in repr(logs)
    assert not any("set-cookie" in answer.headers for answer in wrong)


async def test_the_cookie_is_for_this_site_alone(application: Application) -> None:
    async with visitor(application) as client:
        said = (await log_in(client)).headers["set-cookie"]
        assert said.startswith("newsletter_admin=")
        assert {part.strip().lower() for part in said.split(";")[1:]} == {"httponly", "path=/admin", "samesite=strict"}
    application.links = Links(application.links.secret, "https://news.example")
    async with visitor(application) as client:
        said = (await log_in(client)).headers["set-cookie"]
        assert said.startswith("__Host-newsletter_admin=")
        parts = {part.strip().lower() for part in said.split(";")[1:]}
        assert parts == {"httponly", "path=/", "samesite=strict", "secure"}


async def test_logging_out_ends_the_session_for_every_copy_of_its_cookie(application: Application) -> None:
    async with visitor(application) as client, visitor(application) as thief:
        await log_in(client)
        thief.cookies = client.cookies
        stolen = dict(client.cookies)
        assert (await thief.get("/admin")).status_code == 200
        answer = await client.post("/admin/logout", data={"token": await token_of(client)}, headers=OWN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
        assert 'newsletter_admin=""' in answer.headers["set-cookie"]
        thief.cookies = httpx2.Cookies(stolen)
        assert (await thief.get("/admin")).status_code == 303


async def test_another_password_or_another_name_ends_all_sessions(application: Application, tmp_path: Path) -> None:
    path = tmp_path / "config" / "newsletter.yaml"
    settings = yaml.safe_load(path.read_text())
    async with visitor(application) as client:
        await log_in(client)
        for users in (
            {USER: {"password_hash": password_hash("another password")}},
            {"eve": settings["admin"]["users"][USER]},
        ):
            assert (await client.get("/admin")).status_code == 200
            path.write_text(yaml.safe_dump(settings | {"admin": {"users": users}}))
            application.adopt(load_configuration(tmp_path / "config"))
            assert (await client.get("/admin")).status_code == 303
            path.write_text(yaml.safe_dump(settings))
            application.adopt(load_configuration(tmp_path / "config"))


async def test_a_session_lasts_while_it_is_used_and_no_longer_than_it_may(application: Application) -> None:
    sessions = Sessions(application.links.secret, timedelta(minutes=60), timedelta(hours=12))
    async with visitor(application) as client:
        await log_in(client)
        session = sessions.read(client.cookies["newsletter_admin"], application.now())
        assert session is not None

        async def ask(began: timedelta, seen: timedelta) -> httpx2.Response:
            now = application.now()
            aged = replace(session, began_at=now - began, seen_at=now - seen)
            return await client.get("/admin", headers={"Cookie": f"newsletter_admin={sessions.write(aged)}"})

        client.cookies.clear()
        used = await ask(timedelta(minutes=50), timedelta(minutes=50))
        assert used.status_code == 200
        renewed = used.headers["set-cookie"].partition(";")[0].partition("=")[2]
        seen = sessions.read(renewed, application.now())
        assert seen is not None
        assert application.now() - seen.seen_at < timedelta(minutes=1)
        assert "set-cookie" not in (await ask(timedelta(minutes=50), timedelta(seconds=5))).headers
        assert (await ask(timedelta(minutes=70), timedelta(minutes=61))).status_code == 303
        assert (await ask(timedelta(hours=12), timedelta())).status_code == 303


async def test_a_network_that_guesses_has_to_wait_and_others_have_not(application: Application) -> None:
    desk_clients = visitor(application)
    async with desk_clients as client:
        for _ in range(PER_NETWORK):
            assert (await log_in(client, "guess")).status_code == 403
        answer = await log_in(client)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900
        assert "Too many tries" in answer.text
        assert "set-cookie" not in answer.headers


async def test_an_account_that_is_guessed_from_everywhere_waits_but_for_where_its_owner_came_from() -> None:
    door, hashes = Doorkeeper(), {USER: password_hash()}

    async def knock(user: str, password: str, address: str, now: datetime = NOW) -> Any:
        return await door.let_in(hashes, user, password, address, now)

    assert (await knock(USER, PASSWORD, "192.0.2.0/24")).user == USER
    for user in (USER, "nobody"):
        for number in range(PER_ACCOUNT):
            assert await knock(user, "guess", f"198.51.{number}.0/24") == LoginRefused()
        refused = await knock(user, PASSWORD, "203.0.113.0/24")
        assert refused == LoginRefused(timedelta(minutes=15))  # known or not
    assert (await knock(USER, PASSWORD, "192.0.2.0/24")).user == USER
    later = NOW + timedelta(minutes=15)
    assert (await knock(USER, PASSWORD, "203.0.113.0/24", later)).user == USER


async def test_however_many_guess_at_once_few_passwords_are_looked_at() -> None:
    door, hashes = Doorkeeper(), {USER: password_hash()}
    guesses = (door.let_in(hashes, f"{number}", "guess", f"198.51.{number}.0/24", NOW) for number in range(200))
    answers = await asyncio.gather(*guesses)
    assert answers.count(LoginRefused()) <= WAITING + 1
    assert answers.count(LoginRefused(timedelta(seconds=30))) >= 200 - WAITING - 1
    one = [door.let_in(hashes, USER, "guess", "192.0.2.0/24", NOW) for _ in range(PER_NETWORK + 5)]
    assert (await asyncio.gather(*one)).count(LoginRefused()) == PER_NETWORK


async def test_who_succeeds_is_not_counted() -> None:
    door, hashes = Doorkeeper(), {USER: password_hash()}
    for _ in range(PER_NETWORK * 2):
        assert not isinstance(await door.let_in(hashes, USER, PASSWORD, "192.0.2.0/24", NOW), LoginRefused)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site", **OWN},
        {"Sec-Fetch-Site": "same-site", **OWN},
        {"Sec-Fetch-Site": "none", **OWN},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(application: Application, headers: dict[str, str]) -> None:
    async with visitor(application) as client:
        assert (await log_in(client, headers=headers)).status_code == 403
        await log_in(client, headers={"Sec-Fetch-Site": "same-origin"})
        token, before = await token_of(client), contents(application)
        assert (await client.post("/admin/logout", data={"token": token}, headers=headers)).status_code == 403
        assert contents(application) == before
        assert (await client.get("/admin")).status_code == 200


async def test_a_form_of_another_session_or_of_none_changes_nothing(application: Application) -> None:
    async with visitor(application) as client, visitor(application) as other:
        await log_in(client)
        await log_in(other)
        mine, theirs = await token_of(client), await token_of(other)
        assert mine != theirs
        before = contents(application)
        for token in (theirs, mine[:-2], mine[::-1], ""):
            assert (await client.post("/admin/logout", data={"token": token}, headers=OWN)).status_code == 403
        assert (await client.post("/admin/logout", headers=OWN)).status_code == 403
        client.cookies.clear()
        assert (await client.post("/admin/logout", data={"token": mine}, headers=OWN)).status_code == 403
        assert contents(application) == before


async def test_looking_writes_nothing(application: Application) -> None:
    async with visitor(application) as client:
        await log_in(client)
        before = contents(application)
        for path in ("/admin", "/admin/login", "/admin/style.css", "/admin/logout"):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert (await client.request(method, path)).status_code in (200, 303, 405)
        assert contents(application) == before


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/admin/issues?days=7", "/admin/issues?days=7"),
        ("/admin", "/admin"),
        ("//evil.example", "/admin"),
        ("https://evil.example/admin", "/admin"),
        ("/administrator", "/admin"),
        ("/admin/\\evil.example", "/admin"),
        ("/admin/\r\nSet-Cookie: x=1", "/admin"),
        ("/admin/login?to=/admin/login", "/admin"),
        ("", "/admin"),
    ],
)
def test_who_has_logged_in_goes_on_to_our_own_pages_alone(asked: str, path: str) -> None:
    assert own_path(asked) == path
