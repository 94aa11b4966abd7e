"""``newsletter webhooks``: who is told, what was not taken, and another try."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from newsletter.core.webhooks import read_secret
from newsletter.errors import ConfigurationError
from tests.support.api import write_configuration
from tests.support.command_line import CommandLine
from tests.support.receiver import SECRET, Receiver, running_receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def section(url: str, more: str = "") -> str:
    """Return the section of newsletter.yaml that names one webhook."""
    lines = ["webhooks:", "  endpoints:", "    crm:", f"      url: {url}", f"      secret: {SECRET}"]
    return "\n".join([*lines, "      events: [subscriber.subscribed, issue.sent]", more]) + "\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver in a thread of its own, for commands run loops of theirs."""
    started = threading.Event()
    found: list[tuple[Receiver, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        async with running_receiver() as receiver:
            end = asyncio.Event()
            found.append((receiver, asyncio.get_running_loop(), end))
            started.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert started.wait(10)
    receiver, loop, end = found[0]
    yield receiver
    loop.call_soon_threadsafe(end.set)
    thread.join(10)


@pytest.fixture
def newsletter(tmp_path: Path, receiver: Receiver) -> CommandLine:
    directory = tmp_path / "config"
    write_configuration(directory, section(receiver.url, "      allow_private_addresses: true"))
    return CommandLine(directory)


def test_a_test_is_signed_and_its_answer_is_told(newsletter: CommandLine, receiver: Receiver) -> None:
    assert newsletter("webhooks", "test", "crm").out == "crm took it (204)\n"
    [told] = receiver.told
    assert told.event["type"] == "webhook.test"
    receiver.status = 401
    refused = newsletter("webhooks", "test", "crm")
    assert refused.code == 5
    assert refused.err.endswith("newsletter: crm did not take it: the webhook refused the event (401)\n")
    assert newsletter("webhooks", "test", "crm", "--dry-run").out.startswith('would post: {"type":"webhook.test"')
    assert len(receiver.told) == 2
    assert newsletter("webhooks", "test", "cram").code == 4


def test_what_was_not_taken_is_listed_and_told_again(newsletter: CommandLine, receiver: Receiver) -> None:
    receiver.status = 500
    assert newsletter("webhooks", "test", "crm").code == 5
    assert newsletter("subscribers", "add", "ada@example.org").code == 0  # told in the transaction of the command
    listed = newsletter("webhooks", "list", "--json").json
    assert [(each["name"], each["failures"], each["waiting"]) for each in listed["webhooks"]] == [("crm", 1, 2)]
    assert {each["event"] for each in listed["postings"]} == {"webhook.test", "subscriber.subscribed"}
    assert "not-to-be-told" not in newsletter("webhooks", "list").out
    assert newsletter("webhooks", "retry", "crm", "--dry-run").out == "2 events would be told again\n"
    first = listed["postings"][-1]["id"]
    assert newsletter("webhooks", "retry", "crm", "--id", str(first)).out == "1 event will be told again\n"
    assert newsletter("webhooks", "retry", "crm").out == "2 events will be told again\n"
    assert newsletter("webhooks", "retry", "nobody").code == 4


def test_a_made_secret_is_one(newsletter: CommandLine) -> None:
    assert read_secret(newsletter("webhooks", "make-secret").out.strip())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (section("http://hooks.example.org/"), "not https"),
        (section("hooks.example.org"), "not a web address"),
        (section("https://hooks.example.org/").replace(SECRET, "whsec_short"), "secret of “crm” cannot be used"),
        (section("https://hooks.example.org/").replace("issue.sent", "issue.send"), "did you mean “issue.sent”?"),
        (section("https://hooks.example.org/").replace(f"      secret: {SECRET}\n", ""), "has no secret"),
    ],
)
def test_what_cannot_be_told_is_refused_without_repeating_secrets(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_configuration(tmp_path / "config", wrong)
    assert said in str(caught.value)
    assert "whsec_short" not in str(caught.value)
