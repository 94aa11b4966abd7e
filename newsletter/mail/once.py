"""``{% once paper %} … {% endonce %}``: what a template says of a paper, filled once and kept for the digests after.

The papers of a day stand in many digests. What is between the tags may use the paper and what is the same in all mails
of a template (colours, say), but neither numbers, which change with a paper's place, nor ``loop``. Where it depends on
something else as well, that is named: ``{% once paper, margin %}``.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.ext import Extension

from newsletter.mail.view import PaperView, kept_with, shown_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.parser import Parser

_MAXIMUM_KEPT = 16  # of one paper: a template that is being edited leaves stale ones behind
_numbers = count()  # no two tags share one, so that no two templates do


def known(paper: object, *key: object) -> str | None:
    """Return what was kept for a paper under ``key``; nothing ever is for anything else."""
    text = kept_with(paper).get(key) if isinstance(paper, PaperView) else None
    if text is not None:
        shown_of(paper).append(text)  # type: ignore[arg-type] # it is a paper
    return text


def keep(filled: str, paper: object, *key: object) -> str:
    """Return what was filled for a paper, and keep it under ``key``."""
    text = str(filled)  # no Markup, which Jinja would copy each time
    if isinstance(paper, PaperView):
        kept = kept_with(paper)
        if len(kept) >= _MAXIMUM_KEPT:
            kept.clear()
        kept[key] = text
        shown_of(paper).append(text)
    return text


class Once(Extension):
    """The tag ``once``."""

    tags = {"once"}  # noqa: RUF012 (Jinja's name and kind)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {"once_known": known, "once_keep": keep}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return: look for what is kept; where there is nothing, fill and keep it; print it."""
        line = next(parser.stream).lineno
        named = parser.parse_tuple()
        subject, *others = named.items if isinstance(named, nodes.Tuple) else [named]
        body = parser.parse_statements(("name:endonce",), drop_needle=True)
        kept: Any = parser.free_identifier(line)
        key = [nodes.Const(next(_numbers)), *others]
        look = nodes.Assign(kept, nodes.Filter(subject, "once_known", key, [], None, None))
        fill = nodes.AssignBlock(kept, None, body)
        store = nodes.Assign(kept, nodes.Filter(kept, "once_keep", [subject, *key], [], None, None))
        missing = nodes.Test(kept, "none", [], [], None, None)
        show: nodes.Stmt = nodes.Output([kept])
        if self.environment.autoescape:  # as it is: it has been escaped
            plainly = nodes.Keyword("autoescape", nodes.Const(False))  # noqa: FBT003 (a value of Jinja's)
            show = nodes.ScopedEvalContextModifier([plainly], [show])
        return [node.set_lineno(line) for node in (look, nodes.If(missing, [fill, store], [], []), show)]
