"""What a YAML file says, with the place of every word of it.

Scalars stay text: the models decide what is a number or a truth, so that ``07:30``, ``no``, ``1.10`` and ``0123`` mean
what their writer sees, and a file reads exactly as the environment does. Only an empty value, ``~`` and ``null`` are
special (they mean "not given").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Plain = None | str | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: line and column count from 1, ``index`` counts characters from 0."""

    line: int
    column: int
    index: int


@dataclass(slots=True, eq=False)
class Node(ABC):
    """A value in a file. ``size`` counts the nodes that it comes to when its aliases are written out."""

    start: Mark
    end: Mark
    size: int = 1

    @abstractmethod
    def plain(self) -> Plain:
        """Return the value without places."""


@dataclass(slots=True, eq=False)
class ScalarNode(Node):
    """A text, or None where nothing was given; ``style`` is YAML's: None when plain, or one of ``'"|>``."""

    text: str | None = None
    style: str | None = None

    def plain(self) -> Plain:
        """Return the text or None."""
        return self.text


@dataclass(slots=True, eq=False)
class ListNode(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)

    def plain(self) -> Plain:
        """Return the items' values."""
        return [item.plain() for item in self.items]


@dataclass(slots=True, eq=False)
class MappingNode(Node):
    """Keys with values; ``keys`` holds where each key stands."""

    keys: dict[str, Mark] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)

    def plain(self) -> Plain:
        """Return the values by key."""
        return {key: value.plain() for key, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its name as people shall see it, its text, and its outermost mapping."""

    file: str
    text: str
    root: MappingNode

    def plain(self) -> dict[str, Plain]:
        """Return the values of the whole file, without places."""
        return {key: value.plain() for key, value in self.root.values.items()}

    def place(self, location: Sequence[int | str], *, of_key: bool = False) -> Mark:
        """Return where a value stands, or its key, or as near to it as the file goes.

        ``location`` is a path as pydantic gives it. Steps that the file does not have (the name of a union's member,
        a key that is missing) are passed over.
        """
        node: Node = self.root
        mark = node.start
        for step in location:
            if isinstance(node, MappingNode) and step in node.values:
                name = str(step)
                mark = node.keys[name] if of_key else _first(node.keys[name], node.values[name])
                node = node.values[name]
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                mark = node.start
        return mark

    def node(self, location: Sequence[int | str]) -> Node | None:
        """Return the node at exactly this path, or None."""
        node: Node | None = self.root
        for step in location:
            if isinstance(node, MappingNode):
                node = node.values.get(str(step))
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node


def _first(key: Mark, value: Node) -> Mark:
    """Return where a value starts, or its key where there is nothing to point at."""
    is_empty = value.start.index == value.end.index
    return key if is_empty else value.start
