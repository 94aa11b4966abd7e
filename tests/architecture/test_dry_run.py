"""Every command is known for what it does to others; what sends or deletes can be asked what it would do."""

from __future__ import annotations

import pytest

from newsletter.cli.reference import commands

LEAVES = {" ".join(path): command for path, command in commands() if not hasattr(command, "commands")}

# Changes nothing that is kept, and sends nothing.
LOOKS = {
    "admin hash-password",
    "api make-token",
    "bounces list",
    "bounces show",
    "check",
    "deliveries list",
    "deliveries reasons",
    "deliveries report",
    "deliveries show",
    "dkim check",
    "dkim show",
    "papers search",
    "papers show",
    "picks link",
    "picks list",
    "profiles list",
    "profiles show",
    "profiles test",
    "relays list",
    "sources list",
    "sources test",
    "status",
    "subscribers list",
    "subscribers show",
    "suppression check",
    "suppression list",
    "templates check",
    "templates serve",
    "why",
    "webhooks list",
    "webhooks make-secret",
}
# Adds to what is kept, or changes it so that the same command, or its opposite, changes it back; or writes a file that
# is named to it. Sends nothing.
KEEPS = {
    "backup",
    "collect",
    "deliveries export",
    "init",
    "migrate",
    "pause",
    "picks add",
    "picks remove",
    "preview",
    "subscribers add",
    "subscribers edit",
    "subscribers export",
    "subscribers pause",
    "subscribers resume",
    "suppression export",
}
# Goes on until it is stopped; `mail.redirect_all_to`, `newsletter pause` and `issue --dry-run` rehearse it.
RUNS = {"run", "worker"}
# Sends, lets mail go, deletes, or puts something else into the place of what was there.
ACTS = {
    "bounces read",
    "deliver",
    "deliveries retry",
    "dkim generate",
    "doctor",
    "issue",
    "move-store",
    "relays reset",
    "restore",
    "send",
    "send-test",
    "subscribers import",
    "subscribers remove",
    "suppression add",
    "suppression import",
    "suppression remove",
    "unpause",
    "unseal",
    "webhooks retry",
    "webhooks test",
}


def test_every_command_is_known_for_what_it_does() -> None:
    known = [*LOOKS, *KEEPS, *RUNS, *ACTS]
    assert len(known) == len(set(known)), "a command stands in two lists"
    assert set(LEAVES) - set(known) == set(), "a new command: say in which of the lists above it belongs"
    assert set(known) - set(LEAVES) == set(), "there is no such command any more"


@pytest.mark.parametrize("name", sorted(ACTS))
def test_what_acts_can_be_asked_what_it_would_do(name: str) -> None:
    assert "--dry-run" in options(name)


@pytest.mark.parametrize("name", sorted(LOOKS | RUNS))
def test_nothing_else_pretends_to(name: str) -> None:
    assert "--dry-run" not in options(name)


def options(name: str) -> set[str]:
    return {option for parameter in LEAVES[name].params for option in parameter.opts}
