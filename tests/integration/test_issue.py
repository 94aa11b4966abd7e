"""Days in the life of an issue: hours, downtime, caps, first fetches, quiet days, failures; over both databases."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from newsletter.core.selection import Limits
from newsletter.model import (
    Attempt,
    DeliveryState,
    Entry,
    Frequency,
    IssueKind,
    Keyword,
    Origin,
    Outcome,
    OutcomeKind,
    Pause,
    PauseScope,
    Pick,
    Profile,
    Replacements,
    SourceState,
    SubscriberStatus,
    Suppression,
    SuppressionKind,
    SuppressionReason,
    Topic,
    Weekday,
)
from newsletter.service.issue import IssuePolicy, Issuer, IssueReport
from newsletter.service.why import why_subscriber
from newsletter.store.sql import SqlStore, open_store
from tests.support.databases import migrated_file, postgres, postgres_url, sqlite_url
from tests.support.samples import make_consent, make_draft, make_profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from newsletter.model import Delivery, Subscriber, SubscriberDraft

__all__ = ["migrated_file", "postgres", "postgres_url", "sqlite_url"]

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # an hour before the digest
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = IssuePolicy(
    limits=Limits(lookback=7 * DAY, staleness=14 * DAY),
    late_limit=2 * DAY,
    mail_when_quiet=False,
    message_domain="example.org",
)


@dataclass
class World:
    """A store, a clock that only tests move, and a source that says what it is told."""

    store: SqlStore
    profiles: list[Profile] = field(default_factory=lambda: [make_profile()])
    policy: IssuePolicy = POLICY
    now: datetime = MONDAY
    numbers: count[int] = field(default_factory=lambda: count(1))

    async def subscribe(self, draft: SubscriberDraft | None = None) -> Subscriber:
        return await self.store.add_subscriber(draft or make_draft(), make_consent(), Origin.STORE, self.now)

    async def papers_arrive(self, number: int = 1, source: str = "arxiv", **changes: Any) -> None:
        states = await self.store.source_states()
        state = states.get(source) or SourceState(source)
        entries = [self.entry(**changes) for _ in range(number)]
        await self.store.save_collection(replace(state, last_success_at=self.now), entries, self.now)

    def entry(self, **changes: Any) -> Entry:
        number = next(self.numbers)
        entry = Entry(
            f"oai:arXiv.org:2611.{number:05}v1",
            f"Paper {number} on diffusion models",
            "We study diffusion models at length.",
            authors=("Ada Example",),
            url=f"https://arxiv.org/abs/2611.{number:05}",
            published_at=self.now,
            categories=("cs.LG",),
            arxiv_id=f"2611.{number:05}",
            version=1,
        )
        return replace(entry, **changes)

    async def issue(self, **at: float) -> IssueReport:
        self.now += timedelta(**at)
        return await self.issuer().issue(self.now)

    def issuer(self) -> Issuer:
        return Issuer(self.store, {profile.name: profile for profile in self.profiles}, ("arxiv",), self.policy)

    async def deliver(self, kind: OutcomeKind = OutcomeKind.ACCEPTED, *, is_unknown: bool = False) -> list[list[str]]:
        """Settle everything that is due, and return the titles that each mail held."""
        state = DeliveryState(str(kind))
        retry_at = self.now + 30 * DAY if state is DeliveryState.DEFERRED else None
        mails = []
        for claimed in await self.store.claim("test", 100, HOUR, self.now):
            mails.append(await self.titles(claimed.delivery))
            attempt = Attempt(
                claimed.delivery.id,
                claimed.delivery.attempts + 1,
                self.now,
                self.now,
                Outcome(kind, 250, "", is_unknown),
            )
            await self.store.record([(attempt, state, retry_at)], self.now)
        return mails

    async def titles(self, delivery: Delivery) -> list[str]:
        digest = await self.store.digest(delivery.digest_id)
        papers = await self.store.papers(digest.paper_ids)
        return [papers[paper_id].title.split(" on ")[0] for paper_id in digest.paper_ids]


@pytest.fixture(params=["sqlite_url", "postgres_url"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    store = open_store(request.getfixturevalue(request.param))
    world = World(store)
    await world.papers_arrive(0)  # an earlier, empty first fetch
    yield world
    await store.aclose()


async def settled_reader(world: World, **changes: Any) -> Subscriber:
    """Somebody whose first digest is behind them."""
    subscriber = await world.subscribe(make_draft(**changes))
    await world.papers_arrive()
    await world.issue()
    assert await world.deliver() != []
    return subscriber


async def test_a_first_digest_goes_out_at_once_and_the_next_at_its_hour(world: World) -> None:
    await world.subscribe()
    await world.papers_arrive(2)
    report = await world.issue()
    assert (report.planned, report.welcomes) == (1, 1)
    assert len((await world.deliver())[0]) == 2
    await world.papers_arrive()
    assert (await world.issue(minutes=59)).planned == 0
    assert (await world.issue(hours=1)).planned == 0  # today's is behind them
    assert (await world.issue(hours=23, minutes=1)).planned == 1
    assert await world.deliver() == [["Paper 3"]]


async def test_a_doubled_tick_plans_nothing_twice(world: World) -> None:
    await world.subscribe()
    await world.papers_arrive()
    assert (await world.issue()).planned == 1
    assert (await world.issue()).planned == 0
    assert len(await world.store.list_deliveries()) == 1


async def test_after_a_week_of_downtime_one_merged_digest_comes(world: World) -> None:
    await settled_reader(world)
    for _ in range(5):
        world.now += DAY
        await world.papers_arrive()
    assert (await world.issue(days=2)).planned == 1
    assert [sorted(mail) for mail in await world.deliver()] == [[f"Paper {number}" for number in range(2, 7)]]


async def test_papers_older_than_the_staleness_limit_are_left_out(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive()
    world.now += 20 * DAY
    await world.papers_arrive()
    await world.issue(hours=2)
    assert await world.deliver() == [["Paper 3"]]


async def test_nothing_new_is_skipped_or_said_as_configured(world: World) -> None:
    await settled_reader(world)
    assert (await world.issue(days=1, hours=2)).skipped == 1
    assert (await world.issue()) == IssueReport()
    world.policy = replace(POLICY, mail_when_quiet=True)
    report = await world.issue(days=1)
    assert (report.planned, report.quiet) == (1, 1)
    assert [delivery.kind for delivery in await world.store.list_deliveries(state=DeliveryState.PLANNED)] == [
        IssueKind.QUIET
    ]


async def test_a_source_that_is_new_floods_nobody(world: World) -> None:
    await settled_reader(world)
    world.now += DAY
    old = [world.entry(published_at=world.now - timedelta(days=days)) for days in (300, 40, 3, 2)]
    fresh = [world.entry(published_at=world.now - HOUR)]
    await world.store.save_collection(SourceState("blog", last_success_at=world.now), old + fresh, world.now)
    await world.issue(hours=2)
    assert await world.deliver() == [["Paper 6"]]


async def test_what_the_cap_left_out_does_not_drip_into_later_digests(world: World) -> None:
    world.profiles = [make_profile(maximum_papers=3)]
    await settled_reader(world)
    await world.papers_arrive(5)
    await world.issue(days=1, hours=2)
    (mail,) = await world.deliver()
    assert len(mail) == 3
    await world.papers_arrive()
    await world.issue(days=1)
    assert await world.deliver() == [["Paper 7"]]


async def test_a_mail_that_failed_gives_its_papers_to_the_next_digest(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive()
    await world.issue(days=1, hours=2)
    assert await world.deliver(OutcomeKind.REJECTED) == [["Paper 2"]]
    await world.papers_arrive()
    await world.issue(days=1)
    assert [sorted(mail) for mail in await world.deliver()] == [["Paper 2", "Paper 3"]]


async def test_a_deferred_mail_is_merged_into_the_next_digest(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive()
    await world.issue(days=1, hours=2)
    await world.deliver(OutcomeKind.DEFERRED)
    await world.papers_arrive()
    await world.issue(days=1)
    assert [sorted(mail) for mail in await world.deliver()] == [["Paper 2", "Paper 3"]]
    states = [delivery.state for delivery in await world.store.list_deliveries()]
    assert states == [DeliveryState.ACCEPTED, DeliveryState.SUPERSEDED, DeliveryState.ACCEPTED]


async def test_a_mail_that_may_have_arrived_is_not_merged(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive()
    await world.issue(days=1, hours=2)
    await world.deliver(OutcomeKind.DEFERRED, is_unknown=True)
    await world.papers_arrive()
    await world.issue(days=1)
    assert await world.deliver() == [["Paper 3"]]
    world.now += 40 * DAY
    assert await world.deliver() == [["Paper 2"]]


async def test_a_killed_process_leaves_mails_that_may_have_arrived(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive()
    await world.issue(days=1, hours=2)
    assert len(await world.store.claim("killed", 10, HOUR, world.now)) == 1
    assert await world.store.release(None) == 1
    await world.papers_arrive()
    await world.issue(days=1)
    assert sorted(await world.deliver()) == [["Paper 2"], ["Paper 3"]]


async def test_nobody_gets_a_paper_twice_whatever_they_take(world: World) -> None:
    world.profiles = [make_profile("diffusion"), make_profile("everything", "paper", "diffus*")]
    subscriber = await world.subscribe(make_draft(profiles=("diffusion", "everything"), keywords=(Keyword("models"),)))
    await world.papers_arrive(3)
    await world.issue()
    (mail,) = await world.deliver()
    assert sorted(mail) == ["Paper 1", "Paper 2", "Paper 3"]
    await world.store.edit_subscriber(subscriber.address.key, make_draft(profiles=("everything",)), world.now)
    await world.papers_arrive(1, source="huggingface", arxiv_id="2611.00001", title="Paper 1 on diffusion models")
    await world.issue(days=1, hours=2)
    assert await world.deliver() == []


async def test_a_new_version_comes_once_to_who_wants_updates(world: World) -> None:
    world.profiles = [make_profile(replacements=Replacements.UPDATED)]
    await settled_reader(world)
    await world.papers_arrive(
        arxiv_id="2611.00001", version=2, entry_id="oai:arXiv.org:2611.00001v2", title="Paper 1 on diffusion models"
    )
    await world.issue(days=1, hours=2)
    assert await world.deliver() == [["Paper 1"]]
    await world.issue(days=1)
    assert await world.deliver() == []


async def test_personal_keywords_are_matched_for_their_owner_alone(world: World) -> None:
    await world.subscribe(make_draft("own@example.org", profiles=(), keywords=(Keyword("graph neural network"),)))
    await world.subscribe(make_draft("other@example.org"))
    await world.papers_arrive(1, title="Paper 1 on graph neural networks", abstract="Graphs.")
    await world.papers_arrive(1)
    await world.issue()
    assert sorted(await world.deliver()) == [["Paper 1"], ["Paper 2"]]


async def test_equal_readers_share_one_digest(world: World) -> None:
    for number in range(20):
        await world.subscribe(make_draft(f"reader{number}@example.org"))
    await world.papers_arrive(4)
    report = await world.issue()
    assert (report.planned, report.digests) == (20, 1)
    assert len({delivery.digest_id for delivery in await world.store.list_deliveries()}) == 1


async def test_each_zone_has_its_own_hour(world: World) -> None:
    await settled_reader(world, address="berlin@example.org", zone="Europe/Berlin")
    await settled_reader(world, address="tokyo@example.org", zone="Asia/Tokyo")
    await world.papers_arrive()
    planned = {}
    for hour in range(24):
        report = await world.issue(hours=1)
        if report.planned:
            planned[world.now.hour] = report.planned
            await world.deliver()
        assert hour < 24
    assert planned == {22: 1, 6: 1}


async def test_weekly_readers_get_the_week_on_their_day(world: World) -> None:
    await settled_reader(world, frequency=Frequency.WEEKLY, weekday=Weekday.THURSDAY)
    sent = {}
    for _ in range(14):
        await world.papers_arrive()
        if (await world.issue(days=1)).planned:
            sent[world.now.strftime("%a %d")] = len((await world.deliver())[0])
    assert list(sent.values())[-1] == 7
    assert {day[:3] for day in sent} == {"Fri"}  # asked an hour before the hour, so the day after


async def test_a_pause_ends_on_its_date_in_the_subscribers_zone(world: World) -> None:
    subscriber = await settled_reader(world, zone="Asia/Tokyo")
    until = (world.now + 2 * DAY).date()
    await world.store.set_status(subscriber.id, SubscriberStatus.PAUSED, "vacation", world.now, until)
    await world.papers_arrive()
    assert (await world.issue(days=1)).resumed == 0
    assert (await world.issue(hours=8, minutes=59)).resumed == 0
    assert (await world.issue(minutes=1)).resumed == 1  # midnight in Tokyo
    assert (await world.issue(hours=7)).planned == 1


async def test_nothing_is_planned_for_an_address_whose_owner_was_erased(world: World) -> None:
    gone = await world.subscribe(make_draft("gone@example.org"))
    hashed = world.store.fingerprints.of(gone.address.key)
    await world.store.suppress(
        [Suppression(SuppressionKind.HASH, hashed, SuppressionReason.ERASED, "", "page", world.now)]
    )
    reader = await settled_reader(world)
    await world.papers_arrive()
    assert (await world.issue(days=1, hours=2)).planned == 1
    (claimed,) = await world.store.claim("test", 10, HOUR, world.now)
    assert claimed.subscriber.id == reader.id


async def test_waiting_for_the_hour_is_a_setting(world: World) -> None:
    world.policy = replace(POLICY, first_digest_at_once=False)
    await world.subscribe(make_draft(send_at_local=time(9, 0)))
    await world.papers_arrive()
    assert (await world.issue()).planned == 0
    assert (await world.issue(hours=3)).welcomes == 1


async def test_a_dry_run_stores_nothing(world: World) -> None:
    await world.subscribe()
    await world.papers_arrive()
    issuer = Issuer(world.store, {"diffusion": make_profile()}, (), POLICY)
    assert (await issuer.issue(world.now, dry_run=True)).planned == 1
    assert await world.store.list_deliveries() == []


async def test_why_retraces_the_line(world: World) -> None:
    subscriber = await settled_reader(world)
    await world.papers_arrive(1, title="Paper 2 on trees", abstract="On trees.")
    await world.papers_arrive(1)
    issuer = Issuer(world.store, {"diffusion": make_profile()}, (), POLICY)

    async def verdict(text: str) -> tuple[str, str]:
        (paper,) = await world.store.find_papers(text)
        answer = await why_subscriber(world.store, issuer, paper, subscriber, world.now)
        return answer.verdict, " | ".join(answer.lines)

    assert (await verdict("2611.00001"))[0] == "sent"
    assert "diffusion models in the title" in (await verdict("2611.00001"))[1]
    assert (await verdict("2611.00002"))[0] == "not sent"
    assert (await verdict("2611.00003"))[0] == "next"


async def pause_profile(world: World, name: str) -> None:
    assert await world.store.pause(Pause(PauseScope.PROFILE, name, "", world.now))


def two_profiles(world: World) -> SubscriberDraft:
    """Have profiles for words of the samples' titles and of robots, and return a reader of both."""
    robots = make_profile(name="robots", title="Robots", topics=(Topic("Robots", (Keyword("robot"),)),))
    world.profiles = [make_profile(), robots]
    return make_draft(profiles=(world.profiles[0].name, "robots"))


ROBOT: dict[str, Any] = {"title": "Robot on legs", "abstract": "We walk.", "published_at": None}


async def test_who_reads_a_paused_profile_alone_waits_and_gets_it_all_afterwards(world: World) -> None:
    await settled_reader(world)
    await pause_profile(world, world.profiles[0].name)
    await world.papers_arrive(2)
    assert (await world.issue(days=1, hours=2)).planned == 0
    await world.store.unpause(PauseScope.PROFILE, world.profiles[0].name)
    report = await world.issue(minutes=1)  # the same day's issue, as after downtime
    assert (report.planned, report.skipped) == (1, 0)
    assert [len(mail) for mail in await world.deliver()] == [2]


async def test_who_reads_others_too_gets_those_and_the_paused_one_later(world: World) -> None:
    draft = two_profiles(world)
    await world.subscribe(draft)
    await world.papers_arrive()
    await world.issue()
    await world.deliver()
    await pause_profile(world, "robots")
    await world.papers_arrive(**ROBOT)
    await world.papers_arrive()
    await world.issue(days=1, hours=2)
    assert await world.deliver() == [["Paper 3"]]
    await world.papers_arrive()
    await world.issue(days=1)
    assert await world.deliver() == [["Paper 4"]]  # and not Paper 3 once more
    await world.store.unpause(PauseScope.PROFILE, "robots")
    await world.papers_arrive()
    await world.issue(days=1)
    (mail,) = await world.deliver()
    assert sorted(mail) == ["Paper 5", "Robot"]
    await world.papers_arrive()
    await world.issue(days=1)
    assert await world.deliver() == [["Paper 6"]]


async def test_a_first_digest_waits_for_every_profile(world: World) -> None:
    draft = two_profiles(world)
    await pause_profile(world, "robots")
    await world.subscribe(draft)
    await world.papers_arrive(**ROBOT)
    await world.papers_arrive()
    assert (await world.issue()).planned == 0
    await world.store.unpause(PauseScope.PROFILE, "robots")
    assert (await world.issue(hours=3)).welcomes == 1
    (mail,) = await world.deliver()
    assert sorted(mail) == ["Paper 2", "Robot"]


async def test_a_digest_that_waits_for_a_pause_gives_way_to_the_next_without_its_papers(world: World) -> None:
    draft = two_profiles(world)
    await world.subscribe(draft)
    await world.papers_arrive()
    await world.issue()
    await world.deliver()
    await world.papers_arrive(**ROBOT)
    await world.papers_arrive()
    assert (await world.issue(days=1, hours=2)).planned == 1  # and it is not sent, for then the pause begins
    await pause_profile(world, "robots")
    assert (await world.issue(days=1)).planned == 1
    assert await world.deliver() == [["Paper 3"]]
    await world.store.unpause(PauseScope.PROFILE, "robots")
    await world.issue(days=1)
    assert await world.deliver() == [["Robot"]]
    states = await world.store.count_deliveries()
    assert states == {DeliveryState.ACCEPTED: 3, DeliveryState.SUPERSEDED: 1}


async def test_a_pick_reaches_everyone_once_whether_or_not_a_keyword_matches(world: World) -> None:
    ada = await settled_reader(world)
    await world.papers_arrive(2)
    old = world.entry(title="An old one on tides", abstract="Seas.", published_at=MONDAY - timedelta(days=900))
    await world.store.save_collection(SourceState("curators"), [old], world.now)
    picked, matching = [(await world.store.find_papers(f"2611.0000{number}"))[0] for number in (4, 2)]
    await world.store.pick(Pick(picked.id, "Grace", "Read it.", world.now))
    await world.store.pick(Pick(matching.id, "Grace", "This, too.", world.now))
    verdict = await why_subscriber(world.store, world.issuer(), picked, ada, world.now)
    assert (verdict.verdict, verdict.lines[0]) == ("next", "editor’s pick by Grace")
    assert (await world.issue(days=1, hours=2)).planned == 1
    (delivery,) = await world.store.list_deliveries(state=DeliveryState.PLANNED)
    digest = await world.store.digest(delivery.digest_id)
    assert [(section.profile, [each.noted_by for each in section.papers]) for section in digest.sections] == [
        ("picks:", ["Grace"]),
        ("diffusion", ["", "Grace"]),
    ]
    assert await world.deliver() == [["An old one", "Paper 3", "Paper 2"]]
    assert [each.profile for each in await world.store.archived_issues(["picks:", "diffusion"], 9)] == ["diffusion"] * 2
    await world.store.pick(Pick(picked.id, "Alan", "Again!", world.now))
    assert (await world.issue(days=1)).planned == 0
    assert (await why_subscriber(world.store, world.issuer(), picked, ada, world.now)).lines[1] == (
        "editor’s pick by Grace"
    )
    bob = await world.subscribe(make_draft("bob@example.org"))
    await world.issue(hours=1)
    assert "An old one" in (await world.deliver())[0]
    assert bob.id != ada.id


async def test_picks_may_be_for_those_alone_whose_profiles_take_them(world: World) -> None:
    world.policy = replace(POLICY, picks_for_everyone=False)
    await settled_reader(world)
    await world.papers_arrive(1, title="Tides", abstract="Seas.")
    await world.papers_arrive(1)
    for number in (2, 3):
        (paper,) = await world.store.find_papers(f"2611.0000{number}")
        await world.store.pick(Pick(paper.id, "Grace", "Read it.", world.now))
    await world.issue(days=1, hours=2)
    assert await world.deliver() == [["Paper 3"]]


async def test_a_pick_that_is_old_or_taken_back_comes_no_more(world: World) -> None:
    await settled_reader(world)
    await world.papers_arrive(3, title="Tides", abstract="Seas.")
    papers = [(await world.store.find_papers(f"2611.0000{number}"))[0] for number in (2, 3, 4)]
    for paper, days in zip(papers, (15, 0, 0), strict=True):
        await world.store.pick(Pick(paper.id, "Grace", "", world.now - timedelta(days=days)))
    await world.store.remove_pick(papers[1].id, "Grace")
    await world.issue(days=1, hours=2)
    (delivery,) = await world.store.list_deliveries(state=DeliveryState.PLANNED)
    assert (await world.store.digest(delivery.digest_id)).paper_ids == (papers[2].id,)
