"""A template ready to be filled: its HTML and its plain text, and where in its files a failure lies."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from markupsafe import escape

from newsletter.errors import TemplateError
from newsletter.languages.templates import speak
from newsletter.mail.compile import compile_mjml, tag_problems
from newsletter.mail.filters import html_filters, text_filters
from newsletter.mail.flatten import flattened
from newsletter.mail.once import Once
from newsletter.mail.strictness import strict_problems
from newsletter.mail.variables import column_of, column_of_tag, variable_problems
from newsletter.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jinja2 import Template

    from newsletter.languages import Language
    from newsletter.mail.brand import Brand
    from newsletter.mail.templates import Source, Stamp, TemplateFiles

MOST_KNOWN = 256
_BLANK_LINES = "\n" * 4
_SIGNATURE = "\n-- \n"  # keeps its space (RFC 3676, 4.3)
_LOOK = re.compile(r"\{\{\s*(light|dark|theme)\.([a-z_]+)\s*\}\}")


@dataclass(frozen=True, eq=False)
class Compiled:
    """One template, HTML and text, compiled; the environments are those of its sources, to find lines by."""

    html_source: Source
    text_source: Source
    included: tuple[Source, ...]
    html: Template
    html_environment: Environment
    text: Template
    text_environment: Environment

    @cached_property
    def stamps(self) -> tuple[Stamp, ...]:
        """The files that it was made of, as they were."""
        sources = (self.html_source, self.text_source, *self.included)
        return tuple(stamp for source in sources for stamp in source.stamps)


class Compiler:
    """Turns template files into templates that can be filled."""

    def __init__(self, files: TemplateFiles, brand: Brand, variables: frozenset[str]) -> None:
        self._files = files
        self._brand = brand
        self._variables = variables
        self._referenced: dict[str, frozenset[str]] = {}  # by a file's text: which files it includes

    def compile(self, name: str, language: Language) -> Compiled:
        """Return ``name``.mjml and ``name``.txt, compiled, to be filled in ``language``; TemplateError with every
        problem that shows before.

        What they include is read now and kept, so that a digest is never filled with half of a change.
        """
        included: dict[str, Source] = {}
        html_environment = self._environment(included, language, is_html=True)
        text_environment = self._environment(included, language, is_html=False)
        html_source, problems = self._loaded(f"{name}.mjml")
        text_source = None
        if html_source or self._files.find(f"{name}.txt"):  # a name that is no template's is told once
            text_source, unreadable = self._loaded(f"{name}.txt")
            problems += unreadable
        if html_source:
            problems += [*self._jinja_problems(html_environment, html_source), *tag_problems(html_source)]
        if text_source:
            problems += self._jinja_problems(text_environment, text_source)
        sources = tuple(source for source in (html_source, text_source) if source)
        problems += self._included_problems(text_environment, sources, included)
        if problems or html_source is None or text_source is None:
            raise TemplateError(problems=problems)
        return Compiled(
            html_source,
            text_source,
            tuple(included.values()),
            html=self._quick(html_environment, with_look(compile_mjml(html_source), self._brand), language),
            html_environment=html_environment,
            text=self._quick(text_environment, text_source.text, language),
            text_environment=text_environment,
        )

    def _quick(self, environment: Environment, text: str, language: Language) -> Template:
        code = environment.compile(flattened(environment, text, language, self._brand))
        names = dict(environment.globals)  # Jinja's own mapping costs a third of the time for a mail
        return environment.template_class.from_code(environment, code, names)

    def _loaded(self, name: str) -> tuple[Source | None, list[Problem]]:
        """Return a file with what it includes, None when that cannot be read, and why not or what is missing in it."""
        try:
            source = self._files.load(name)
        except TemplateError as error:
            return None, list(error.problems)
        return source, list(source.missing)

    def _environment(self, included: Mapping[str, Source], language: Language, *, is_html: bool) -> Environment:
        def load(name: str) -> tuple[str, str, None] | None:
            if source := included.get(name):
                return source.text, source.origins[0][0], None
            return None

        environment = Environment(
            autoescape=is_html,  # noqa: S701 (plain text is not HTML)
            undefined=StrictUndefined,
            loader=FunctionLoader(load),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            extensions=[Once],
        )
        speak(environment, language)
        environment.filters.update(html_filters(self._brand) if is_html else text_filters(language))
        return environment

    def _included_problems(
        self, environment: Environment, sources: tuple[Source, ...], included: dict[str, Source]
    ) -> Iterator[Problem]:
        """Read into ``included`` what the sources include, and so on, and yield what Jinja cannot parse."""
        waiting = list(sources)
        while waiting:
            source = waiting.pop()
            try:
                names = self._names_in(environment, source.text)
            except TemplateSyntaxError as error:
                if source not in sources:
                    yield _syntax_problem(source, error)
                continue
            for name in sorted(name for name in names - included.keys() if self._files.find(name)):
                loaded, problems = self._loaded(name)
                yield from problems
                if loaded:
                    included[name] = loaded
                    waiting.append(loaded)

    def _names_in(self, environment: Environment, text: str) -> frozenset[str]:
        """Return the names of what a text includes; shared parts are asked for by each template."""
        if text not in self._referenced:
            if len(self._referenced) >= MOST_KNOWN:  # files that are being edited leave stale ones behind
                self._referenced.clear()
            self._referenced[text] = frozenset(filter(None, find_referenced_templates(environment.parse(text))))
        return self._referenced[text]

    def _jinja_problems(self, environment: Environment, source: Source) -> Iterator[Problem]:
        """Yield what Jinja finds wrong before it fills anything: syntax, unknown filters, tests and variables."""
        try:
            tree = environment.parse(source.text)
        except TemplateSyntaxError as error:
            yield _syntax_problem(source, error)
            return
        lenient = environment.overlay()
        lenient.filters, lenient.tests = dict(environment.filters), dict(environment.tests)
        for node in tree.find_all((nodes.Filter, nodes.Test)):
            word, known = ("filter", lenient.filters) if isinstance(node, nodes.Filter) else ("test", lenient.tests)
            if node.name not in known:
                near = get_close_matches(node.name, known, n=1)
                advice = f"did you mean {near[0]}?" if near else ""
                column = column_of(source, node.lineno, node.name)
                yield source.problem(node.lineno, column, f"Jinja: No {word} named {node.name!r}", advice)
                known[node.name] = _stand_in  # stands in for it, so that what else is wrong shows as well
        tree.set_environment(lenient)
        try:
            lenient.compile(tree)
        except TemplateSyntaxError as error:
            yield _syntax_problem(source, error)
            return
        yield from self._unknown_names(source, tree, environment.globals.keys())

    def _unknown_names(self, source: Source, tree: nodes.Template, known: Iterable[str]) -> Iterator[Problem]:
        unknown = find_undeclared_variables(tree) - self._variables - frozenset(known)
        for name in tree.find_all(nodes.Name):
            if name.name in unknown and name.ctx == "load":
                unknown.discard(name.name)
                near = get_close_matches(name.name, self._variables, n=1)
                advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(self._variables))}"
                column = column_of(source, name.lineno, name.name)
                yield source.problem(name.lineno, column, f"there is no variable {name.name}", advice)

    def strict_problems(
        self,
        name: str,
        language: Language,
        values: Mapping[str, Any],
        per_recipient: Sequence[str],
        known: dict[str, nodes.Template],
    ) -> Iterator[Problem]:
        """Yield what :meth:`compile` lets pass and a sample may never meet: what MJML loses, attributes that are not
        there, and misused values of recipients. ``values`` are those of a sample; ``known`` holds what was parsed for
        the templates before, by its text.
        """
        included: dict[str, Source] = {}
        environment = self._environment(included, language, is_html=False)
        own = [source for suffix in (".mjml", ".txt") if (source := self._loaded(f"{name}{suffix}")[0])]
        if own and own[0].name.endswith(".mjml"):
            yield from strict_problems(own[0])
        list(self._included_problems(environment, tuple(own), included))  # reads them; what is wrong has been told
        trees = {source: tree for source in (*own, *included.values()) if (tree := _parsed(environment, source, known))}
        stored = {each.name for tree in trees.values() for each in tree.find_all(nodes.Name) if each.ctx == "store"}
        for source, tree in trees.items():
            yield from variable_problems(source, tree, values, per_recipient)
            if source not in own:  # what it is included by may have set something
                yield from self._unknown_names(source, tree, {*stored, *environment.globals, "loop"})


def _parsed(environment: Environment, source: Source, known: dict[str, nodes.Template]) -> nodes.Template | None:
    try:
        return known.get(source.text) or known.setdefault(source.text, environment.parse(source.text))
    except TemplateSyntaxError:
        return None


def _syntax_problem(source: Source, error: TemplateSyntaxError) -> Problem:
    return source.problem(error.lineno, column_of_tag(source, error.lineno), f"Jinja: {error.message}")


def with_look(html: str, brand: Brand) -> str:
    """Return ``html`` with the colours and the type printed that it names: they are a third of what there is to fill,
    and the same in every mail.
    """
    looks = {"light": brand.light, "dark": brand.dark, "theme": brand.theme}
    return _LOOK.sub(lambda match: str(escape(getattr(looks[match[1]], match[2], match[0]))), html)


def _stand_in(*_: object) -> str:
    """Stand in for a filter or test that is not there, while the rest of a template is looked through."""
    return ""


def fill_html(compiled: Compiled, variables: Mapping[str, Any]) -> list[str]:
    """Return the HTML in chunks; TemplateError with file and line when the template cannot be filled."""
    try:
        return list(compiled.html.generate(variables))
    except Exception as error:  # a template may raise anything at all
        problem = _draft_problem(compiled.html_environment, compiled.html_source, variables, error)
        raise TemplateError(problems=[problem]) from error


def fill_text(compiled: Compiled, variables: Mapping[str, Any]) -> str:
    """Return the plain text, blank lines evened out; TemplateError with file and line when it cannot be filled."""
    try:
        text = compiled.text.render(variables)
    except Exception as error:  # a template may raise anything at all
        problem = _draft_problem(compiled.text_environment, compiled.text_source, variables, error)
        raise TemplateError(problems=[problem]) from error
    if text.count(" \n") > text.count(_SIGNATURE):
        text = _SIGNATURE.join(["\n".join(map(str.rstrip, each.split("\n"))) for each in text.split(_SIGNATURE)])
    while _BLANK_LINES in text:  # a regular expression would look at each character of every digest
        text = text.replace(_BLANK_LINES, _BLANK_LINES[1:])
    return text.strip("\n") + "\n"


def drafted(environment: Environment, source: Source) -> Template:
    """Return a source as a template, as it stands in its file: slower than what was made of it, with its lines."""
    code = environment.compile(source.text, source.name, source.name)
    return environment.template_class.from_code(environment, code, environment.make_globals(None))


def _draft_problem(environment: Environment, source: Source, variables: Mapping[str, Any], error: Exception) -> Problem:
    """Fill the source itself, whose lines are known, to see where ``error`` came from."""
    try:
        drafted(environment, source).render(variables)
    except Exception as again:  # noqa: BLE001 (whatever the compiled template raised)
        return _problem(source, again)
    return _problem(source, error)


def _problem(source: Source, error: Exception) -> Problem:
    """Return what went wrong, at the innermost line that belongs to a template."""
    words = f"there is no template {error}" if isinstance(error, TemplateNotFound) else " ".join(str(error).split())
    message = words if words and type(error).__module__.startswith("jinja2") else f"{type(error).__name__}: {words}"
    known = {file for file, _ in source.origins}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == source.name:
            line = frame.lineno or 1
            return source.problem(line, column_of_tag(source, line), message, "docs/templates.md lists what there is")
        if frame.filename.endswith((".mjml", ".txt", ".html")) and frame.filename not in known:
            return Problem(frame.filename, frame.lineno or 0, 0, message, "docs/templates.md lists what there is")
    return source.problem(1, 0, message)
