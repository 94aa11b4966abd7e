"""Abstracts cut into sentences, and how much each sentence tells: cue phrases and position, nothing learned.

``python -m tests.bench.bench_excerpt`` measures the choice against sentences that readers marked by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_END = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s+[^\sa-z,;])|[。！？](?=.)", re.DOTALL)
_ABBREVIATIONS = frozenset(
    (
        *("e.g", "i.e", "al", "vs", "cf", "fig", "figs", "eq", "eqs", "sec", "secs", "ref", "refs", "tab", "no", "nos"),
        *(
            "vol",
            "pp",
            "ch",
            "thm",
            "def",
            "prop",
            "lem",
            "cor",
            "app",
            "dr",
            "mr",
            "mrs",
            "ms",
            "prof",
            "st",
            "approx",
        ),
        *("resp", "viz", "ca", "incl", "est", "dept", "univ", "sp", "spp", "var", "subsp", "w.r.t", "i.i.d", "a.k.a"),
        *("inc", "ltd", "co", "corp", "jr", "sr", "ver", "ed", "eds", "min", "max", "avg"),
    )
)
_LAST_WORD = re.compile(r"[\w.]+$")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]$")  # "J." or "U.S", but for the pronoun "I"
_MAYBE_ABBREVIATIONS = frozenset(("no", "min", "max", "app", "co", "fig", "sec", "var"))
"""Also words: these end a sentence unless a number, or a bracket with one, follows."""

_AUTHORS = (
    r"\b(?:we|this (?:paper|work|article|study|report)|our (?:work|paper|approach|method|framework|model|key)|"
    r"(?:is|are) hereby)\b"
)
_FOUND = (
    r"\b(?:we|experiments?|results?|evaluations?|analys[ei]s|studies|simulations?|empirically|extensive)\b[^.]{0,60}?"
    r"\b(?:show|demonstrat|prov[ei]|find|found|achiev|obtain|outperform|reveal|confirm|observ|report|indicat|suggest|"
    r"improv|reach|surpass|validat|verif)"
)
_KNOWN = r"^(?:however|although|despite|recent|recently|existing|current|traditional|many|most|while)\b"
_ELSEWHERE = r"\b(?:code|data|models?|demo|video|project page)\b[^.]{0,40}?\bavailable\b|https?://|project page"
_LACKING = r"\b(?:remains?|challeng|limit(?:ed|ation)|suffer|lack|fail|difficult|has been|have been)\w*"


def _cues(*weighted: tuple[float, str]) -> tuple[tuple[float, re.Pattern[str]], ...]:
    return tuple((weight, re.compile(pattern, re.IGNORECASE)) for weight, pattern in weighted)


_IDEA_CUES = _cues(
    (3.0, _AUTHORS + r"[^.]{0,40}?\b(?:propos|present|introduc|develop|design|describ|devis|formulat|contribut)"),
    (
        1.5,
        _AUTHORS
        + r"[^.]{0,40}?\b(?:establish|releas|build|construct|deriv|provid|offer|leverag|learn|train|use[sd]?\b|"
        r"combin|extend|address|tackl|investigat|stud(?:y|ies)\b|explor|analy[sz]|revisit|examin|survey|review|order)",
    ),
    (2.0, r"\b(?:is|are|called|named|dubbed|termed) (?:proposed|presented|introduced|developed)\b|\bdubbed\b"),
    (0.7, r"\b(?:specifically|in particular|to this end|the key idea|our key)\b"),
    (0.7, r"\b(?:novel|new|first|simple|efficient)\b"),
)
_RESULT_CUES = _cues(
    (3.0, _FOUND),
    (2.5, r"\b(?:outperform|surpass|state[- ]of[- ]the[- ]art|superior|significant(?:ly)? (?:improve|better))"),
    (1.0, r"\b(?:achiev|improv|reduc|accelerat|halv|doubl|increas|enabl|allow)\w*"),
    (1.0, r"\d(?:\.\d+)?\s?(?:%|×|x\b|percent|times|points?|dB|fold)"),
)
_DOUBTS = _cues((-1.5, _ELSEWHERE), (-1.5, _KNOWN), (-1.0, _LACKING))
_SHORT = 40  # characters; below it a sentence seldom says anything by itself


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence's place in its text, and how much it tells (higher is more; the unit means nothing)."""

    start: int
    end: int
    weight: float
    is_result: bool = False  # says what came of it, rather than what was done

    @property
    def length(self) -> int:
        """How many characters it has."""
        return self.end - self.start


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of ``text`` begin and end, white space between them left out. Abbreviations,
    initials, decimals and numbered references ("Fig. 3") end none.
    """
    found, start = [], 0
    for match in _END.finditer(text):
        if match[0].startswith(".") and _is_abbreviation(text, match.start(), match.end()):
            continue
        found.append((start, match.end()))
        start = match.end()
    found.append((start, len(text)))
    return [bounds for bounds in (_trimmed(text, *bounds) for bounds in found) if bounds[0] < bounds[1]]


@lru_cache(maxsize=4096)
def rated_sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of an abstract, in order, with their weights."""
    bounds = split_sentences(text)
    last = len(bounds) - 1
    return tuple(_rated(text, start, end, index / last if last else 0.5) for index, (start, end) in enumerate(bounds))


def _rated(text: str, start: int, end: int, place: float) -> Sentence:
    """Return a sentence with its weight; ``place`` is 0 for the abstract's first sentence and 1 for its last.

    Abstracts open with what is known, then say what was done, and end with what came of it.
    """
    sentence = text[start:end]
    idea, result = _points(_IDEA_CUES, sentence), _points(_RESULT_CUES, sentence)
    is_result = result + 2 * place - 1 > idea
    weight = max(idea + (1 if 0.1 < place < 0.7 else 0), result + place) + _points(_DOUBTS, sentence)  # noqa: PLR2004
    weight -= (1.5 if end - start < _SHORT else 0.0) + (1.0 if place < 0.1 else 0.0)  # noqa: PLR2004 (shares of it)
    return Sentence(start, end, weight, is_result)


def _points(cues: tuple[tuple[float, re.Pattern[str]], ...], sentence: str) -> float:
    return sum(points for points, cue in cues if cue.search(sentence))


def _is_abbreviation(text: str, dot: int, after: int) -> bool:
    """Whether the dot at ``dot`` belongs to the word before it; ``after`` is where the next word's space begins."""
    match = _LAST_WORD.search(text, max(0, dot - 24), dot)
    if not match:
        return False
    word = match[0]
    if word.lower() in _MAYBE_ABBREVIATIONS:
        return text[after:].lstrip()[:1].strip("([").isdigit()
    return word.lower() in _ABBREVIATIONS or (word != "I" and bool(_INITIALS.fullmatch(word)))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
