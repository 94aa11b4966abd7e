"""docs/api.md against the API: each request that it shows is made, and answered by what it shows."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.core.access import Scope
from newsletter.core.webhooks import body_of
from newsletter.model import EventKind, Posting, PostingState
from newsletter.settings.webhookmodels import EVENTS
from newsletter.web.api import application, gate, intake, problems, profiles, subscribers
from tests.support.api import ALL, BASE, asking, desk_at
from tests.support.databases import migrated_file
from tests.support.documents import blocks
from tests.support.lived_in import lived_in_file, lived_in_url

if TYPE_CHECKING:
    import httpx2

__all__ = ["lived_in_file", "lived_in_url", "migrated_file"]

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
REQUESTS = [block for block in blocks(DOCUMENT, "sh") if block.startswith("curl ")]


async def made(client: httpx2.AsyncClient, line: str) -> httpx2.Response:
    """Make the request that a command line of curl describes."""
    words = shlex.split(line.replace("\\\n", " ").replace("$TOKEN", ALL).replace("$NEWSLETTER", BASE))[1:]
    headers: dict[str, str] = {}
    method, body, address = "GET", None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0)
        else:
            assert not word.startswith("-"), word
            address = word
    return await client.request(method, address, headers=headers, content=body)


def shape(value: Any) -> Any:
    """Return which keys a document has, and of its lists the first member."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value[:1]] if isinstance(value, list) else None


def shown_after(request: str) -> Any:
    """Return the answer that stands right below a request, if one does."""
    rest = DOCUMENT.partition(request)[2].partition("```\n")[2].lstrip()
    return json.loads(blocks(rest, "json")[0]) if rest.startswith("```json") else None


@pytest.mark.parametrize("request_shown", REQUESTS, ids=lambda line: re.findall(r"api/v1(/[\w/-]+)", line)[0])
async def test_each_request_is_answered_as_shown(request_shown: str, lived_in_url: str, tmp_path: Path) -> None:
    async with desk_at(lived_in_url, tmp_path / "config") as desk, asking(desk, None) as client:
        answer = await made(client, request_shown)
    shown = shown_after(request_shown)
    if shown is None:
        assert answer.is_success, answer.text
    elif ("status" in shown and "code" in shown) or "problems" in shown:
        assert answer.json() == shown
    else:
        told = shape(answer.json())
        told["items"][0]["profiles"] = told["items"][0]["keywords"] = [None]
        assert told == shape(shown)


def test_it_shows_requests() -> None:
    assert len(REQUESTS) >= 7


def test_every_scope_and_every_code_is_told_and_no_other() -> None:
    table = DOCUMENT.partition("| scope | opens |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z]+:[a-z]+)`", table)) == set(Scope)
    source = "".join(
        Path(module.__file__ or "").read_text()
        for module in (application, gate, intake, problems, profiles, subscribers)
    )
    given = set(re.findall(r'(?:RefusedError|problem)\(\s*\d+,\s*"(\w+)"', source))
    given |= {"bad_cursor", "bad_request", "method_not_allowed", "internal_server_error"}
    codes = DOCUMENT.partition("| status | codes |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", codes)) == given


def test_every_event_is_told_and_no_other() -> None:
    table = DOCUMENT.partition("| event | when |")[2].partition("\n\n")[0]
    assert set(re.findall(r"(?m)^\| `([a-z.]+)`", table)) == set(EVENTS)


def test_the_event_that_it_shows_is_one() -> None:
    shown = json.loads(blocks(DOCUMENT.partition("## Webhooks")[2], "json")[0])
    at = datetime(2026, 11, 24, 7, 0, 0, 250_000, UTC)
    data = {"status": "unsubscribed", "reason": "unsubscribed by one-click"}
    kind, state = EventKind.UNSUBSCRIBED, PostingState.WAITING
    assert json.loads(body_of(Posting(1, "x", "crm", kind, at, 7, None, data, state, 0, at))) == shown
