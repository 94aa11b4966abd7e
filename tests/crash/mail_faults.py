"""Faults of the mail server."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.crash.faults import FAULTS, Fault, fault
from tests.crash.newsletters import CONNECTIONS
from tests.crash.trial import CERTIFICATES, SHORT
from tests.support.postfix import postfix_instance
from tests.support.smtp_server import Script, mail_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.trial import Trial

POSTFIX_CONNECTIONS = 20  # its default_destination_concurrency_limit
STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "dot")
GARBAGE = "\udcff\udcfe<html>\udc80 what? 250"
SECURED = SHORT | {"tls": "starttls", "ca_file": str(CERTIFICATES / "authority.pem")}
HANGING = 6  # times
FEW = 0.03  # of the dialogues go wrong


@fault("refuses connections, then takes them", "mail server")
async def refuses(trial: Trial) -> None:
    port = trial.server.port
    await trial.server.break_off()
    async with trial.delivering():
        await trial.tried(3)
        await trial.server.start(port)


@fault("killed (`kill -9`) and started again, five times", "mail server", doubles=True)
async def killed(trial: Trial) -> None:
    port = trial.server.port
    await trial.server.break_off()
    with ExitStack() as servers:
        server, _ = servers.enter_context(mail_server(trial.journal, port, delay_s=0.01))
        async with trial.delivering():
            for number in range(1, 6):
                await trial.taken(number / 7)
                server.kill()
                server.wait()
                trial.server.unanswered += CONNECTIONS
                server, _ = await asyncio.to_thread(
                    servers.enter_context, mail_server(trial.journal, port, delay_s=0.01)
                )


@fault(
    "is Postfix, killed (`kill -9`) and started again with its queue, three times",
    "mail server",
    doubles=True,
    relay={},
    is_silent=True,  # for us; the mails are in its queue
)
async def postfix_killed(trial: Trial) -> None:
    port = trial.server.port
    await trial.server.break_off()
    await trial.server.start()
    passing_on = {"virtual_mailbox_maps": "static:x", "virtual_transport": f"smtp:[127.0.0.1]:{trial.server.port}"}
    with postfix_instance(port, passing_on) as relay:
        async with trial.delivering():
            for number in range(1, 4):
                await trial.taken(number / 5)
                await asyncio.to_thread(relay.kill)
                assert len(trial.server.received) < trial.readers
                trial.server.unanswered += CONNECTIONS + POSTFIX_CONNECTIONS
                await asyncio.to_thread(relay.start)
        await trial.all_taken()


def hangs_at(step: str, name: str = "", extensions: Sequence[str] = (), **options: Any) -> Fault:
    """Return the fault of a server that says nothing any more at a step of the dialogue, a few times."""

    async def play(trial: Trial) -> None:
        trial.script.extensions += extensions
        trial.script.replies[step] = ["hang"] * HANGING
        await trial.deliver()
        assert not trial.script.replies[step]

    return Fault(f"hangs at {name or step.upper()}", play, "mail server", **options)


FAULTS.extend(hangs_at(step) for step in STEPS)
FAULTS.append(hangs_at("starttls", extensions=["STARTTLS"], relay=SECURED))
FAULTS.append(hangs_at("tls", "the handshake of TLS", extensions=["STARTTLS"], relay=SECURED))
FAULTS.append(hangs_at("auth", extensions=["AUTH PLAIN"], relay=SHORT | {"username": "digest", "password": "secret"}))
FAULTS.append(hangs_at("quit", relay=SHORT | {"messages_per_connection": 3}, is_silent=True))  # its mails are taken


def at_random(trial: Trial, reply: str, share: float, steps: Sequence[str]) -> None:
    """Let the server give this reply at each of the steps, at random, and once for certain."""
    for step in steps:
        trial.script.replies[step] = [reply]
        trial.script.sometimes[step] = (share, reply)


@fault("hangs after it has taken a mail, some of them", "mail server", doubles=True)
async def hangs_after_taking(trial: Trial) -> None:
    at_random(trial, "hang-after", FEW, ["dot"])
    await trial.deliver()


@fault("closes after it has taken a mail, a tenth of them", "mail server", doubles=True)
async def closes_after_taking(trial: Trial) -> None:
    at_random(trial, "drop-after", 0.1, ["dot"])
    await trial.deliver()


@fault(
    "the same, with `deliver.when_unknown: never`",
    "mail server",
    shares={"unknown": None},
    deliver={"when_unknown": "never"},
)
async def closes_after_taking_and_nothing_is_repeated(trial: Trial) -> None:
    at_random(trial, "drop-after", 0.1, ["dot"])
    await trial.deliver()


@fault("closes before it has taken a mail, a tenth of them", "mail server")
async def closes_before_taking(trial: Trial) -> None:
    at_random(trial, "drop", 0.1, ["dot"])
    await trial.deliver()


@fault("greylists a third of the recipients, twice", "mail server")
async def greylists(trial: Trial) -> None:
    trial.server.script = Greylisting(refused=set(trial.addresses[::3]))
    await trial.deliver()


class Greylisting(Script):
    """Answers RCPT with 451 the first two times for some addresses."""

    def __init__(self, refused: set[str]) -> None:
        super().__init__()
        self._times = dict.fromkeys(refused, 2)

    def reply(self, step: str, recipient: str = "") -> str:
        if step == "rcpt" and self._times.get(recipient):
            self._times[recipient] -= 1
            return "451 4.7.1 Greylisted, come back later"
        return super().reply(step, recipient)


@fault("answers 4xx to a third of the recipients for ever", "mail server", shares={"expired": 1 / 3})
async def never_takes_a_third(trial: Trial) -> None:
    trial.script.recipients.update(dict.fromkeys(trial.addresses[::3], "450 4.2.1 Mailbox busy"))
    await trial.deliver()


@fault("answers 5xx to a tenth of the recipients", "mail server", shares={"rejected": 1 / 10})
async def rejects_a_tenth(trial: Trial) -> None:
    trial.script.recipients.update(dict.fromkeys(trial.addresses[::10], "550 5.1.1 No such user"))
    await trial.deliver()


@fault("takes nothing from us for a while (554 5.7.1 at the dot)", "mail server")
async def is_against_us(trial: Trial) -> None:
    trial.script.always["dot"] = "554 5.7.1 Message looks like spam"
    async with trial.delivering():
        await trial.tried(3)
        del trial.script.always["dot"]


@fault("says 421 at random and closes", "mail server")
async def closes_at_random(trial: Trial) -> None:
    at_random(trial, "421 4.3.2 Shutting down+drop", FEW, STEPS)
    await trial.deliver()


@fault("says garbage at random", "mail server")
async def garbage(trial: Trial) -> None:
    at_random(trial, GARBAGE, FEW, STEPS)
    await trial.deliver()


@fault("gives replies without an end at random", "mail server")
async def endless(trial: Trial) -> None:
    at_random(trial, "endless", FEW, STEPS)
    await trial.deliver()
