from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.identity import (
    canonical_link,
    family_name,
    normal_title,
    paper_keys,
    parse_arxiv_id,
    parse_doi,
    title_key,
)
from newsletter.model import Entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2305.15558", ("2305.15558", None)),
        ("2305.15558v2", ("2305.15558", 2)),
        ("  2305.15558v12 ", ("2305.15558", 12)),
        ("0704.0001", ("0704.0001", None)),
        ("1412.9999v1", ("1412.9999", 1)),
        ("arXiv:2305.15558", ("2305.15558", None)),
        ("arxiv: 2305.15558v3", ("2305.15558", 3)),
        ("oai:arXiv.org:2305.15558v1", ("2305.15558", 1)),
        ("oai:arXiv.org:hep-th/9901001", ("hep-th/9901001", None)),
        ("http://arxiv.org/abs/2305.15558v1", ("2305.15558", 1)),
        ("https://www.arxiv.org/abs/2305.15558?context=cs#top", ("2305.15558", None)),
        ("https://export.arxiv.org/pdf/2305.15558v2.pdf", ("2305.15558", 2)),
        ("https://arxiv.org/pdf/2305.15558v2", ("2305.15558", 2)),
        ("https://arxiv.org/html/2305.15558v1/", ("2305.15558", 1)),
        ("arxiv.org/abs/2305.15558", ("2305.15558", None)),
        ("https://huggingface.co/papers/2305.15558", ("2305.15558", None)),
        ("hep-th/9901001v1", ("hep-th/9901001", 1)),
        ("HEP-TH/9901001", ("hep-th/9901001", None)),
        ("math.GT/0309136", ("math/0309136", None)),
        ("cond-mat.mtrl-sci/0102536v2", ("cond-mat/0102536", 2)),
        ("https://arxiv.org/abs/math.GT/0309136v1", ("math/0309136", 1)),
        ("https://arxiv.org/pdf/hep-th%2F9901001v1.pdf", ("hep-th/9901001", 1)),
        ("10.48550/arXiv.2305.15558", ("2305.15558", None)),
        ("doi:10.48550/arxiv.2305.15558v2", ("2305.15558", 2)),
        ("https://doi.org/10.48550/arXiv.hep-th/9901001", ("hep-th/9901001", None)),
    ],
)
def test_an_arxiv_id_is_read_however_it_is_written(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_arxiv_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2305.1555",  # since 2015 there are five digits
        "1412.99999",  # before, there were four
        "2313.12345",  # no thirteenth month
        "0703.0001",  # the scheme began in April 2007
        "2305.00000",
        "2305.15558v0",
        "2305.15558v",
        "2305.15558v99999",
        "x2305.15558",
        "2305.15558 and more",
        "٢٣٠٥.15558",  # not ASCII digits
        "hep-th/0713001",
        "hep-th/5001001",
        "10.1101/743294",
        "https://example.org/abs/2305.15558",
        "https://notarxiv.org/abs/2305.15558",
        "https://arxiv.org/list/cs.LG/new",
        "https://arxiv.org/",
        "http://[broken/abs/2305.15558",
        "https://arxiv.org:99999999/abs/2305.15558",
    ],
)
def test_what_is_no_arxiv_id_is_none(text: str) -> None:
    assert parse_arxiv_id(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1000/XYZ", "10.1000/xyz"),
        ("doi:10.1000/xyz", "10.1000/xyz"),
        ("DOI: 10.1000/xyz.", "10.1000/xyz"),
        ("info:doi/10.1000/xyz", "10.1000/xyz"),
        ("https://doi.org/10.1000/xyz", "10.1000/xyz"),
        ("http://dx.doi.org/10.1000%2Fxyz", "10.1000/xyz"),
        ("doi.org/10.1000/xyz", "10.1000/xyz"),
        ("10.1000/xyz)", "10.1000/xyz"),
        ("10.1016/S0140-6736(05)12345-6", "10.1016/s0140-6736(05)12345-6"),
        (
            "10.1002/(SICI)1096-8644(199601)99:1<1::AID-AJPA1>3.0.CO;2-1",
            "10.1002/(sici)1096-8644(199601)99:1<1::aid-ajpa1>3.0.co;2-1",
        ),
        ("10.1000.10/123456", "10.1000.10/123456"),
        ("10.1101/743294", "10.1101/743294"),
        ("10.1101/743294v2", "10.1101/743294"),
        ("10.1101/2024.01.02.573912v1.full", "10.1101/2024.01.02.573912"),
        ("10.1101/gr.107524.110", "10.1101/gr.107524.110"),  # the same registrant's journals
        ("https://www.biorxiv.org/content/10.1101/2024.01.02.573912v1?rss=1", "10.1101/2024.01.02.573912"),
        ("https://www.medrxiv.org/content/10.64898/2025.12.01.691234v2.full.pdf", "10.64898/2025.12.01.691234"),
        ("https://www.biorxiv.org/content/biorxiv/10.1101/743294v3.abstract", "10.1101/743294"),
        ("https://link.springer.com/article/10.1007/s11192-020-1", "10.1007/s11192-020-1"),
        ("https://pubs.acs.org/doi/abs/10.1021/acs.jcim.1c00001", "10.1021/acs.jcim.1c00001"),
    ],
)
def test_a_doi_is_read_however_it_is_written(text: str, expected: str) -> None:
    assert parse_doi(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.1000",
        "10.1000/",
        "10.10/x",
        "11.1000/x",
        "10.1000/a b",
        "10.1000/a\x00b",
        "see 10.1000/xyz",
        "10.1000/" + "x" * 500,
        "https://example.org/a",
        "https://doi.org/",
        "doi:",
        "2305.15558",
    ],
)
def test_what_is_no_doi_is_none(text: str) -> None:
    assert parse_doi(text) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://WWW.Example.ORG:80/a/b/", "https://example.org/a/b"),
        ("https://www.com/a", "https://www.com/a"),
        ("https://www2.example.org/a", "https://www2.example.org/a"),
        ("https://www.example.org/a?id=3&b=2&b=1&a", "https://example.org/a?a=&b=1&b=2&id=3"),
        ("https://example.org", "https://example.org/"),
        ("https://example.org:443/?", "https://example.org/"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a#part", "https://example.org/a"),
        ("https://example.org/a?utm_source=x&id=3&rss=1&UTM_Medium=y&fbclid=z", "https://example.org/a?id=3"),
        ("https://example.org/a?b=&c=%20d", "https://example.org/a?b=&c=+d"),
        ("https://example.org/%7euser/%c3%a9%2f", "https://example.org/~user/%C3%A9%2F"),
        ("https://example.org/é", "https://example.org/%C3%A9"),
        ("https://user:secret@example.org/a", "https://example.org/a"),
        ("https://example.org./a", "https://example.org/a"),
        ("http://[2001:DB8::1]:8080/a", "https://[2001:db8::1]:8080/a"),
        ("mailto:somebody@example.org", ""),
        ("javascript:alert(1)", ""),
        ("/relative", ""),
        ("https://example.org:99999/", ""),
        ("", ""),
    ],
)
def test_a_link_has_one_form(url: str, expected: str) -> None:
    assert canonical_link(url) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_text_breaks_the_readers_and_links_stay_as_they_are(text: str) -> None:
    parse_arxiv_id(text)
    parse_doi(text)
    for url in (text, "https://example.org/" + text, "https://" + text):
        once = canonical_link(url)
        assert canonical_link(once) == once


@given(st.text(max_size=30), st.lists(st.text(max_size=12), max_size=2))
def test_no_title_breaks_the_key(title: str, authors: list[str]) -> None:
    key = title_key(title, authors)
    assert key is None or key.startswith(normal_title(title))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Self-Supervised Learning of Things", "self supervised learning of things"),
        ("Selfsupervised learning of things.", "SELF–SUPERVISED LEARNING OF THINGS"),
        ("Poincaré Embeddings for Everyone", "Poincar\\'e Embeddings for Everyone"),
        ('Schr{\\"o}dinger Bridges for Everyone', "Schrödinger bridges for everyone"),
        ("$\\alpha$-stable processes revisited", "α-stable processes revisited"),
        ("Learning with \\textit{Many} Things", "Learning with <i>Many</i> things"),
        ("Łukasiewicz Logic and Its Models", "Lukasiewicz logic and its models"),
        ("What’s in a name, after all?", "What's in a name after all"),
        ("ﬁne-tuning large language models", "Fine-Tuning Large Language Models"),
    ],
)
def test_spellings_of_one_title_have_one_key(one: str, other: str) -> None:
    assert title_key(one, ["Ada Lovelace"]) == title_key(other, ["Lovelace, A."]) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Deep Learning Methods, Part I", "Deep Learning Methods, Part II"),
        ("Learning with 10 examples", "Learning with 100 examples"),
        ("$\\alpha$-stable processes revisited", "$\\beta$-stable processes revisited"),
    ],
)
def test_titles_that_differ_have_different_keys(one: str, other: str) -> None:
    assert title_key(one, ["Ada Lovelace"]) != title_key(other, ["Ada Lovelace"])


@pytest.mark.parametrize("title", ["Editorial", "Book review", "A B C", "Introduction", "", "图书"])
def test_a_title_too_short_to_name_a_paper_has_no_key(title: str) -> None:
    assert title_key(title, ["Ada Lovelace"]) is None


def test_a_title_without_an_author_has_no_key() -> None:
    assert title_key("Attention is all you need", []) is None
    assert title_key("Attention is all you need", ["..."]) is None


def test_a_chinese_title_is_long_enough_without_spaces() -> None:
    assert title_key("基于深度学习的图像识别方法研究", ["李明"]) == "基于深度学习的图像识别方法研究|李明"


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Ada Lovelace", "lovelace"),
        ("Lovelace, Ada", "lovelace"),
        ("A. Lovelace", "lovelace"),
        ("Lovelace AK", "lovelace"),
        ("Ada LOVELACE", "lovelace"),
        ("LOVELACE", "lovelace"),
        ("Jan van der Berg", "berg"),
        ("van der Berg, Jan", "berg"),
        ("Martin Luther King, Jr.", "king"),
        ("Martin Luther King Jr.", "king"),
        ("Jürgen Müller", "muller"),
        ('J{\\"u}rgen M{\\"u}ller', "muller"),
        ("Wei LI", "li"),
        ("Seán O’Neil", "oneil"),
        ("李明", "李明"),
        ("", ""),
        (",", ""),
    ],
)
def test_a_family_name_is_found(author: str, expected: str) -> None:
    assert family_name(author) == expected


def keys_of(**said: object) -> list[str]:
    values: dict[str, object] = {"entry_id": "x", "title": "Short"} | said
    return [str(key) for key in paper_keys(Entry(**values))]  # type: ignore[arg-type]


def test_the_keys_of_an_entry_come_strongest_first() -> None:
    assert keys_of(
        entry_id="oai:arXiv.org:2305.15558v1",
        title="Attention is all you need",
        authors=("Ashish Vaswani",),
        doi="10.1000/ABC",
        url="https://lab.example/paper?utm_source=feed",
    ) == [
        "arxiv:2305.15558",
        "doi:10.1000/abc",
        "url:https://lab.example/paper",
        "title:attentionisallyouneed|vaswani",
    ]


def test_the_version_is_never_part_of_a_key() -> None:
    one = keys_of(entry_id="oai:arXiv.org:2305.15558v1", url="https://arxiv.org/abs/2305.15558v1")
    assert one == keys_of(arxiv_id="2305.15558v2", url="http://arxiv.org/pdf/2305.15558v2") == ["arxiv:2305.15558"]


def test_an_arxiv_doi_is_the_arxiv_id() -> None:
    assert keys_of(doi="10.48550/arXiv.2305.15558", url="https://doi.org/10.48550/arXiv.2305.15558") == [
        "arxiv:2305.15558"
    ]


def test_a_biorxiv_item_is_named_by_its_doi_in_every_form() -> None:
    link = "https://www.biorxiv.org/content/10.1101/743294v1?rss=1"
    assert keys_of(url=link)[0] == keys_of(entry_id=link, doi="doi:10.1101/743294")[0] == "doi:10.1101/743294"


def test_a_front_page_names_no_paper_and_a_fragment_does() -> None:
    assert keys_of(url="https://lab.example/") == []
    assert keys_of(url="https://lab.example/?p=12") == ["url:https://lab.example/?p=12"]
    assert keys_of(url="https://lab.example/papers#a") == ["url:https://lab.example/papers#a"]
    assert keys_of(url="https://lab.example/papers#:~:text=a") == ["url:https://lab.example/papers"]
    assert keys_of(url="not a link") == []
