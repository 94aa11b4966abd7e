"""The English Snowball stemmer (Porter 2, as of Snowball 3.1), written out for speed.

The generated one takes 20 µs a word in pure Python, which is most of the time of a first scan; this takes 5. The tests
hold it against the generated one, word by word. Source: https://snowballstem.org/algorithms/english/stemmer.html.
"""

from __future__ import annotations

import re

_EXCEPTIONS = {
    "skis": "ski", "skies": "sky", "idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli",
    "singly": "singl", "andes": "andes", "atlas": "atlas", "bias": "bias", "cosmos": "cosmos", "howe": "howe",
    "news": "news", "sky": "sky",
}  # fmt: skip
_CONSONANT_Y = re.compile(r"([aeiouy])y")
_BEGINNING = re.compile(r"arsen|commun|emerg|gener|inter|later|organ|past|univers")
_REGION = re.compile(r"[aeiouy][^aeiouy]")
_VOWEL = re.compile(r"[aeiouy]")
_SHORT = re.compile(r"[^aeiouy][aeiouy][^aeiouywxY]$|^[aeiouy][^aeiouy]$|past$")
_KEPT_BEFORE_ING = frozenset({"even", "cann", "inn", "earr", "herr", "out"})
_DOUBLES = frozenset({"bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt"})
_VALID_LI = frozenset("cdeghkmnrt")
_DERIVED = {
    "anci": "ance", "enci": "ence", "ogi": "og", "li": "", "bli": "ble", "abli": "able", "alli": "al", "fulli": "ful",
    "lessli": "less", "ousli": "ous", "entli": "ent", "aliti": "al", "biliti": "ble", "iviti": "ive", "tional": "tion",
    "ational": "ate", "alism": "al", "ation": "ate", "ization": "ize", "izer": "ize", "ator": "ate", "iveness": "ive",
    "fulness": "ful", "ousness": "ous", "ogist": "og",
}  # fmt: skip
_DERIVED_AGAIN = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "tional": "tion", "ational": "ate",
    "ful": "", "ness": "",
}  # fmt: skip
_ENDINGS = dict.fromkeys(
    ["ic", "ance", "ence", "able", "ible", "ate", "ive", "ize", "iti", "al", "ism", "ion", "er", "ous", "ant", "ent",
     "ment", "ement"], "",
)  # fmt: skip
_KEPT_LETTERS = frozenset("abfhjkopquvwxz")  # no ending ends in one
_DERIVED_SIGNS, _DERIVED_AGAIN_SIGNS, _ENDING_SIGNS = (
    frozenset(suffix[-2:] for suffix in table) for table in (_DERIVED, _DERIVED_AGAIN, _ENDINGS)
)


def english_stem(word: str) -> str:
    """Return the stem of a word in small ASCII letters."""
    if len(word) <= 2:  # noqa: PLR2004 (nothing to take off)
        return word
    if word[-1] in _KEPT_LETTERS:
        return word
    known = _EXCEPTIONS.get(word)
    if known is not None:
        return known
    if "y" in word:
        word = _CONSONANT_Y.sub(r"\1Y", "Y" + word[1:] if word[0] == "y" else word)
    first, second = _regions(word)
    word = _past(_plural(word), first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in "aeiouy":  # noqa: PLR2004 (not "by")
        word = word[:-1] + "i"
    word = _derived_again(_derived(word, first), first, second)
    return _last(_ending(word, second), first, second).replace("Y", "y")


def _regions(word: str) -> tuple[int, int]:
    """Return where R1 and R2 begin: what follows the first consonant after a vowel, and the same again within."""
    found = _BEGINNING.match(word) or _REGION.search(word)
    if found is None:
        return len(word), len(word)
    first = found.end()
    again = _REGION.search(word, first)
    return first, again.end() if again else len(word)


def _plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]  # noqa: PLR2004 (ties, cries)
    if word.endswith("s") and not word.endswith(("us", "ss")) and _VOWEL.search(word, 0, len(word) - 2):
        return word[:-1]
    return word


def _past(word: str, first: int) -> str:
    if word.endswith(("eed", "eedly")):
        stem = word[:-3] if word.endswith("eed") else word[:-5]
        return word if len(stem) < first or stem in ("succ", "proc", "exc") else stem + "ee"
    if not word.endswith(("ing", "ed", "ingly", "edly")):
        return word
    suffix = next(each for each in ("ingly", "edly", "ing", "ed") if word.endswith(each))
    stem = word[: -len(suffix)]
    if suffix == "ing":
        if len(stem) == 2 and stem[1] == "y" and stem[0] not in "aeiouy":  # noqa: PLR2004 (dying)
            return stem[0] + "ie"
        if stem in _KEPT_BEFORE_ING:
            return word
    return _mended(stem, first) if _VOWEL.search(stem) else word


def _mended(stem: str, first: int) -> str:
    """Give back the e that an ending took (hoped, hope), take the letter that it doubled (hopped, hop)."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if stem[-2:] in _DOUBLES:
        return stem if len(stem) == 3 and stem[0] in "aeo" else stem[:-1]  # noqa: PLR2004 (added, egged)
    return stem + "e" if len(stem) == first and _SHORT.search(stem) else stem


def _longest(word: str, table: dict[str, str], signs: frozenset[str], longest: int) -> str:
    if word[-2:] not in signs:  # as for most words
        return ""
    return next((word[-size:] for size in range(longest, 1, -1) if word[-size:] in table), "")


def _derived(word: str, first: int) -> str:
    suffix = _longest(word, _DERIVED, _DERIVED_SIGNS, 7)
    stem = word[: len(word) - len(suffix)]
    if not suffix or len(stem) < first:
        return word
    if (suffix == "ogi" and stem[-1:] != "l") or (suffix == "li" and stem[-1:] not in _VALID_LI):
        return word
    return stem + _DERIVED[suffix]


def _derived_again(word: str, first: int, second: int) -> str:
    suffix = _longest(word, _DERIVED_AGAIN, _DERIVED_AGAIN_SIGNS, 7)
    stem = word[: len(word) - len(suffix)]
    if not suffix or len(stem) < (second if suffix == "ative" else first):
        return word
    return stem + _DERIVED_AGAIN[suffix]


def _ending(word: str, second: int) -> str:
    suffix = _longest(word, _ENDINGS, _ENDING_SIGNS, 5)
    stem = word[: len(word) - len(suffix)]
    if not suffix or len(stem) < second or (suffix == "ion" and stem[-1:] not in ("s", "t")):
        return word
    return stem


def _last(word: str, first: int, second: int) -> str:
    stem = word[:-1]
    if word.endswith("e"):
        return stem if len(stem) >= second or (len(stem) >= first and not _SHORT.search(stem)) else word
    return stem if word.endswith("ll") and len(stem) >= second else word
