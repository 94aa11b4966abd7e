from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.limits import available_at, taken
from newsletter.core.routing import (
    LONGEST,
    SPACING,
    Chosen,
    Closed,
    DomainPlan,
    Fleet,
    Hindrance,
    RelayPlan,
    Turns,
    View,
    WarmUp,
    by_weight,
    choose,
    fits,
)
from newsletter.model import Bucket, Limit, Window

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
FIRST, SECOND, SPARE = RelayPlan("first", weight=3), RelayPlan("second"), RelayPlan("spare", priority=1)
CAMPUS = RelayPlan("campus", priority=5, domains=("example.edu", "*.example.edu"))
RELAYS = (SPARE, CAMPUS, SECOND, FIRST)


def closed(hindrance: Hindrance, seconds: float) -> Closed:
    return Closed(NOW + timedelta(seconds=seconds), hindrance, "because")


def drawn(view: View, domain: str = "example.org", number: int = 400) -> Counter[str]:
    choices = [choose(RELAYS, view, domain, f"{index}:0", NOW) for index in range(number)]
    return Counter(choice.relay if isinstance(choice, Chosen) else str(choice.hindrance) for choice in choices)


def test_equals_share_by_weight_and_lower_priorities_stand_by() -> None:
    shares = drawn(View(), number=4000)
    assert set(shares) == {"first", "second"}
    assert 2800 < shares["first"] < 3200


def test_the_draw_is_the_same_on_every_call_and_another_at_the_next_attempt() -> None:
    assert choose(RELAYS, View(), "example.org", "7:0", NOW) == choose(RELAYS[::-1], View(), "example.org", "7:0", NOW)
    assert len({choose(RELAYS, View(), "example.org", f"7:{attempt}", NOW) for attempt in range(30)}) == 2


@given(st.text(max_size=8), st.integers(1, 5))
def test_a_relay_that_leaves_moves_nothing_between_the_others(seed: str, number: int) -> None:
    relays = [RelayPlan(f"r{index}", weight=index + 1) for index in range(number + 1)]
    assert [each for each in by_weight(relays, seed) if each.name != "r0"] == by_weight(relays[1:], seed)


def test_a_relay_takes_the_domains_that_it_is_for_and_no_others() -> None:
    assert drawn(View(), "example.edu") == drawn(View(), "maths.example.edu") == {"campus": 400}
    assert "campus" not in drawn(View(), "myexample.edu")
    assert set(drawn(View({"campus": closed(Hindrance.CIRCUIT, 60)}), "example.edu")) == {"first", "second"}


@pytest.mark.parametrize("hindrance", [Hindrance.CIRCUIT, Hindrance.PAUSE])
def test_others_step_in_for_a_relay_that_is_closed(hindrance: Hindrance) -> None:
    view = View({"first": closed(hindrance, 1)})
    assert drawn(view) == {"second": 400}
    view = View({"first": closed(hindrance, 1), "second": closed(hindrance, 9)})
    assert drawn(view) == {"spare": 400}


def test_a_short_shortage_is_waited_for_and_a_long_one_is_not() -> None:
    brief, long = closed(Hindrance.LIMIT, 0.4), closed(Hindrance.LIMIT, 600)
    assert choose(RELAYS, View({"first": brief, "second": long}), "example.org", "", NOW) == brief
    assert drawn(View({"first": long, "second": long})) == {"spare": 400}
    everything = View({"first": long, "second": replace(long, until=NOW + timedelta(seconds=300)), "spare": long})
    first = choose(RELAYS, everything, "example.org", "", NOW)
    assert first == replace(closed(Hindrance.LIMIT, 300), others=(long, long))


def test_those_that_are_put_back_come_again_as_fast_as_all_relays_together_let_them() -> None:
    limit = Limit("relay:first:minute", Window.MINUTE, 3)
    out = taken(Bucket(), limit, NOW, 3)
    back = available_at(out, limit, NOW)
    first = Closed(back, Hindrance.LIMIT, "full", ((limit, out),), "relay:first")
    away = Closed(NOW + timedelta(seconds=300), Hindrance.CIRCUIT, "away", name="relay:second")
    turns = Turns()
    given = [turns.next(replace(first, others=(away,)), NOW) for _ in range(20)]
    assert [at for at in given if at < back + timedelta(seconds=1)] == [back, back + SPACING, back + 2 * SPACING]
    assert sum(at < away.until for at in given) == 3 * 4  # a minute each after the first, until the other is tried
    assert given[-1] - away.until < timedelta(seconds=1)
    assert given == sorted(given)
    far = replace(away, until=NOW + timedelta(hours=2))
    assert Turns().next(far, NOW) == NOW + LONGEST  # by then a limit may be higher, or the relay back


def test_one_mail_tries_a_relay_whose_time_has_come() -> None:
    view = View({"second": closed(Hindrance.CIRCUIT, 9)}, probing=frozenset({"first"}))
    assert choose(RELAYS, view, "example.org", "", NOW) == Chosen("first", must_probe=True)


def test_a_domain_that_no_relay_is_for_waits_and_says_so() -> None:
    waits = choose([CAMPUS], View(), "example.org", "", NOW)
    assert isinstance(waits, Closed)
    assert "no relay is for example.org" in waits.reason


@pytest.mark.parametrize(
    ("domain", "pattern", "is_fit"),
    [
        ("example.org", "example.org", True),
        ("a.example.org", "*.example.org", True),
        ("a.b.example.org", "*.example.org", True),
        ("example.org", "*.example.org", False),
        ("bexample.org", "*.example.org", False),
        ("anything", "*", True),
    ],
)
def test_patterns(domain: str, pattern: str, *, is_fit: bool) -> None:
    assert fits(domain, pattern) is is_fit


def test_limits_of_relay_and_domain_add_up_and_the_longest_pattern_decides() -> None:
    fleet = Fleet(
        (replace(FIRST, limits={Window.SECOND: 5}), SPARE),
        {
            "*": DomainPlan(9),
            "*.org": DomainPlan(8),
            "*.example.org": DomainPlan(7, {Window.HOUR: 2}),
        },
    )
    today = date(2026, 3, 2)
    assert fleet.limits("first", "a.example.org", today) == (
        Limit("relay:first:second", Window.SECOND, 5),
        Limit("domain:a.example.org:hour", Window.HOUR, 2),
    )
    assert fleet.limits("spare", "example.com", today) == ()
    assert [fleet.of_domain(name).connections for name in ("b.example.org", "b.org", "b.com")] == [7, 8, 9]
    assert Fleet().of_domain("b.com") == DomainPlan()
    assert fleet.connections == 8


def test_a_ramp_lowers_the_days_limit_until_it_passes_it() -> None:
    relay = RelayPlan(limits={Window.DAY: 100}, warm_up=WarmUp(date(2026, 3, 1), 50))
    days = [relay.limits_on(date(2026, 3, day))[0].most for day in (1, 2, 3, 9)]
    assert days == [50, 75, 100, 100]
    assert RelayPlan(warm_up=WarmUp(date(2026, 3, 1), 50)).limits_on(date(2036, 3, 1)) == ()
