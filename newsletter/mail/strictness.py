"""What MJML's compiler lets through and loses: text and Jinja tags between its own tags, and values of no use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from newsletter.mail.attributes import fault_of_value
from newsletter.mail.compile import at, is_delimited, masked, mjml_tags
from newsletter.mail.grammar import TEXTUAL, known_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.mail.templates import Source
    from newsletter.model import Problem

_VALUE = re.compile(r"([^\s=/\"'<>]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ACTING = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_LOST = "MJML drops what stands there"


def strict_problems(source: Source) -> Iterator[Problem]:
    """Yield what is lost between MJML's tags, and attributes with values that MJML's own validator refuses."""
    if not is_delimited(source.text):
        return
    parents: list[str] = []
    end = 0
    for match in mjml_tags(masked(source.text)):
        yield from _between(source, end, match.start(), parents[-1] if parents else "")
        end = match.end()
        name = match["name"]
        if name not in known_tags():
            return  # what follows cannot be told
        if match["closes"]:
            while parents and parents.pop() != name:
                pass
            continue
        yield from _value_problems(source, name, *match.span("rest"))
        if not match["rest"].rstrip().endswith("/"):
            parents.append(name)


def _between(source: Source, start: int, end: int, parent: str) -> Iterator[Problem]:
    """Yield what stands between two tags where only tags may stand."""
    if parent in TEXTUAL:
        return
    where = f"within <{parent}>" if parent else "outside <mjml>"
    if match := _ACTING.search(source.text, start, end):
        advice = "put it in <mj-raw>…</mj-raw>" if parent else "put it in <mj-raw>…</mj-raw> in <mj-body>"
        yield at(source, match.start(), f"a Jinja tag stands {where}, and {_LOST}", advice)
    text = masked(source.text)[start:end]
    if stray := re.search(r"\S", text):
        position = start + stray.start()
        what = "HTML" if text[stray.start()] == "<" else "text"
        yield at(source, position, f"{what} stands {where}, and {_LOST}", "put it in <mj-text> or <mj-raw>")


def _value_problems(source: Source, name: str, start: int, end: int) -> Iterator[Problem]:
    for found in _VALUE.finditer(source.text, start, end):
        value = found[2] if found[2] is not None else found[3]
        if advice := fault_of_value(name, found[1], value):
            yield at(source, found.start(), f'<{name}> cannot have {found[1]}="{value}"', advice)
