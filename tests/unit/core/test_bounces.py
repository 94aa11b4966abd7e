"""What a failure says of its address, and what a bounce changes for its owner."""

from dataclasses import replace

import pytest

from newsletter.core.bounce_score import BouncePolicy
from newsletter.core.bounces import judge, kind_of_failure
from newsletter.model import (
    Bounce,
    BounceKind,
    BounceScore,
    Standing,
    SubscriberStatus,
    SuppressionReason,
    Verdict,
)
from tests.support.samples import NOW, make_subscriber

HARD, SOFT = BounceKind.HARD, BounceKind.SOFT
READER = make_subscriber(status=SubscriberStatus.ACTIVE)
BOUNCE = Bounce(SOFT, "lmtp", NOW, "delivery:1:soft", READER.id, 1, "5.2.2", "mailbox full")
POLICY = BouncePolicy()


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind", "code"),
    [
        ("5.1.1", "550 5.1.1 <reader@bad.test>: Recipient address rejected", HARD, "5.1.1"),
        ("5.1.10", "RESOLVER.ADR.RecipientNotFound", HARD, "5.1.10"),
        ("5.2.1", "550 5.2.1 mailbox disabled", HARD, "5.2.1"),
        ("5.2.2", "552 5.2.2 over quota", SOFT, "5.2.2"),
        ("5.7.1", "550 5.7.1 blocked for spam", SOFT, "5.7.1"),
        ("5.7.26", "550 5.7.26 unauthenticated", SOFT, "5.7.26"),
        ("5.4.4", "Host or domain name not found", SOFT, "5.4.4"),
        ("4.4.7", "delivery time expired", SOFT, "4.4.7"),
        # Exim says 5.0.0 whatever happened.
        ("5.0.0", "550 5.1.1 <reader@bad.test>: no such user", HARD, "5.1.1"),
        ("5.0.0", "550 User unknown", HARD, "5.0.0"),
        ("5.0.0", "550 blocked using a black list", SOFT, "5.0.0"),
        ("5.0.0", "552 Mailbox full", SOFT, "5.0.0"),
        ("5.0.0", "", SOFT, "5.0.0"),
        ("5.3.0", "553 5.3.0 <x>... No such user here", HARD, "5.3.0"),
        ("", "no such user", HARD, None),
        ("", "it went wrong", SOFT, None),
        ("nonsense", "192.5.1.1 said hello", SOFT, None),
    ],
)
def test_what_a_failure_says_of_its_address(status: str, diagnostic: str, kind: BounceKind, code: str | None) -> None:
    assert kind_of_failure(status, diagnostic) == (kind, code)


def test_a_hard_bounce_ends_it_and_suppresses_the_address() -> None:
    bounce = replace(BOUNCE, kind=HARD, enhanced_code="5.1.1", text="no such user")
    verdict = judge(bounce, Standing(READER, BounceScore(3, NOW)), POLICY, NOW)
    assert verdict.status is SubscriberStatus.BOUNCED
    assert verdict.score is None
    assert verdict.suppression is not None
    assert verdict.suppression.value == READER.address.key
    assert verdict.suppression.reason is SuppressionReason.HARD_BOUNCE
    assert verdict.suppression.source == "lmtp"
    assert verdict.reason == "5.1.1 no such user"


def test_a_complaint_unsubscribes_at_once() -> None:
    verdict = judge(replace(BOUNCE, kind=BounceKind.COMPLAINT), Standing(READER, None), POLICY, NOW)
    assert verdict.status is SubscriberStatus.UNSUBSCRIBED
    assert verdict.suppression is not None
    assert verdict.suppression.reason is SuppressionReason.COMPLAINT


@pytest.mark.parametrize("status", [SubscriberStatus.PAUSED, SubscriberStatus.PENDING])
def test_who_would_get_mail_later_bounces_too(status: SubscriberStatus) -> None:
    standing = Standing(replace(READER, status=status), None)
    assert judge(replace(BOUNCE, kind=HARD), standing, POLICY, NOW).status is SubscriberStatus.BOUNCED


@pytest.mark.parametrize(
    "status", [SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED, SubscriberStatus.BOUNCED]
)
def test_who_has_left_stays_as_they_are_and_is_suppressed_all_the_same(status: SubscriberStatus) -> None:
    standing = Standing(replace(READER, status=status), None)
    verdict = judge(replace(BOUNCE, kind=HARD), standing, POLICY, NOW)
    assert verdict.status is None
    assert verdict.suppression is not None
    assert judge(BOUNCE, standing, POLICY, NOW) == Verdict(None)


def test_a_soft_bounce_only_counts_until_the_threshold() -> None:
    first = judge(BOUNCE, Standing(READER, None), POLICY, NOW)
    assert first == Verdict(BounceScore(1, NOW))
    over = judge(BOUNCE, Standing(READER, BounceScore(4.5, NOW)), POLICY, NOW)
    assert over.status is None
    assert over.score == BounceScore(5.5, NOW, NOW)


def test_the_probe_that_comes_back_ends_it_however_soft() -> None:
    verdict = judge(BOUNCE, Standing(READER, BounceScore(6, NOW, NOW), is_probe=True), POLICY, NOW)
    assert verdict.status is SubscriberStatus.BOUNCED
    assert verdict.suppression is not None
    assert verdict.suppression.reason is SuppressionReason.SOFT_BOUNCES


def test_a_probe_that_comes_back_when_all_was_forgiven_counts_as_any_other_mail() -> None:
    assert judge(BOUNCE, Standing(READER, None, is_probe=True), POLICY, NOW) == Verdict(BounceScore(1, NOW))
