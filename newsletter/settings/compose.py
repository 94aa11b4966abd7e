"""YAML text becomes a :class:`Document`, or a list of problems: never an exception, a hang, or a full memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from newsletter.model import Problem
from newsletter.settings.document import Document, ListNode, MappingNode, Mark, Node, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Iterator

MAXIMUM_DEPTH = 40
MAXIMUM_NODES = 200_000  # with all aliases written out: a "billion laughs" file reaches this at once

KNOWN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
NOTHING = frozenset(("", "~", "null", "Null", "NULL"))

TAB = "'\\t'"
ADVICE = (
    (TAB, "indent with spaces, not with tabs"),
    ("mapping values are not allowed", "put a text that holds “: ” in quotes, and check the indentation"),
    ("'@'", "put a text that begins with @ in quotes"),
    ("'`'", "put a text that begins with ` in quotes"),
    ("'%'", "put a text that begins with % in quotes"),
    ("unexpected end of stream", "a quotation mark is not closed"),
    ("flow sequence", "close the list with ]"),
    ("flow mapping", "close the mapping with }"),
    ("<block end>", "check the indentation: what belongs together starts in the same column"),
    ("could not find expected ':'", "write a colon and a space after each key"),
    ("escape", "inside double quotes \\ is special: use single quotes instead"),
)


class UnreadableError(Exception):
    """A file that cannot be read on: carries the problem that ended it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def compose_document(file: str, text: str) -> tuple[Document | None, list[Problem]]:
    """Return what ``text`` says and what is wrong with it; no document when it cannot be read to its end."""
    composer = Composer(file, text)
    try:
        root = composer.compose()
    except UnreadableError as error:
        return None, [*composer.problems, error.problem]
    if root is None:
        problem = Problem(file, 0, 0, "the file is empty", "write at least one line of the form key: value")
        return None, [*composer.problems, problem]
    if not isinstance(root, MappingNode):
        message = "the file must hold keys with values (key: value)"
        return None, [*composer.problems, Problem(file, root.start.line, root.start.column, message)]
    return Document(file, text, root), composer.problems


class Composer:
    """Builds nodes from YAML's events without recursion, keeping count of depth and size."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self.stack: list[ListNode | MappingNode] = []
        self.pending: list[tuple[str, Mark] | None] = []  # for each open mapping, the key that waits for its value
        self.anchors: dict[str, Node] = {}
        self.root: Node | None = None
        self.documents = 0

    def compose(self) -> Node | None:
        """Return the outermost node, None when there is none; UnreadableError when the file is no YAML."""
        for event in self._events():
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._stop(_mark(event.start_mark), "a second document begins (---)", "keep one per file")
            elif isinstance(event, yaml.AliasEvent):
                self._add(self._alias(event))
            elif isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close(event)
        root = self.root
        return None if isinstance(root, ScalarNode) and root.text is None else root

    def _events(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError as error:
            raise UnreadableError(self._reason(error)) from error

    def _reason(self, error: yaml.YAMLError) -> Problem:
        """Return the parser's complaint as a problem."""
        if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
            return Problem(self.file, 0, 0, f"this is not YAML: {' '.join(str(error).split())}")
        error = self._clearer(error)
        mark = _mark(error.problem_mark)
        words = f"{error.context or ''} {error.problem or ''}"
        if self.text[mark.index : mark.index + 1] == "\t":
            words += TAB
        advice = next((advice for sign, advice in ADVICE if sign in words), "check the indentation and the quotes")
        reason = (error.problem or "it cannot be read").replace("<stream end>", "the end of the file")
        return Problem(self.file, mark.line, mark.column, f"this is not YAML: {reason}", advice)

    def _clearer(self, error: yaml.MarkedYAMLError) -> yaml.MarkedYAMLError:
        """Return what PyYAML's own parser says of the same line: it words it better than libyaml, which is faster."""
        try:
            for _ in yaml.parse(self.text, Loader=yaml.SafeLoader):
                pass
        except yaml.MarkedYAMLError as clearer:
            if clearer.problem_mark and error.problem_mark and clearer.problem_mark.line == error.problem_mark.line:
                return clearer
        except yaml.YAMLError:
            return error
        return error

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        start = _mark(event.start_mark)
        if len(self.stack) >= MAXIMUM_DEPTH:
            self._stop(start, f"values are nested more than {MAXIMUM_DEPTH} deep", "write it flatter")
        self._check_tag(event.tag, start)
        node = ListNode(start, start) if isinstance(event, yaml.SequenceStartEvent) else MappingNode(start, start)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.stack.append(node)
        self.pending.append(None)

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        node = self.stack.pop()
        self.pending.pop()
        node.end = _mark(event.end_mark)
        if isinstance(node, MappingNode):
            self._merge(node)
        self._add(node)

    def _scalar(self, event: yaml.ScalarEvent) -> ScalarNode:
        start = _mark(event.start_mark)
        self._check_tag(event.tag, start)
        text: str | None = event.value
        if event.style in (None, "") and event.tag is None and text in NOTHING:
            text = None
        node = ScalarNode(start, _mark(event.end_mark), text=text, style=event.style or None)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        start = _mark(event.start_mark)
        node = self.anchors.get(str(event.anchor))
        if node is None:
            advice = f"put it in quotes if it is a text, or define it with &{event.anchor}"
            self._stop(start, f"*{event.anchor} refers to nothing", advice)
        if any(node is open_node for open_node in self.stack):
            self._stop(start, f"*{event.anchor} refers to what it is a part of", "write the value out")
        return node

    def _add(self, node: Node) -> None:
        """Put a finished node where it belongs: the list or mapping that is open, or the root."""
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.size += node.size
        if parent.size > MAXIMUM_NODES:
            self._stop(parent.start, f"this comes to more than {MAXIMUM_NODES:,} values", "use fewer aliases (*name)")
        if isinstance(parent, ListNode):
            parent.items.append(node)
        elif self.pending[-1] is None:
            self.pending[-1] = (self._key(node), node.start)
        else:
            key, mark = self.pending[-1]
            self.pending[-1] = None
            self._put(parent, key, mark, node)

    def _key(self, node: Node) -> str:
        if isinstance(node, ScalarNode) and node.text:
            return node.text
        advice = "put a text that begins with { or [ in quotes"
        if isinstance(node, ScalarNode):
            advice = "write a name before the colon"
        self._report(node.start, "a key must be a word", advice)
        return ""

    def _put(self, parent: MappingNode, key: str, mark: Mark, node: Node) -> None:
        if not key:  # reported already
            return
        if key in parent.values:
            first = parent.keys[key].line
            self._report(mark, f"the key “{key}” is there twice", f"it stands in line {first} already; keep one")
            return
        parent.keys[key] = mark
        parent.values[key] = node

    def _merge(self, node: MappingNode) -> None:
        """Add what a merge key (``<<: *name``) brings, without touching what the mapping says itself."""
        mark, merged = node.keys.pop("<<", None), node.values.pop("<<", None)
        if mark is None or merged is None:
            return
        for part in merged.items if isinstance(merged, ListNode) else [merged]:
            if not isinstance(part, MappingNode):
                self._report(mark, "<< takes mappings only", "refer to one with *name")
                continue
            for key, value in part.values.items():
                node.keys.setdefault(key, part.keys[key])
                node.values.setdefault(key, value)

    def _check_tag(self, tag: str | None, mark: Mark) -> None:
        if tag not in (None, "!") and tag not in KNOWN_TAGS:
            shown = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._report(mark, f"the tag {shown} is not allowed", "write plain text, lists and mappings only")

    def _report(self, mark: Mark, message: str, advice: str) -> None:
        self.problems.append(Problem(self.file, mark.line, mark.column, message, advice))

    def _stop(self, mark: Mark, message: str, advice: str) -> NoReturn:
        raise UnreadableError(Problem(self.file, mark.line, mark.column, message, advice))


def _mark(mark: Any) -> Mark:
    """Return a mark of either of PyYAML's parsers, which share no type."""
    return Mark(mark.line + 1, mark.column + 1, mark.index)
