"""What a digest looks like to a program that reads it."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from newsletter.core.address import parse_address
from newsletter.mail.brand import Brand, Wording, contrast
from newsletter.mail.render import Renderer
from newsletter.mail.rooms import HTML_BUDGET, html_budget
from newsletter.mail.sample import sample_digest
from newsletter.mail.themes import THEMES, Palette
from newsletter.model import Digest, Frequency, IssueKind, Keyword, Reason, Span
from tests.support.mails import (
    HOSTILE,
    ISSUE_DATE,
    LINKS,
    Page,
    digest_of,
    hostile_digest,
    make_digest,
    make_renderer,
    unsubscribe_url,
)
from tests.support.real_papers import real_papers
from tests.support.samples import make_subscriber

READER = make_subscriber(send_at_local=time(7, 0), zone="Europe/Berlin", frequency=Frequency.WEEKDAYS)
GMAIL_LIMIT = 102_000
NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return make_renderer()


def sample(renderer: Renderer, kind: IssueKind = IssueKind.DIGEST) -> tuple[Page, str]:
    prepared = renderer.prepare(*sample_digest(kind))
    return Page(prepared.html(READER)), prepared.text(READER)


def body_of(message: bytes, form: str) -> str:
    part = email.message_from_bytes(message, policy=email.policy.default).get_body((form,))
    assert part is not None
    return str(part.get_content())


def test_shipped_templates_have_no_problem(renderer: Renderer) -> None:
    assert renderer.check() == []


def test_html_says_everything_in_order(renderer: Renderer) -> None:
    page, _ = sample(renderer)
    expected = [
        "The Morning Preprint · Tuesday 24 November 2026",
        "2 papers on contrastive learning and 1 more",
        "3 chosen of 412 new papers.",
        "Contrastive learning · 2 papers",
        "Curricula Without Labels: Ordering Views for Contrastive Learning",
        "A. Sample, B. Sample, C. Sample +4 · cs.LG, cs.CV · 23 Nov",
        "contrastive learning sees hard negatives",
        "Why: contrastive learning in title and abstract · you follow A. Sample · 34 upvotes",
        "Abstract PDF HTML Code ★ 412 Hugging Face",
        "How Many Negatives? A Bound of",
        "Updated to version 2 D. Sample, E. Sample · stat.ML",
        "7 more matched and were over this digest’s limit.",
        "Evaluation · 1 paper",
        "Why: benchmarks in abstract",
        "Read",
        "arXiv: 398 papers. Hugging Face: nothing new. bioRxiv could not be reached since 05:10 UTC; its papers follow",
        "You get this at 07:00 Europe/Berlin, on weekdays, for Diffusion models. Change what you get · Unsubscribe",
        "Sent to reader1@example.org by The Morning Preprint, Example Institute, 1 Sample Street, 12345 Town.",
        "No tracking pixels.",
    ]
    position = 0
    for words in expected:
        position = page.text.find(words, position)
        assert position >= 0, words


def test_text_says_the_same_in_72_columns(renderer: Renderer) -> None:
    _, text = sample(renderer)
    flat = " ".join(text.replace("*", "").split())
    for words in (
        "2 papers on contrastive learning and 1 more",
        "3 chosen of 412 new papers.",
        "CONTRASTIVE LEARNING · 2 papers",
        "1. Curricula Without Labels: Ordering Views for Contrastive Learning A. Sample, B. Sample, C. Sample +4",
        "[1] Abstract: https://arxiv.org/abs/2611.00001 [2] PDF: https://arxiv.org/pdf/2611.00001",
        "[3] HTML: https://arxiv.org/html/2611.00001 [4] Code",
        "UPDATED to version 2 · D. Sample",
        "7 more matched and were over this digest’s limit.",
        "3. Measuring the Measurers",
        "bioRxiv could not be reached since 05:10 UTC",
        f"Unsubscribe: {unsubscribe_url(READER)}",
    ):
        assert words in flat
    assert "*contrastive learning*" in text
    assert all(len(line) <= 72 for line in text.splitlines() if "http" not in line)
    assert "\n-- \n" in text


def test_the_plain_text_has_each_title_and_each_link(renderer: Renderer) -> None:
    papers = real_papers(20)
    prepared = renderer.prepare(digest_of(papers, ("Reinforcement learning", "Language models"), "learning"), papers)
    page, text = Page(prepared.html(READER)), prepared.text(READER)
    flat = " ".join(text.replace("*", "").split())
    headings = re.findall(r"<h3\b.*?</h3>", prepared.html(READER), re.DOTALL)
    titles = [Page(each).text for each in headings]
    assert len(titles) == 20
    assert [title for title in titles if title.replace("*", "") not in flat] == []
    links = {link["href"] or "" for link in page.attributes("a")}
    links = {link for link in links if not link.startswith("#") and not re.search(r"/(up|down|save)$", link)}
    assert len(links) > 40
    assert [link for link in links if link not in text] == []


def test_matched_words_are_marked_and_followed_authors_bold(renderer: Renderer) -> None:
    html = renderer.prepare(*sample_digest(IssueKind.DIGEST)).html(READER)
    marked = re.findall(r'<b class="mark"[^>]*>([^<]*)</b>', html)
    assert marked == ["Contrastive Learning", "contrastive learning", "self-supervised", "benchmarks"]
    assert "<b>A. Sample</b>, B. Sample" in html


def test_authors_are_shown_without_tex_and_the_followed_one_is_marked(renderer: Renderer) -> None:
    digest, papers = sample_digest(IssueKind.DIGEST)
    authors = (r"Jos\'e N\'u\~nez", r"{\L}ukasz Nguy{\~{\^e}}n", "{van Gogh}, Vincent")
    first = digest.sections[0].papers[0]
    span = Span(len("José Núñez, "), len("José Núñez, Łukasz Nguyễn"))
    selected = replace(first, reasons=(Reason("author", "Ł. Nguyen", "authors", (span,), 3.0),))
    papers = {**papers, first.paper_id: replace(papers[first.paper_id], authors=authors)}
    section = replace(digest.sections[0], papers=(selected,))
    prepared = renderer.prepare(replace(digest, sections=(section,)), papers)
    assert "<b>Łukasz Nguyễn</b>, José Núñez, van Gogh, Vincent" in re.sub(r"<b [^>]*>", "<b>", prepared.html(READER))


def test_html_is_lean_and_asks_nobody_for_anything(renderer: Renderer) -> None:
    html = renderer.prepare(*sample_digest(IssueKind.DIGEST)).html(READER)
    page = Page(html)
    assert page.unbalanced == []
    assert page.attributes("html")[0]["lang"] == "en"
    assert page.attributes("html")[0]["dir"] == "ltr"
    assert not {"img", "script", "iframe", "link", "object", "video"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|src=", html)
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert len(page.attributes("h2")) == 2
    assert all(attributes["dir"] == "auto" for attributes in page.attributes("h3"))
    assert "<title>2 papers on contrastive learning and 1 more · 24 Nov</title>" in html
    assert "prefers-color-scheme: dark" in html


def test_contents_lead_to_the_sections(renderer: Renderer) -> None:
    page, _ = sample(renderer)
    anchors = {heading["id"] for heading in page.attributes("h2") if "id" in heading}
    targets = {link["href"] for link in page.attributes("a") if (link.get("href") or "").startswith("#")}
    assert targets == {f"#{anchor}" for anchor in anchors} != set()
    lonely, _ = renderer.prepare(*make_digest(3)), None
    assert "#s1" not in lonely.html(READER)


def test_every_kind_of_mail_shows_how_to_leave(renderer: Renderer) -> None:
    for kind in (kind for kind in IssueKind if not kind.is_transactional):
        page, text = sample(renderer, kind)
        assert unsubscribe_url(READER) in [link.get("href") for link in page.attributes("a")]
        assert unsubscribe_url(READER) in text
        assert "zq" not in page.text.lower().replace("zqx", "")


@pytest.mark.parametrize("kind", [IssueKind.CONFIRMATION, IssueKind.ADDRESS_CHANGE])
def test_what_asks_for_consent_holds_its_link_and_nothing_that_was_typed(renderer: Renderer, kind: IssueKind) -> None:
    typed = replace(READER, address=parse_address("buy+now@evil.example"), keywords=(Keyword("cheap pills"),))
    prepared = renderer.prepare(*sample_digest(kind))
    message = prepared.compose(typed, "<m@example.org>", NOW, reference=41)
    text, html = body_of(message, "plain"), body_of(message, "html")
    (link,) = {word for word in text.split() if "://news.example.org/" in word}
    read = LINKS.read_confirm if kind is IssueKind.CONFIRMATION else LINKS.read_address_change
    assert read(link.rpartition("/")[2]) == (41, NOW + LINKS.confirm_within)
    assert link in [each.get("href") for each in Page(html).attributes("a")]
    assert not [word for word in ("evil", "buy", "pills", typed.zone) if word in text + html]


def test_who_is_subscribed_or_has_left_is_shown_to_their_choices(renderer: Renderer) -> None:
    for kind in (IssueKind.REMINDER, IssueKind.GOODBYE):
        page, text = sample(renderer, kind)
        assert LINKS.manage_url(READER.id) in [link.get("href") for link in page.attributes("a")]
        assert LINKS.manage_url(READER.id) in text


def test_welcome_says_what_comes_and_when(renderer: Renderer) -> None:
    page, text = sample(renderer, IssueKind.WELCOME)
    for words in (page.text, " ".join(text.split())):
        assert "Welcome to The Morning Preprint" in words
        assert (
            "new research papers that match Diffusion models come to you in one mail, at 07:00 Europe/Berlin" in words
        )


def test_quiet_day_says_so(renderer: Renderer) -> None:
    prepared = renderer.prepare(*sample_digest(IssueKind.QUIET))
    assert prepared.subject == "All quiet: none of 412 new papers matched · 24 Nov"
    assert "Nothing to read today." in prepared.html(READER)


def test_each_recipient_sees_their_own_words(renderer: Renderer) -> None:
    prepared = renderer.prepare(*sample_digest(IssueKind.DIGEST))
    other = make_subscriber(
        2, send_at_local=time(18, 30), zone="Asia/Tokyo", frequency=Frequency.WEEKLY, keywords=(Keyword("x"),)
    )
    assert "at 18:30 Asia/Tokyo, on Mondays, for <b>Diffusion models and your own keywords</b>" in prepared.html(other)
    assert "at 07:00 Europe/Berlin, on weekdays" in prepared.html(READER)
    assert unsubscribe_url(other) in prepared.text(other)
    assert unsubscribe_url(READER) not in prepared.text(other)


def test_recipients_words_are_escaped(renderer: Renderer) -> None:
    prepared = renderer.prepare(*sample_digest(IssueKind.DIGEST))
    odd = make_subscriber(profiles=("<script>",))
    assert "&lt;script&gt;" in prepared.html(odd)
    assert "<script>" in prepared.text(odd)


def test_hostile_texts_are_shown_and_never_obeyed(renderer: Renderer) -> None:
    digest, papers = hostile_digest()
    prepared = renderer.prepare(digest, papers)
    html, text = prepared.html(READER), prepared.text(READER)
    page = Page(html)
    assert page.unbalanced == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert len(page.attributes("h3")) == len(HOSTILE)
    assert all("javascript" not in (link.get("href") or "") for link in page.attributes("a"))
    for shown in (
        "</mj-text></mj-raw><script>alert(1)</script>",
        "{{7*7}} {% for x in y %}",
        '1 < 2 && 3 > 2 & "double"',
    ):
        assert shown in page.text
        assert shown in " ".join(text.split())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe]", html + text)
    assert "\u0301" * 5 not in html
    assert max(len(line) for line in text.splitlines()) < 2_000
    assert prepared.compose(READER, "<1@example.org>", READER.created_at).decode("utf-8")


@pytest.mark.parametrize(
    "abstract", ["", "word " * 2_000, "We propose <b>" * 400, "日本語の長い文。" * 500, "W" * 20_000]
)
def test_twenty_papers_fit_whatever_their_abstracts(renderer: Renderer, abstract: str) -> None:
    html = renderer.prepare(*make_digest(20, "A", "B", abstract=abstract)).html(READER)
    assert len(html.encode()) <= HTML_BUDGET + 2_000
    assert len(Page(html).attributes("h3")) == 20


@pytest.mark.parametrize("count", [100, 700])
def test_a_hundred_hostile_papers_fit_and_none_goes_unsaid(renderer: Renderer, count: int) -> None:
    digest, papers = make_digest(count, "A", "B", abstract="<&>" * 3_000)
    papers = {number: replace(paper, title="<&>" * 1_700) for number, paper in papers.items()}
    prepared = renderer.prepare(digest, papers)
    page = Page(prepared.html(READER))
    shown = len(page.attributes("h3"))
    unsaid = sum(int(number) for number in re.findall(r"(\d+) more that matched", page.text))
    assert len(prepared.html(READER).encode()) < GMAIL_LIMIT
    assert shown + unsaid == count
    assert shown == 100 or count > 100


def test_an_address_is_always_offered_when_there_is_one() -> None:
    by_mail = Renderer([], Brand(sender="a@example.org", unsubscribe_address="leave@example.org"))
    assert "mailto:leave@example.org?subject=unsubscribe" in by_mail.prepare(*make_digest(1)).html(READER)
    neither = Renderer([], Brand(sender="a@example.org")).prepare(*make_digest(1))
    assert "Unsubscribe" not in neither.html(READER)
    assert "Unsubscribe" not in neither.text(READER)
    assert b"List-Unsubscribe" not in neither.compose(READER, "<1@example.org>", READER.created_at)


def test_brand_colours_reach_the_mail_and_bad_ones_are_told() -> None:
    brand = Brand(light=replace(Palette(), accent="#123456"))
    assert "color:#123456" in Renderer([], brand).prepare(*make_digest(1, "A", "B")).html(READER)
    pale = Renderer([], Brand(light=replace(Palette(), accent="#eeeeee", ink="red")))
    assert [problem.message for problem in pale.check()] == ["'red' is not a colour like #8c2f1b"]
    faint = Renderer([], Brand(dark=replace(Palette(), accent="#eeeeee")))
    assert {problem.severity for problem in faint.check()} == {"warning"}


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_is_readable(name: str) -> None:
    theme = THEMES[name]
    assert Renderer([], Brand(theme=theme, light=theme.light, dark=theme.dark)).check() == []
    for palette in (theme.light, theme.dark):
        assert contrast(palette.ink, palette.highlight) >= 4.5
        assert min(contrast(palette.muted, palette.fill), contrast(palette.ink, palette.fill)) >= 4.5


def test_a_theme_gives_type_and_shape_and_the_operator_words_and_a_logo() -> None:
    wording = Wording("Good morning, readers.", "Come in.", "Made by the library.")
    brand = Brand(
        theme=THEMES["signal"],
        logo_url="https://example.org/logo.png",
        wording=wording,
        website="https://w.example.org",
    )
    prepared = Renderer([], brand, LINKS).prepare(*make_digest(2))
    html, text = prepared.html(READER), prepared.text(READER)
    assert "border-radius:14px" in html
    assert "Georgia" not in html
    (logo,) = Page(html).attributes("img")
    assert (logo["src"], logo["alt"], logo["width"]) == ("https://example.org/logo.png", "Newsletter", "120")
    for words in ("Good morning, readers.", "Made by the library.", "https://w.example.org"):
        assert words in html
        assert words in text


@pytest.mark.parametrize("count", [20, 50])
def test_digests_keep_to_their_sizes_with_votes_and_all(renderer: Renderer, count: int) -> None:
    papers = real_papers(count)
    prepared = renderer.prepare(digest_of(papers, ("Reinforcement learning", "Language models"), "learning"), papers)
    html = prepared.html(READER)
    assert len(html.encode()) <= html_budget(count) == {20: 45_000, 50: 90_000}[count]
    assert html.count("/v/") == count * (3 if count == 20 else 1)
    assert prepared.text(READER).count("/v/") == count


def test_an_editors_note_stands_above_its_paper(renderer: Renderer) -> None:
    digest, papers = make_digest(2)
    noted = replace(digest.sections[0].papers[0], note="Read <section> 4 first.", noted_by="the editor")
    section = replace(digest.sections[0], papers=(noted, digest.sections[0].papers[1]))
    prepared = renderer.prepare(replace(digest, sections=(section,)), papers)
    page, text = Page(prepared.html(READER)), prepared.text(READER)
    assert "“Read <section> 4 first.” — Editor’s pick by the editor Paper 1" in page.text
    assert "   | “Read <section> 4 first.” — Editor’s pick by the editor" in text


def test_what_was_left_out_is_on_the_web(renderer: Renderer) -> None:
    digest, papers = make_digest(1)
    section = replace(digest.sections[0], omitted=7)
    prepared = renderer.prepare(replace(digest, sections=(section,)), papers)
    links = [link.get("href") for link in Page(prepared.html(READER)).attributes("a")]
    assert "https://news.example.org/topics/diffusion" in links
    assert "7 more that matched, on the web:\nhttps://news.example.org/topics/diffusion" in prepared.text(READER)


def test_empty_digest_still_makes_a_mail(renderer: Renderer) -> None:
    prepared = renderer.prepare(Digest(IssueKind.DIGEST, ISSUE_DATE, (), 0), {})
    assert prepared.subject == "All quiet: no new papers · 24 Nov"
