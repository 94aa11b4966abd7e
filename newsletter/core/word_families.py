"""Words that the stemmer alone gets wrong: of one stem though they mean different things, or of two though they do not.

Snowball cuts *important* down to *import* and *transformer* to *transform*, and leaves *explain* and *explanation*
apart. Each line below is a family: its words share a stem of their own, and no other word has it. What is in no
family keeps Snowball's stem; so one line is enough to part two meanings (*positive* from *position*). Plurals, adverbs,
and what a verb does are added to every word, in American spelling; British spelling is Americanised before.

What belongs here: pairs that both are common in titles and abstracts and lead to different papers. What does not:
close derivation, which a reader wants found (*operation*, *operator*; *generation*, *generative*).
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

APART: Final = """
abstraction | activate activation activator | activity | adapter adaptor | additive additivity | adversity | affective
alternative | analogous | analogy analogical | apartment | appearance | associative associativity | attribution
authority authoritative | authorize | categorize | centrality | centralize | civilization | collective | colonial
competence competent competency | complexity | complication | composition compositional compositionality
comprehensive | concentric | conception | conductive conductivity | conservative conservatism | consistent consistency
constructive | consumer | container | continual | continuation | continuous continuity | contraction | contractive
contrastive | conventional | converse | conversion | critical criticality | criticize criticism | customer | customize
decidable decidability | decisive | definite definiteness | definitive | department | derivative
designate designation | determinant determinantal | determinism deterministic | difference
differentiable differentiability | differential | direction directional | directive | discretize
distribution distributional | distributive | diversion | edition | effective | electronic electronics | emergency
engineer | equalize | evident | exceptional | exclusive exclusivity | experience
experiment experimental experimentation | expressive expressivity | extensive | factorize | formation
functional functionality functionalize | generalize generalizability | government governmental | graphics
hospitality | humane | humanity | identity | important importance | informal informality | informative
informed inform | initialize | initiate initiation initiator | initiative | injective injectivity | instrumental
insurance | integrable integrability | integral | integrity | intelligible intelligibility | intensive | interesting
journalism | literal | locality | localize | majority | marginal marginalize | materialize | meaning meaningful
mechanism mechanistic | medication medicate | memorial | minority | modulation modulate modulator | morale | mortality
motivate motivation | multiplication multiplicative multiply multiplier | multiplicity | nature | negative negativity
negligible | neutralize | nominate nomination | normalize | numerator | numerous | objective objectivity
optimism optimistic | ordinance | original originality | personal | personality | personalize | physical | polarity
polarize | positive positivity | powerful | presentation | probable | production | productive productivity
progression | progressive | projection projective projector | prospective | publication | publicity
rational rationality | rationale | reasonable | regularize | relative | relativity relativistic | representative
reservation | respective | responsible responsibility | reversible reversibility | secretion secrete secretory
setting | several | severe severity | specialize | subjective subjectivity | successive succession
sustainable sustainability | systemic | terminal | transformer | transition transitional | transitive transitivity
useful | utilize | validity valid | variability | variational | visualize
"""
"""Families that Snowball would throw together with others, parted by bars or ends of lines."""

TOGETHER: Final = """
accurate accuracy | asymmetry asymmetric asymmetrical | curious curiosity | decide decision | diagnosis diagnose
emphasis emphasize | explain explanation explanatory explainable explainability | hypothesis hypothesize
porous porosity | private privacy | scarce scarcity | sparse sparsity | stable stability
symmetry symmetric symmetrical | synthesis synthesize | theory theoretic theoretical | viscous viscosity
"""
"""Families that Snowball would take apart."""

_CHANGED = 2  # letters at the end of a stem in which words of a family may differ: see newsletter.core.match_lexicon


def families() -> Iterator[list[str]]:
    """Yield the words of each family as they are listed, the first one first."""
    for line in f"{APART}|{TOGETHER}".splitlines():
        for family in line.split("|"):
            if family.strip():
                yield family.split()


def _table() -> dict[str, str]:
    table: dict[str, str] = {}
    for family in families():
        words = [form for word in family for form in _forms(word)]
        stem = family[0][: _shared(words) + _CHANGED]
        table |= dict.fromkeys(words, stem)
    return table


def _shared(words: list[str]) -> int:
    """Return how many letters all words begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(min(words), max(words), strict=False)))


def _forms(word: str) -> Iterator[str]:
    """Yield a word with every ending that it may take; some that nobody writes do no harm."""
    yield from (word, word + "ly", word + "ness", word + "s")
    if word.endswith("ize"):
        root = word[:-1]
        yield from (root + ending for ending in ("ed", "ing", "er", "ers", "able", "ation", "ations", "ational"))
    elif word.endswith("y"):
        yield from (word[:-1] + ending for ending in ("ies", "ied", "ily"))
        yield word + "ing"
    elif word.endswith("e"):
        yield from (word + "d", word[:-1] + "ing", word[:-1] + "y")
    elif word.endswith("ic"):
        yield word + "ally"
    elif not word.endswith("s"):
        yield from (word + "ed", word + "ing")


STEMS: Final = _table()
"""The stem of every word that belongs to a family."""
