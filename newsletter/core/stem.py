"""Words and what they are compared by: one token pattern, one folding, one stem.

The stem is Snowball's (English; Russian for Cyrillic words) after a few safe detours: irregular scientific plurals,
British spelling, plurals of acronyms, and the families of words that :mod:`newsletter.core.word_families` lists. A
text is cut into words as it stands; folding and stemming happen once per distinct word, never per text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Protocol, cast

import snowballstemmer

from newsletter.core import greek
from newsletter.core.english import english_stem
from newsletter.core.word_families import STEMS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Scripts that write without spaces (or, in Korean, tie particles to words): every character is a token, so that a
# keyword matches inside a run of text.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff"
    "\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
# Combining marks within words (accents that NFC could not compose, Hebrew and Arabic points, Indic vowel signs) and
# the joiners of Persian and Indic scripts; ``\\w`` knows none of them.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
_MARKS += "\u0900-\u0963\u0966-\u0dff\u200c\u200d"

BREAK = re.compile(r"[.;:!?,]")
TOKEN = re.compile(
    r"[A-Za-z0-9]+(?:['’]s\b|\+\+|#(?!\w))?(?![^\W_]|[" + _MARKS + r"])"  # most words of most papers
    rf"|[^\W_{_UNSPACED}]+(?:[{_MARKS}]+[^\W_{_UNSPACED}]*)*(?:['’]s\b|\+\+|#(?!\w))?"
    rf"|[{_UNSPACED}]"
    r"|[.;:!?,](?=\s)(?<=[^\W_]{3}.)"  # the end of a clause: no phrase runs across it (but "E. coli" is one)
)
"""Finds the words of a readable text, and the ends of clauses (:data:`BREAK`) as tokens of their own."""

WORDS = re.compile(f"({TOKEN.pattern})")
"""Splits a text into what stands between its words, and its words, turn about."""

UNSPACED = re.compile(f"[{_UNSPACED}]")
"""A character of a script that writes without spaces."""

DASHES = "-\u00ad\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\ufe58\ufe63\uff0d"
_SUFFIX = re.compile(r"(?:['’]s|\+\+|#)$")
_SUFFIX_ENDS = ("s", "+", "#")
_SPECIAL = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n"}
)
_COMBINING = re.compile("[\u0300-\u0305\u0307-\u036f\u200c\u200d]|(?<!и)\u0306")  # й is a letter, not an и with a hat


@lru_cache(maxsize=65536)
def fold(token: str) -> str:
    """Return a token without case, accents, ligatures and possessive: ``Gödel's`` gives ``godel``, ``C++`` itself.

    Greek letters that stand for themselves are named: ``β`` gives ``beta``.
    """
    if token.isascii():
        return _without_suffix(token.lower())
    text = unicodedata.normalize("NFKD", token.casefold()).casefold()
    letter = greek.accented_letter(text)
    if letter is not None:
        return letter
    text = unicodedata.normalize("NFC", _COMBINING.sub("", text).translate(_SPECIAL))
    return greek.spelled(_without_suffix(text))


def _without_suffix(text: str) -> str:
    if text[-1:] not in _SUFFIX_ENDS:
        return text
    found = _SUFFIX.search(text)
    if found is None:
        return text
    base = text[: found.start()]
    # C++ and C# are names; the plus signs of "k-means++" only decorate a word.
    return text if len(base) == 1 and found[0] in ("++", "#") else base


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 (Snowball's name)


@cache
def _russian() -> _Stemmer:
    return cast(_Stemmer, snowballstemmer.stemmer("russian"))


_ENDINGS = "e|ed|es|er|ers|ing|able"
IRREGULAR = {
    "appendices": "appendix", "automata": "automaton", "bacteria": "bacterium", "children": "child",
    "corpora": "corpus", "criteria": "criterion", "foci": "focus", "formulae": "formula", "indices": "index",
    "lemmata": "lemma", "loci": "locus", "matrices": "matrix", "maxima": "maximum", "mice": "mouse",
    "minima": "minimum", "nuclei": "nucleus", "optima": "optimum", "phenomena": "phenomenon", "radii": "radius",
    "schemata": "schema", "simplices": "simplex", "spectra": "spectrum", "stimuli": "stimulus", "vertices": "vertex",
    "women": "woman", "men": "man", "halves": "half", "leaves": "leaf", "axes": "axis", "buses": "bus",
    "cortices": "cortex", "crises": "crisis", "fungi": "fungus", "ganglia": "ganglion", "gases": "gas",
    "genera": "genus", "helices": "helix", "knives": "knife", "lenses": "lens", "menus": "menu",
    "metastases": "metastasis", "mitochondria": "mitochondrion", "polyhedra": "polyhedron", "strata": "stratum",
    "taxa": "taxon", "teeth": "tooth", "theses": "thesis", "tori": "torus", "wolves": "wolf",
    "embed": "embedding", "embeds": "embedding",  # the stemmer would take "ed" for an ending
}  # fmt: skip
_RESPELLED = (
    (re.compile(r"(?<!rov)isation(s?)$"), r"ization\1"),
    (re.compile(rf"(?<=[a-z]{{2}})(l|n|tim|nim|xim|dom|tom|thes|[^p]r|tt|nt|rit)is({_ENDINGS})$"), r"\1iz\2"),
    (re.compile(rf"yz({_ENDINGS})$"), r"ys\1"),
    (re.compile(r"alys[ei]s$"), "alyse"),
    (re.compile(r"(hypothe|synthe|diagno|progno|paraly|parenthe|osmo|mito|meio|apopto|kine|genesi?)ses$"), r"\1sis"),
    (re.compile(r"(behavi|col|neighb|fav|flav|lab|hum|tum|vap|rig|vig|harb|hon|arm|rum|endeav)our"), r"\1or"),
    (re.compile(r"^(cent|fib|theat|lit)re(s?)$"), r"\1er\2"),
    (re.compile(r"(dial|anal|catal|homol)ogue(s?)$"), r"\1og\2"),
    (re.compile(r"(?<=[a-z]{2})ifications?$"), "ify"),
)
_RESPELLED_SIGN = re.compile(r"is(?:ation|[ei]|able)|yz|lys|our|res?$|ses$|ogues?$|fication")
_VOWELLESS_PLURAL = re.compile(r"[^aeiouy]{2,}s")
_ACRONYM_PLURAL = re.compile(r"[A-Z0-9]*[A-Z][A-Z0-9]*s|[A-Za-z0-9]*[A-Z]s")  # GPUs, and ReLUs
_CYRILLIC = re.compile("[\u0400-\u04ff]")


@lru_cache(maxsize=262144)
def stem(token: str) -> str:
    """Return what a token's inflections share: ``Networks`` gives ``network``, ``GPUs`` gives ``gpu``.

    The token comes as it stands in the text: capitals tell a plural acronym (``GPUs``) from a word (``thus``).
    """
    word = fold(token)
    if token[-1:] == "s" and _ACRONYM_PLURAL.fullmatch(token) and len(word) > 2:  # noqa: PLR2004 (not "Xs")
        return _plain_stem(word[:-1])
    return folded_stem(word)


def folded_stem(word: str) -> str:
    """Return what the inflections of a folded word share."""
    return _plain_stem(word) if len(word) > 2 else word  # noqa: PLR2004 (two letters have no ending to take off)


@lru_cache(maxsize=262144)
def _plain_stem(word: str) -> str:
    if not word.isascii():
        return _russian().stemWord(word) if _CYRILLIC.search(word) else word
    if not word.isalpha():
        return word[:-1] if re.fullmatch(r"[a-z]*\d+[a-z]?s", word) and len(word) > 3 else word  # noqa: PLR2004 (1980s)
    if word[-1] == "s" and word[-2] != "s" and _VOWELLESS_PLURAL.fullmatch(word):
        return word[:-1]
    word = IRREGULAR.get(word, word)
    if _RESPELLED_SIGN.search(word):
        for pattern, replacement in _RESPELLED:
            word = pattern.sub(replacement, word)
    return STEMS.get(word) or english_stem(word)


FUNCTION_WORDS = _words(
    "a an and are as at be but by can do for from get go had has have he her him his i if in into is it its may me my "
    "no nor not of off on one or our out per she so ten than that the their them then there they this to too under up "
    "upon us via was we were what when where which who will with you your"
)
"""Words that are never read as one with their neighbour across a space: "in sight" is not "insight"."""
