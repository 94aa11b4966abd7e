from __future__ import annotations

import asyncio
import itertools

import pytest

from newsletter.sources.pacing import MOST_IDLE_HOSTS, Pacer, bucket_of, now_s


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("rss.arxiv.org", "arxiv.org"),
        ("EXPORT.arxiv.org.", "arxiv.org"),
        ("arxiv.org", "arxiv.org"),
        ("notarxiv.org", "notarxiv.org"),
        ("a.example", "a.example"),
    ],
)
def test_arxiv_shares_one_bucket(host: str, bucket: str) -> None:
    assert bucket_of(host) == bucket


async def test_one_at_a_time_and_a_pause_between() -> None:
    pacer, starts, inside = Pacer(0.05, 0.05), [], 0

    async def ask(host: str) -> None:
        nonlocal inside
        async with pacer.turn(host):
            inside += 1
            assert inside == 1
            starts.append(now_s())
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(ask(host) for host in ("rss.arxiv.org", "export.arxiv.org", "arxiv.org")))

    assert all(later - earlier >= 0.049 for earlier, later in itertools.pairwise(starts))


async def test_other_hosts_do_not_wait() -> None:
    pacer = Pacer(60, 60)

    async with asyncio.timeout(1), pacer.turn("a.example"), pacer.turn("b.example"):
        pass


async def test_a_turn_is_given_back_after_an_error_or_a_cancellation() -> None:
    pacer = Pacer(0, 0)
    with pytest.raises(ZeroDivisionError):
        async with pacer.turn("a.example"):
            raise ZeroDivisionError

    async with asyncio.timeout(1), pacer.turn("a.example"):
        waiting = asyncio.create_task(anext(aiter_turns(pacer)))
        await asyncio.sleep(0)
        waiting.cancel()
    async with asyncio.timeout(1), pacer.turn("a.example"):
        assert pacer.buckets["a.example"].waiting == 1


async def aiter_turns(pacer: Pacer):  # type: ignore[no-untyped-def]  # noqa: ANN201 (a generator for the test above)
    """Yield once a turn is had."""
    async with pacer.turn("a.example"):
        yield


async def test_silence_is_remembered_by_bucket_and_idle_hosts_are_not() -> None:
    pacer = Pacer(0, 0)
    pacer.silence("rss.arxiv.org", 100)
    assert 99 < pacer.silence_left_s("export.arxiv.org") <= 100
    assert pacer.silence_left_s("a.example") == 0

    for number in range(MOST_IDLE_HOSTS + 2):
        async with pacer.turn(f"{number}.example"):
            pass
    assert len(pacer.buckets) < 5
    assert pacer.silence_left_s("arxiv.org") > 0
