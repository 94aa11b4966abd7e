"""The search index against the matcher: both databases find exactly the papers that a scan of them all finds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.core.search import Searcher
from newsletter.errors import QueryError
from newsletter.model import Community, Entry, SearchFilters, SearchOrder, SearchRequest
from newsletter.service.search import WordSearch
from newsletter.store.sql import SqlStore, open_store
from tests.support.stored import NOW, arxiv_entry, at, succeeded

EVERYTHING = 10_000
TITLES = [
    "Self-Supervised Pretraining of Vision Transformers",
    "Self supervised learning with k-means",
    "Selfsupervised audio: a data set",
    "Fast kmeans++, and a dataset for C++ and Rust",
    "A symmetric matrix, and asymmetric loss",
    "The Fourier transform of images",
    "$\\beta$-VAE and TNF-α in mice",
    "Beta-VAE revisited. Diffusion",
    "Models of diffusion: a survey",
    "Latent Diffusion Models for Image Synthesis",
    "Diffusive processes in 3-D scenes",
    "3D reconstruction of G\\\"odel's GPUs",
    "基于深度学习的方法",
    "Нейронные сети и их приложения",
    "Policies and a policy for polite agents",
    "Un supervised? Unsupervised and un-supervised!",
    "Strains of E. coli in milk",
    "η μέθοδος των πινάκων",
    "LLMs, RAG and the end in sight; an insight",
    "What k means here",
]
AUTHORS = [("Yann LeCun", "José García Márquez"), ("Kaiming He",), ("Jun-Yan Zhu", "Hans Müller"), ()]
CATEGORIES = [("cs.LG", "stat.ML"), ("cs.CV",), ("hep-th",), ()]


def entry(number: int, title: str, **said: Any) -> Entry:
    values: dict[str, Any] = {
        "authors": AUTHORS[number % len(AUTHORS)],
        "categories": CATEGORIES[number % len(CATEGORIES)],
        "published_at": at(-60 * number),
        "abstract": TITLES[(number * 7 + 3) % len(TITLES)] + ". Nothing else is said.",
    }
    return arxiv_entry(number, title=title, **(values | said))


ENTRIES = [
    *(entry(number, title) for number, title in enumerate(TITLES, start=1)),
    entry(40, "Accepted papers", comment="Accepted at CVPR", journal_reference="Nature 12 (2026)"),
    entry(41, "the " * 300 + "cat sat", abstract="dog " * 400 + "barks loudly"),
    entry(42, "A" * 900, abstract="x" * 700 + " ends"),
]

WORDS = (
    "self supervised selfsupervised self-supervised k-means kmeans k means dataset data set matrix asymmetric",
    "symmetric transformer beta VAE beta-VAE β TNF-α TNF alpha diffusion models diffusive 3D 3-D Gödel GPU 深度 学习",
    "сеть нейронный policy policies polit unsupervised un supervise C++ C coli E. η eta insight sight in the cat dog",
    "barks LeCun lecun_y He Müller Mueller García Nature accepted CVPR xxxx latent image synthesis survey",
)
WORDS_APART = [word for line in WORDS for word in line.split()]
FIELDS = ("", "", "", "ti:", "abs:", "all:", "co:", "jr:")
term = st.one_of(
    st.builds(lambda field, word: field + word, st.sampled_from(FIELDS), st.sampled_from(WORDS_APART)),
    st.builds(lambda field, word: f"{field}{word[:4]}*", st.sampled_from(FIELDS), st.sampled_from(WORDS_APART)),
    st.builds(
        lambda field, words: f'{field}"{" ".join(words)}"',
        st.sampled_from(FIELDS),
        st.lists(st.sampled_from(WORDS_APART), min_size=1, max_size=3),
    ),
    st.builds(
        lambda a, b, n: f'"{a} {b}"~{n}', st.sampled_from(WORDS_APART), st.sampled_from(WORDS_APART), st.integers(0, 9)
    ),
    st.sampled_from(
        ["cat:cs.LG", "cat:cs.*", "cat:cs", "cat:hep-th", "au:lecun", 'au:"Yann LeCun"', "au:gar*", "au:he"]
    ),
)
query = st.recursive(
    term,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("({} ANDNOT {})".format, inner, inner),
        st.builds("({} AND ({} OR NOT {}))".format, inner, inner, inner),
    ),
    max_leaves=5,
)


@pytest.fixture
async def filled(store: SqlStore) -> SqlStore:
    await store.save_collection(succeeded(), ENTRIES, NOW)
    return store


async def by_scan(store: SqlStore, text: str) -> set[int]:
    return {match.paper_id for match in Searcher(text).find([paper async for paper in store.all_papers()])}


async def by_index(store: SqlStore, text: str, **said: Any) -> set[int]:
    page = await WordSearch(store).search(SearchRequest(text, limit=EVERYTHING, **said), NOW)
    assert page.next_offset is None
    return {hit.paper.id for hit in page.hits}


async def compare(store: SqlStore, texts: list[str]) -> None:
    for text in texts:
        try:
            expected = await by_scan(store, text)
        except QueryError:
            continue
        assert await by_index(store, text) == expected, text


async def test_every_word_finds_what_a_scan_finds(filled: SqlStore) -> None:
    await compare(filled, WORDS_APART)
    found = [text for text in WORDS_APART if await by_scan(filled, text)]
    assert len(found) > len(WORDS_APART) * 0.8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(texts=st.lists(query, min_size=4, max_size=4))
def test_a_search_finds_what_a_scan_finds(store_url: str, texts: list[str]) -> None:
    async def run() -> None:
        store = open_store(store_url, busy_timeout_s=5)
        try:
            if not await store.last_arrival():
                await store.save_collection(succeeded(), ENTRIES, NOW)
            await compare(store, texts)
        finally:
            await store.aclose()

    asyncio.run(run())


async def test_the_index_follows_what_papers_become(filled: SqlStore) -> None:
    assert await by_index(filled, "ti:rutabaga") == set()
    newer = entry(1, "A rutabaga", version=2, community=Community(upvotes=3))
    await filled.save_collection(succeeded(), [newer], at(10))
    (found,) = await by_index(filled, "ti:rutabaga")
    assert {found} == await by_scan(filled, "ti:rutabaga")
    assert found not in await by_index(filled, "ti:pretraining")


async def test_filters_and_stretches(filled: SqlStore) -> None:
    search = WordSearch(filled)
    request = SearchRequest("all:nothing", limit=7, order=SearchOrder.NEWEST)
    ids: list[int] = []
    offset: int | None = 0
    while offset is not None:
        page = await search.search(replace(request, offset=offset), NOW)
        ids += [hit.paper.id for hit in page.hits]
        offset = page.next_offset
    papers = [paper async for paper in filled.all_papers()]
    newest = sorted(papers, key=lambda paper: paper.published_at or paper.first_seen_at, reverse=True)
    taken = await by_scan(filled, "all:nothing")
    assert ids == [paper.id for paper in newest if paper.id in taken]
    physics = await search.search(SearchRequest("", SearchFilters(category="hep-th"), limit=99), NOW)
    assert {hit.paper.categories for hit in physics.hits} == {("hep-th",)}
    assert physics.total == len(physics.hits)
    day = at(-600).date()
    early = await search.search(SearchRequest("", SearchFilters(until=day, source="arxiv"), limit=99), NOW)
    assert {hit.paper.id for hit in early.hits} == {
        p.id for p in papers if (p.published_at or p.first_seen_at).date() <= day
    }
    nowhere = await search.search(SearchRequest("all:nothing", SearchFilters(source="elsewhere")), NOW)
    assert (nowhere.hits, nowhere.total) == ((), 0)


async def test_titles_and_fresh_papers_come_first(store: SqlStore) -> None:
    told = [
        entry(1, "About lemurs", abstract="Quokkas are mentioned once.", published_at=at(-100)),
        entry(2, "Quokkas of today", abstract="A study.", published_at=at(-200)),
        entry(3, "Quokkas of yore", abstract="A study.", published_at=at(-1_000_000)),
    ]
    await store.save_collection(succeeded(), told, NOW)
    page = await WordSearch(store).search(SearchRequest("quokka"), NOW)
    assert [hit.paper.title for hit in page.hits] == ["Quokkas of today", "Quokkas of yore", "About lemurs"]
    assert (page.total, page.is_about, page.next_offset) == (3, False, None)
    first = page.hits[0]
    assert [(reason.field, [(s.start, s.end) for s in reason.spans]) for reason in first.reasons] == [
        ("title", [(0, 7)])
    ]


@pytest.mark.parametrize("text", ["*", "a* OR", "lemur " * 101, "x " * 10_000, "NOT lemur", "("])
async def test_what_cannot_be_asked_is_said_in_a_line(filled: SqlStore, text: str) -> None:
    with pytest.raises(QueryError) as raised:
        await WordSearch(filled).search(SearchRequest(text), NOW)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


async def test_similar_papers_share_rare_words(store: SqlStore) -> None:
    told = [entry(number, f"Common words about cats {number}", abstract="") for number in range(1, 30)]
    told += [
        entry(50, "Quokkas and lemurs in zoos", abstract=""),
        entry(51, "Lemurs meet quokkas", abstract="Quokkas."),
    ]
    told += [entry(52, "Lemurs alone", abstract="Of quokkas nothing.")]
    await store.save_collection(succeeded(), told, NOW)
    (paper,) = await store.find_papers("2601.00050")
    found = await WordSearch(store).similar(paper, 2, NOW)
    assert {each.title for each in found} <= {"Lemurs meet quokkas", "Lemurs alone"}
    assert found
