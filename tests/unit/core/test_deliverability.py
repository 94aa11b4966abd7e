"""Records that domains publish, and what receivers make of them."""

from __future__ import annotations

import base64

import pytest

from newsletter.core.deliverability import (
    judge_alignment,
    judge_dkim,
    judge_dmarc,
    judge_mx,
    judge_reverse,
    judge_sender,
    judge_spf,
    spf_lookups,
)
from newsletter.core.findings import DnsAnswer, Level

DOMAIN = "example.org"
OK, WARNING, PROBLEM, SKIPPED = Level.OK, Level.WARNING, Level.PROBLEM, Level.SKIPPED
FAULT = DnsAnswer(fault="the DNS did not answer")


def key(octets: int) -> str:
    return base64.b64encode(b"k" * octets).decode()


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        (["v=spf1 mx -all"], OK, "v=spf1 mx -all"),
        (["V=SPF1 IP4:192.0.2.0/24 ip6:2001:db8::/32 a:mail.example.org/24//64 ~ALL"], OK, ""),
        (["google-site-verification=x", "v=spf1 include:_spf.example.com -all"], OK, ""),
        (["v=spf1 redirect=_spf.example.com"], OK, ""),
        (["v=spf1 exists:%{i}._spf.example.com -all"], OK, ""),
        ([], PROBLEM, "no SPF record"),
        (["v=spf10 -all"], PROBLEM, "no SPF record"),
        (["v=spf1 -all", "v=spf1 mx -all"], PROBLEM, "2 SPF records"),
        (["v=spf1 +all"], PROBLEM, "everybody"),
        (["v=spf1 all"], PROBLEM, "everybody"),
        (["v=spf1 ipv4:192.0.2.1 -all"], PROBLEM, "“ipv4:192.0.2.1”"),
        (["v=spf1 include: -all"], PROBLEM, "“include:”"),
        (["v=spf1 mx"], WARNING, "everybody else"),
        (["v=spf1 mx ?all"], WARNING, "everybody else"),
        (["v=spf1 ptr -all"], WARNING, "ptr"),
    ],
)
def test_spf(records: list[str], level: Level, words: str) -> None:
    finding = judge_spf(DOMAIN, DnsAnswer(tuple(records)), 0)
    assert (finding.check, finding.level) == ("spf", level)
    assert words in finding.message
    assert bool(finding.advice) == (level is not OK)


def test_spf_may_cost_ten_questions() -> None:
    answer = DnsAnswer(("v=spf1 include:a.example -all",))
    assert [judge_spf(DOMAIN, answer, count).level for count in (10, 11)] == [OK, PROBLEM]


def test_terms_of_spf_that_ask() -> None:
    record = (
        "v=spf1 a mx:Mail.example/24 ip4:192.0.2.1 -include:x.example. ?ptr exists:%{i}.z a/24 redirect=r.example all"
    )
    assert spf_lookups(record) == [
        ("a", ""), ("mx", "mail.example"), ("include", "x.example"), ("ptr", ""), ("exists", "%{i}.z"), ("a", ""),
        ("redirect", "r.example"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ([f"v=DKIM1; k=rsa; p={key(294)}"], OK, "s1._domainkey.example.org"),
        ([f"p={key(294)[:40]} {key(294)[40:]}"], OK, ""),
        ([], PROBLEM, "no DKIM key"),
        (["something else"], PROBLEM, "no DKIM key"),
        (["v=DKIM1; p="], PROBLEM, "withdrawn"),
        (["v=DKIM1; p=***"], PROBLEM, "cannot be read"),
        ([f"v=DKIM1; p={key(94)}"], PROBLEM, "too short"),
        ([f"v=DKIM1; p={key(162)}"], WARNING, "1024"),
        ([f"v=DKIM1; t=y:s; p={key(294)}"], WARNING, "test"),
        ([f"v=DKIM1; k=ed25519; p={key(32)}"], WARNING, "ed25519"),
        ([f"v=DKIM1; p={key(294)}"] * 2, PROBLEM, "2 DKIM keys"),
    ],
)
def test_dkim(records: list[str], level: Level, words: str) -> None:
    finding = judge_dkim("s1", DOMAIN, DnsAnswer(tuple(records)))
    assert (finding.level, words in finding.message) == (level, True), finding


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        (["v=DMARC1; p=none; rua=mailto:x@example.org"], OK, "p=none"),
        (["v=DMARC1;p=Reject;rua=mailto:x@example.org"], OK, "p=reject"),
        (["v=DMARC1; p=reject"], WARNING, "nobody to report to"),
        ([], WARNING, "no DMARC record"),
        (["v=dmarc1; p=none"], WARNING, "no DMARC record"),  # the version is told apart by case
        (["v=DMARC1"], PROBLEM, "no p="),
        (["v=DMARC1; p=maybe"], PROBLEM, "p=maybe"),
        (["v=DMARC1; p=none"] * 2, PROBLEM, "2 DMARC records"),
    ],
)
def test_dmarc(records: list[str], level: Level, words: str) -> None:
    finding = judge_dmarc("news.example.org", DOMAIN, DnsAnswer(tuple(records)))
    assert (finding.level, words in finding.message) == (level, True), finding


@pytest.mark.parametrize(
    ("exchangers", "addresses", "level"),
    [
        (DnsAnswer(("10 mail.example.org.",)), DnsAnswer(), OK),
        (DnsAnswer(("0 .",)), DnsAnswer(("192.0.2.1",)), PROBLEM),
        (DnsAnswer(), DnsAnswer(("192.0.2.1",)), WARNING),
        (DnsAnswer(), DnsAnswer(), PROBLEM),
        (FAULT, DnsAnswer(), SKIPPED),
        (DnsAnswer(), FAULT, SKIPPED),
    ],
)
def test_mx(exchangers: DnsAnswer, addresses: DnsAnswer, level: Level) -> None:
    assert judge_mx(DOMAIN, exchangers, addresses).level is level


@pytest.mark.parametrize(
    ("names", "forward", "level"),
    [
        (DnsAnswer(("mail.example.org.",)), [DnsAnswer(("192.0.2.1",))], OK),
        (DnsAnswer(("a.example.", "mail.example.org.")), [DnsAnswer(), DnsAnswer(("192.0.2.1",))], OK),
        (DnsAnswer(("mail.example.org.",)), [DnsAnswer(("192.0.2.2",))], PROBLEM),
        (DnsAnswer(("mail.example.org.",)), [FAULT], SKIPPED),
        (DnsAnswer(), [], PROBLEM),
        (FAULT, [], SKIPPED),
    ],
)
def test_the_relays_name(names: DnsAnswer, forward: list[DnsAnswer], level: Level) -> None:
    assert judge_reverse("192.0.2.1", names, forward).level is level


@pytest.mark.parametrize("judge", [lambda: judge_spf(DOMAIN, FAULT, 0), lambda: judge_dkim("s", DOMAIN, FAULT),
                                   lambda: judge_dmarc(DOMAIN, DOMAIN, FAULT)])  # fmt: skip
def test_what_could_not_be_asked_is_no_problem(judge: object) -> None:
    assert callable(judge)
    finding = judge()
    assert finding.level is SKIPPED
    assert "the DNS did not answer" in finding.message


@pytest.mark.parametrize(
    ("domain", "relay", "level"),
    [
        ("example.org", "smtp.example.com", OK),
        ("gmail.com", "smtp.example.com", PROBLEM),
        ("gmail.com", "smtp.gmail.com", WARNING),
        ("gmail.com", "smtp-relay.google.com", WARNING),
        ("outlook.com", "smtp.office365.com", WARNING),
        ("yahoo.co.uk", "smtp.mail.yahoo.com", PROBLEM),
        ("news.gmail.com.example.org", "localhost", OK),
    ],
)
def test_from_at_somebody_elses_domain(domain: str, relay: str, level: Level) -> None:
    assert judge_sender(domain, relay).level is level


def test_names_that_do_not_belong_together_are_told_one_by_one() -> None:
    others = [
        ("mail.relay.username", "example.com"),
        ("mail.list_id", "list.example.org"),
        ("web.public_url", "news.example.net"),
    ]
    found = judge_alignment("news.example.org", others)
    assert [(finding.level, finding.message.split()[0]) for finding in found] == [
        (WARNING, "mail.relay.username"),
        (WARNING, "web.public_url"),
    ]
    assert [finding.level for finding in judge_alignment("a.example.co.uk", [("x", "b.example.co.uk"), ("y", "")])] == [
        OK
    ]
    assert judge_alignment("one.co.uk", [("web.public_url", "two.co.uk")])[0].level is WARNING
