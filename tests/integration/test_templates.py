"""What template authors get wrong, and how it is told: file, line, and what to write instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import structlog.testing

from newsletter.errors import TemplateError
from newsletter.mail.sample import sample_digest
from newsletter.mail.templates import TemplateFiles, shipped_templates
from newsletter.model import Digest, IssueKind
from tests.support.mails import ISSUE_DATE, make_digest, make_renderer, unsubscribe_url
from tests.support.samples import make_subscriber

if TYPE_CHECKING:
    from pathlib import Path

    from newsletter.languages import Language
    from newsletter.mail.render import Renderer

READER = make_subscriber()
PAGE = """<mjml lang="en">
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>{body}</mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
TEXT = "{{ headline }} {{ unsubscribe_url }}\n"


def write(
    folder: Path, body: str = "{{ headline }} {{ unsubscribe_url }}", text: str = TEXT, name: str = "digest"
) -> Renderer:
    (folder / f"{name}.mjml").write_text(PAGE.replace("{body}", body), "utf-8")
    (folder / f"{name}.txt").write_text(text, "utf-8")
    return make_renderer(folder)


def complaint(renderer: Renderer) -> str:
    """Return what stops a digest from being rendered, which ``check`` must tell as well."""
    with pytest.raises(TemplateError) as caught:
        renderer.prepare(*sample_digest(IssueKind.DIGEST))
    assert caught.value.problems[0] in renderer.check()
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("a</mj-text><mj-txet>b</mj-txet><mj-text>c", 5, "unknown tag <mj-txet> — did you mean <mj-text>?"),
        ("a</mj-text>\n<mj-text font-siez='3px'>b", 6, "no attribute font-siez — did you mean font-size?"),
        ("a</mj-text>\n<mj-text align>b", 6, 'align has no value in quotes — write align="…"'),
        ("a</mj-text>\n<mj-column></mj-column><mj-text>b", 6, "<mj-column> stands within <mj-column>"),
        ("a <mj-button>b</mj-button>", 5, "<mj-button> stands within <mj-text> — close <mj-text> before it"),
        ("a</mj-text></mj-text><mj-text>", 5, "</mj-text> closes nothing"),
        ("a\n<p>b", 6, "<p> is never closed"),
        ("1 < 2", 5, "a bare '<' stands in the text — write &lt;"),
        ("\n\n{% if chosen < 3 %}x{% endif %}", 7, "'<' cannot stand in a Jinja expression here"),
        ("\n{{ headline }", 6, "Jinja: unexpected '}'"),
        ("{% for paper in sections %}", 5, "Jinja: Unexpected end of template"),
        ("\n{{ headlnie }}", 6, "there is no variable headlnie — did you mean headline?"),
        ("\n{{ headline | shout }}", 6, "Jinja: No filter named 'shout'"),
        ("\n{{ brand.nmae }}", 6, "'newsletter.mail.brand.Brand object' has no attribute 'nmae'"),
        ("\n\n{% for s in sections %}{{ s.papers[0].titel }}{% endfor %}", 7, "has no attribute 'titel'"),
        ("\n{{ chosen / 0 }}", 6, "ZeroDivisionError: division by zero"),
        ('\n{% include "nowhere.html" %}', 6, "there is no template nowhere.html"),
        ('\n<mj-include path="partials/haed.mjml" />', 6, "which is not there — did you mean partials/head.mjml?"),
    ],
)  # fmt: skip
def test_html_mistakes_are_told_with_their_line(tmp_path: Path, body: str, line: int, words: str) -> None:
    message = complaint(write(tmp_path, body))
    assert message.startswith(f"{tmp_path / 'digest.mjml'}:{line}")
    assert words in message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("one\n{{ headlnie }}", 2, "there is no variable headlnie"),
        ("one\n{% if %}", 2, "Jinja: Expected an expression"),
        ("one\ntwo\n{{ sections[0].titel }}", 3, "has no attribute 'titel'"),
    ],
)
def test_text_mistakes_are_told_with_their_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    message = complaint(write(tmp_path, text=text))
    assert message.startswith(f"{tmp_path / 'digest.txt'}:{line}")
    assert words in message


def test_mistakes_in_shared_parts_are_told_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    part = tmp_path / "partials" / "sources.mjml"
    part.write_text("<mj-text>\n<p>{{ nots }}</p>\n</mj-text>\n", "utf-8")
    assert complaint(make_renderer(tmp_path)).startswith(f"{part}:2:7: there is no variable nots")
    part.write_text("<mj-text>\n\n{{ notes.first }}</mj-text>\n", "utf-8")
    assert complaint(make_renderer(tmp_path)).startswith(f"{part}:3:1: ")
    text_part = tmp_path / "partials" / "footer.txt"
    part.unlink()
    text_part.write_text("\n{{ brand.nmae }}", "utf-8")
    assert complaint(make_renderer(tmp_path)).startswith(f"{text_part}:2: ")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    message = complaint(write(tmp_path, "a</mj-text>\n<mj-txet>b</mj-txet>\n<mj-text colour='red'>c"))
    assert [int(number) for number in re.findall(r"digest.mjml:(\d+):", message)] == [6, 7]


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    body = (
        "{{ headlnie | shout }} {{ chosen | mraked }}</mj-text><mj-txet>b</mj-txet>\n"
        '<mj-include path="partials/haed.mjml" /><mj-text>{% if chosen is odder %}{{ wdith }}{% endif %}'
    )
    message = complaint(write(tmp_path, body, text="{{ tme }}\n"))
    for line, words in (
        (5, "there is no variable headlnie"),
        (5, "Jinja: No filter named 'shout'"),
        (5, "Jinja: No filter named 'mraked' — did you mean marked?"),
        (5, "unknown tag <mj-txet>"),
        (6, "<mj-include> names partials/haed.mjml, which is not there"),
        (6, "Jinja: No test named 'odder' — did you mean odd?"),
        (6, "there is no variable wdith"),
    ):
        assert re.search(rf"digest\.mjml:{line}(:\d+)?: {re.escape(words)}", message), words
    assert "digest.txt:1:4: there is no variable tme" in message
    assert len(message.splitlines()) == 8


def test_mistakes_that_filling_shows_are_told_of_both_parts(tmp_path: Path) -> None:
    message = complaint(write(tmp_path, "{{ brand.nmae }}", text="{{ brand.tilte }}\n"))
    assert [line.partition(": ")[0] for line in message.splitlines()] == [
        f"{tmp_path / 'digest.mjml'}:5:18",
        f"{tmp_path / 'digest.txt'}:1:1",
    ]


@pytest.mark.parametrize("body", ["{{ headline </mj-text><mj-text>{{ name }}", "{% if chosen </mj-text>{% endif %}"])
def test_where_delimiters_do_not_pair_up_no_tags_are_guessed_at(tmp_path: Path, body: str) -> None:
    message = complaint(write(tmp_path, f"{body} <mj-txet>"))
    assert "Jinja: " in message
    assert "tag" not in message


def test_the_end_of_a_media_query_is_no_delimiter(tmp_path: Path) -> None:
    css = "</mj-text><mj-raw><style>@media print{a{color:red}}</style></mj-raw><mj-txet></mj-txet><mj-text>"
    assert complaint(write(tmp_path, f"{css}{{{{ unsubscribe_url }}}}")).count("unknown tag <mj-txet>") == 1


def test_both_files_are_read_though_one_cannot_be(tmp_path: Path) -> None:
    renderer = write(tmp_path, text="{{ tme }}\n")
    (tmp_path / "digest.mjml").write_bytes(b"\xff")
    message = complaint(renderer)
    assert "digest.mjml:1: the file is not UTF-8" in message
    assert "digest.txt:1:4: there is no variable tme" in message


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "digest.mjml").unlink()
    (tmp_path / "digest.mjml").mkdir()
    assert "digest.mjml: the template cannot be read: Is a directory" in complaint(make_renderer(tmp_path))
    (tmp_path / "digest.mjml").rmdir()
    (tmp_path / "digest.mjml").write_bytes(b"<mjml>\n\xff</mjml>")
    assert "digest.mjml:2: the file is not UTF-8 text — save the file as UTF-8" in complaint(make_renderer(tmp_path))


def test_inclusion_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "a.mjml").write_text('<mj-include path="a.mjml" />', "utf-8")
    with pytest.raises(TemplateError, match=r"a\.mjml is included within itself"):
        TemplateFiles((tmp_path,)).load("a.mjml")


@pytest.mark.parametrize("name", ["../secret.mjml", "/etc/passwd", "a\x00b"])
def test_templates_outside_their_folders_are_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.mjml").write_text("x", "utf-8")
    assert TemplateFiles((tmp_path / "inside",)).find(name) is None


def test_unknown_template_suggests_the_nearest(tmp_path: Path) -> None:
    digest, papers = make_digest(1)
    renderer = write(tmp_path, name="brief")
    renderer.prepare(Digest(digest.kind, ISSUE_DATE, digest.sections, 1, template="brief"), papers)
    assert renderer.template_names() == ["brief", "digest", "weekly"]
    with pytest.raises(TemplateError, match=r"breif.mjml: there is no such template — did you mean brief.mjml\?"):
        renderer.prepare(Digest(digest.kind, ISSUE_DATE, digest.sections, 1, template="breif"), papers)


def test_one_file_hides_one_file(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "footer.txt").write_text("ours {{ unsubscribe_url }}\n", "utf-8")
    prepared = make_renderer(tmp_path).prepare(*make_digest(1))
    assert prepared.text(READER).endswith(f"ours {unsubscribe_url(READER)}\n")
    assert "No tracking pixels" in prepared.html(READER)


def test_a_changed_template_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    renderer = write(tmp_path, "first {{ unsubscribe_url }}")
    assert "first" in renderer.prepare(*make_digest(1)).html(READER)
    write(tmp_path, "second and longer {{ unsubscribe_url }}")
    assert "second" in renderer.prepare(*make_digest(1)).html(READER)
    write(tmp_path, "third {{ oops }}")
    with structlog.testing.capture_logs() as logs:
        assert "second" in renderer.prepare(*make_digest(1)).html(READER)
        assert "second" in renderer.prepare(*make_digest(1)).html(READER)
    assert [log["event"] for log in logs] == ["template.broken"]
    assert "digest.mjml:5:27: there is no variable oops" in logs[0]["problem"]
    write(tmp_path, "fourth {{ unsubscribe_url }}")
    assert "fourth" in renderer.prepare(*make_digest(1)).html(READER)


def test_a_changed_part_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "partials").mkdir()
    part = tmp_path / "partials" / "footer.txt"
    part.write_text("first {{ unsubscribe_url }}", "utf-8")
    renderer = make_renderer(tmp_path)
    assert "first" in renderer.prepare(*make_digest(1)).text(READER)
    part.write_text("second and longer {{ unsubscribe_url }}", "utf-8")
    assert "second" in renderer.prepare(*make_digest(1)).text(READER)
    part.write_text("third {% if %}", "utf-8")
    assert "second" in renderer.prepare(*make_digest(1)).text(READER)
    assert str(renderer.check()[0]).startswith(f"{part}:1:7: Jinja: Expected an expression")


def test_templates_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    renderer = write(tmp_path)
    real = renderer._compiler.compile

    def count(name: str, language: Language) -> object:
        compiled.append(name)
        return real(name, language)

    monkeypatch.setattr(renderer._compiler, "compile", count)
    for _ in range(3):
        renderer.prepare(*make_digest(2))
    assert compiled == ["digest"]


def test_a_template_in_the_readers_language_is_preferred(tmp_path: Path) -> None:
    renderer = write(tmp_path, "Guten Morgen {{ lang }}", name="digest.de")
    digest, papers = make_digest(1)
    german = Digest(digest.kind, ISSUE_DATE, digest.sections, 1, language="de")
    assert "Guten Morgen de" in renderer.prepare(german, papers).html(READER)
    assert "Guten" not in renderer.prepare(digest, papers).html(READER)


def test_html_in_values_is_escaped(tmp_path: Path) -> None:
    digest, papers = make_digest(1, "<i>Topic</i>")
    html = write(tmp_path, "{{ sections[0].title }} {{ unsubscribe_url }}").prepare(digest, papers).html(READER)
    assert "&lt;i&gt;Topic&lt;/i&gt;" in html


def test_remarks_for_authors_do_not_reach_readers(tmp_path: Path) -> None:
    body = "{# jinja note #}<!-- html note -->{{ unsubscribe_url }}<!--[if mso]>outlook<![endif]-->"
    html = write(tmp_path, body).prepare(*make_digest(1)).html(READER)
    assert "note" not in html
    assert "<!--[if mso]>outlook<![endif]-->" in html


def test_a_mail_without_a_way_out_is_told(tmp_path: Path) -> None:
    (problem,) = write(tmp_path, "hello").check()
    assert str(problem).startswith(f"{tmp_path / 'digest.mjml'}: the mail does not say how to unsubscribe")


def test_values_of_recipients_must_be_printed_as_they_are(tmp_path: Path) -> None:
    message = complaint(write(tmp_path, "{{ schedule | upper }}"))
    assert "a value that differs between recipients was changed by a filter" in message


def test_the_shipped_folder_holds_all_twins() -> None:
    names = {path.name for path in shipped_templates().iterdir()}
    assert {f"{kind}.{suffix}" for kind in IssueKind for suffix in ("mjml", "txt")} <= names
