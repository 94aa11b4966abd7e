"""Templates made quick to fill: what they include put in its place, and constants for what is the same in every mail:
texts without values, and what language and brand say. Where such a template fails, its lines tell nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateNotFound, nodes
from jinja2.visitor import NodeTransformer

if TYPE_CHECKING:
    from newsletter.languages import Language
    from newsletter.mail.brand import Brand

_MESSAGE = frozenset({"_", "gettext"})
_DEEPEST = 8  # levels of inclusion; deeper is a circle
_WHOLE = (nodes.Extends, nodes.Block, nodes.Import, nodes.FromImport)  # what only a whole template may hold


def flattened(environment: Environment, text: str, language: Language, brand: Brand) -> nodes.Template:
    """Return the nodes of a template that does the same as ``text`` in this language, and of this brand."""
    tree: nodes.Template = _Inclusion(environment).visit(environment.parse(text))
    named = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    _Constants(language, brand, named).visit(tree)
    tree.set_environment(environment)
    return tree


def of_language(language: Language) -> dict[str, str]:
    """Return the variables that are the same in all mails in a language."""
    sides = ("left", "right") if language.direction == "ltr" else ("right", "left")
    return {"lang": language.code, "direction": language.direction, "start": sides[0], "end": sides[1]}


class _Inclusion(NodeTransformer):
    """Puts the nodes of what is included by its name in the place of the tag."""

    def __init__(self, environment: Environment, depth: int = 0) -> None:
        self._environment, self._depth = environment, depth

    def visit_Include(self, tag: nodes.Include) -> nodes.Node:  # noqa: N802 (Jinja's name)
        match tag:
            case nodes.Include(template=nodes.Const(value=str(name)), with_context=True) if self._depth < _DEEPEST:
                return self._included(name) or tag
        return tag

    def _included(self, name: str) -> nodes.Node | None:
        try:
            text = self._environment.loader.get_source(self._environment, name)[0]  # type: ignore[union-attr]
        except TemplateNotFound:
            return None
        tree = self._environment.parse(text)
        if any(tree.find(kind) for kind in _WHOLE):
            return None
        return nodes.Scope(_Inclusion(self._environment, self._depth + 1).visit(tree).body)


class _Constants(NodeTransformer):
    """Puts constants in the place of nodes; to the ``named`` the template gives a meaning of its own."""

    def __init__(self, language: Language, brand: Brand, named: set[str]) -> None:
        self._language, self._brand, self._named = language, brand, named

    def visit_Call(self, call: nodes.Call) -> nodes.Node:  # noqa: N802 (Jinja's name)
        self.generic_visit(call)
        match call:
            case nodes.Call(node=nodes.Name(name=name)) if name in _MESSAGE - self._named:
                call.node = nodes.Name("gettext", "load")  # "_" would look for it each time
                return self._message(call)
        return call

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 (Jinja's name)
        value = None if node.name in self._named else of_language(self._language).get(node.name)
        return node if value is None else nodes.Const(value)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 (Jinja's name)
        try:
            value = self._of_brand(node)
        except (AttributeError, nodes.Impossible):  # what is not there is told of when it is asked for
            return self.generic_visit(node)
        return nodes.Const(value) if isinstance(value, str | int) else node

    def _message(self, call: nodes.Call) -> nodes.Expr:
        match call:
            case nodes.Call(args=[nodes.Const(value=str(text))], kwargs=[], dyn_args=None, dyn_kwargs=None):
                return nodes.MarkSafeIfAutoescape(nodes.Const(self._language.gettext(text)))
        return call

    def _of_brand(self, node: nodes.Expr) -> object:
        """Return what ``brand.…`` stands for; AttributeError for what it does not have, Impossible for other nodes."""
        match node:
            case nodes.Name(name="brand") if "brand" not in self._named:
                return self._brand
            case nodes.Getattr(node=inner, attr=name):
                return getattr(self._of_brand(inner), name)
        raise nodes.Impossible
