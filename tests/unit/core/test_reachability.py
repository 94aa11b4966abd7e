"""What the relay, the pages, the clock and the disk look like, and what that means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter.core.findings import Level, RelayAnswer, WebAnswer
from newsletter.core.reachability import (
    judge_clock,
    judge_disk,
    judge_health,
    judge_public_url,
    judge_relay,
    judge_unsubscribe,
)

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
OK, WARNING, PROBLEM, SKIPPED = Level.OK, Level.WARNING, Level.PROBLEM, Level.SKIPPED
PLACE = "relay.example:587"
URL = "https://news.example.org/unsubscribe/x"


def levels(answer: RelayAnswer, *, is_local: bool = False, has_login: bool = True) -> dict[str, Level]:
    found = judge_relay(answer, is_local=is_local, has_login=has_login, now=NOW)
    return {finding.check: finding.level for finding in found}


def test_a_relay_with_a_good_certificate() -> None:
    answer = RelayAnswer(
        PLACE, tls_version="TLSv1.3", certificate_until=NOW + timedelta(days=60), is_authenticated=True
    )
    assert levels(answer) == {"relay": OK, "tls": OK}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (RelayAnswer(PLACE, tls_version="TLSv1.3", certificate_until=NOW + timedelta(days=3)), WARNING),
        (RelayAnswer(PLACE, tls_version="TLSv1.3"), WARNING),
        (RelayAnswer(PLACE), WARNING),
    ],
)
def test_a_relay_whose_connection_could_be_better(answer: RelayAnswer, expected: Level) -> None:
    assert levels(answer)["tls"] is expected


def test_in_the_clear_within_the_house_is_nobodys_business() -> None:
    assert levels(RelayAnswer(PLACE), is_local=True, has_login=False) == {"relay": OK}
    assert levels(RelayAnswer(PLACE, tls_version="TLSv1.3"), has_login=False)["login"] is OK


@pytest.mark.parametrize(
    ("step", "word"), [("connect", "host"), ("tls", "ca_file"), ("auth", "password"), ("ehlo", "said")]
)
def test_a_relay_that_cannot_be_used_names_the_step_and_its_fix(step: str, word: str) -> None:
    (finding,) = judge_relay(RelayAnswer(PLACE, "it failed", step), is_local=False, has_login=True, now=NOW)
    assert finding.level is PROBLEM
    assert word in finding.advice


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (WebAnswer(URL, 200, body='{"ok": true}'), OK, "answers at"),
        (WebAnswer(URL, 503, body='{"ok": false, "fault": "the disk is full"}'), WARNING, "the disk is full"),
        (WebAnswer(URL, 503, body='{"ok": false, "fault": null}'), WARNING, "first run"),
        (WebAnswer(URL, 200, body='{"ok": true, "delivery_fault": "no relay"}'), WARNING, "no relay"),
        (WebAnswer(URL, 200, body='{"ok": true, "configuration_fault": "x.yaml:3"}'), WARNING, "x.yaml:3"),
        (WebAnswer(URL, 200, body="<html>Welcome to nginx"), PROBLEM, "something else answers"),
        (WebAnswer(URL, 301, location="https://other.example/", body=""), PROBLEM, "something else answers"),
        (WebAnswer(URL, 200, body="[1]"), PROBLEM, "something else answers"),
        (WebAnswer(URL, fault="connection refused"), PROBLEM, "connection refused"),
    ],
)
def test_health(answer: WebAnswer, level: Level, words: str) -> None:
    (finding,) = judge_health(answer, NOW)
    assert (finding.level, words in finding.message) == (level, True), finding


def test_a_certificate_that_ends_soon() -> None:
    answer = WebAnswer(URL, 200, body='{"ok": true}', certificate_until=NOW + timedelta(days=2))
    assert [(each.check, each.level) for each in judge_health(answer, NOW)] == [("https", WARNING), ("web", OK)]


@pytest.mark.parametrize(
    ("get", "post", "level", "words"),
    [
        (WebAnswer(URL, 200), WebAnswer(URL, 400), OK, "GET and POST"),
        (WebAnswer(URL, 301, "https://www.news.example.org/"), WebAnswer(URL, 400), PROBLEM, "redirects"),
        (WebAnswer(URL, 200), WebAnswer(URL, 308, "/"), PROBLEM, "redirects"),
        (WebAnswer(URL, 404), WebAnswer(URL, 404), PROBLEM, "another secret"),
        (WebAnswer(URL, 502), WebAnswer(URL, 502), PROBLEM, "answers 502"),
        (WebAnswer(URL, 200), WebAnswer(URL, 405), PROBLEM, "one-click leaving fails"),
        (WebAnswer(URL, fault="timed out"), WebAnswer(URL, 400), SKIPPED, "timed out"),
    ],
)
def test_unsubscribing(get: WebAnswer, post: WebAnswer, level: Level, words: str) -> None:
    finding = judge_unsubscribe(get, post)
    assert (finding.level, words in finding.message) == (level, True), finding


def test_the_address_in_links() -> None:
    assert judge_public_url("https://news.example.org", is_local=False, is_private=False) is None
    local = judge_public_url("http://127.0.0.1:8080", is_local=True, is_private=True)
    assert local is not None
    assert local.level is PROBLEM
    inside = judge_public_url("https://10.0.0.1", is_local=False, is_private=True)
    assert inside is not None
    assert inside.level is WARNING


@pytest.mark.parametrize(
    ("ahead_s", "level", "words"),
    [(0, OK, "agrees"), (29, OK, ""), (-40, WARNING, "40 seconds behind"), (3600, PROBLEM, "3,600 seconds ahead of")],
)
def test_the_clock(ahead_s: int, level: Level, words: str) -> None:
    answers = [
        (WebAnswer(URL, fault="refused"), NOW),
        (WebAnswer(URL, 200, date=NOW - timedelta(seconds=ahead_s)), NOW),
    ]
    finding = judge_clock(answers)
    assert (finding.level, words in finding.message) == (level, True), finding


def test_a_clock_that_nothing_can_be_held_against() -> None:
    assert judge_clock([]).level is SKIPPED
    assert "refused" in judge_clock([(WebAnswer(URL, fault="refused"), NOW)]).message


@pytest.mark.parametrize(("free", "level"), [(5_000_000_000, OK), (500_000_000, WARNING), (5_000_000, PROBLEM)])
def test_the_disk(free: int, level: Level) -> None:
    assert judge_disk("/var/lib/newsletter", free).level is level
