"""The sentences of an abstract that tell most, in no more room than there is, with the matched words marked."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from newsletter.core.printable import cut
from newsletter.mail.marks import Marked, mark
from newsletter.mail.sentences import rated_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.mail.sentences import Sentence
    from newsletter.model import Span

_MATCH_WEIGHT = 1.5  # what a matched word adds to its sentence: less than saying what was done or found
_WORTHWHILE = 0.5  # what a sentence must be worth to follow others
_SAME_KIND = 1.5  # what a second sentence of the same kind is worth less
_MAXIMUM_MATCHES = 2
_MAXIMUM_SENTENCES = 3
_SHORTEST_CLIP = 60  # characters: less of a sentence is not worth reading
_GAP = " … "


@lru_cache(maxsize=4096)  # the digests of one day share their papers
def excerpt(text: str, spans: tuple[Span, ...], budget: int) -> Marked:
    """Return up to three sentences of ``text`` in about ``budget`` characters: the best ones, in their own order,
    matched words (``spans``) marked, what is left out between them shown by an ellipsis. Short texts come whole.

    At least one sentence holds a matched word if any does. A first choice longer than the budget is cut around it.
    """
    if budget < _SHORTEST_CLIP or not text.strip():
        return Marked()
    if len(text) <= budget:
        return mark(text, spans)
    chosen = best_sentences(rated_sentences(text), spans, budget)
    if len(chosen) == 1 and chosen[0].length > budget:
        return _window(text, chosen[0], spans, budget)
    return _joined(text, chosen, spans)


def best_sentences(sentences: Sequence[Sentence], spans: Sequence[Span], budget: int) -> list[Sentence]:
    """Return the best sentences that fit together, in the order of the text: after one that says what was done, one
    that says what came of it is preferred, and the other way round.
    """
    hits = {sentence.start: _hits(sentence, spans) for sentence in sentences}
    worth = {sentence.start: sentence.weight + _MATCH_WEIGHT * hits[sentence.start] for sentence in sentences}
    candidates = [sentence for sentence in sentences if hits[sentence.start]] or list(sentences)
    chosen: list[Sentence] = []
    left = budget
    while candidates and len(chosen) < _MAXIMUM_SENTENCES:
        kinds = {each.is_result for each in chosen}
        best = max(candidates, key=lambda each: worth[each.start] - (_SAME_KIND if each.is_result in kinds else 0.0))
        if worth[best.start] < _WORTHWHILE and left < budget * 2 // 3:
            break
        chosen.append(best)
        left -= best.length + len(_GAP)
        candidates = [each for each in sentences if each.length <= left and each not in chosen]
    return sorted(chosen, key=lambda each: each.start)


def _hits(sentence: Sentence, spans: Sequence[Span]) -> int:
    inside = sum(1 for span in spans if span.start < sentence.end and span.end > sentence.start)
    return min(_MAXIMUM_MATCHES, inside)


def _joined(text: str, chosen: Sequence[Sentence], spans: Sequence[Span]) -> Marked:
    pieces: list[tuple[str, bool]] = []
    for index, sentence in enumerate(chosen):
        if index:
            is_next = not text[chosen[index - 1].end : sentence.start].strip()
            pieces.append((" " if is_next else _GAP, False))
        pieces.extend(mark(text, spans, sentence.start, sentence.end).pieces)
    return Marked(tuple(pieces))


def _window(text: str, sentence: Sentence, spans: Sequence[Span], budget: int) -> Marked:
    """Return a stretch of one long sentence that holds its first matched word, cut between words."""
    first = min((span.start for span in spans if sentence.start <= span.start < sentence.end), default=sentence.start)
    start = sentence.start
    if first - start > budget * 2 // 3:
        start = _next_word(text, first - budget // 3, first)
    end = min(sentence.end, start + budget)
    if end < sentence.end:
        end = max(cut(text, end), start + budget // 2)
    pieces = list(mark(text, spans, start, end).pieces)
    if start > sentence.start:
        pieces.insert(0, ("… ", False))
    if end < sentence.end:
        pieces.append(("…", False))
    return Marked(tuple(pieces))


def _next_word(text: str, start: int, limit: int) -> int:
    space = text.find(" ", start, limit)
    return space + 1 if space >= 0 else start
