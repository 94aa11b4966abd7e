"""What is read out of a mail that has arrived."""

from __future__ import annotations

import pytest

from newsletter.core.arrival import Arrival, judge_arrival
from newsletter.core.findings import Level

FINE = "mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org; dmarc=pass"


def levels(headers: str, folder: str = "") -> dict[str, list[str]]:
    found = judge_arrival(Arrival(f"{headers}\nSubject: x\n\nAuthentication-Results: body\n".encode(), folder, 1.25))
    answer: dict[str, list[str]] = {}
    for finding in found:
        assert bool(finding.advice) == (finding.level is not Level.OK)
        answer.setdefault(finding.check, []).append(str(finding.level))
    return answer


def results(header: str) -> list[str]:
    return levels(f"Authentication-Results: {header}")["authentication"]


def test_all_is_well() -> None:
    received = "Received: from a by b\nReceived: from c\n\tby a\n"
    arrival, *said = judge_arrival(Arrival(f"{received}Authentication-Results: {FINE}\n\n".encode(), "", 1.25))
    assert arrival.message == "it arrived after 1.2 s, over 2 servers"
    assert [each.message for each in said] == [
        "mx.example.net says spf=pass",
        "mx.example.net says dkim=pass",
        "mx.example.net says dmarc=pass",
    ]
    assert {each.level for each in said} == {Level.OK}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (FINE, ["ok", "ok", "ok"]),
        ("mx; spf=fail; dkim=fail; dmarc=fail", ["problem", "problem", "problem"]),
        ("mx; spf=softfail; dkim=none; dmarc=temperror", ["warning", "warning", "warning"]),
        ("mx; none", ["warning", "warning", "warning"]),
        ("mx", ["warning", "warning", "warning"]),
        ("mx 1; dkim=fail; dkim=pass; spf = pass; DMARC=Pass", ["ok", "ok", "ok"]),
        ("mx; dkim=pass (spf=fail; (dmarc=fail) nested); spf/1=pass; dmarc=pass", ["ok", "ok", "ok"]),
        ('mx; spf=fail reason="dkim=pass; dmarc=pass"', ["problem", "warning", "warning"]),
        ("mx;\n\tspf=pass;\n\tdkim=pass;\n\tdmarc=pass", ["ok", "ok", "ok"]),
        ("mx; x-spf=pass; dkim-atps=pass", ["warning", "warning", "warning"]),
    ],
)
def test_results(header: str, expected: list[str]) -> None:
    assert results(header) == expected


def test_only_the_receivers_own_word_counts() -> None:
    forged = "mx; spf=pass\nAuthentication-Results: elsewhere; dkim=pass; dmarc=pass"
    assert results(forged) == ["ok", "warning", "warning"]
    assert results("mx; spf=pass\nAuthentication-Results: mx; dkim=pass; dmarc=pass") == ["ok", "ok", "ok"]


def test_nobody_said_anything() -> None:
    assert levels("From: a") == {"arrival": ["ok"], "authentication": ["skipped"]}


def test_taken_for_spam() -> None:
    assert levels("X-Spam-Status: Yes, score=6.1", "Junk")["spam"] == ["warning"]
    assert levels("X-Spam-Flag: NO")["arrival"] == ["ok"]
    assert levels("From: a", "Junk E-mail")["arrival"] == ["warning"]
    assert levels("From: a", "lists")["arrival"] == ["ok"]


@pytest.mark.parametrize("header", ["(" * 5000, '"' * 5001, ";=" * 5000, "mx;" + "dkim=pass;" * 5000])
def test_garbage_is_read_as_well(header: str) -> None:
    assert len(results(header)) == 3
