"""Greek letters that stand for themselves, read by their names: ``β-VAE`` is ``beta-VAE``, ``ΛCDM`` is ``Lambda-CDM``.

Words of Greek are left alone, and so are single letters between them: the article ``η`` is no *eta*.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NAMES: Final = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
_LETTER: Final = re.compile("[α-ω]")
_NAMED: Final = re.compile("[a-z0-9]*(?:[α-ω][a-z0-9]+)*[α-ω]?[a-z0-9]*")  # no two Greek letters side by side
_LATIN: Final = re.compile("[a-z]")
_ACUTE: Final = "\u0301"
_ACCENTS: Final = re.compile("[\u0300\u0301\u0313\u0314\u0342]")  # of Greek spelling; hats and bars are of formulas
_SHORT_NAME: Final = 3  # with one more letter it may be a word: μg is no mug, χₚ no chip
_WORD: Final = re.compile("[\u0370-\u03ff\u1f00-\u1fff]{3,}")
_LONG_WORD: Final = 5  # of fewer letters without an accent it may be a formula, αβγ


def spelled(folded: str) -> str:
    """Return a folded word with Greek letters by their names, or as it is where they are a word's or a unit's."""
    letters = _LETTER.findall(folded)
    if not letters or not _NAMED.fullmatch(folded):
        return folded
    if len(_LATIN.findall(folded)) == 1 and any(len(_NAMES[letter]) <= _SHORT_NAME for letter in letters):
        return folded
    return "".join(_NAMES.get(character, character) for character in folded)


def accented_letter(decomposed: str) -> str | None:
    """Return the letter, with one accent for all, when a casefolded word in NFKD is a Greek letter with an accent."""
    if not _LETTER.match(decomposed) or not _ACCENTS.search(decomposed):
        return None
    if any(not unicodedata.combining(character) for character in decomposed[1:]):
        return None
    return unicodedata.normalize("NFC", decomposed[0] + _ACUTE)


def is_letter(word: str) -> bool:
    """Return whether a word is a single Greek letter without an accent."""
    return len(word) == 1 and _LETTER.fullmatch(word.casefold()) is not None


def is_word(word: str) -> bool:
    """Return whether this is a word of Greek: of three letters or more, with an accent or too long for a formula."""
    if not _WORD.fullmatch(word):
        return False
    return len(word) >= _LONG_WORD or _ACCENTS.search(unicodedata.normalize("NFD", word)) is not None


def as_word(letter: str) -> str:
    """Return a letter so that it is not taken for a symbol: with an accent."""
    return unicodedata.normalize("NFC", letter + _ACUTE)
