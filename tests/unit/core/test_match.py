from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.core.match import AUTHORS_TOPIC, Matcher
from newsletter.core.match_terms import Part, part_text
from newsletter.core.search import Searcher, query_matches
from newsletter.core.stem import IRREGULAR
from newsletter.core.text import readable, readable_name
from newsletter.errors import NotFoundError, QueryError
from newsletter.model import AnnounceType, Community, Field, Keyword, Paper, Profile, Replacements, Topic

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.model import Match

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PAPER = Paper(
    7,
    "Self-Supervised Diffusion: $k$-means at scale",
    "We study diffusion models. Diffusion is self supervised. A survey follows, with RAG.",
    ("Yann LeCun", "Ada Example"),
    "",
    NOW,
    1,
    categories=("cs.LG", "stat.ML"),
    comment="Accepted at NeurIPS",
    journal_reference="Nature 1 (2026)",
    sources=("arxiv",),
)


def profile(*keywords: Keyword, **settings_: object) -> Profile:
    topics = (Topic("T", keywords),) if keywords else ()
    return replace(Profile("p", "P", topics=topics), **settings_)  # type: ignore[arg-type]


def matches(wanted: Profile, *papers: Paper) -> list[Match]:
    return Matcher([wanted]).scan(papers or (PAPER,)).matches("p")


def why_not(wanted: Profile, paper: Paper = PAPER) -> tuple[str, ...]:
    assert not matches(wanted, paper)
    return Matcher([wanted]).why_not(paper, "p")


def test_a_match_explains_itself_with_spans_that_hold_the_words() -> None:
    wanted = profile(Keyword("selfsupervised", 2), Keyword("diffusion model*"), Keyword('"RAG"'), Keyword("kmeans"))
    matcher = Matcher([wanted])
    found = matcher.explain(PAPER, matcher.scan([PAPER]).matches("p")[0])
    held = {
        (reason.text, reason.field): [
            part_text(PAPER, Part[reason.field.upper()])[s.start : s.end] for s in reason.spans
        ]
        for reason in found.reasons
    }
    assert held == {
        ("selfsupervised", "title"): ["Self-Supervised"],
        ("selfsupervised", "abstract"): ["self supervised"],
        ("diffusion model*", "abstract"): ["diffusion models"],
        ('"RAG"', "abstract"): ["RAG"],
        ("kmeans", "title"): ["k-means"],
    }
    assert found.score == sum(reason.score for reason in found.reasons) == 6 + 2 + 1 + 1 + 3


@pytest.mark.parametrize(
    ("field", "word", "score"),
    [
        (Field.ANY, "diffusion", 4.5),
        (Field.TITLE, "diffusion", 3),
        (Field.ABSTRACT, "diffusion", 1.5),
        (Field.COMMENT, "NeurIPS", 1),
        (Field.AUTHORS, "lecun", 3),
        (Field.TITLE, "survey", None),
        (Field.ANY, "NeurIPS", None),
    ],
)
def test_fields_and_their_factors(field: Field, word: str, score: float | None) -> None:
    found = matches(profile(Keyword(word, field=field)))
    assert [match.score for match in found] == ([] if score is None else [score])


def test_a_negative_keyword_lowers_but_never_brings() -> None:
    assert matches(profile(Keyword("diffusion"), Keyword("survey", -1)))[0].score == 3.5
    assert not matches(profile(Keyword("survey", -1), minimum_score=-5.0))
    assert not matches(profile(Keyword("diffusion"), Keyword("survey", -9)))


def test_a_query_beside_keywords_brings_and_adds() -> None:
    both = replace(profile(), topics=(Topic("T", (Keyword("survey"),), query="ti:diffusion AND cat:cs.*"),))
    assert matches(both)[0].score == 1 + 3
    only = replace(profile(), topics=(Topic("T", query="cat:stat.ML"),))
    assert matches(only)[0].score == 1


def test_a_followed_author_brings_under_a_topic_of_their_own_and_counts_elsewhere() -> None:
    followed = profile(Keyword("survey"), authors=("Y. LeCun",), minimum_score=4.0)
    assert {match.topic: match.score for match in matches(followed)} == {"T": 4, AUTHORS_TOPIC: 3}
    matcher = Matcher([followed])
    for match in matcher.scan([PAPER]).matches("p"):
        explained = matcher.explain(PAPER, match)
        assert explained.score == sum(reason.score for reason in explained.reasons)
        author = next(reason for reason in explained.reasons if reason.kind == "author")
        assert ", ".join(PAPER.authors)[author.spans[0].start : author.spans[0].end] == "Yann LeCun"


def test_a_followed_author_written_in_tex_is_found_and_pointed_at() -> None:
    paper = replace(PAPER, authors=(r"{\L}ukasz N\'u\~nez", r"Jos\'e Nguy{\~{\^e}}n", "{Van Gogh}, Vincent"))
    for wanted in (r"Jos\'e Nguy\~{\^e}n", "José Nguyễn", "J. Nguyen"):
        matcher = Matcher([profile(authors=(wanted,))])
        found = matcher.explain(paper, matcher.scan([paper]).matches("p")[0])
        span = found.reasons[0].spans[0]
        assert ", ".join(map(readable_name, paper.authors))[span.start : span.end] == "José Nguyễn"


def test_filters_drop_and_say_why() -> None:
    word = Keyword("diffusion")
    assert why_not(profile(word, exclude=(Keyword("surveys"),))) == ("excluded by 'surveys' in the abstract",)
    assert why_not(profile(word, categories=("math.*",)))[0].startswith("not in the categories math.*")
    assert why_not(profile(word, categories=("cs.*",)), replace(PAPER, categories=()))[0].endswith("states none")
    assert why_not(profile(word, sources=("biorxiv",)))[0].startswith("not from the sources biorxiv")
    replaced = replace(PAPER, announce_type=AnnounceType.REPLACE)
    assert "ignores replacements" in why_not(profile(word), replaced)[0]
    assert matches(profile(word, replacements=Replacements.UPDATED), replaced)
    assert why_not(profile(word, minimum_score=5.0)) == ("below the minimum score: 4.5 < 5 in 'T'",)
    assert why_not(profile(Keyword("astronomy"))) == ("no keyword matched",)
    assert Matcher([profile(word)]).why_not(PAPER, "p") == ()


def test_a_profile_without_topics_takes_what_its_filters_let_through() -> None:
    everything = profile(categories=("cs.LG",))
    match = matches(everything)[0]
    assert (match.topic, match.score) == ("P", 1)
    reasons = Matcher([everything]).explain(PAPER, match).reasons
    assert [(reason.kind, reason.text, reason.score) for reason in reasons] == [("category", "cs.LG", 1)]
    assert not matches(everything, replace(PAPER, categories=("cs.CL",)))


def test_trending_ranks_by_votes_and_still_asks_for_topics() -> None:
    liked = replace(PAPER, community=Community(upvotes=42))
    trending = profile(Keyword("diffusion"), trending=True, minimum_score=10.0)
    matcher = Matcher([trending])
    found = matcher.explain(liked, matcher.scan([liked]).matches("p")[0])
    assert found.score == 42 == sum(reason.score for reason in found.reasons)
    assert {reason.kind for reason in found.reasons} == {"votes", "keyword"}
    assert why_not(trending) == ("no community votes yet",)
    assert not matches(trending, replace(liked, community=Community(upvotes=9)))
    assert not matches(trending, replace(liked, title="Other", abstract="Other"))
    assert matches(profile(trending=True), liked)[0].topic == "P"


def test_what_cannot_be_understood_is_named_and_the_rest_stands() -> None:
    broken = replace(
        profile(Keyword("*"), Keyword("diffusion"), authors=("!",)),
        topics=(Topic("T", (Keyword("*"), Keyword("diffusion")), query="ti:("),),
    )
    matcher = Matcher([broken])
    assert [name for name, _ in matcher.problems] == ["p"] * 3
    assert [match.score for match in matcher.scan([PAPER]).matches("p")] == [4.5]


def test_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'p'"):
        Matcher([profile(Keyword("x1"))]).scan([PAPER]).matches("pp")


def test_no_papers_and_no_profiles() -> None:
    assert Matcher([profile(Keyword("x1"))]).scan([]).matches("p") == []
    with pytest.raises(NotFoundError):
        Matcher([]).scan([PAPER]).matches("p")


def test_a_changed_paper_is_explained_anew() -> None:
    matcher = Matcher([profile(Keyword("diffusion"))])
    first = matcher.scan([PAPER]).matches("p")[0]
    assert len(matcher.explain(PAPER, first).reasons) == 2
    changed = replace(PAPER, title="Diffusion", abstract="")
    assert len(matcher.explain(changed, first).reasons) == 1


def test_query_matches_gives_reasons_or_none() -> None:
    assert query_matches("jr:nature", PAPER) is not None
    assert query_matches("ti:survey", PAPER) is None
    reasons = query_matches('abs:"diffusion model" OR au:lecun OR co:neurips', PAPER)
    assert reasons is not None
    assert {reason.field for reason in reasons} == {"abstract", "authors", "comment"}
    with pytest.raises(QueryError):
        query_matches("ti:", PAPER)


def test_search_reads_any_number_of_papers_in_batches() -> None:
    papers = (replace(PAPER, id=number, title="Diffusion" if number % 2 else "Other") for number in range(2500))
    assert sum(1 for _ in Searcher("ti:diffusion").find(papers)) == 1250


def test_a_search_explains_the_first_papers_it_takes_as_each_by_itself() -> None:
    query = '"diffusion survey"~9 OR abs:rag ANDNOT ti:other OR au:lecun OR cat:math'
    papers = [
        replace(PAPER, id=1, title="Other", abstract="", authors=(), categories=("math.AP",)),
        PAPER,
        replace(PAPER, id=8, title="Diffusion: a survey", abstract="", authors=("Bo Sample",)),
        replace(PAPER, id=9, title="", abstract="", comment=None, journal_reference=None, authors=()),
        replace(PAPER, id=10, abstract="RAG, and diffusion of which a survey is made: RAG."),
        replace(PAPER, id=11),
    ]
    explained = Searcher(query).explained(papers, 4)
    assert list(explained) == [1, 7, 8, 10]
    assert explained == {each.id: query_matches(query, each) for each in papers if each.id in explained}
    assert {reason.field for reason in explained[7]} == {"abstract", "authors"}


@pytest.mark.parametrize("beginning", ["ma*", "mat*", "mathe*"])
def test_however_short_a_beginning_is_it_is_found(beginning: str) -> None:
    paper = replace(PAPER, title="Of one thing", abstract="Others: mathematics; nothing.")
    assert matches(profile(Keyword(beginning)), paper)


def test_words_that_change_with_their_number_are_found_by_either_form() -> None:
    for several, one in IRREGULAR.items():
        paper = replace(PAPER, title=f"Somewhere, {several} abound")
        assert matches(profile(Keyword(one)), paper), several


VOCABULARY = ["graph", "graphs", "neural", "network", "networks", "self", "supervised", "selfsupervised", "RAG", "rag",
              "k", "means", "kmeans", "of", "in", "sight"]  # fmt: skip
keywords_ = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(" ".join)
texts = st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from([" ", "-", ". ", ", "])), max_size=12).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(keywords_, min_size=1, max_size=6, unique=True), st.lists(texts, min_size=1, max_size=4))
def test_many_profiles_in_one_pass_find_what_each_finds_alone(keywords: list[str], abstracts: list[str]) -> None:
    profiles = [Profile(text, text, topics=(Topic("T", (Keyword(text),)),)) for text in keywords]
    papers = [Paper(number, "Title", text, (), "", NOW, 1) for number, text in enumerate(abstracts)]
    together = Matcher(profiles)
    scan = together.scan(papers)
    for each in profiles:
        alone = {m.paper_id: m.score for paper in papers for m in Matcher([each]).scan([paper]).matches(each.name)}
        assert {match.paper_id: match.score for match in scan.matches(each.name)} == alone
        for match in scan.matches(each.name):
            explained = together.explain(papers[match.paper_id], match)
            assert explained.score == sum(reason.score for reason in explained.reasons)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_scanned_and_spans_stay_within_it(title: str, abstract: str) -> None:
    matcher = Matcher([profile(*(Keyword(text) for text in ("a1", "0x*", "deep learning", "学")))])
    odd = Paper(1, title, abstract, (title,), "", NOW, 1)
    for match in matcher.scan([odd]).matches("p"):
        for reason in matcher.explain(odd, match).reasons:
            length = len(readable(title if reason.field == "title" else abstract))
            assert all(0 <= span.start < span.end <= length for span in reason.spans)


def test_every_inflection_of_unsupervised_in_recorded_papers(shared_data: Path) -> None:
    rows = json.loads((shared_data / "papers" / "hf-search.json").read_text(encoding="utf-8"))["papers"]
    papers = {row["n"]: Paper(row["n"], row["title"], row["abstract"], (), "", NOW, 1) for row in rows}
    matcher = Matcher([profile(Keyword("unsupervised"))])
    found = matcher.scan(papers.values()).matches("p")
    expected = {
        n for n, each in papers.items() if re.search("unsupervis", f"{each.title} {each.abstract}", re.IGNORECASE)
    }
    assert {match.paper_id for match in found} == expected
    for match in found:
        paper = papers[match.paper_id]
        explained = matcher.explain(paper, match)
        assert explained.score == sum(reason.score for reason in explained.reasons) > 0
        for reason in explained.reasons:
            text = part_text(paper, Part[reason.field.upper()])
            assert {text[span.start : span.end].lower()[:11] for span in reason.spans} == {"unsupervise"[:11]}
