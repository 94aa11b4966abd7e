"""Every name that a template uses against what it is given, on every branch, whether a sample comes that way or not.

A template is followed with the values of an invented mail: a loop over ``sections`` makes its variable a section. What
cannot be known that way (what a call returns, say) is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.mail.templates import Source
    from newsletter.model import Problem

MISUSED: Final = "differs between recipients and is put in at the end"
_UNKNOWN: Final = object()
_HARMLESS = frozenset(
    ("escape", "e", "forceescape", "safe", "string", "default", "d", "wrap", "indent", "trim", "marked", "join")
)
"""Filters that leave a value which is put in later as it is."""
_SAME_ELEMENTS = frozenset(("list", "sort", "reverse", "unique", "selectattr", "rejectattr", "select", "reject"))
_BY_ATTRIBUTE = frozenset(("selectattr", "rejectattr", "groupby", "map", "sort", "sum", "unique", "min", "max"))
_ALWAYS_THERE = frozenset(("schedule", "address", "subscription"))
_CALLED = {
    "PaperView": "a paper",
    "SectionView": "a section",
    "AuthorView": "an author",
    "LinkView": "a link",
    "Cause": "a cause",
    "Marked": "a marked text",
    "str": "a text",
    "int": "a number",
    "tuple": "a list",
    "date": "a date",
}


class _Late:
    """A value that differs between recipients, and is put in after the template has been filled."""

    def __init__(self, name: str) -> None:
        self.name = name


def variable_problems(
    source: Source, tree: nodes.Template, values: Mapping[str, Any], per_recipient: Sequence[str]
) -> Iterator[Problem]:
    """Yield attributes that are not there, and uses of recipients' own values that cannot work, each with a suggestion.

    ``tree`` is the source as Jinja reads it, ``values`` what a sample gives its variables.
    """
    follower = _Follower(source, {**values, **{name: _Late(name) for name in per_recipient}})
    follower.follow(tree.body)
    yield from dict.fromkeys(follower.problems)


def column_of_tag(source: Source, line: int) -> int:
    """Return the column (from 1) of the first Jinja tag in a line (from 1), 0 where there is none."""
    lines = source.text.split("\n")
    found = re.search(r"\{[{%]", lines[line - 1]) if 0 < line <= len(lines) else None
    return found.start() + 1 if found else 0


def column_of(source: Source, line: int, word: str) -> int:
    """Return the column (from 1) of a word in a line (from 1), 0 where it does not stand there."""
    lines = source.text.split("\n")
    found = re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", lines[line - 1]) if 0 < line <= len(lines) else None
    return found.start() + 1 if found else 0


class _Follower:
    """Goes through a template in its order, keeping what its variables hold."""

    def __init__(self, source: Source, scope: Mapping[str, Any]) -> None:
        self._source = source
        self._scope = dict(scope)
        self.problems: list[Problem] = []

    def follow(self, body: Sequence[nodes.Node]) -> None:
        """Go through some statements."""
        for node in body:
            self._statement(node)

    def _statement(self, node: nodes.Node) -> None:
        match node:
            case nodes.For():
                self._loop(node)
            case nodes.If():
                self._ask(node)
            case nodes.Assign():
                self._bind(node.target, self._value(node.node))
            case nodes.AssignBlock() | nodes.FilterBlock() | nodes.ScopedEvalContextModifier():
                self.follow(list(node.iter_child_nodes()))
            case nodes.Macro() | nodes.CallBlock():
                self._within({each.name: _UNKNOWN for each in node.args}, node.body)
            case nodes.With():
                names = dict(zip([each.name for each in node.targets if isinstance(each, nodes.Name)],
                                 map(self._value, node.values), strict=False))  # fmt: skip
                self._within(names, node.body)
            case nodes.Expr():
                self._value(node)
            case _:
                self.follow(list(node.iter_child_nodes()))

    def _within(self, names: Mapping[str, Any], body: Sequence[nodes.Node]) -> None:
        outer, self._scope = self._scope, {**self._scope, **names}
        self.follow(body)
        self._scope = outer

    def _loop(self, node: nodes.For) -> None:
        value = self._value(node.iter)
        if isinstance(value, _Late):
            self._misused(node, value, "a loop cannot go through it")
        outer, self._scope = self._scope, {**self._scope, "loop": _UNKNOWN}
        self._bind(node.target, _first(value))
        if node.test is not None:
            self._value(node.test)
        self.follow(node.body)
        self._scope = outer
        self.follow(node.else_)

    def _ask(self, node: nodes.If) -> None:
        value = self._value(node.test)
        if isinstance(node.test, nodes.Name) and isinstance(value, _Late) and value.name in _ALWAYS_THERE:
            self._misused(node.test, value, "it is always there, as far as the template can tell")
        for part in (node.body, node.elif_, node.else_):
            self.follow(part)

    def _bind(self, target: nodes.Node, value: Any) -> None:
        if isinstance(target, nodes.Name):
            self._scope[target.name] = value
        elif isinstance(target, nodes.Tuple):
            for item in target.items:
                self._bind(item, _UNKNOWN)

    def _value(self, node: nodes.Node) -> Any:  # noqa: PLR0911 (a kind of node each)
        """Return what an expression comes to, as far as that is known."""
        match node:
            case nodes.Name():
                return self._scope.get(node.name, _UNKNOWN)
            case nodes.Const():
                return node.value
            case nodes.Getattr():
                return self._attribute(node, self._value(node.node), node.attr)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Filter():
                return self._filtered(node)
            case nodes.Compare():
                self._compared(node)
            case nodes.Concat():
                return next((each for each in map(self._value, node.nodes) if isinstance(each, _Late)), _UNKNOWN)
            case nodes.CondExpr():
                values = [self._value(each) for each in (node.test, node.expr1, node.expr2) if each is not None]
                return values[1]
            case _:
                for child in node.iter_child_nodes():
                    self._value(child)
        return _UNKNOWN

    def _attribute(self, node: nodes.Node, value: Any, name: str) -> Any:
        if isinstance(value, _Late):
            self._misused(node, value, f".{name} is asked of what stands in for it")
            return _UNKNOWN
        if value is _UNKNOWN or value is None:
            return _UNKNOWN
        if isinstance(value, Mapping) and name in value:
            return value[name]
        if not name.startswith("_") and hasattr(value, name):
            return getattr(value, name)
        self._missing(node, value, name)
        return _UNKNOWN

    def _item(self, node: nodes.Getitem) -> Any:
        value, key = self._value(node.node), self._value(node.arg)
        if isinstance(value, _Late):
            self._misused(node, value, "there are no parts of it yet")
        elif isinstance(key, str):
            return self._attribute(node, value, key)
        elif isinstance(key, int) and isinstance(value, Sequence):
            return _first(value)
        return _UNKNOWN

    def _filtered(self, node: nodes.Filter) -> Any:
        value = self._value(node.node) if node.node is not None else _UNKNOWN
        arguments = [self._value(each) for each in node.args]
        named = {str(each.key): self._value(each.value) for each in node.kwargs}
        if isinstance(value, _Late):
            if node.name not in _HARMLESS:
                self._misused(node, value, f"the filter {node.name} sees what stands in for it", node.name)
            return value
        if node.name in _BY_ATTRIBUTE and isinstance(value, Sequence):
            asked = named.get("attribute") or (arguments[0] if node.name.endswith(("attr", "groupby")) else None)
            if isinstance(asked, str):
                self._attribute(node, _first(value), asked.partition(".")[0])
        if node.name in _SAME_ELEMENTS:
            return value
        return _first(value) if node.name in ("first", "last") else _UNKNOWN

    def _compared(self, node: nodes.Compare) -> None:
        for side in (node.expr, *(operand.expr for operand in node.ops)):
            value = self._value(side)
            if isinstance(value, _Late):
                self._misused(node, value, "what stands in for it is compared")

    def _missing(self, node: nodes.Node, value: Any, name: str) -> None:
        there = [each for each in dir(value) if not each.startswith("_")]
        near = get_close_matches(name, there, n=1)
        own = type(value).__name__
        what = _CALLED.get(own, own.lower())
        advice = f"did you mean {near[0]}?" if near else "docs/templates.md lists what there is"
        self._add(node, name, f"{what} has no {name}", advice)

    def _misused(self, node: nodes.Node, value: _Late, why: str, word: str = "") -> None:
        message = f"{value.name} {MISUSED}: {why}"
        self._add(node, word or value.name, message, f"print it as it is: {{{{ {value.name} }}}}")

    def _add(self, node: nodes.Node, word: str, message: str, advice: str) -> None:
        line = node.lineno or 1
        self.problems.append(self._source.problem(line, column_of(self._source, line, word), message, advice))


def _first(value: Any) -> Any:
    """Return a value like those in a list, where that is known."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return value[0] if is_list and value else _UNKNOWN
