"""How many mails may go: buckets of tokens, of which each comes back a whole window after it was taken.

So no window, wherever it begins, ever holds more mails than its limit, and yet a morning's issue may use all of a day's
tokens at once: a bucket that refills steadily must be small to be as strict, and would spread the issue over the day
(``docs/decisions.md``). What is out is kept by slots of a 50th to a 144th of the window, so that a bucket stays small;
a token comes back when its slot is over and the window after it has passed.

Clocks: tokens are dated by the latest time that anybody has seen, so a clock that was put back by up to :data:`SKEW`
stands still until then; by more, it goes on with what is out as old as it was. No token comes back early for that. A
clock that was put forward fills the bucket at most. Machines that share a bucket should agree on the time: by as much
as they differ, and no more, may a token come back early.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from newsletter.model import Bucket, Limit, Shortage, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SKEW: Final = timedelta(minutes=1)
LENGTHS: Final = MappingProxyType(
    {
        Window.SECOND: timedelta(seconds=1),
        Window.MINUTE: timedelta(minutes=1),
        Window.HOUR: timedelta(hours=1),
        Window.DAY: timedelta(days=1),
    }
)
SLOTS: Final = MappingProxyType({Window.SECOND: 50, Window.MINUTE: 60, Window.HOUR: 60, Window.DAY: 144})
NO_LIMIT: Final = 10_000_000  # a ramp that has come this far has ended


def available_at(bucket: Bucket, limit: Limit, now: datetime, count: int = 1) -> datetime:
    """Return when the bucket has ``count`` tokens, if nobody else takes one: ``now``, when it has them.

    More than it ever holds come one bucketful after another. A limit of none at all never has one.
    """
    if limit.most <= 0:
        return now + LENGTHS[limit.window]
    rounds, rest = divmod(count - 1, limit.most)
    current = settled(bucket, limit, now)
    missing = rest + 1 - (limit.most - held(current))
    at = now
    for slot, number in current.taken:
        if missing <= 0:
            break
        missing -= number
        at = back_at(slot, limit.window)
    return max(at, now) + rounds * LENGTHS[limit.window]


def left(bucket: Bucket, limit: Limit, now: datetime) -> int:
    """Return how many tokens the bucket has; none when a lowered limit has left more out than there are."""
    return max(limit.most - held(settled(bucket, limit, now)), 0)


def taken(bucket: Bucket, limit: Limit, now: datetime, count: int = 1) -> Bucket:
    """Return the bucket with ``count`` tokens fewer, which it must have."""
    current = settled(bucket, limit, now)
    at = max(now, current.seen_at or now)
    slot = slot_of(at, limit.window)
    *earlier, last = current.taken or ((slot, 0),)
    if slot > last[0]:
        earlier, last = [*earlier, last], (slot, 0)
    return Bucket((*earlier, (last[0], last[1] + count)), at)


def take_all(
    buckets: Mapping[str, Bucket], requests: Sequence[Sequence[Limit]], now: datetime
) -> tuple[dict[str, Bucket], list[Shortage | None]]:
    """Return the buckets that changed, and for each request None, or what it must wait for.

    A request takes a token of each of its limits, or none; the requests are served in order.
    """
    current, changed = dict(buckets), set()
    answers: list[Shortage | None] = []
    for request in requests:
        times = [(available_at(current.get(limit.bucket, Bucket()), limit, now), limit.bucket) for limit in request]
        until, name = max(times, default=(now, ""))
        if until > now:
            answers.append(Shortage(name, until))
            continue
        answers.append(None)
        for limit in request:
            current[limit.bucket] = taken(current.get(limit.bucket, Bucket()), limit, now)
            changed.add(limit.bucket)
    return {name: current[name] for name in sorted(changed)}, answers


def settled(bucket: Bucket, limit: Limit, now: datetime) -> Bucket:
    """Return the bucket as it is at ``now``: without what has come back, and on this clock where that was put back."""
    if bucket.seen_at is not None and now < bucket.seen_at - SKEW:
        shift = (bucket.seen_at - now) // slot_length(limit.window)
        bucket = Bucket(tuple((slot - shift, number) for slot, number in bucket.taken), now)
    at = max(now, bucket.seen_at or now)
    out = tuple((slot, number) for slot, number in bucket.taken if back_at(slot, limit.window) > at)
    return replace(bucket, taken=out)


def held(bucket: Bucket) -> int:
    """Return how many tokens are out."""
    return sum(number for _, number in bucket.taken)


def slot_length(window: Window) -> timedelta:
    """Return the length of a slot, a whole number of microseconds."""
    return LENGTHS[window] // SLOTS[window]


def slot_of(at: datetime, window: Window) -> int:
    """Return the number of the slot that holds ``at``."""
    return (at - EPOCH) // slot_length(window)


def back_at(slot: int, window: Window) -> datetime:
    """Return when what was taken in a slot comes back."""
    return EPOCH + (slot + 1) * slot_length(window) + LENGTHS[window]


def ramp(first_day: int, growth: float, starts_on: date, today: date) -> int | None:
    """Return how many mails a relay that is being warmed up may carry in a day; None when the ramp has ended."""
    most = float(first_day)
    for _ in range(max((today - starts_on).days, 0)):
        most *= growth
        if most >= NO_LIMIT:
            return None
    return int(most)
