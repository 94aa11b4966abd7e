"""The archive of issues: what each profile brought first, whoever got it, and nothing about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from newsletter.model import Digest, Entry, IssueKind, Section, Selected
from tests.support.stored import NOW, TODAY, add_papers, add_people, digest_of, planned, succeeded

if TYPE_CHECKING:
    from newsletter.store.sql import SqlStore

TOMORROW = TODAY + timedelta(days=1)


def with_profile(digest: Digest, profile: str) -> Digest:
    sections = tuple(replace(section, profile=profile) for section in digest.sections)
    return replace(digest, sections=sections)


async def days_of(store: SqlStore, *profiles: str, days: int = 10) -> list[tuple[str, int, int]]:
    issues = await store.archived_issues(profiles, days)
    return [(each.profile, (each.issue_date - TODAY).days, each.papers) for each in issues]


async def ids_of(store: SqlStore, profile: str, day: int = 0) -> list[int]:
    return [paper.paper_id for paper in await store.archived_issue(profile, TODAY + timedelta(days=day))]


async def test_an_issue_holds_what_any_reader_got_and_a_paper_stands_in_the_first(store: SqlStore) -> None:
    papers = await add_papers(store, 4)
    people = await add_people(store, "ada", "bob", "eve")
    first = digest_of(*papers[:2])
    await store.plan([planned(people[0], first), planned(people[1], digest_of(*papers[1:3]))], {}, NOW)
    await store.plan([planned(people[2], digest_of(*papers, day=TOMORROW))], {}, NOW)
    assert await days_of(store, "ml") == [("ml", 1, 1), ("ml", 0, 3)]
    assert await days_of(store, "ml", "other", days=1) == [("ml", 1, 1)]
    assert [each.papers for each in await store.archived_issues(["ml"], 5, before=TOMORROW)] == [3]
    assert await ids_of(store, "ml") == [papers[2], papers[1], papers[0]]
    assert await ids_of(store, "ml", 1) == [papers[3]]
    assert [each.topic for each in await store.archived_issue("ml", TOMORROW)] == ["all"]
    assert await store.neighbouring_issues("ml", TODAY) == (None, TOMORROW)
    assert await store.neighbouring_issues("ml", TOMORROW) == (TODAY, None)
    assert await store.archived_issues([], 5) == []


async def test_who_leaves_takes_nothing_along(store: SqlStore) -> None:
    papers = await add_papers(store, 1)
    (ada,) = await add_people(store, "ada")
    await store.plan([planned(ada, digest_of(*papers))], {}, NOW)
    await store.remove_subscriber("ada@example.org")
    assert await ids_of(store, "ml") == papers


async def test_own_keywords_newer_versions_and_other_mails_are_not_in_it(store: SqlStore) -> None:
    papers = await add_papers(store, 2)
    people = await add_people(store, "ada", "bob", "eve")
    personal = with_profile(digest_of(papers[0]), "personal:cats\x1e1.0\x1eany")
    await store.plan([planned(people[0], personal)], {}, NOW)
    await store.plan([planned(people[1], digest_of(papers[1], update=True))], {}, NOW)
    await store.plan([planned(people[2], digest_of(papers[0], kind=IssueKind.QUIET))], {}, NOW)
    assert await days_of(store, "ml", personal.sections[0].profile) == []


async def test_a_welcome_counts_only_before_the_first_issue(store: SqlStore) -> None:
    papers = await add_papers(store, 3)
    people = await add_people(store, "ada", "bob", "eve")
    welcome = digest_of(papers[0], kind=IssueKind.WELCOME)
    await store.plan([planned(people[0], welcome)], {}, NOW)
    later = Digest(IssueKind.WELCOME, TODAY, (Section("ml", "ML", "all", (Selected(papers[1], 1.0),)),), 1)
    await store.plan([planned(people[1], later)], {}, NOW)
    assert await ids_of(store, "ml") == [papers[0]]
    await store.plan([planned(people[2], with_profile(later, "new"))], {}, NOW)
    assert await ids_of(store, "new") == [papers[1]]


async def test_papers_that_become_one_are_in_one_issue(store: SqlStore) -> None:
    title, doi, arxiv_id = "Contrastive pretraining with curricula and patience", "10.1234/curricula", "2601.77777"
    one = Entry("a", title, "About.", ("A. Sample",), "https://a.example.org/1", doi=doi)
    other = Entry("b", "Another title", "About.", ("A. Sample",), "https://b.example.org/2", arxiv_id=arxiv_id)
    await store.save_collection(succeeded("journal"), [one], NOW)
    await store.save_collection(succeeded("journal", 1), [other], NOW)
    papers = sorted([paper.id async for paper in store.all_papers()])
    people = await add_people(store, "ada", "bob", "eve")
    await store.plan([planned(people[0], digest_of(papers[1]))], {}, NOW)
    await store.plan([planned(people[1], digest_of(papers[0], day=TOMORROW))], {}, NOW)
    assert await days_of(store, "ml") == [("ml", 1, 1), ("ml", 0, 1)]
    both = Entry("c", title, "Both.", ("A. Sample",), "https://c.example.org/3", doi=doi, arxiv_id=arxiv_id)
    await store.save_collection(succeeded("journal", 2), [both], NOW)
    (kept,) = [paper.id async for paper in store.all_papers()]
    assert await ids_of(store, "ml") == [kept]
    assert await days_of(store, "ml") == [("ml", 0, 1)]
    gone = next(each for each in papers if each != kept)
    await store.plan([planned(people[2], with_profile(digest_of(gone), "late"))], {}, NOW)
    assert await ids_of(store, "late") == [kept]
