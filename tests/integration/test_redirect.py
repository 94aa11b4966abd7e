"""``mail.redirect_all_to`` from the settings to a server on loopback: one address gets it all, and nobody is judged."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest

from newsletter.core.address import parse_address
from newsletter.core.links import Links
from newsletter.core.replies import Cause, cause_of, classify
from newsletter.mail.redirect import INTENDED, RedirectedTransport, of_redirected
from newsletter.mail.smtp import Relay, SmtpTransport, Tls
from newsletter.model import DeliveryState, Notice, Outcome, OutcomeKind, Step, SubscriberStatus
from newsletter.settings.load import load_configuration
from newsletter.wiring.application import open_application
from newsletter.wiring.parts import build_parts
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.smtp_server import Script, SmtpServer
from tests.support.stored import NOW, add_people, digest_of, planned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from newsletter.wiring.application import Application

__all__ = ["migrated_file"]

STAGING = parse_address("staging@example.net")
SETTINGS = """\
mail:
  sender: digest@example.org
  redirect_all_to: staging@example.net
  relay: {host: 127.0.0.1, port: %d, tls: none}
alerts:
  mail: operator@example.org
data_directory: ../data
sources: {}
"""


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


@asynccontextmanager
async def redirected(newsletter: CommandLine, script: Script) -> AsyncIterator[tuple[SmtpServer, Application]]:
    """Yield a server, and an application whose mails to Ada and Bob wait."""
    server = SmtpServer(script)
    await server.start()
    (newsletter.directory / "newsletter.yaml").write_text(SETTINGS % server.port)
    async with open_application(newsletter.directory) as application:
        people = await add_people(application.store, "ada", "bob")
        now = application.now()
        mails = [replace(planned(who, digest_of(day=now.date())), due_at=now) for who in people]
        assert await application.store.plan(mails, {}, now) == 2
        try:
            yield server, application
        finally:
            await server.stop()


async def test_every_mail_goes_to_the_one_address_and_says_who_it_is_meant_for(newsletter: CommandLine) -> None:
    async with redirected(newsletter, Script()) as (server, application):
        parts = build_parts(application)
        counts = await parts.deliverer.deliver_due()
        assert await parts.announcers[0].announce([Notice("queue", "mails wait", NOW)], NOW) is None
        await parts.aclose()
        assert counts.accepted == 2
        assert {mail.recipient for mail in server.received} == {"staging@example.net"}
        assert {mail.sender for mail in server.received} == {"digest@example.org"}
        messages = [message_from_bytes(mail.content, policy=policy.SMTP) for mail in server.received]
        assert [message[INTENDED] for message in messages] == [
            "ada@example.org",
            "bob@example.org",
            "operator@example.org",
        ]
        delivery = (await application.store.list_deliveries())[0]
        [attempt] = await application.store.attempts(delivery.id)
        assert attempt.outcome.text.startswith("redirected to staging@example.net: ")


async def test_the_links_in_it_end_nothing(newsletter: CommandLine) -> None:
    async with redirected(newsletter, Script()) as (server, application):
        parts = build_parts(application)
        await parts.deliverer.deliver_due()
        await parts.aclose()
        for mail in server.received:
            link = message_from_bytes(mail.content, policy=policy.SMTP)["List-Unsubscribe"]
            token = link.strip("<>").rpartition("/")[2]
            assert token
            assert application.links.read_unsubscribe(token) is None


@pytest.mark.parametrize("reply", ["550 5.1.1 no such user", "452 4.2.2 mailbox full", "550 5.7.1 spam"])
async def test_a_refusal_says_nothing_about_who_it_was_meant_for(newsletter: CommandLine, reply: str) -> None:
    async with redirected(newsletter, Script(recipients={"staging@example.net": reply})) as (_, application):
        parts = build_parts(application)
        counts = await parts.deliverer.deliver_due()
        await parts.aclose()
        assert (counts.deferred, counts.bounced, counts.fault) == (2, 0, None)
        people = await application.store.list_subscribers()
        assert {person.status for person in people} == {SubscriberStatus.ACTIVE}
        for delivery in await application.store.list_deliveries():
            assert delivery.state is DeliveryState.DEFERRED
            [attempt] = await application.store.attempts(delivery.id)
            assert attempt.outcome.text == f"redirected to staging@example.net: {reply}"
            assert cause_of(attempt.outcome) is Cause.NONE


def test_everybody_says_it_loudly(newsletter: CommandLine) -> None:
    (newsletter.directory / "newsletter.yaml").write_text(SETTINGS % 25)
    said = "every mail goes to staging@example.net alone, whoever it is meant for"
    assert load_configuration(newsletter.directory).warnings[0].message == said
    assert said in newsletter("check").out
    assert said in newsletter("status").err
    assert newsletter("status", "--json").json["redirected_to"] == "staging@example.net"


async def test_a_name_that_is_not_ascii_is_told_in_ascii(tmp_path: Path) -> None:
    del tmp_path
    server = SmtpServer(Script())
    await server.start()
    transport = RedirectedTransport(
        SmtpTransport(Relay(port=server.port, tls=Tls.NONE, local_hostname="x")), STAGING, "digest@example.org"
    )
    jorg = replace(parse_address("jorg@example.org"), wire="jörg@example.org")
    outcome = await transport.send(b"Subject: x\r\n\r\nx\r\n", "verp+1@example.org", jorg, envelope_id="1")
    await transport.aclose()
    await server.stop()
    assert outcome.kind is OutcomeKind.ACCEPTED
    [mail] = server.received
    assert mail.content.isascii()
    assert message_from_bytes(mail.content, policy=policy.SMTP)[INTENDED] == "jörg@example.org"


def test_what_may_have_arrived_and_what_fails_at_the_relay_stay_so() -> None:
    lost = of_redirected(Outcome(OutcomeKind.DEFERRED, None, "lost", is_unknown=True, step=Step.DOT), STAGING)
    assert lost.is_unknown
    down = of_redirected(Outcome(OutcomeKind.DEFERRED, None, "refused", step=Step.CONNECT), STAGING)
    assert cause_of(down) is Cause.UNREACHABLE
    busy = of_redirected(classify(Step.MAIL, 421, "too many"), STAGING)
    assert busy.kind is OutcomeKind.DEFERRED


def test_worthless_links_look_like_others() -> None:
    links = Links("a secret of some length", "https://news.example")
    assert len(links.worthless().unsubscribe_url(7)) == len(links.unsubscribe_url(7))
    assert links.read_unsubscribe(links.unsubscribe_url(7).rpartition("/")[2]) == 7
    assert links.read_unsubscribe(links.worthless().unsubscribe_url(7).rpartition("/")[2]) is None
