import asyncio
from datetime import UTC, datetime, timedelta

from newsletter.core.circuits import PROBE_TIME, opened
from newsletter.core.limits import left
from newsletter.model import Circuit, CircuitCause, CircuitScope, DeliveryState, Limit, Window
from newsletter.store.sql import SqlStore, open_store
from tests.support.deliveries import PLANNED_AT, plan

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
SECOND = Limit("relay:a:second", Window.SECOND, 2)
DAY = Limit("relay:a:day", Window.DAY, 5)
RELAY = CircuitScope.RELAY


async def test_tokens_are_given_until_there_are_none_and_outlive_a_restart(store: SqlStore, store_url: str) -> None:
    assert await store.take([()], NOW) == [None]
    assert await store.buckets([DAY.bucket]) == {}
    answers = await store.take([(SECOND, DAY)] * 3, NOW)
    assert [answer and answer.bucket for answer in answers] == [None, None, SECOND.bucket]
    again = open_store(store_url)
    assert await again.take([(DAY,)] * 4, NOW) != [None] * 4
    found = await again.buckets([SECOND.bucket, DAY.bucket, "relay:b:day"])
    assert set(found) == {SECOND.bucket, DAY.bucket}
    assert left(found[DAY.bucket], DAY, NOW) == 0
    [answer] = await again.take([(DAY,)], NOW + timedelta(hours=23))
    assert answer is not None
    assert await again.take([(DAY,)], answer.until) == [None]
    await again.aclose()


async def test_many_who_ask_at_once_get_no_more_than_there_are(store: SqlStore, store_url: str) -> None:
    stores = [store, *(open_store(store_url) for _ in range(3))]
    hour = Limit("domain:b.org:hour", Window.HOUR, 17)
    shuffled = [(DAY, hour), (hour, DAY), (hour,), (hour, SECOND)]
    answers = await asyncio.gather(*(stores[index % 4].take([shuffled[index % 4]] * 2, NOW) for index in range(24)))
    given = sum(answer is None for pair in answers for answer in pair)
    assert given <= 17
    found = await store.buckets([hour.bucket])
    assert 17 - left(found[hour.bucket], hour, NOW) == given
    for each in stores[1:]:
        await each.aclose()


def circuit(name: str = "a", cause: CircuitCause = CircuitCause.UNREACHABLE) -> Circuit:
    return opened(None, RELAY, name, cause, "it’s gone", NOW)


async def test_circuits_are_kept_turned_and_closed(store: SqlStore) -> None:
    assert await store.circuits() == []
    assert await store.turn_circuit(RELAY, "a", lambda _: None) is None
    first = circuit()
    assert await store.turn_circuit(RELAY, "a", lambda before: before or first) == first
    other = opened(None, CircuitScope.DOMAIN, "b.org", CircuitCause.THROTTLED, "slow", NOW)
    await store.turn_circuit(CircuitScope.DOMAIN, "b.org", lambda _: other)
    assert await store.circuits() == [other, first]
    second = await store.turn_circuit(
        RELAY, "a", lambda before: opened(before, RELAY, "a", CircuitCause.POLICY, "no", NOW)
    )
    assert second is not None
    assert second.failures == 2
    await store.turn_circuit(CircuitScope.DOMAIN, "b.org", lambda _: None)
    assert await store.circuits() == [second]


async def test_failures_at_one_moment_are_all_seen(store: SqlStore, store_url: str) -> None:
    other = open_store(store_url)

    def count(before: Circuit | None) -> Circuit:
        return opened(before, RELAY, "a", CircuitCause.UNREACHABLE, "gone", NOW)

    await asyncio.gather(*((store, other)[index % 2].turn_circuit(RELAY, "a", count) for index in range(12)))
    [found] = await store.circuits()
    assert found.failures == 12
    await other.aclose()


async def test_one_of_many_tries_and_another_when_that_one_is_not_heard_of(store: SqlStore, store_url: str) -> None:
    other, open_one = open_store(store_url), circuit()
    await store.turn_circuit(RELAY, "a", lambda _: open_one)
    assert not await store.begin_probe(RELAY, "a", NOW + PROBE_TIME, NOW)
    now = open_one.retry_at
    tries = await asyncio.gather(
        *((store, other)[index % 2].begin_probe(RELAY, "a", now + PROBE_TIME, now) for index in range(10))
    )
    assert sum(tries) == 1
    assert not await other.begin_probe(RELAY, "a", now + PROBE_TIME, now + PROBE_TIME / 2)
    assert await other.begin_probe(RELAY, "a", now + 2 * PROBE_TIME, now + PROBE_TIME)
    assert not await other.begin_probe(RELAY, "never", now + PROBE_TIME, now)
    await other.aclose()


async def test_what_is_put_back_counts_no_attempt_and_is_ready_at_its_time(store: SqlStore) -> None:
    await plan(store, 3)
    claimed = await store.claim("me", 2, timedelta(minutes=5), PLANNED_AT)
    first, second = (each.delivery.id for each in claimed)
    later = PLANNED_AT + timedelta(hours=1)
    assert await store.postpone("me", []) == 0
    assert await store.postpone("somebody else", [(first, later)]) == 0
    assert await store.postpone("me", [(second, later), (first, later)]) == 2
    assert await store.count_deliveries() == {DeliveryState.PLANNED: 3}
    assert len(await store.claim("me", 5, timedelta(minutes=5), PLANNED_AT)) == 1
    again = await store.claim("me", 5, timedelta(minutes=5), later)
    assert {each.delivery.id for each in again} >= {first, second}
    assert {each.delivery.attempts for each in again} == {0}
    assert await store.attempts(first) == []
