"""Text fidelity: whatever a feed, a profile or an editor says is shown as it is meant or made harmless, and never costs
anybody their digest. Each through the whole of it: templates, both parts, and the finished message.
"""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.languages import known_codes
from newsletter.model import Health, SourceNote
from tests.support.mails import Page, digest_of, hostile_digest, make_renderer
from tests.support.samples import NOW, make_paper, make_subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.mail.prepared import PreparedDigest
    from newsletter.mail.render import Renderer

READER = make_subscriber()
NEVER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"
RENDERER = make_renderer()


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return RENDERER


def prepared_with(renderer: Renderer, text: str) -> PreparedDigest:
    """Return a digest in which ``text`` stands wherever somebody else's words can."""
    paper = make_paper(1, text, abstract=f"We propose {text}. We show that it works.", authors=(text, "Ada Example"))
    paper = replace(paper, categories=(text,), url=f"https://example.org/{text[:40]}")
    digest = digest_of({1: paper}, (text or "Topic",), "propose")
    section = digest.sections[0]
    noted = replace(section.papers[0], note=text, noted_by=text)
    section = replace(section, papers=(noted,), profile_title=text)
    notes = (SourceNote(text, Health.FRESH, 3),)
    return renderer.prepare(replace(digest, sections=(section,), notes=notes), {1: paper})


def shown(prepared: PreparedDigest) -> tuple[Page, str]:
    """Return what both parts show, after what must hold whatever the text was."""
    html, text = prepared.html(READER), prepared.text(READER)
    page = Page(html)
    assert page.unbalanced == []
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert len(page.attributes("h1")) == len(page.attributes("h2")) == len(page.attributes("h3")) == 1
    assert not NEVER.search(html)
    assert not NEVER.search(text)
    _parsed(prepared.compose(READER, "<1@example.org>", NOW))
    return page, " ".join(text.split())


def _parsed(message: bytes) -> None:
    """Hold that a strict parser finds nothing wrong with a message, and no field in it but ours."""
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 998
    found = email.message_from_bytes(message, policy=email.policy.strict)
    assert found["Bcc"] is None
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\x00b", "ab", id="NUL"),
        pytest.param("bell\x07 and\x1b[31m escape", "bell and[31m escape", id="control characters"),
        pytest.param("lone \ud800 and \udfff", "lone and", id="lone surrogates"),
        pytest.param("safe\u202egnp.exe", "safegnp.exe", id="bidirectional override"),
        pytest.param("an \u2066isolate\u2069", "an isolate", id="bidirectional isolate"),
        pytest.param("ends ]]> here", "ends ]]> here", id="end of CDATA"),
        pytest.param("{{7*7}} {% x %} {# y #}", "{{7*7}} {% x %} {# y #}", id="template tags"),
        pytest.param("</mj-raw><script>alert(1)</script>", "</mj-raw><script>alert(1)</script>", id="script"),
        pytest.param("1 < 2 & \"two\" > 'one'", "1 < 2 & \"two\" > 'one'", id="markup characters"),
        pytest.param(f"a {FAMILY} in {FLAG}", f"a {FAMILY} in {FLAG}", id="emoji sequences"),
        pytest.param("دراسة مقارنة للذكاء", "دراسة مقارنة للذكاء", id="right to left"),
        pytest.param("שלום עולם", "שלום עולם", id="Hebrew"),
        pytest.param("Nguye\u0302\u0303n", "Nguyễn", id="combining marks"),
        pytest.param("Z" + "\u0301" * 40 + "algo", "Ź" + "\u0301" * 4 + "algo", id="a pile of combining marks"),
        pytest.param("一种新的方法", "一种新的方法", id="Chinese"),
        pytest.param(r"$\mathcal{O}(n^2)$ for $\alpha$", "O(n²) for α", id="TeX"),
        pytest.param(r"Erd\H{o}s and $x_{ij} \le 5\%$", "Erdős and xᵢⱼ ≤ 5%", id="TeX accents"),
        pytest.param(r"\unknownmacro{x} stays", r"\unknownmacro{x} stays", id="TeX that nobody knows"),
        pytest.param("costs $5 or $10", "costs $5 or $10", id="money"),
        pytest.param("two\r\nBcc: x@example.net", "two Bcc: x@example.net", id="line breaks"),
        pytest.param("-- \r\n.\r\nFrom me", "-- . From me", id="what mail reads as its own"),
    ],
)
def test_text_is_shown_as_meant_or_made_harmless(renderer: Renderer, text: str, expected: str) -> None:
    page, plain = shown(prepared_with(renderer, text))
    title = next(piece for piece in page.text.split("“")[1:])
    assert title.startswith(f"{expected}”"), title  # the note, which is shown whole
    assert expected in plain
    assert page.text.count(expected) >= 4  # topic, note, title, abstract


@pytest.mark.parametrize("text", ["W" * 5_000, "word " * 1_000, FAMILY * 700, "ع" * 5_000, "\u0301" * 5_000])
def test_five_thousand_characters_are_cut_between_what_is_read_as_one(renderer: Renderer, text: str) -> None:
    page, plain = shown(prepared_with(renderer, text))
    assert len(page.text) < 4_000
    assert len(plain) < 4_000
    heading = page.attributes("h3")
    assert heading[0]["dir"] == "auto"
    assert "\u200d…" not in page.text


@pytest.mark.parametrize("code", known_codes())
def test_hostile_digests_are_rendered_in_every_language(renderer: Renderer, code: str) -> None:
    digest, papers = hostile_digest()
    prepared = renderer.prepare(replace(digest, language=code), papers)
    page = Page(prepared.html(READER))
    assert page.unbalanced == []
    assert len(page.attributes("h3")) == len(papers)
    assert "script" not in {tag for tag, _ in page.tags}
    _parsed(prepared.compose(READER, "<1@example.org>", NOW))


def test_formulas_of_real_abstracts_read_as_text_or_stay_as_they_are(renderer: Renderer, shared_data: Path) -> None:
    answer = (shared_data / "feeds" / "arxiv_oai_arXivRaw_2014-01-16.xml").read_text("utf-8")
    abstracts = [
        " ".join(unescape(each).split()) for each in re.findall(r"<abstract>(.*?)</abstract>", answer, re.DOTALL)
    ]
    with_tex = [each[:400] for each in abstracts if "$" in each[:400]]
    assert len(with_tex) >= 15
    for abstract in with_tex:
        paper = make_paper(1, abstract[:120], abstract=abstract)
        page = Page(renderer.prepare(digest_of({1: paper}, ("Topic",), "we"), {1: paper}).html(READER))
        assert page.unbalanced == []
        assert not re.search(r"\$[A-Za-z0-9 =+]{1,20}\$", page.text)  # a formula that plain text can say


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_text_costs_anybody_their_digest(text: str) -> None:
    shown(prepared_with(RENDERER, text))


@given(st.text(alphabet="<>&\"'{}%#$\\/!-[]()=;: \n\rscriptmjrawonclik", max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_markup_is_obeyed(text: str) -> None:
    shown(prepared_with(RENDERER, text))
