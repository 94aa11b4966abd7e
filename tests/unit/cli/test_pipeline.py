"""What ``newsletter issue`` says of the digests that it planned."""

from __future__ import annotations

import pytest

from newsletter.cli.pipeline import issue_sentence
from newsletter.service.issue import IssueReport


@pytest.mark.parametrize(
    ("planned", "welcomes", "quiet", "expected"),
    [
        (0, 0, 0, "0 digests planned"),
        (1, 0, 0, "1 digest planned"),
        (1, 1, 0, "1 digest planned, a first one"),
        (1, 0, 1, "1 digest planned, all quiet"),
        (2, 1, 0, "2 digests planned: 1 first one"),
        (12, 3, 2, "12 digests planned: 3 first ones, 2 all quiet"),
        (5000, 0, 1200, "5,000 digests planned: 1,200 all quiet"),
    ],
)
def test_digests_are_counted_in_good_english(planned: int, welcomes: int, quiet: int, expected: str) -> None:
    report = IssueReport(planned=planned, welcomes=welcomes, quiet=quiet)
    assert issue_sentence(report, dry_run=False) == expected
    assert issue_sentence(report, dry_run=True) == expected.replace("planned", "would be planned")
