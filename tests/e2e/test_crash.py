"""The short form of ``make crash-test``: the daemon is stopped again and again while it sends; nothing is lost."""

import signal
from pathlib import Path

from tests.crash.campaign import Campaign, run
from tests.support.databases import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]


def test_killed_at_random_moments_nothing_is_lost(tmp_path: Path) -> None:
    findings = run(Campaign(mails=300, stops=3), tmp_path)
    assert findings.broken() == []
    assert findings.verdict.states == {"accepted": 300}
    assert len(findings.cuts) == 3


def test_told_to_stop_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    findings = run(Campaign(mails=200, stops=2, kind=signal.SIGTERM), tmp_path)
    assert findings.broken() == []
    assert findings.verdict.doubled == 0


def test_killed_where_nothing_is_to_come_twice_nothing_does_and_what_is_in_doubt_is_told(tmp_path: Path) -> None:
    findings = run(Campaign(mails=200, stops=2, when_unknown="never"), tmp_path)
    assert findings.verdict.broken(states=("accepted", "unknown"), most_doubled=0) == []
    unknown = findings.verdict.states.get("unknown", 0)
    assert unknown <= findings.most_doubled  # one for each connection that was open at a kill, and none merely claimed
    assert findings.verdict.states.get("accepted", 0) == 200 - unknown


def test_workers_are_killed_and_nothing_is_lost(tmp_path: Path, postgres_url: str) -> None:
    findings = run(Campaign(mails=300, stops=2, workers=2), tmp_path, postgres_url)
    assert findings.broken() == []
    assert findings.verdict.states == {"accepted": 300}
    assert len(findings.cuts) == 2
