"""MJML with Jinja inside to HTML with Jinja inside, once per template; the only importer of the MJML compiler.

The compiler never sees a paper: one stray control character in a title would stop it for the whole digest. It does see
the template's tags, and passes on those it does not know, so they are checked here first.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from mjml import mjml2html

from newsletter.errors import TemplateError
from newsletter.mail.grammar import ANYWHERE, PARENTS, TEXTUAL, allowed_attributes, known_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.mail.templates import Source
    from newsletter.model import Problem

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_OPENS_JINJA = re.compile(r"\{[{%#]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_REMARK = re.compile(r"\{#.*?#\}|<!--(?!\[if|<!).*?-->", re.DOTALL)  # for template authors, not for readers
_TAG = re.compile(
    r"<(?P<closes>/?)(?P<name>mj[\w-]*)(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)(?P<end>>|$|(?=<))", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"([^\s=/\"'<>]+)(\s*=\s*(?:\"[^\"]*\"|'[^']*'))?")
_POSITION = re.compile(r"position (\d+)")
_HTML_TAG = re.compile(
    r"<(?P<closes>/?)(?P<name>[A-Za-z][\w-]*)(?:\"[^\"]*\"|'[^']*'|[^<>\"'/]|/(?!>))*(?P<end>/?)>|<(?P<bare>[^A-Za-z/!?])"
)
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_INDENTATION = re.compile(r"\n\s+")


def compile_mjml(source: Source) -> str:
    """Return the HTML, Jinja tags and all, of a template without :func:`tag_problems`; TemplateError when the compiler
    does not take it.
    """
    try:
        html = mjml2html(without_remarks(source.text), fonts={})
    except (ValueError, TypeError) as error:
        raise TemplateError(problems=[_compiler_problem(source, error)]) from error
    if "<mj-" in masked(html):
        raise TemplateError(problems=[source.problem(1, 0, "an MJML tag was left over by the compiler")])
    return html if "<pre" in html else _INDENTATION.sub("\n", html)


def without_remarks(text: str) -> str:
    """Return a template's text with the remarks for its authors blanked out, every line where it was."""
    return _REMARK.sub(_blank, text)


def tag_problems(source: Source) -> Iterator[Problem]:
    """Yield what is wrong with a template's MJML tags: unknown, misplaced, unclosed, with attributes unknown.

    Nothing, where a delimiter of Jinja's is never closed: there is no telling then what is a tag.
    """
    if not is_delimited(source.text):
        return
    for match in _JINJA.finditer(source.text):
        if "<" in match[0] and not match[0].startswith("{#"):
            message = "'<' cannot stand in a Jinja expression here, for MJML takes it for a tag"
            yield at(source, match.start(), message, "turn it round: write b > a for a < b")
    text = masked(source.text)
    open_tags: list[tuple[str, int]] = []
    for match in _TAG.finditer(text):
        yield from _tag_problem(source, match, open_tags)
    for name, position in open_tags:
        yield at(source, position, f"<{name}> is never closed", f"add </{name}>")
    if not _TAG.search(text):
        yield source.problem(1, 0, "this is not MJML: it holds no <mjml> tag", "begin with <mjml>")


def mjml_tags(text: str) -> Iterator[re.Match[str]]:
    """Yield MJML's tags in a text that is :func:`masked`: groups ``closes``, ``name``, ``rest`` and ``end``."""
    return _TAG.finditer(text)


def is_delimited(text: str) -> bool:
    """Whether everything of Jinja's that is opened is closed before the next opens. CSS may end with ``}}``."""
    expressions = (match[0][2:] for match in _JINJA.finditer(text) if not match[0].startswith("{#"))
    return not _OPENS_JINJA.search(_JINJA.sub(_blank, text)) and not any(map(_OPENS_JINJA.search, expressions))


def _tag_problem(source: Source, match: re.Match[str], open_tags: list[tuple[str, int]]) -> Iterator[Problem]:
    name, position = match["name"], match.start()
    if name not in known_tags():
        if match["closes"]:
            return  # told where it was opened
        near = difflib.get_close_matches(name.lower(), known_tags(), n=1)
        yield at(source, position, f"unknown tag <{name}>", f"did you mean <{near[0]}>?" if near else "")
        return
    if not match["end"]:
        yield at(source, position, f"<{name} has no closing '>'")
        return
    if match["closes"]:
        yield from _closing_problem(source, name, position, open_tags)
        return
    yield from _attribute_problems(source, name, match)
    if problem := _place_problem(source, name, position, open_tags):
        yield problem
    if not match["rest"].rstrip().endswith("/"):
        open_tags.append((name, position))


def _closing_problem(source: Source, name: str, position: int, open_tags: list[tuple[str, int]]) -> Iterator[Problem]:
    """Take the tag that ``</name>`` closes off the pile, and yield what is wrong with that."""
    names = [each for each, _ in open_tags]
    if name not in names:
        yield at(source, position, f"</{name}> closes nothing", f"remove it, or add <{name}> before it")
        return
    while open_tags[-1][0] != name:
        inner, where = open_tags.pop()
        yield at(source, where, f"<{inner}> is never closed", f"add </{inner}> before </{name}>")
    open_tags.pop()


def _place_problem(source: Source, name: str, position: int, open_tags: list[tuple[str, int]]) -> Problem | None:
    parent = open_tags[-1][0] if open_tags else ""
    if name in ANYWHERE or parent == "mj-raw" or parent in PARENTS.get(name, ()) or (name == "mjml" and not parent):
        return None
    if parent in TEXTUAL:
        return at(source, position, f"<{name}> stands within <{parent}>", f"close <{parent}> before it")
    places = " or ".join(f"<{each}>" for each in sorted(PARENTS[name] - {"mj-attributes"}))
    where = f"within <{parent}>" if parent else "outside <mjml>"
    return at(source, position, f"<{name}> stands {where}", f"put it in {places or 'no other tag'}")


def _attribute_problems(source: Source, name: str, match: re.Match[str]) -> Iterator[Problem]:
    allowed = allowed_attributes(name)
    for found in _ATTRIBUTE.finditer(match["rest"]):
        attribute, position = found[1], match.start("rest") + found.start()
        if attribute not in allowed:
            near = difflib.get_close_matches(attribute, allowed, n=1)
            advice = f"did you mean {near[0]}?" if near else f"<{name}> takes {', '.join(sorted(allowed))}"
            yield at(source, position, f"<{name}> has no attribute {attribute}", advice)
        elif found[2] is None:
            yield at(source, position, f"{attribute} has no value in quotes", f'write {attribute}="…"')


def masked(text: str) -> str:
    """Return ``text`` with Jinja tags and comments blanked out, every character that stays where it was."""
    return _COMMENT.sub(_blank, _JINJA.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def at(source: Source, position: int, message: str, advice: str = "") -> Problem:
    """Return a problem at a position of a source's text."""
    before = source.text[:position]
    return source.problem(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1, message, advice)


def _compiler_problem(source: Source, error: Exception) -> Problem:
    """Return the compiler's complaint, placed where the HTML between the tags goes wrong, as far as that shows."""
    words = " ".join(str(error).split())
    message, advice = f"the MJML compiler says: {words}", "look for a stray '<', '&' or quote"
    if suspect := _unbalanced_html(source):
        return suspect
    if match := _POSITION.search(words):
        return at(source, int(match[1]), message, advice)
    return source.problem(1, 0, message, advice)


def _unbalanced_html(source: Source) -> Problem | None:
    """Return the first HTML tag that is not closed, or closes nothing, or the first bare ``<``."""
    text = masked(source.text)
    open_tags: list[tuple[str, int]] = []
    for match in _HTML_TAG.finditer(text):
        if match["bare"]:
            return at(source, match.start(), "a bare '<' stands in the text", "write &lt;")
        name = match["name"].lower()
        if name in _VOID or match["end"] == "/":
            continue
        if not match["closes"]:
            open_tags.append((name, match.start()))
        elif open_tags and open_tags[-1][0] == name:
            open_tags.pop()
        elif name not in [each for each, _ in open_tags]:
            return at(source, match.start(), f"</{name}> closes nothing", f"remove it, or add <{name}> before it")
        else:
            inner, where = open_tags[-1]
            return at(source, where, f"<{inner}> is never closed", f"add </{inner}> before </{name}>")
    return at(source, open_tags[-1][1], f"<{open_tags[-1][0]}> is never closed") if open_tags else None
