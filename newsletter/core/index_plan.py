"""A query as a question to a full-text index: one that finds every paper the query takes, and few others.

The matcher decides in the end (:mod:`newsletter.core.match`). Whatever is excluded by the index is what the matcher
would exclude as well; where the index cannot tell (distances, names, words read as one) it lets papers through.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final, TypeAlias

from newsletter.core.index_words import CATEGORY, FAMILY, FIELD_LETTERS, NAME, OVERFLOW, SOURCE, code, code_prefixes
from newsletter.core.keyword import SYMBOL_PREFIX, SYMBOL_STEM, parse_keyword
from newsletter.core.match_authors import parse_author
from newsletter.core.match_query import FIELD_PARTS
from newsletter.core.match_terms import Part
from newsletter.core.query import And, Near, Not, Or, Query, QueryField, Term, is_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from newsletter.model import SearchFilters

MOST_PHRASES: Final = 40  # of one term: more of them are asked for word by word


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the index, or the beginning of one."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of the index side by side; only the last may be the beginning of one."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """What all of ``plans`` find and none of ``without``; ``plans`` is not empty."""

    plans: tuple[Plan, ...]
    without: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What any of these find; nothing when there are none."""

    plans: tuple[Plan, ...]


Plan: TypeAlias = Phrase | AllOf | AnyOf
NOTHING: Final = AnyOf(())

Spelling: TypeAlias = tuple[Word, ...]
"""Words of the index, without their field, that stand for one symbol of a keyword."""


@dataclass(frozen=True, slots=True)
class Spellings:
    """How else than as itself each symbol of a query's keywords may stand in texts (:mod:`~.index_spelling`)."""

    others: Mapping[str, tuple[Spelling, ...]] = field(default_factory=dict)

    def of(self, symbol: str) -> tuple[Spelling, ...]:
        """Return every spelling of a symbol."""
        return (*own_spellings(symbol), *self.others.get(symbol, ()))


def own_spellings(symbol: str) -> tuple[Spelling, ...]:
    """Return a symbol as it is: a stem, or the beginnings of words in either coding."""
    if symbol[0] == SYMBOL_PREFIX:
        return tuple((Word(coded, is_prefix=True),) for coded in code_prefixes(symbol[1:]))
    return ((Word(code(symbol[1:])),),)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans of a query; ``only_titles`` looks for words of any field in titles alone."""

    spellings: Spellings
    only_titles: bool = False

    def upper(self, query: Query) -> Plan | None:
        """Return a plan that finds every paper of the query, perhaps others; None for every paper there is."""
        if not is_bounded(query):
            return None
        match query:
            case And(queries):
                plans = tuple(plan for inner in queries if (plan := self.upper(inner)) is not None)
                excluded = (self.lower(inner.query) for inner in queries if isinstance(inner, Not))
                return AllOf(plans, tuple(plan for plan in excluded if plan != NOTHING))
            case Or(queries):
                return any_of(plan for inner in queries if (plan := self.upper(inner)) is not None)
            case Near(terms, _, where):
                letters = self._letters(where)
                return any_of(AllOf(tuple(self._text(_forms(term), each) for term in terms)) for each in letters)
            case Term():
                return self.term(query)
        return None

    def term(self, term: Term) -> Plan:
        """Return where one term may stand."""
        if term.field is QueryField.CATEGORY:
            return category_plan(term.text)
        forms = _forms(term.text) if term.field in FIELD_PARTS else ()
        plans = [self._text(forms, letter) for letter in self._letters(term.field)]
        if self._has_names(term.field):
            plans.append(name_plan(term.text))
        return any_of(plans)

    def lower(self, query: Query) -> Plan:
        """Return a plan that finds papers of the query alone, perhaps not all."""
        match query:
            case And(queries):
                plans = tuple(self.lower(inner) for inner in queries if not isinstance(inner, Not))
                excluded = [self.upper(inner.query) for inner in queries if isinstance(inner, Not)]
                if not plans or NOTHING in plans or None in excluded:
                    return NOTHING
                return AllOf(plans, tuple(plan for plan in excluded if plan is not None and plan != NOTHING))
            case Or(queries):
                return any_of(map(self.lower, queries))
            case Term(text, QueryField.CATEGORY):
                return category_plan(text)
            case Term():
                return self._certain_term(query)
        return NOTHING

    def _certain_term(self, term: Term) -> Plan:
        forms = _forms(term.text) if term.field in FIELD_PARTS else ()
        certain = tuple(form for form in forms if all(symbol[0] == SYMBOL_STEM for symbol in form))
        as_they_are = replace(self, spellings=Spellings())
        plans = [as_they_are._text(certain, letter) for letter in self._letters(term.field)]  # noqa: SLF001 (ours)
        if self._has_names(term.field) and is_one_name(term.text):
            plans.append(name_plan(term.text))
        return any_of(plans)

    def _has_names(self, where: QueryField) -> bool:
        return where is QueryField.AUTHOR or (where is QueryField.ALL and not self.only_titles)

    def _letters(self, where: QueryField) -> list[str]:
        if self.only_titles and where is QueryField.ALL:
            return [FIELD_LETTERS[Part.TITLE]]
        return [FIELD_LETTERS[part] for part in FIELD_PARTS.get(where, ())]

    def _text(self, forms: tuple[tuple[str, ...], ...], letter: str) -> Plan:
        return any_of(self._form(form, letter) for form in forms)

    def _form(self, form: tuple[str, ...], letter: str) -> Plan:
        choices = [self.spellings.of(symbol) for symbol in form]
        has_prefix_inside = any(symbol[0] == SYMBOL_PREFIX for symbol in form[:-1])
        if has_prefix_inside or prod(map(len, choices)) > MOST_PHRASES:
            return AllOf(tuple(any_of(_phrase(letter, each) for each in spellings) for spellings in choices))
        return any_of(_phrase(letter, [word for each in chosen for word in each]) for chosen in product(*choices))


def _forms(text: str) -> tuple[tuple[str, ...], ...]:
    return parse_keyword(text).forms


def any_of(plans: Iterable[Plan]) -> Plan:
    """Return what any of these plans finds, without those that say the same or nothing."""
    flat: dict[Plan, None] = {}
    for plan in plans:
        flat.update(dict.fromkeys(plan.plans if isinstance(plan, AnyOf) else (plan,)))
    found = tuple(flat)
    return found[0] if len(found) == 1 else AnyOf(found)


def _phrase(letter: str, words: Iterable[Word]) -> Phrase:
    return Phrase(tuple(Word(letter + word.text, word.is_prefix) for word in words))


def category_plan(pattern: str) -> Plan:
    """Return which papers are in the categories that a pattern means (:func:`~.match_filter.is_category`), exactly."""
    wanted = pattern.casefold().strip()
    if wanted.endswith("*"):
        whole, beginnings = wanted[:-1].rstrip("."), [wanted[:-1]]
    else:
        whole, beginnings = wanted, [] if "." in wanted else [wanted + "."]
    words = [Word(CATEGORY + code(whole))]
    words += [Word(CATEGORY + coded, is_prefix=True) for text in beginnings for coded in code_prefixes(text)]
    return any_of(Phrase((word,)) for word in words)


def name_plan(text: str) -> Plan:
    """Return which papers may have an author of this name."""
    term = parse_author(text) if any(character.isalpha() for character in text) else None
    if term is None:
        return NOTHING
    if term.is_prefix:
        beginnings = sorted({coded for word in term.word for coded in code_prefixes(word)})
        return any_of(Phrase((Word(NAME + coded, is_prefix=True),)) for coded in beginnings)
    letters = (NAME,) if term.word else (NAME, FAMILY)
    return any_of(Phrase((Word(letter + code(word)),)) for word in sorted(term.keys) for letter in letters)


def is_one_name(text: str) -> bool:
    """Return whether a term looks for one whole word of a name, which the index knows for certain."""
    term = parse_author(text) if any(character.isalpha() for character in text) else None
    return term is not None and bool(term.word) and not term.is_prefix


def filtered(plan: Plan | None, filters: SearchFilters) -> Plan | None:
    """Return a plan with the filters by words (source, category); None for every paper."""
    plans: list[Plan] = []
    if plan is not None:
        plans.append(AnyOf((plan, Phrase((Word(OVERFLOW),)))))
    if filters.category:
        plans.append(category_plan(filters.category))
    if filters.source:
        plans.append(Phrase((Word(SOURCE + code(filters.source)),)))
    if not plans:
        return None
    return plans[0] if len(plans) == 1 else AllOf(tuple(plans))
