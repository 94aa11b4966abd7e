"""``newsletter templates check``: what a compiler lets pass and no sample meets, told with file, line and column."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from newsletter.mail.strictness import strict_problems
from newsletter.mail.templates import Source, shipped_templates
from tests.support.command_line import Answer, CommandLine, make_command_line
from tests.support.databases import migrated_file
from tests.support.html_judges import validated

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["migrated_file"]

MORE = "partials/more.mjml"
SECTION = "<mjml><mj-body><mj-section>\n<mj-column>\n{}\n</mj-column>\n</mj-section></mj-body></mjml>\n"


@pytest.fixture
def newsletter(tmp_path: Path, migrated_file: Path) -> CommandLine:
    command = make_command_line(tmp_path, migrated_file)
    settings = command.directory / "newsletter.yaml"
    settings.write_text(f"templates_directory: templates\n{settings.read_text()}")
    (command.directory / "templates" / "partials").mkdir(parents=True)
    return command


def put(newsletter: CommandLine, name: str, text: str) -> Path:
    path = newsletter.directory / "templates" / name
    path.write_text(text, "utf-8")
    return path


def text_of(body: str) -> str:
    return f"<mj-text>\n{body}\n</mj-text>\n"


def test_the_shipped_templates_are_clean(newsletter: CommandLine) -> None:
    said = newsletter("templates", "check")
    assert (said.code, said.out) == (0, "")
    assert "nothing is wrong" in said.err


NAMES = (  # a template's line, what is wrong in it, and what is said
    # Never taken by a sample: only following every branch finds them.
    ("{% if chosen > 900 %}{{ brand.nmae }}{% endif %}", "nmae", "brand has no nmae — did you mean name?"),
    (
        "{% for s in sections %}{% for p in s.papers %}{{ p.titel if p.id > 9 else '' }}{% endfor %}{% endfor %}",
        "titel",
        "a paper has no titel — did you mean title?",
    ),
    ("{% for s in sections %}{{ s.papers[0].links[0].ulr if 0 else '' }}{% endfor %}", "ulr", "a link has no ulr"),
    ("{% set one = sections | first %}{{ one.omited if chosen > 900 else '' }}", "omited", "did you mean omitted?"),
    ("{% if 0 %}{{ sections | map(attribute='ttle') | join }}{% endif %}", "ttle", "a section has no ttle"),
    ("{{ light.acent if chosen > 900 else '' }}", "acent", "palette has no acent — did you mean accent?"),
    ("{{ issue_date.isofromat() if 0 else '' }}", "isofromat", "a date has no isofromat — did you mean isoformat?"),
    # Recipients' own values.
    ("{{ schedule | upper }}", "upper", "the filter upper sees what stands in for it — print it as it is: {{ schedule"),
    ("{{ address | length }}", "length", "the filter length sees what stands in for it"),
    ("{% if address == 'a@example.org' %}x{% endif %}", "address", "what stands in for it is compared"),
    ("{% if 'Berlin' in schedule %}x{% endif %}", "schedule", "what stands in for it is compared"),
    ("{% set mine = schedule %}{{ mine | clip(90) }}", "clip", "schedule differs between recipients"),
    ("{{ address.split('@')[0] if 0 else '' }}", "address", ".split is asked of what stands in for it"),
    ("{{ address[:3] if 0 else '' }}", "address", "there are no parts of it yet"),
    ("{% for letter in address %}x{% endfor %}", "address", "a loop cannot go through it"),
    ("{% if schedule %}x{% endif %}", "schedule", "it is always there"),
)
RIGHT = (
    "{{ schedule }} {{ address | e }} {% if unsubscribe_url %}{{ unsubscribe_url ~ '/x' }}{% endif %}",
    "{% trans schedule=schedule %}at {{ schedule }}{% endtrans %} {{ issue_date.isoformat() }}",
    "{% for section in sections | sort(attribute='title') if section.papers %}{{ loop.index }}{{ section.title }}",
    "{% for link in section.papers[0].links %}{{ link.stars or '' }}{% endfor %}{% endfor %}",
    "{% macro shown(x) %}{{ x.anything }}{% endmacro %}{% with a = chosen %}{{ a }}{% endwith %}",
)


def test_names_and_recipients_values(newsletter: CommandLine) -> None:
    path = put(newsletter, MORE, text_of("\n".join([*RIGHT, *(body for body, _, _ in NAMES)])))
    said = newsletter("templates", "check")
    assert said.code == 2
    told = said.out.splitlines()
    for line, (body, wrong, words) in enumerate(NAMES, start=2 + len(RIGHT)):
        column = re.search(rf"\b{wrong}\b", body)
        assert column
        here = [each for each in told if each.startswith(f"{path}:{line}:")]
        assert len(here) == 1, (body, here)
        assert here[0].startswith(f"{path}:{line}:{column.start() + 1}: ")
        assert words in here[0]
    assert len(told) == len(NAMES), said.out


def test_what_jinja_cannot_read(newsletter: CommandLine) -> None:
    folder = newsletter.directory / "templates"
    put(newsletter, MORE, text_of("{{ headlnie }}{{ headline | mraked }}"))
    put(newsletter, "goodbye.txt", "one\ntwo {{ headline }\n")
    told = newsletter("templates", "check").out
    for place, words in (
        ("partials/more.mjml:2:4", "there is no variable headlnie — did you mean headline?"),
        ("partials/more.mjml:2:29", "Jinja: No filter named 'mraked' — did you mean marked?"),
        ("goodbye.txt:2:5", "Jinja: unexpected '}'"),
    ):
        assert any(line.startswith(f"{folder}/{place}: {words}") for line in told.splitlines()), told


MJML = (
    ("stray <b>words</b>", "stray", "text stands within <mj-column>, and MJML drops what stands there"),
    ("{% if chosen %}<mj-text>a</mj-text>{% endif %}", "{%", "put it in <mj-raw>…</mj-raw>"),
    ('<mj-text padding="10">a</mj-text>', "padding", 'cannot have padding="10" — write 12px or 50%, up to 4 of them'),
    ('<mj-text align="middle">a</mj-text>', "align", "write left, right, center or justify"),
    ('<mj-text color="redd">a</mj-text>', "color", "write a colour, as #8c2f1b"),
    ('<mj-image src="https://example.org/a.png" width="50%" />', "width", "write 12px"),
    ('<mj-text colour="red">a</mj-text>', "colour", "<mj-text> has no attribute colour — did you mean color?"),
    ("<p>lost</p>", "<p>", "HTML stands within <mj-column>"),
    ("<mj-section></mj-section>", "<mj-section>", "<mj-section> stands within <mj-column> — put it in"),
    ("<mj-txet>a</mj-txet>", "<mj-txet>", "unknown tag <mj-txet> — did you mean <mj-text>?"),
)


def test_mjml_is_held_to_its_own_rules(newsletter: CommandLine) -> None:
    path = put(newsletter, "brief.mjml", SECTION.format("\n".join(body for body, _, _ in MJML)))
    put(newsletter, "brief.txt", "{{ headline }} {{ unsubscribe_url }}\n")
    said = newsletter("templates", "check")
    assert said.code == 2
    for line, (body, wrong, words) in enumerate(MJML, start=3):
        place = f"{path}:{line}:{body.index(wrong) + 1}: "
        assert any(each.startswith(place) and words in each for each in said.out.splitlines()), (body, said.out)


def test_values_are_judged_as_the_official_validator_does(tmp_path: Path) -> None:
    """Each value is tried on both: what the one refuses, the other does."""
    values = (
        *(("mj-text", "padding", value) for value in ("10px", "10px 5%", "1px 2px 3px 4px", "0", "10", "1em")),
        *(("mj-text", "font-size", value) for value in ("12px", "12", "120%", "1.5px")),
        *(("mj-text", "color", value) for value in ("#fff", "#ffffff", "#ffff", "red", "redd", "rgb(1, 2, 3)")),
        *(("mj-text", "line-height", value) for value in ("1.5", "24px", "150%", "normal")),
        *(("mj-text", "letter-spacing", value) for value in ("-1px", "0.1em", "wide")),
        *(("mj-text", "align", value) for value in ("left", "justify", "start")),
        *(("mj-button", "align", value) for value in ("left", "justify")),
        *(("mj-image", "width", value) for value in ("50px", "50%")),
        *(("mj-image", "height", value) for value in ("auto", "50px", "50%")),
        *(("mj-table", "width", value) for value in ("100%", "auto", "full")),
        *(("mj-column", "vertical-align", value) for value in ("top", "baseline")),
        *(("mj-section", "full-width", value) for value in ("full-width", "true")),
    )
    pages, ours = [], []
    for number, (tag, attribute, value) in enumerate(values):
        page = tmp_path / f"{number}.mjml"
        attributes = f'{attribute}="{value}"'
        inner = f"<{tag} {attributes}></{tag}>"
        inner = inner if tag in ("mj-column", "mj-section") else f"<mj-column>{inner}</mj-column>"
        inner = inner if tag == "mj-section" else f"<mj-section>{inner}</mj-section>"
        page.write_text(f"<mjml><mj-body>{inner}</mj-body></mjml>")
        pages.append(page)
        source = Source(page.name, page.read_text(), ((str(page), 1),), ())
        ours.append(bool(list(strict_problems(source))))
    _, said = validated(pages)
    official = [f"{page} " in said for page in pages]
    assert [values[index] for index, verdict in enumerate(official) if verdict != ours[index]] == []
    assert sum(official) > 12


def test_files_that_nothing_uses(newsletter: CommandLine) -> None:
    misspelt = put(newsletter, "partials/fotter.mjml", "<mj-raw></mj-raw>")
    lonely = put(newsletter, "brief.txt", "x")
    same = newsletter.directory / "templates" / "partials" / "sources.mjml"
    shutil.copyfile(shipped_templates() / "partials" / "sources.mjml", same)
    put(newsletter, MORE, '<mj-include path="partials/own.mjml" />')
    put(newsletter, "partials/own.mjml", text_of("{{ headline }}"))
    put(newsletter, "notes.md", "mine")
    said = newsletter("templates", "check")
    assert said.code == 0, said.out
    assert said.out.splitlines() == [
        f"{lonely}: no mail is made of this file — {advice(said, lonely)} (warning)",
        f"{misspelt}: no mail is made of this file — did you mean partials/footer.mjml? (warning)",
        f"{same}: this is the shipped file, unchanged — {advice(said, same)} (warning)",
    ]


def advice(said: Answer, path: Path) -> str:
    (line,) = [line for line in said.out.splitlines() if line.startswith(f"{path}: ")]
    return line.partition(" — ")[2].removesuffix(" (warning)")


def test_parts_of_plain_text_and_mails_to_the_operator_are_followed_too(newsletter: CommandLine) -> None:
    footer = "\n{{ unsubscribe_url }}{% if chosen > 900 %}{{ barnd.name }}{{ brand.nmae }}{% endif %}\n"
    part = put(newsletter, "partials/footer.txt", footer)
    body = "<mj-text>{% if over and over | length > 9 %}{{ theme.raduis }}{% endif %}</mj-text>"
    alert = put(newsletter, "alert.mjml", SECTION.format(body))
    assert newsletter("templates", "check").out.splitlines() == [
        f"{alert}:3:54: theme has no raduis — did you mean radius?",
        f"{part}:2:68: brand has no nmae — did you mean name?",
        f"{part}:2:46: there is no variable barnd — did you mean brand?",
    ]


def test_scripts_can_read_it(newsletter: CommandLine) -> None:
    put(newsletter, MORE, text_of("{{ headlnie }}"))
    said = newsletter("templates", "check", "--json")
    assert said.code == 2
    problem = said.json[0]
    assert (problem["line"], problem["column"], problem["advice"]) == (2, 4, "did you mean headline?")
    assert newsletter("check").code == 2
