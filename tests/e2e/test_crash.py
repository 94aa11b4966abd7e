"""The short form of ``make crash-test``: the daemon is stopped again and again while it sends; nothing is lost."""

import signal
from pathlib import Path

from tests.crash.campaign import Campaign, run


def test_killed_at_random_moments_nothing_is_lost(tmp_path: Path) -> None:
    findings = run(Campaign(mails=800, stops=5), tmp_path)
    assert findings.broken() == []
    assert findings.verdict.states == {"accepted": 800}
    assert len(findings.cuts) == 5


def test_told_to_stop_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    findings = run(Campaign(mails=500, stops=4, kind=signal.SIGTERM), tmp_path)
    assert findings.broken() == []
    assert findings.verdict.doubled == 0
