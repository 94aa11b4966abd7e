from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import (
    AnnounceType,
    CollectionCounts,
    Community,
    DeliveryState,
    Entry,
    Fault,
    Health,
    Paper,
    SourceState,
)
from tests.support.stored import (
    NOW,
    TODAY,
    add_papers,
    add_people,
    arxiv_entry,
    at,
    digest_of,
    held,
    planned,
    settle,
    succeeded,
)

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore


async def everything(store: SqlStore) -> list[Paper]:
    return [paper async for paper in store.all_papers()]


async def only(store: SqlStore) -> Paper:
    (paper,) = await everything(store)
    return paper


HUGGING_FACE = Entry(
    "2601.00001",
    "On the Learning of Representations, Part 1",
    abstract="A summary in the words of Hugging Face.",
    url="https://huggingface.co/papers/2601.00001",
    arxiv_id="2601.00001",
    community=Community(upvotes=12, comments=0, code_url="https://github.com/x/y", summary="Short.", keywords=("ssl",)),
)
JOURNAL = Entry(
    "https://doi.org/10.1000/ABC.1",
    "On the learning of representations, part 1",
    authors=("Lovelace, A.",),
    doi="10.1000/abc.1",
    url="https://journal.example/articles/abc1",
)


async def test_a_new_store_is_empty(store: SqlStore) -> None:
    assert await everything(store) == []
    assert await store.last_arrival() == 0
    assert await store.source_states() == {}
    assert await store.papers([1, 2]) == {}
    assert await store.sightings(1) == []
    assert await store.versions(1) == []


async def test_a_paper_comes_back_as_its_source_told_it(store: SqlStore) -> None:
    entry = arxiv_entry(
        7,
        version=2,
        abstract="Let $x \\in \\mathbb{R}$ — für „alle“ 😀.",
        published_at=at(-60),
        categories=("cs.LG", "stat.ML"),
        doi="10.1000/XYZ",
        announce_type=AnnounceType.CROSS,
        pdf_url="https://arxiv.org/pdf/2601.00007v2",
        comment="12 pages",
        journal_reference="J. Ex. 1 (2026)",
        community=Community(upvotes=0),
    )
    await store.save_collection(succeeded(), [entry], NOW)
    paper = await only(store)
    assert paper == Paper(
        id=paper.id,
        title=entry.title,
        abstract=entry.abstract,
        authors=entry.authors,
        url=entry.url,
        first_seen_at=NOW,
        arrival=1,
        published_at=at(-60),
        categories=("cs.LG", "stat.ML"),
        arxiv_id="2601.00007",
        version=2,
        doi="10.1000/xyz",
        announce_type=AnnounceType.CROSS,
        pdf_url=entry.pdf_url,
        comment="12 pages",
        journal_reference="J. Ex. 1 (2026)",
        community=Community(upvotes=0),
        sources=("arxiv",),
        backlog=True,
    )
    assert await store.papers([paper.id, 999]) == {paper.id: paper}


async def test_saving_the_same_again_changes_nothing_but_when_it_was_seen(store: SqlStore) -> None:
    entries = [
        arxiv_entry(1),
        arxiv_entry(2),
        HUGGING_FACE,
        JOURNAL,
        replace(JOURNAL, entry_id="other", title="Edited"),
    ]
    first = await store.save_collection(succeeded(), entries, NOW)
    before = await everything(store)
    second = await store.save_collection(succeeded(), entries, at(60))
    assert (first.new, second) == (2, CollectionCounts(entries=5, unchanged=5))
    assert await everything(store) == before
    assert await store.last_arrival() == 1
    seen = [sighting for paper in before for sighting in await store.sightings(paper.id)]
    assert len(seen) == 5
    assert {(each.first_seen_at, each.last_seen_at) for each in seen} == {(NOW, at(60))}


async def test_only_a_sources_first_success_brings_backlog(store: SqlStore) -> None:
    broken = SourceState("arxiv", last_checked_at=NOW, failures=1, health=Health.BROKEN)
    await store.save_collection(broken, [], NOW)
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    await store.save_collection(succeeded(), [arxiv_entry(2)], at(60))
    await store.save_collection(succeeded("huggingface"), [HUGGING_FACE, arxiv_entry(3)], at(60))
    assert {paper.arxiv_id: paper.backlog for paper in await everything(store)} == {
        "2601.00001": True,
        "2601.00002": False,
        "2601.00003": True,
    }


async def test_hugging_face_enriches_without_touching_arxivs_own_text(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    counts = await store.save_collection(succeeded("huggingface"), [HUGGING_FACE], at(60))
    paper = await only(store)
    assert counts == CollectionCounts(entries=1, enriched=1)
    assert (paper.abstract, paper.url) == ("We study representations 1.", "https://arxiv.org/abs/2601.00001")
    assert paper.community == HUGGING_FACE.community
    assert paper.sources == ("arxiv", "huggingface")
    assert paper.arrival == 1  # nothing that could match was added


async def test_arxivs_own_text_wins_also_when_it_comes_later(store: SqlStore) -> None:
    await store.save_collection(succeeded("huggingface"), [HUGGING_FACE], NOW)
    counts = await store.save_collection(succeeded(), [arxiv_entry(1)], at(60))
    paper = await only(store)
    assert counts == CollectionCounts(entries=1, enriched=1)
    assert (paper.abstract, paper.version) == ("We study representations 1.", 1)
    assert paper.version_arrival is None
    assert paper.arrival == 2  # its categories are new, so profiles look again


async def test_votes_follow_the_newest_count_and_are_never_emptied(store: SqlStore) -> None:
    later = replace(HUGGING_FACE, community=Community(upvotes=30, comments=None))
    await store.save_collection(succeeded("huggingface"), [HUGGING_FACE], NOW)
    await store.save_collection(succeeded("huggingface"), [later], at(60))
    community = (await only(store)).community
    assert (community.upvotes, community.comments, community.summary) == (30, 0, "Short.")


async def test_a_newer_version_brings_its_text_and_is_kept_beside_the_old(store: SqlStore) -> None:
    revised = arxiv_entry(1, 2, title="A better title", abstract="Better.", announce_type=AnnounceType.REPLACE)
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    counts = await store.save_collection(succeeded(), [revised], at(60))
    paper = await only(store)
    assert counts == CollectionCounts(entries=1, new_versions=1)
    assert (paper.title, paper.abstract, paper.version) == ("A better title", "Better.", 2)
    assert (paper.arrival, paper.version_arrival, paper.announce_type) == (1, 2, AnnounceType.NEW)
    assert [(each.version, each.title) for each in await store.versions(paper.id)] == [
        (1, "On the learning of representations, part 1"),
        (2, "A better title"),
    ]
    late = await store.save_collection(succeeded("api"), [arxiv_entry(1, 1)], at(120))
    assert (late.new_versions, (await only(store)).version) == (0, 2)
    assert await store.last_arrival() == 2


async def test_a_replacement_that_turns_out_to_be_news_arrives_again(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(1, announce_type=AnnounceType.REPLACE_CROSS)], NOW)
    await store.save_collection(succeeded("b"), [arxiv_entry(1, announce_type=AnnounceType.REPLACE)], at(1))
    assert (await only(store)).arrival == 1
    await store.save_collection(succeeded("c"), [arxiv_entry(1, announce_type=AnnounceType.NEW)], at(2))
    paper = await only(store)
    assert (paper.arrival, paper.announce_type) == (2, AnnounceType.NEW)


async def test_a_cross_list_adds_its_category_behind_the_primary_one(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    crossed = arxiv_entry(1, categories=("cs.LG", "stat.ML"), announce_type=AnnounceType.CROSS)
    await store.save_collection(succeeded(), [crossed], at(60))
    paper = await only(store)
    assert (paper.categories, paper.announce_type, paper.arrival) == (("cs.LG", "stat.ML"), AnnounceType.NEW, 2)


async def test_a_journals_feed_finds_the_preprint_by_title_and_first_author(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    await store.save_collection(succeeded("journal"), [JOURNAL], at(60))
    paper = await only(store)
    assert (paper.arxiv_id, paper.doi) == ("2601.00001", "10.1000/abc.1")
    by_doi_alone = replace(JOURNAL, entry_id="x", title="Quite another spelling of it", authors=())
    await store.save_collection(succeeded("crossref"), [by_doi_alone], at(120))
    assert (await only(store)).sources == ("arxiv", "journal", "crossref")


async def test_papers_with_different_identifiers_are_never_one(store: SqlStore) -> None:
    title = "On the learning of representations, again"
    entries = [
        arxiv_entry(1, title=title),
        arxiv_entry(2, title=title),
        replace(JOURNAL, title=title, authors=("Grace Hopper",)),
        replace(JOURNAL, entry_id="y", url="", doi="10.1000/other", title=title, authors=("Grace Hopper",)),
    ]
    assert (await store.save_collection(succeeded(), entries, NOW)).new == 4


async def test_one_feed_may_give_every_item_the_same_id_and_link(store: SqlStore) -> None:
    items = [
        Entry("https://lab.example", f"The {word} of our recent publications", url="https://lab.example/publications")
        for word in ("first", "second", "third")
    ]
    assert (await store.save_collection(succeeded("lab"), items, NOW)).new == 3
    assert (await store.save_collection(succeeded("lab"), items, at(1))).unchanged == 3
    assert {paper.title for paper in await everything(store)} == {item.title for item in items}


async def test_an_edited_item_is_followed_and_not_announced_again(store: SqlStore) -> None:
    post = Entry("post-1", "Our new modle", abstract="Teh text.", url="https://lab.example/post")
    await store.save_collection(succeeded("lab"), [post], NOW)
    edited = replace(post, title="Our new model", abstract="The text.")
    assert (await store.save_collection(succeeded("lab"), [edited], at(1))).enriched == 1
    paper = await only(store)
    assert (paper.title, paper.abstract, paper.arrival) == ("Our new model", "The text.", 1)
    (sighting,) = await store.sightings(paper.id)
    assert (sighting.entry, sighting.first_seen_at, sighting.last_seen_at) == (edited, NOW, at(1))


async def test_two_papers_that_turn_out_to_be_one_become_one(store: SqlStore) -> None:
    journal = replace(JOURNAL, title="A title that the journal's editors made up", authors=("Someone Else",))
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    await store.save_collection(succeeded("journal"), [journal], at(1))
    preprint, article = sorted(await everything(store), key=lambda paper: paper.id)
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(article.id))], {}, NOW)
    await settle(store, DeliveryState.ACCEPTED)

    await store.save_collection(succeeded("api"), [arxiv_entry(1, doi="10.1000/abc.1")], at(2))
    united = await only(store)
    assert (united.id, united.doi, united.sources) == (preprint.id, "10.1000/abc.1", ("arxiv", "journal", "api"))
    assert await store.papers([article.id, preprint.id]) == {article.id: united, preprint.id: united}
    assert len(await store.sightings(article.id)) == 3
    assert await store.sent_papers([who], [preprint.id]) == {who: frozenset({(preprint.id, None)})}
    assert await store.find_delivery_of(who, article.id) == await store.find_delivery_of(who, preprint.id) is not None
    tomorrow = digest_of(preprint.id, day=TODAY + timedelta(days=1))
    assert await store.plan([planned(who, tomorrow)], {}, at(3)) == 0  # they have had it


@pytest.mark.parametrize("which", [0, 1])
async def test_who_got_both_papers_keeps_the_row_of_what_was_accepted(store: SqlStore, which: int) -> None:
    journal = replace(JOURNAL, title="A title that the journal's editors made up", authors=("Someone Else",))
    await store.save_collection(succeeded(), [arxiv_entry(1)], NOW)
    await store.save_collection(succeeded("journal"), [journal], at(1))
    ids = sorted(paper.id for paper in await everything(store))
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(ids[which]))], {}, NOW)
    await settle(store, DeliveryState.ACCEPTED)
    await store.plan([planned(who, digest_of(ids[1 - which], day=TODAY + timedelta(days=1)))], {}, NOW)
    await store.save_collection(succeeded("api"), [arxiv_entry(1, doi="10.1000/abc.1")], at(2))
    await settle(store, DeliveryState.REJECTED, minutes=2)
    assert await store.sent_papers([who], ids) == {who: frozenset({(ids[0], None), (ids[1], None)})}


async def test_papers_of_one_batch_are_united_too(store: SqlStore) -> None:
    journal = replace(JOURNAL, title="A title that the journal's editors made up", authors=("Someone Else",))
    entries = [arxiv_entry(1), journal, arxiv_entry(1, 2, doi="10.1000/abc.1")]
    await store.save_collection(succeeded(), entries, NOW)
    paper = await only(store)
    assert (paper.version, paper.doi) == (2, "10.1000/abc.1")
    assert len(await store.sightings(paper.id)) == 3


async def test_arrived_papers_are_what_is_new_since_then(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(1), arxiv_entry(2)], NOW)
    await store.save_collection(succeeded(), [arxiv_entry(3)], at(60))
    await store.save_collection(succeeded(), [arxiv_entry(1, 2)], at(120))
    arrived = await store.arrived_papers(1, at(-1))
    assert [paper.arxiv_id for paper in arrived] == ["2601.00001", "2601.00003"]
    assert [paper.arxiv_id for paper in await store.arrived_papers(0, at(60))] == ["2601.00001", "2601.00003"]
    assert len(await store.arrived_papers(0, at(-1))) == 3
    assert await store.arrived_papers(3, at(-1)) == []


async def test_the_state_of_a_source_is_kept_byte_for_byte(store: SqlStore) -> None:
    state = SourceState(
        "arxiv",
        etag='W/"a\\"b"',
        last_modified="Mon, 05 Jan 2026 05:00:01 GMT",
        next_check_at=at(30),
        last_checked_at=NOW,
        last_success_at=at(-60),
        last_new_paper_at=at(-90),
        failures=3,
        fault=Fault("throttled", "asked to wait", 12.5),
        health=Health.THROTTLED,
        entries=7,
        skipped=1,
    )
    await store.save_collection(state, [], NOW)
    assert await store.source_states() == {"arxiv": state}
    healthy = SourceState("arxiv", last_success_at=at(1), health=Health.FRESH)
    await store.save_collection(healthy, [], NOW)
    assert await store.source_states() == {"arxiv": healthy}


async def test_a_paper_is_found_by_whatever_a_person_calls_it(store: SqlStore) -> None:
    entry = arxiv_entry(1, title="Unsupervised 100% représentation-learning", doi="10.1000/abc.1")
    post = Entry("p", "A post that stands alone", url="https://lab.example/post?id=3&utm_source=rss")
    await store.save_collection(succeeded(), [entry, post, arxiv_entry(2)], NOW)
    paper = (await store.find_papers("2601.00001"))[0]
    for reference in (
        str(paper.id),
        "arXiv:2601.00001v9",
        "https://arxiv.org/pdf/2601.00001v2.pdf",
        "doi:10.1000/ABC.1",
        "https://doi.org/10.1000/abc.1",
        "unsupervised 100% REPRESENTATION",
        "Représentation learning",
    ):
        assert await store.find_papers(reference) == [paper], reference
    assert [found.title for found in await store.find_papers("http://lab.example/post?id=3")] == [post.title]
    for nothing in (
        "2601.99999",
        "10.1000/none",
        "99999",
        "9" * 30,
        "no such title",
        "%",
        "_",
        "",
        "https://x.example/",
    ):
        assert await store.find_papers(nothing) == [], nothing


async def test_all_papers_come_newest_first_over_many_pages(store: SqlStore) -> None:
    await store.save_collection(succeeded(), [arxiv_entry(number) for number in range(1, 1002)], NOW)
    await store.save_collection(succeeded(), [arxiv_entry(2000)], at(1))
    order = [(paper.arrival, paper.id) for paper in await everything(store)]
    assert len(order) == 1002
    assert order == sorted(order, reverse=True)


async def test_arrivals_of_collections_at_one_time_do_not_collide(store: SqlStore) -> None:
    await asyncio.gather(
        *(store.save_collection(succeeded(f"s{number}"), [arxiv_entry(number)], NOW) for number in range(1, 7))
    )
    assert sorted(paper.arrival for paper in await everything(store)) == [1, 2, 3, 4, 5, 6]


async def test_what_no_database_takes_is_cleaned_and_nothing_is_lost(store: SqlStore) -> None:
    entry = Entry("bad\0id", "Half a \ud83d character and\0 a NUL", abstract="x\0y", url="https://lab.example/bad")
    assert (await store.save_collection(succeeded("lab"), [entry], NOW)).new == 1
    assert (await store.save_collection(succeeded("lab"), [entry], NOW)).unchanged == 1
    paper = await only(store)
    assert (paper.title, paper.abstract) == ("Half a ? character and a NUL", "xy")
    assert (await store.sightings(paper.id))[0].entry == entry


async def test_endless_identifiers_are_kept_apart(store: SqlStore) -> None:
    entries = [
        Entry(f"{'x' * 9000}{number}", f"A long story, volume {number}", url=f"https://x.example/{'y' * 9000}{number}")
        for number in range(2)
    ]
    assert (await store.save_collection(succeeded("lab"), entries, NOW)).new == 2
    assert (await store.save_collection(succeeded("lab"), entries, NOW)).unchanged == 2


async def test_naive_times_are_refused_and_nothing_is_stored(store: SqlStore) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(Exception, match="without a zone"):
        await store.save_collection(SourceState("arxiv", last_success_at=naive), [arxiv_entry(1)], NOW)
    assert await store.source_states() == {}


async def test_papers_of_the_ledger_may_be_many(store: SqlStore) -> None:
    ids = await add_papers(store, 1100)
    assert len(await store.papers(ids)) == 1100
    (who,) = await add_people(store, "ada")
    await store.plan([planned(who, digest_of(*ids, day=date(2026, 1, 6)))], {}, NOW)
    assert len((await held(store, [who], ids))[who]) == 1100
