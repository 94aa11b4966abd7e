"""``newsletter papers``, ``profiles`` and ``sources`` on the bundled sample feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from newsletter.model import AnnounceType, Fault, Health, SourceState
from tests.support.command_line import CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.stored import arxiv_entry

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.store.sql import SqlStore

__all__ = ["migrated_file"]

TITLES = (
    "Diffusion models for molecules",
    "Image compression with diffusion models",
    "Large language models as judges",
    "Convex relaxations of packing problems",
)


async def some_papers(store: SqlStore) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)
    state = SourceState("samples", last_checked_at=now, last_success_at=now, health=Health.FRESH)
    entries = [
        arxiv_entry(number, title=title, abstract=f"About {title.lower()}, in short.", categories=("cs.CV",))
        for number, title in enumerate(TITLES, start=1)
    ]
    await store.save_collection(state, entries, now)
    newer = arxiv_entry(1, version=2, title=TITLES[0], abstract="Revised.", categories=("cs.CV",))
    await store.save_collection(state, [newer], now + timedelta(minutes=1))


async def a_replacement(store: SqlStore) -> None:
    entry = arxiv_entry(9, version=3, title="Hodge classes", announce_type=AnnounceType.REPLACE_CROSS)
    await store.save_collection(SourceState("samples"), [entry], datetime.now(UTC))


async def broken_source(store: SqlStore) -> None:
    now = datetime.now(UTC)
    state = SourceState(
        "samples",
        last_checked_at=now,
        next_check_at=now + timedelta(hours=2),
        failures=3,
        fault=Fault("timeout", "no answer within 90 s"),
        health=Health.BROKEN,
    )
    await store.save_collection(state, [], now)


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    return make_command_line(tmp_path, migrated_file)


@pytest.fixture
def collected(newsletter: CommandLine) -> CommandLine:
    newsletter.with_store(some_papers)
    return newsletter


def titles(newsletter: CommandLine, *arguments: str) -> list[str]:
    return sorted(item["title"] for item in newsletter("papers", "search", *arguments, "--json").json)


def test_papers_that_came_as_replacements_are_found_too(newsletter: CommandLine) -> None:
    newsletter.with_store(a_replacement)
    assert titles(newsletter, "ti:hodge") == ["Hodge classes"]


def test_papers_are_found_by_queries(collected: CommandLine) -> None:
    assert titles(collected, "ti:diffusion AND NOT image") == [TITLES[0]]
    assert titles(collected, "language", "model") == [TITLES[2]]
    assert titles(collected, "cat:cs.CV") == sorted(TITLES)
    assert len(titles(collected, "cat:cs.CV", "--limit", "2")) == 2
    assert titles(collected, "quantum") == []
    assert "no paper matches" in collected("papers", "search", "quantum").err
    seen_on = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d}"
    assert collected("papers", "search", "packing").rows == [["2601.00004", seen_on, TITLES[3]]]


async def papers_of_many_days(store: SqlStore) -> None:
    """Store papers whose dates go another way than their arrivals; the fourth has none."""
    now = datetime(2026, 1, 20, tzinfo=UTC)
    for number, day in ((1, 12), (2, 18), (3, 7), (4, None), (5, 19)):
        published = None if day is None else datetime(2026, 1, day, tzinfo=UTC)
        entry = arxiv_entry(number, title=f"Diffusion {number}", published_at=published)
        seen_at = now - timedelta(days=5) if day is None else now
        await store.save_collection(SourceState("samples"), [entry], seen_at)


def test_papers_are_found_newest_first(newsletter: CommandLine) -> None:
    newsletter.with_store(papers_of_many_days)
    said = newsletter("papers", "search", "diffusion")
    assert [row[0][-1] for row in said.rows] == ["5", "2", "4", "1", "3"]
    assert [row[1] for row in said.rows] == [f"2026-01-{day:02}" for day in (19, 18, 15, 12, 7)]
    assert said.err == ""
    newest = newsletter("papers", "search", "diffusion", "--limit", "2")
    assert [row[0][-1] for row in newest.rows] == ["5", "2"]
    assert newest.err == "only the newest 2 are shown; --limit shows more, --offset 2 the next\n"


def test_who_looks_for_an_identifier_is_told_how(collected: CommandLine) -> None:
    said = collected("papers", "search", "id:2601.00001")
    assert said.code == 2
    assert "there is no field 'id' (`newsletter papers show 2601.00001` finds a paper by its identifier)" in said.err
    assert "`newsletter papers show 2601.00001` finds" in collected("papers", "search", "2601.00001").err
    assert collected("papers", "search", "quantum").err == "no paper matches\n"


async def a_paper_of_two_minds(store: SqlStore) -> None:
    now = datetime(2026, 1, 20, tzinfo=UTC)
    first = arxiv_entry(
        1, title=r"G\"odel's $\mathcal{O}(n^2)$ bound", abstract=r"It is $n^2$.",
        authors=(r"Kurt G\"odel", r"{\L}ukasz Nguy{\~{\^e}}n"), published_at=datetime(2026, 1, 19, tzinfo=UTC),
    )  # fmt: skip
    await store.save_collection(SourceState("arxiv"), [first], now)
    other = arxiv_entry(
        1, title="Goedel bounds", authors=(), abstract="Another abstract.", categories=("math.LO",),
        published_at=datetime(2026, 1, 17, 8, 30, tzinfo=UTC),
    )  # fmt: skip
    await store.save_collection(SourceState("blog"), [other], now + timedelta(hours=1))


def test_a_paper_is_shown_with_what_each_source_said_otherwise(newsletter: CommandLine) -> None:
    newsletter.with_store(a_paper_of_two_minds)
    lines = newsletter("papers", "show", "2601.00001").out.splitlines()
    assert lines[:2] == ["title: Gödel's O(n²) bound", "authors: Kurt Gödel, Łukasz Nguyễn"]
    said = lines[lines.index("What each source said") + 1 : lines.index("Versions") - 1]
    blog = next(index for index, line in enumerate(said) if " blog: " in line)
    assert said[blog + 1 :] == ["  title: Goedel bounds", "  categories: math.LO", "  published: 2026-01-17 08:30 UTC"]
    assert "title" not in "".join(said[:blog])
    assert lines[-1].endswith("from arxiv: Gödel's O(n²) bound")
    full = newsletter("papers", "show", "2601.00001", "--full").out.splitlines()
    assert full.count("  abstract: Another abstract.") == 1
    assert full[-1] == "  abstract: It is n²."
    document = newsletter("papers", "show", "2601.00001", "--json").json
    assert [seen["abstract"] for seen in document["sightings"]] == ["It is $n^2$.", "Another abstract."]
    assert document["sightings"][1]["authors"] == []
    assert document["sightings"][1]["categories"] == ["math.LO"]
    assert document["versions"][0]["abstract"] == "It is $n^2$."


def test_a_malformed_query_is_pointed_at(collected: CommandLine) -> None:
    said = collected("papers", "search", "ti:diffusion AND (image")
    assert (said.code, said.out) == (2, "")
    query, pointer, message = said.err.splitlines()
    assert query == "  ti:diffusion AND (image"
    assert pointer.index("^") == query.index("(")
    assert message.startswith("newsletter: column 18: ")


def test_a_paper_is_shown_with_what_was_said_of_it(collected: CommandLine) -> None:
    shown = collected("papers", "show", "arXiv:2601.00001")
    assert f"title: {TITLES[0]}" in shown.out
    assert "samples: new v1 oai:arXiv.org:2601.00001v1" in shown.out
    document = collected("papers", "show", "https://arxiv.org/abs/2601.00001v2", "--json").json
    assert [seen["version"] for seen in document["versions"]] == [1, 2]
    assert {sighting["source"] for sighting in document["sightings"]} == {"samples"}


def test_a_reference_that_may_mean_many_papers_offers_them(collected: CommandLine) -> None:
    said = collected("papers", "show", "diffusion models")
    assert (said.code, len(said.rows)) == (4, 2)
    chosen = collected("papers", "show", said.rows[0][0], "--json").json
    assert chosen["title"] == said.rows[0][1]
    assert collected("papers", "show", "nothing of the kind").code == 4


def test_profiles_are_listed_and_shown(newsletter: CommandLine) -> None:
    assert [row[0] for row in newsletter("profiles", "list").rows] == ["language-models", "team", "vision"]
    shown = newsletter("profiles", "show", "vision", "--json").json
    assert shown["topics"] == [{"name": "Vision", "keywords": ["image", "diffusion model"], "query": None}]
    assert newsletter("profiles", "list", "--json").json[2] == shown
    assert "at most: 5 papers" in newsletter("profiles", "show", "vision").out
    assert "did you mean vision?" in newsletter("profiles", "show", "visoin").err


def test_a_profile_is_tried_with_scores_and_reasons(collected: CommandLine) -> None:
    said = collected("profiles", "test", "vision", "--json").json
    assert (said["papers"], said["taken"], said["share"]) == (4, 2, 0.5)
    best = said["matches"][0]
    assert best["paper"]["title"] == TITLES[1]
    assert best["score"] == pytest.approx(sum(reason["score"] for reason in best["reasons"]))
    assert {reason["text"] for reason in best["reasons"]} == {"image", "diffusion model"}
    shown = collected("profiles", "test", "vision", "--limit", "1")
    assert "vision takes 2 of 4 papers of the last 7 days (50.0%)" in shown.out
    assert "only the best 1 are shown" in shown.err
    assert TITLES[0] not in shown.out


def test_a_profile_that_takes_too_much_is_warned_of(collected: CommandLine) -> None:
    (collected.directory / "profiles" / "vision.yaml").write_text("keywords: [diffusion model, language model]\n")
    said = collected("profiles", "test", "vision", "--json")
    assert said.json["taken"] == 3
    assert "vision takes 75% of all papers" in said.err


def test_a_profile_may_be_tried_on_nothing(newsletter: CommandLine) -> None:
    assert "takes 0 of 0 papers" in newsletter("profiles", "test", "vision").out


def test_sources_tell_how_they_are(newsletter: CommandLine) -> None:
    assert newsletter("sources", "list").rows == [["samples", "file", "unchecked", "never", "now"]]
    newsletter.with_store(broken_source)
    [row] = newsletter("sources", "list").rows
    assert row == ["samples", "file", "broken", "never", "in 2 h", "3", "no answer within 90 s"]
    [document] = newsletter("sources", "list", "--json").json
    assert document["fault"] == {"kind": "timeout", "message": "no answer within 90 s"}


def test_a_source_is_tried_and_nothing_is_stored(newsletter: CommandLine) -> None:
    said = newsletter("sources", "test", "samples", "--limit", "2", "--json").json
    assert (said["papers"], len(said["entries"]), said["fault"]) == (66, 2, None)
    assert said["entries"][0]["authors"][0] == "Emily Thackeray"
    assert "66 papers understood, 5 shown" in newsletter("sources", "test", "samples").out
    assert newsletter("papers", "search", "model").rows == []
    assert newsletter("sources", "list").rows[0][2] == "unchecked"


def test_a_source_that_fails_its_trial_says_why(newsletter: CommandLine) -> None:
    (newsletter.directory / "feed.xml").unlink()
    said = newsletter("sources", "test", "samples")
    assert said.code == 1
    assert said.err.startswith("newsletter: samples: ")
    assert newsletter("sources", "test", "samples", "--json").json["fault"]["kind"] == "file"
    assert "did you mean samples?" in newsletter("sources", "test", "sampels").err


def test_standard_output_carries_the_answer_and_no_log(newsletter: CommandLine) -> None:
    said = newsletter("collect", "--json")
    assert (said.code, len(said.json), said.err) == (0, 1, "")
    (newsletter.directory / "feed.xml").write_text("<html>no feed</html>")
    broken = newsletter("collect", "--json")
    assert (broken.code, len(broken.json)) == (1, 1)
    assert "collect.fault" in broken.err
