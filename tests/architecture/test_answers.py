"""What the documentation says of a mail server's answers: what the program makes of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.core.replies import Cause, cause_of, classify
from newsletter.model import OutcomeKind, Step

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
SECTION = PAGE.read_text("utf-8").partition("## What a server's answer means")[2].partition("\n## ")[0]
ROWS = re.findall(r"(?m)^\| (`\d.*`) \| (`.*`) \| `(\w+)` \|$", SECTION)
EXAMPLES = [
    (reply, step, cause)
    for replies, steps, cause in ROWS
    for reply in re.findall(r"`([^`]+)`", replies)
    for step in re.findall(r"`(\w+)`", steps)
]


@pytest.mark.parametrize(("reply", "step", "cause"), EXAMPLES)
def test_an_answer_means_what_the_page_says(reply: str, step: str, cause: str) -> None:
    code, _, text = reply.partition(" ")
    assert cause_of(classify(Step(step), int(code), text)) is Cause(cause)


def test_the_page_has_an_example_of_each_fault_and_says_what_follows() -> None:
    faults = {cause.value for cause in Cause if cause is not Cause.NONE}
    assert {cause for _, _, cause in EXAMPLES} == faults
    told = dict(re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", SECTION))
    assert told == {fault: "rejected" if fault == "recipient" else "waits" for fault in faults}
    assert len(EXAMPLES) > 40


def test_only_a_bad_address_is_rejected() -> None:
    for reply, step, cause in EXAMPLES:
        code, _, text = reply.partition(" ")
        is_rejected = classify(Step(step), int(code), text).kind is OutcomeKind.REJECTED
        assert is_rejected is (cause == "recipient")
