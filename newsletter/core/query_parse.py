"""Reads boolean queries by recursive descent; what is wrong is told with its column and what to write instead.

::

    query  = clause { OR clause }
    clause = factor { [AND | ANDNOT] factor }            two terms side by side must both be there
    factor = { NOT } ( [field ":"] "(" query ")" | near )
    near   = term { NEAR ["/" n] term }
    term   = [field ":"] ( word | '"' phrase '"' [ "~" n ] )
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from newsletter.core.keyword import validate_keyword
from newsletter.core.match_authors import parse_author
from newsletter.core.query import FIELD_NAMES, OPERATORS, And, Near, Not, Or, Query, QueryField, Term, is_bounded
from newsletter.errors import QueryError

MAXIMUM_LENGTH = 10_000
_MAXIMUM_DEPTH = 40
_MAXIMUM_DISTANCE = 100
_DEFAULT_DISTANCE = 10
_IDENTIFIERS = frozenset(("id", "ids", "id_list", "arxiv", "arxiv_id", "doi"))  # name one paper; arXiv's API: id_list
_TOKEN = re.compile(
    r'\s*(?:(?P<open>\()|(?P<close>\))|(?P<quote>["“”])(?P<phrase>[^"“”]*)(?P<end>["“”])?(?P<near>~\d*)?'
    r'|(?P<field>[A-Za-z_]+)\s*:(?!//)|(?P<word>[^\s()"“”]+))'
)
_SYMBOLS = {"&": "AND", "&&": "AND", "|": "OR", "||": "OR", "!": "NOT", "+": "AND"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # open, close, phrase, field, word, operator, near, end
    text: str
    column: int
    distance: int | None = None


@lru_cache(maxsize=8192)
def parse_query(text: str) -> Query:
    """Return the tree of a query; QueryError points at the column (from 1) of what is wrong."""
    if len(text) > MAXIMUM_LENGTH:
        raise QueryError(f"the query has more than {MAXIMUM_LENGTH} characters", MAXIMUM_LENGTH + 1, "split it")
    tokens = _tokens(text)
    if tokens[0].kind == "end":
        raise QueryError("the query is empty", 1, "write what to look for, e.g. ti:diffusion AND cat:cs.LG")
    query = _Parser(tokens).parse()
    if not is_bounded(query):
        raise QueryError(
            "the query only says what must not be there, so nearly every paper would match", 1, "add what must be"
        )
    return query


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while (found := _TOKEN.match(text, position)) is not None:
        tokens.append(_token(found))
        position = found.end()
    return [*tokens, _Token("end", "", len(text.rstrip()) + 1)]


def _token(found: re.Match[str]) -> _Token:
    kind = found.lastgroup or ""
    if found["quote"] is not None:
        return _phrase(found)
    column = found.start(kind) + 1
    text = found[kind]
    if kind == "word":
        return _word(text, column)
    return _Token(kind, text, column)


def _phrase(found: re.Match[str]) -> _Token:
    column = found.start("quote") + 1
    if found["end"] is None:
        raise QueryError("this quotation mark has no partner", column, "close the phrase with a second one")
    distance = None
    if found["near"] is not None:
        distance = _distance(found["near"][1:], found.start("near") + 1)
    return _Token("phrase", found["phrase"], column, distance)


def _word(text: str, column: int) -> _Token:
    if text in OPERATORS:
        return _Token("operator", text, column)
    if text == "NEAR" or text.startswith("NEAR/"):
        return _Token("near", text, column, _distance(text[5:] or str(_DEFAULT_DISTANCE), column))
    if text.upper() in OPERATORS and text.islower():
        raise QueryError(f"{text!r} is no operator", column, f'write {text.upper()}, or "{text}" for the word itself')
    if text in _SYMBOLS:
        raise QueryError(f"{text!r} is no operator", column, f"write {_SYMBOLS[text]}")
    if text.startswith("-") and len(text) > 1:
        raise QueryError("a minus sign does not exclude", column, f"write NOT {text[1:]}")
    if "~" in text[1:] and text.rpartition("~")[2].isdigit():
        raise QueryError("a distance needs a phrase before it", column, '"diffusion image"~5')
    return _Token("word", text, column)


def _distance(digits: str, column: int) -> int:
    if not digits.isascii() or not digits.isdigit() or not 0 <= int(digits[:6]) <= _MAXIMUM_DISTANCE:
        raise QueryError(
            "a distance is a whole number", column, f'0 to {_MAXIMUM_DISTANCE} words: "diffusion image"~5, a NEAR/5 b'
        )
    return int(digits)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def parse(self) -> Query:
        query = self._query(QueryField.ALL)
        token = self._peek()
        if token.kind == "close":
            raise QueryError("this closing parenthesis has no partner", token.column, "remove it, or open one before")
        return query

    def _peek(self) -> _Token:
        return self._tokens[self._position]

    def _next(self) -> _Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _query(self, field: QueryField) -> Query:
        clauses = [self._clause(field)]
        while _is(self._peek(), "OR"):
            self._next()
            clauses.append(self._clause(field))
        if len(clauses) == 1:
            return clauses[0]
        return Or(
            tuple(inner for clause in clauses for inner in (clause.queries if isinstance(clause, Or) else [clause]))
        )

    def _clause(self, field: QueryField) -> Query:
        factors = [self._factor(field)]
        while True:
            token = self._peek()
            if token.kind in ("end", "close") or _is(token, "OR"):
                break
            if _is(token, "AND"):
                self._next()
            elif _is(token, "ANDNOT"):
                self._next()
                factors.append(_negated(self._factor(field)))
                continue
            factors.append(self._factor(field))
        if len(factors) == 1:
            return factors[0]
        return And(
            tuple(inner for factor in factors for inner in (factor.queries if isinstance(factor, And) else [factor]))
        )

    def _factor(self, field: QueryField) -> Query:
        negations = 0
        while _is(self._peek(), "NOT"):
            self._next()
            negations += 1
        query = self._operand(field)
        return _negated(query) if negations % 2 else query

    def _operand(self, field: QueryField) -> Query:
        token = self._peek()
        inner = field
        if token.kind == "field" and self._tokens[self._position + 1].kind == "open":
            inner = _field(self._next(), "")
        if self._peek().kind == "open":
            return self._group(inner)
        return self._near(field)

    def _group(self, field: QueryField) -> Query:
        opening = self._next()
        self._depth += 1
        if self._depth > _MAXIMUM_DEPTH:
            raise QueryError(
                f"more than {_MAXIMUM_DEPTH} parentheses within each other", opening.column, "write it flatter"
            )
        if self._peek().kind == "close":
            raise QueryError("nothing stands between these parentheses", opening.column, "remove them")
        query = self._query(field)
        if self._peek().kind != "close":
            raise QueryError("this parenthesis is never closed", opening.column, "add a closing one")
        self._next()
        self._depth -= 1
        return query

    def _near(self, field: QueryField) -> Query:
        column = self._peek().column
        first = self._term(field)
        if self._peek().kind != "near":
            return first
        terms, distance = [first], 0
        while self._peek().kind == "near":
            token = self._next()
            distance = max(distance, token.distance or 0)
            terms.append(self._term(field))
        if any(not isinstance(term, Term) for term in terms) or len({_field_of(term) for term in terms}) > 1:
            raise QueryError("NEAR joins words and phrases of one field", column, "ti:diffusion NEAR/5 ti:image")
        if _field_of(first) in (QueryField.AUTHOR, QueryField.CATEGORY):
            raise QueryError("NEAR is for words of the title or abstract", column, "use AND")
        return Near(tuple(term.text for term in terms if isinstance(term, Term)), distance, _field_of(first))

    def _term(self, field: QueryField) -> Term | Near:
        token = self._next()
        if token.kind == "field":
            field = _field(token, self._peek().text)
            named, token = token, self._next()
            if token.kind not in ("word", "phrase"):
                raise QueryError(f"nothing stands after {named.text}:", named.column, "write what to look for there")
        if token.kind == "word":
            return _checked(Term(token.text, field), token.column)
        if token.kind == "phrase":
            return _phrase_term(token, field)
        raise self._unexpected(token)

    def _unexpected(self, token: _Token) -> QueryError:
        if token.kind == "open":
            return QueryError("NEAR joins words and phrases, not parentheses", token.column, "write the words out")
        before = self._tokens[self._position - 2] if self._position > 1 else None
        if before is not None and before.kind in ("operator", "near"):
            return QueryError(f"nothing stands after {before.text}", before.column, "add a term, or remove it")
        if token.kind in ("operator", "near"):
            return QueryError(f"nothing stands before {token.text}", token.column, "add a term, or remove it")
        return QueryError("a term is missing here", token.column, "add a word, or remove the parenthesis")


def _is(token: _Token, operator: str) -> bool:
    return token.kind == "operator" and token.text == operator


def _negated(query: Query) -> Query:
    return query.query if isinstance(query, Not) else Not(query)


def _field_of(term: Term | Near) -> QueryField:
    return term.field


def _field(token: _Token, following: str) -> QueryField:
    field = FIELD_NAMES.get(token.text.lower())
    if field is not None:
        return field
    if token.text.lower() in _IDENTIFIERS:
        advice = f"`newsletter papers show {following or 'ID'}` finds a paper by its identifier"
        raise QueryError(f"there is no field {token.text!r}", token.column, advice)
    near = get_close_matches(token.text.lower(), FIELD_NAMES, n=1, cutoff=0.5)
    known = ", ".join(FIELD_NAMES)
    raise QueryError(
        f"there is no field {token.text!r}", token.column, f"did you mean {near[0]}?" if near else f"one of: {known}"
    )


def _phrase_term(token: _Token, field: QueryField) -> Term | Near:
    text = " ".join(token.text.split())
    if token.distance is None:
        return _checked(Term(text, field), token.column)
    words = tuple(text.split())
    if len(words) < 2:  # noqa: PLR2004 (a distance lies between two)
        raise QueryError("a distance needs two words or more", token.column, '"diffusion image"~5')
    if field in (QueryField.AUTHOR, QueryField.CATEGORY):
        raise QueryError("a distance is for words of the title or abstract", token.column, "use AND")
    for word in words:
        _checked(Term(word, field), token.column)
    return Near(words, token.distance, field)


def _checked(term: Term, column: int) -> Term:
    if term.field is QueryField.CATEGORY:
        if not re.search(r"\w", term.text):
            raise QueryError("this names no category", column, "cat:cs.LG, or cat:cs.* for all of an archive")
        return term
    if term.field is QueryField.AUTHOR:
        if parse_author(term.text) is None:
            raise QueryError("this names nobody", column, 'au:lecun, or au:"Yann LeCun"')
        return term
    problem = validate_keyword(term.text)
    if problem is not None:
        raise QueryError(problem, column)
    return term
