"""A real delivery run against a server that names its recipients in every refusal: no log says who they are."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from newsletter.observe import configure_logging
from newsletter.service.deliver import DeliveryPolicy
from tests.integration.test_delivery import Clock, Setting
from tests.support.deliveries import SENDER, make_store, plan
from tests.support.smtp_server import Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = [f"reader{number}@example.org" for number in range(8)]


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def script() -> Script:
    return Script(
        recipients={
            PEOPLE[0]: f"550 5.1.1 <{PEOPLE[0]}>: Recipient address rejected: User unknown",
            PEOPLE[1]: f'550 5.2.1 The user "{PEOPLE[1]}" is disabled',
            PEOPLE[2]: "550 reader2: no such user here",
            PEOPLE[3]: f"450 4.2.0 <{PEOPLE[3]}>: greylisted, reader3 is asked to wait",
            PEOPLE[4]: f"554 5.7.1 <{PEOPLE[4]}>: Relay access denied",
            PEOPLE[5]: f"421 4.7.0 too many messages to {PEOPLE[5]}",
        },
        replies={"dot": [f"250 2.0.0 queued for {PEOPLE[6]}"]},
    )


@pytest.mark.parametrize("style", ["json", "console"])
async def test_no_log_says_who_reads(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(style, "debug")
    store = make_store(tmp_path)
    await plan(store, len(PEOPLE))
    policy = DeliveryPolicy(lambda _: SENDER, owner="test", connections=2, batch=5)
    async with Setting(store, Clock(), script(), policy) as setting:
        await setting.deliver()
    await store.aclose()
    said = capsys.readouterr().err
    assert said.count("deliver.outcome") >= 6
    assert "deliver.done" in said
    assert "Relay access denied" in said  # what is about us is told, with its text
    assert [word for number in range(len(PEOPLE)) if (word := f"reader{number}") in said] == []
    if style == "json":
        events = [json.loads(line) for line in said.splitlines()]
        refused = [each for each in events if each.get("code") == 550]
        assert {each["cause"] for each in refused} == {"recipient"}
        assert all(each["text"] is None and isinstance(each["delivery"], int) for each in refused)
