"""What readers and curators say of papers: each vote once, changeable, and in the order of the trending at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.errors import NotFoundError
from newsletter.model import Community, Entry, Pick, SavedPaper, Voice, Vote, VoteValue
from newsletter.store.schema import indexed_papers, saved_papers, votes
from tests.support.stored import NOW, TODAY, add_papers, add_people, arxiv_entry, at, digest_of, planned, succeeded

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

GOOD, NOT_FOR_ME = VoteValue.GOOD, VoteValue.NOT_FOR_ME
TITLE, DOI, ARXIV_ID = "Contrastive pretraining with curricula and patience", "10.1234/curricula", "2601.77777"


async def trending(store: SqlStore) -> list[int]:
    ids, _ = await store.listed(TODAY - timedelta(days=60), TODAY, by_votes=True, limit=100)
    return ids


async def trends(store: SqlStore) -> dict[int, int]:
    async with store.database.read() as connection:
        return {row.paper_id: row.trend for row in await connection.execute(indexed_papers.select())}


async def good_votes(store: SqlStore, paper_id: int) -> int:
    return (await store.papers([paper_id]))[paper_id].good_votes


async def test_a_vote_counts_once_can_be_changed_and_taken_back(store: SqlStore) -> None:
    one, other = await add_papers(store, 2)
    (ada,) = await add_people(store, "ada")
    before = await store.voice_changes()
    assert await trending(store) == [other, one]
    await store.cast_vote(ada, one, GOOD, NOW)
    await store.cast_vote(ada, one, GOOD, at(5))
    assert await store.voice_changes() == before + 1
    assert await store.votes_of(ada) == [Vote(one, GOOD, NOW)]
    assert (await good_votes(store, one), await trending(store)) == (1, [one, other])
    await store.cast_vote(ada, one, NOT_FOR_ME, at(6))
    assert await store.votes_of(ada) == [Vote(one, NOT_FOR_ME, at(6))]
    assert (await good_votes(store, one), await trending(store)) == (0, [other, one])
    await store.cast_vote(ada, one, None, at(7))
    await store.cast_vote(ada, one, None, at(8))
    assert await store.votes_of(ada) == []
    assert await store.voice_changes() == before + 3


async def test_the_newest_votes_of_a_reader_come_first(store: SqlStore) -> None:
    papers = await add_papers(store, 3)
    (ada,) = await add_people(store, "ada")
    for minutes, paper_id in enumerate((papers[1], papers[0], papers[2])):
        await store.cast_vote(ada, paper_id, GOOD, at(minutes))
    assert [vote.paper_id for vote in await store.votes_of(ada)] == [papers[2], papers[0], papers[1]]


async def test_many_may_vote_at_once(store: SqlStore) -> None:
    (paper,) = await add_papers(store, 1)
    people = await add_people(store, *(f"reader{number}" for number in range(8)))
    await asyncio.gather(*(store.cast_vote(who, paper, GOOD, NOW) for who in people))
    assert await good_votes(store, paper) == 8
    assert await store.voice_changes() == 8


async def test_votes_fade_so_that_few_new_ones_outweigh_many_old(store: SqlStore) -> None:
    told = [arxiv_entry(number, community=Community(upvotes=upvotes)) for number, upvotes in ((1, 20), (2, 8))]
    await store.save_collection(succeeded("early"), [arxiv_entry(9)], at(-40_000))
    await store.save_collection(succeeded("early"), told[:1], at(-14 * 24 * 60))
    await store.save_collection(succeeded("early"), told[1:], NOW)
    old, new = [(await store.find_papers(each.arxiv_id or ""))[0].id for each in told]
    assert [each for each in await trending(store) if each in (old, new)] == [new, old]
    people = await add_people(store, "ada", "bob", "eve", "kim")
    for who in people:
        await store.cast_vote(who, old, GOOD, NOW)
    assert [each for each in await trending(store) if each in (old, new)] == [old, new]  # 20 / 4 + 4 are more than 8
    more = arxiv_entry(2, version=1, community=Community(upvotes=10))
    await store.save_collection(succeeded("early"), [more], at(1))
    assert [each for each in await trending(store) if each in (old, new)] == [new, old]
    assert (await store.papers([old]))[old].votes == 24
    again = arxiv_entry(1, community=Community(upvotes=21), comment="Accepted")
    await store.save_collection(succeeded("early"), [again], at(2))
    assert (await store.papers([old]))[old].votes == 25
    assert [each for each in await trending(store) if each in (old, new)] == [new, old]


async def test_papers_that_become_one_carry_what_was_said_of_them(store: SqlStore) -> None:
    one = Entry("a", TITLE, "About.", ("A. Sample",), "https://a.example.org/1", doi=DOI)
    other = Entry("b", "Another title", "About.", ("A. Sample",), "https://b.example.org/2", arxiv_id=ARXIV_ID)
    await store.save_collection(succeeded("journal"), [one], NOW)
    await store.save_collection(succeeded("journal", 1), [other], NOW)
    first, second = sorted([paper.id async for paper in store.all_papers()])
    ada, bob, eve = await add_people(store, "ada", "bob", "eve")
    for who, paper_id, value, minutes in (
        (ada, first, GOOD, 1),
        (ada, second, NOT_FOR_ME, 2),
        (bob, first, NOT_FOR_ME, 3),
        (bob, second, GOOD, 1),
        (eve, second, GOOD, 4),
    ):
        await store.cast_vote(who, paper_id, value, at(minutes))
    for paper_id in (first, second):
        await store.save_paper(ada, paper_id, at(paper_id))
        await store.pick(Pick(paper_id, "Grace", f"note {paper_id}", at(paper_id)))
    both = Entry("c", TITLE, "Both.", ("A. Sample",), "https://c.example.org/3", doi=DOI, arxiv_id=ARXIV_ID)
    await store.save_collection(succeeded("journal", 2), [both], at(9))
    (kept,) = [paper.id async for paper in store.all_papers()]
    said = [(await store.votes_of(who))[0] for who in (ada, bob, eve)]
    assert said == [Vote(kept, NOT_FOR_ME, at(2)), Vote(kept, NOT_FOR_ME, at(3)), Vote(kept, GOOD, at(4))]
    assert await good_votes(store, kept) == 1
    assert (await trends(store))[kept] == 0  # 1 − ½ − ½
    assert await store.saved_papers(ada, 10) == [SavedPaper(kept, at(second))]
    newest = [Pick(kept, "Grace", f"note {second}", at(second))]
    assert await store.picks_of([first, second]) == {first: newest, second: newest}
    await store.cast_vote(eve, next(each for each in (first, second) if each != kept), None, at(10))
    assert await store.votes_of(eve) == []


async def test_who_is_removed_takes_their_votes_along(store: SqlStore) -> None:
    one, other = await add_papers(store, 2)
    ada, bob = await add_people(store, "ada", "bob")
    await store.cast_vote(ada, one, GOOD, NOW)
    await store.cast_vote(bob, one, GOOD, NOW)
    await store.cast_vote(ada, other, NOT_FOR_ME, NOW)
    await store.save_paper(ada, other, NOW)
    before = await trends(store)
    await store.remove_subscriber("ada@example.org")
    async with store.database.read() as connection:
        left = [(await connection.execute(table.select())).all() for table in (votes, saved_papers)]
    assert [len(rows) for rows in left] == [1, 0]
    assert await good_votes(store, one) == 1
    assert 0 < (await trends(store))[one] < before[one]
    with pytest.raises(NotFoundError):
        await store.cast_vote(ada, one, GOOD, NOW)
    with pytest.raises(NotFoundError):
        await store.voice(ada, one)


async def test_saved_papers_stay_until_they_are_let_go_of(store: SqlStore) -> None:
    papers = await add_papers(store, 3)
    (ada,) = await add_people(store, "ada")
    for minutes, paper_id in enumerate(papers):
        await store.save_paper(ada, paper_id, at(minutes))
    await store.save_paper(ada, papers[0], at(9))
    before = await store.voice_changes()
    assert [saved.paper_id for saved in await store.saved_papers(ada, 2)] == [papers[2], papers[1]]
    assert await store.saved_papers(ada, 2, 2) == [SavedPaper(papers[0], NOW)]
    await store.unsave_paper(ada, papers[2])
    await store.unsave_paper(ada, papers[2])
    assert [saved.paper_id for saved in await store.saved_papers(ada, 9)] == [papers[1], papers[0]]
    assert await store.voice_changes() == before  # nobody else sees it


async def test_what_a_reader_has_to_do_with_a_paper(store: SqlStore) -> None:
    one, other = await add_papers(store, 2)
    (ada,) = await add_people(store, "ada")
    assert await store.voice(ada, one) == Voice()
    await store.plan([planned(ada, digest_of(one))], {}, NOW)
    await store.cast_vote(ada, one, GOOD, NOW)
    await store.save_paper(ada, other, NOW)
    assert await store.voice(ada, one) == Voice(GOOD, was_sent=True)
    assert await store.voice(ada, other) == Voice(is_saved=True)
    assert await store.voice(ada, 12345) == Voice()
    for attempt in (store.cast_vote(ada, 12345, GOOD, NOW), store.save_paper(ada, 12345, NOW)):
        with pytest.raises(NotFoundError):
            await attempt


async def test_a_pick_keeps_its_time_when_its_note_changes(store: SqlStore) -> None:
    one, other = await add_papers(store, 2)
    await store.pick(Pick(one, "Grace", "Read it.", NOW))
    await store.pick(Pick(one, "Alan", "So do I.", at(1)))
    await store.pick(Pick(other, "Alan", "This, too.", at(2)))
    changes = await store.voice_changes()
    await store.pick(Pick(one, "Grace", "Read it twice.", at(3)))
    assert await store.voice_changes() == changes + 1
    assert await store.picks_of([one, 12345]) == {
        one: [Pick(one, "Grace", "Read it twice.", NOW), Pick(one, "Alan", "So do I.", at(1))]
    }
    assert [(pick.paper_id, pick.curator) for pick in await store.picks()] == [
        (other, "Alan"),
        (one, "Alan"),
        (one, "Grace"),
    ]
    assert [pick.curator for pick in await store.picks(since=at(1), limit=1)] == ["Alan"]
    assert [pick.paper_id for pick in await store.picks(curator="Grace")] == [one]
    assert await store.remove_pick(one, "Grace")
    assert not await store.remove_pick(one, "Grace")
    assert len(await store.picks()) == 2
    with pytest.raises(NotFoundError):
        await store.pick(Pick(12345, "Alan", "", NOW))
