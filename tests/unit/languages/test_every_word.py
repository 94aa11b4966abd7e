"""No word of a template goes past the catalogues, and every catalogue says all of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment, nodes

from newsletter.languages import ENGLISH
from newsletter.languages.extraction import ROOT, UNTOLD
from newsletter.languages.templates import speak
from newsletter.mail.once import Once
from newsletter.mail.operator import OPERATORS
from newsletter.mail.templates import TemplateFiles, shipped_templates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATES = sorted(
    path
    for folder in ("newsletter/web/templates", "templates")
    for path in (ROOT / folder).rglob("*.*")
    if not path.relative_to(ROOT).as_posix().startswith(UNTOLD)
)
SEEN = ("title", "alt", "placeholder", "aria-label", "aria-description", "label", "data-label")
# The same in every language.
NAMES = frozenset(["Atom", "BibTeX", "HTML", "JSON", "Feed", "PDF", "RIS", "CSV", "UTC", "cs"])
NO_TEXT = re.compile(r"<code\b.*?</code>", re.DOTALL)
ATTRIBUTE = re.compile(r'\s[a-z-]+="[^"]*"')  # alone, where a block holds nothing else
WORD = re.compile(r"[A-Za-z]{2,}")


def environment() -> Environment:
    made = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[Once], autoescape=True)
    speak(made, ENGLISH)
    return made


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Shown(HTMLParser):
    """What of a page is read: its text, and the attributes that say something."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("style", "mj-style", "script", "mj-attributes")
        self.texts += [value for name, value in attrs if name in SEEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "mj-style", "script", "mj-attributes")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(ATTRIBUTE.sub("", data))


def shown(text: str) -> list[str]:
    reader = Shown()
    reader.feed(NO_TEXT.sub("", text))
    reader.close()
    return reader.texts


def written(tree: nodes.Template) -> Iterator[str]:
    """Yield the constants that a template prints, but for those that a language or a filter is given."""
    waiting: list[nodes.Node] = list(tree.find_all(nodes.Output))
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            yield node.value
        if isinstance(node, nodes.Call | nodes.Test | nodes.Compare | nodes.Getitem):
            continue
        if isinstance(node, nodes.CondExpr):
            waiting += [each for each in (node.expr1, node.expr2) if each is not None]
        elif isinstance(node, nodes.Filter):
            waiting += [node.node] if node.node is not None else []
        else:
            waiting += list(node.iter_child_nodes())


def untold(path: Path) -> list[str]:
    """Return the words of a template that no catalogue can change."""
    tree = environment().parse(path.read_text("utf-8"))
    data = "".join(node.data for node in tree.find_all(nodes.TemplateData))
    texts = [data] if path.suffix == ".txt" else shown(data)
    printed = [each for each in written(tree) if " " in each.strip() or each.strip().istitle()]
    return sorted({word for text in [*texts, *printed] for word in WORD.findall(text)} - NAMES)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_word_goes_past_the_catalogues(path: Path) -> None:
    assert untold(path) == [], 'write {{ _("…") }} or {% trans %}…{% endtrans %} (docs/languages.md)'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p>{{ _("Hello") }}</p>', []),
        ("{% trans count=2 %}paper{% pluralize %}papers{% endtrans %}", []),
        ('<img alt="Cat">', ["Cat"]),
        ('<img alt="{{ _("Cat") }}" class="cat">', []),
        ('{{ "One paper" if x == "two words" else y }}', ["One", "paper"]),
        ('{{ "a" ~ x | replace("some thing", "b") }}', []),
    ],
)
def test_words_are_noticed_that_do(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "page.html"
    path.write_text(text)
    assert untold(path) == words


def test_every_shared_part_of_the_mails_is_looked_at() -> None:
    names = set(TemplateFiles((shipped_templates(),)).names(".mjml")) - OPERATORS  # whose mails are in English
    assert {f"templates/{name}.mjml" for name in names} <= {name_of(path) for path in TEMPLATES}
