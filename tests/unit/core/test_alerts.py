from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.alerts import CALM, AlertPolicy, Observation, duration, follow, observed, told, unseen
from newsletter.core.clearance import Clearance
from newsletter.model import (
    Alert,
    Circuit,
    CircuitCause,
    CircuitScope,
    Condition,
    Fault,
    Health,
    Notice,
    Pause,
    PauseScope,
    Place,
    Seal,
    SourceState,
    WebhookStanding,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = AlertPolicy()
LINE = Condition("line", "it fails", 15 * MINUTE)


def run(states: list[bool], step: timedelta = MINUTE) -> list[tuple[int, bool]]:
    """Return at which steps something was told, and whether it was over, when the condition held as ``states`` say."""
    known: dict[str, Alert] = {}
    said = []
    for number, is_wrong in enumerate(states):
        now = NOW + number * step
        kept, notices = follow(known, [LINE] if is_wrong else [], "mail", now)
        known = told(kept, notices, now)
        said += [(number, notice.is_over) for notice in notices]
    return said


def test_what_lasts_is_told_once_and_once_when_it_is_over() -> None:
    assert run([True] * 60 + [False] * 60) == [(15, False), (65, True)]


def test_what_passes_is_told_to_nobody() -> None:
    assert run([True] * 15 + [False] * 5 + [True] * 15 + [False] * 5) == []


def test_what_comes_and_goes_is_one_trouble() -> None:
    assert run([True] * 20 + [False, True, False, False, True] * 10 + [False] * 10) == [(15, False), (75, True)]


def test_who_could_not_be_reached_is_told_the_next_time() -> None:
    kept, notices = follow({}, [LINE], "mail", NOW)
    kept, notices = follow(kept, [LINE], "mail", NOW + 20 * MINUTE)
    assert notices == [Notice("line", "it fails", NOW)]
    kept, again = follow(kept, [LINE], "mail", NOW + 21 * MINUTE)
    assert again == notices
    _, silent = follow(told(kept, again, NOW + 21 * MINUTE), [LINE], "mail", NOW + 22 * MINUTE)
    assert silent == []


def test_the_end_too_is_told_again_until_it_is_heard() -> None:
    known = {"line": Alert("line", "mail", "it fails", NOW, announced_at=NOW, calm_since=NOW)}
    kept, notices = follow(known, [], "mail", NOW + CALM)
    assert [notice.is_over for notice in notices] == [True]
    assert set(kept) == {"line"}
    assert told(kept, notices, NOW + CALM) == {}


@given(st.lists(st.booleans(), max_size=80), st.sampled_from([MINUTE, 7 * MINUTE, 60 * MINUTE]))
def test_told_and_over_take_turns(states: list[bool], step: timedelta) -> None:
    said = [is_over for _, is_over in run(states, step)]
    assert said == [bool(index % 2) for index in range(len(said))]


@given(st.lists(st.booleans(), max_size=80))
def test_everything_told_ends_when_all_stays_well(states: list[bool]) -> None:
    said = run(states + [False] * 10)
    assert len(said) % 2 == 0


@pytest.mark.parametrize("health", list(Health))
def test_sources_in_trouble_are_conditions(health: Health) -> None:
    fault = Fault("timeout", "no answer") if health in (Health.BROKEN, Health.THROTTLED) else None
    state = SourceState("arxiv", health=health, fault=fault, last_new_paper_at=NOW)
    found = observed(Observation(sources=(state,)), POLICY, NOW)
    sayings = {
        Health.BROKEN: "the source arxiv cannot be read: no answer",
        Health.THROTTLED: "the source arxiv asks us to wait: no answer",
        Health.STALE: "the source arxiv has had nothing new since 2026-03-02",
    }
    if health not in sayings:
        assert found == []
        return
    assert found == [Condition("source:arxiv", sayings[health], POLICY.source_after)]


def test_a_queue_is_old_beyond_its_limit() -> None:
    at_limit = Observation(oldest_ready_at=NOW - POLICY.queue_age)
    assert observed(at_limit, POLICY, NOW) == []
    beyond = replace(at_limit, oldest_ready_at=NOW - timedelta(hours=2, minutes=5))
    (condition,) = observed(beyond, POLICY, NOW)
    assert condition == Condition("queue", "mails that are due have been waiting for 2 hours 5 minutes")


@pytest.mark.parametrize(
    ("observation", "name", "part"),
    [
        (Observation(line_fault="the disk is full"), "line", "the disk is full"),
        (Observation(delivery_fault="535 wrong password"), "delivery", "535 wrong password"),
        (
            Observation(configuration_fault="a.yaml:1:1: x\na.yaml:2:1: y"),
            "configuration",
            "a.yaml:1:1: x (and 1 more)",
        ),
        (Observation(unaccounted=3), "sums", "3 outcomes could not be recorded"),
    ],
)
def test_every_other_trouble_is_a_condition_on_one_line(observation: Observation, name: str, part: str) -> None:
    (condition,) = observed(observation, POLICY, NOW)
    assert condition.name == name
    assert part in condition.summary
    assert "\n" not in condition.summary


def test_while_the_store_cannot_be_asked_nothing_of_it_is_over_and_nothing_new() -> None:
    blind = Observation(sources=None, line_fault="the store does not answer")
    source = Alert("source:arxiv", "mail", "cannot be read", NOW, announced_at=NOW)
    queue = Alert("queue", "mail", "waiting", NOW)
    line = Alert("line", "mail", "fails", NOW)
    lasting = unseen([source, queue, line], blind)
    assert [condition.name for condition in lasting] == ["source:arxiv", "queue"]
    known = {alert.condition: alert for alert in (source, queue)}
    kept, notices = follow(known, lasting, "mail", NOW + timedelta(days=3))
    assert notices == []
    assert kept == known
    assert unseen([source, queue], Observation()) == []


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=61), "1 hour 1 minute"),
        (timedelta(hours=3), "3 hours"),
        (timedelta(days=2, hours=1, minutes=9), "2 days 1 hour"),
        (timedelta(days=2, minutes=9), "2 days 9 minutes"),
    ],
)
def test_lengths_of_time(length: timedelta, said: str) -> None:
    assert duration(length) == said


def test_a_sum_that_does_not_close_is_told_at_once_and_is_over_when_it_does() -> None:
    fault = "the sum of the issue of 2026-03-02 does not close: 3 planned, 2 accounted for: 1 missing"
    assert observed(Observation(sums_fault=fault), POLICY, NOW) == [Condition("sums", fault)]
    assert observed(Observation(sums_fault=fault, unaccounted=2), POLICY, NOW) == [Condition("sums", fault)]
    (of_run,) = observed(Observation(unaccounted=2), POLICY, NOW)
    assert (of_run.name, of_run.after) == ("sums", timedelta())
    assert observed(Observation(), POLICY, NOW) == []


def test_a_forgotten_pause_and_a_sealed_store_are_told() -> None:
    here, there = Place("1", "here"), Place("2", "there")
    pause = Pause(PauseScope.PROFILE, "vision", "too long", NOW)
    seen = Observation(clearance=Clearance(here, Seal(there, NOW), (pause,)))
    sealed, paused = observed(seen, POLICY, NOW)
    assert (sealed.name, sealed.after) == ("sealed", POLICY.after)
    assert "nothing is sent from here: it is at home at there" in sealed.summary
    assert (paused.name, paused.after) == ("paused:profile:vision", POLICY.paused_for)
    assert paused.summary == "the profile vision is paused since 2026-03-02 09:00 UTC (too long)"
    assert observed(Observation(clearance=Clearance(here, Seal(here, NOW))), POLICY, NOW) == []
    assert observed(Observation(clearance=Clearance(here)), POLICY, NOW) == []


def test_a_relay_that_refuses_our_mail_is_told_at_once_and_one_that_is_away_once_it_stays_away() -> None:
    refusing = Circuit(CircuitScope.RELAY, "main", CircuitCause.POLICY, 1, "554 spam", NOW, NOW + 15 * MINUTE)
    away = replace(refusing, name="spare", cause=CircuitCause.UNREACHABLE, reason="refused")
    at_once, later = observed(Observation(relays=(refusing, away)), POLICY, NOW)
    assert (at_once.name, at_once.after) == ("relay:main", timedelta())
    assert at_once.summary.endswith("(`newsletter relays reset`): 554 spam")
    assert (later.name, later.after) == ("relay:spare", POLICY.after)
    assert later.summary == "the relay spare cannot be reached or fails: refused"
    kept, (notice,) = follow({}, [at_once], "mail", NOW)
    assert notice.condition == "relay:main"
    calm, silent = follow(told(kept, [notice], NOW), [], "mail", NOW + MINUTE)
    assert silent == []
    assert [each.is_over for each in follow(calm, [], "mail", NOW + MINUTE + CALM)[1]] == [True]


def test_a_webhook_that_keeps_failing_is_told_of_and_one_that_works_is_not() -> None:
    failing = WebhookStanding("crm", 4, datetime(2026, 11, 24, 7, tzinfo=UTC), fault="the webhook refused", waiting=12)
    seen = Observation(webhooks=(failing, WebhookStanding("shop", failed=3)))
    [condition] = observed(seen, AlertPolicy(), datetime(2026, 11, 24, 8, tzinfo=UTC))
    assert (condition.name, condition.after) == ("webhook:crm", AlertPolicy().after)
    assert condition.summary == (
        "the webhook crm has taken nothing since 2026-11-24 07:00 UTC, 12 events wait: the webhook refused"
    )
