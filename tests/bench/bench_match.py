"""How fast papers are matched: ``python -m tests.bench.bench_match [--json]``.

Synthetic abstracts of about 1,500 characters over a vocabulary drawn by Zipf's law (seeded), with inflections,
hyphens and formulas. Beside it, in the same run, two peers on a part of the work: a compiled regular expression of all
keywords (which knows no inflection), and a loop over profiles.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from newsletter.core import keyword, tex, text
from newsletter.core import stem as stems
from newsletter.core.match import Matcher
from newsletter.core.stem import stem
from newsletter.model import Keyword, Paper, Profile, Topic

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SOUNDS = "ba ce di fo gu la me ni po ru sa te vi xo za tra ster gen net mod lin graph neur quan"
_SYLLABLES = _SOUNDS.split()
_ENDINGS = ("", "", "", "", "", "s", "s", "ing")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Papers, and the vocabulary that they were drawn from, commonest word first."""

    papers: list[Paper]
    vocabulary: list[str]


class Stopwatch:
    """Times stretches by the clock (``_s``) and by the processor (``_cpu_s``), which a busy machine disturbs less."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        """End a stretch, and begin the next."""
        clock, cpu = time.perf_counter(), time.process_time()
        self.laps |= {f"{name}_s": clock - self._clock, f"{name}_cpu_s": cpu - self._cpu}
        self._clock, self._cpu = clock, cpu


def make_corpus(papers: int, *, seed: int = 1, words: int = 5_000) -> Corpus:
    """Return papers of about 230 words, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 (reproducible, not secret)
    vocabulary = list(dict.fromkeys("".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))) for _ in range(words * 2)))
    vocabulary = vocabulary[:words]
    weights = list(accumulate(1 / (place + 3) for place in range(len(vocabulary))))
    return Corpus([_paper(number, vocabulary, weights, dice) for number in range(papers)], vocabulary)


def _paper(number: int, vocabulary: list[str], weights: list[float], dice: random.Random) -> Paper:
    def text(length: int) -> str:
        drawn = dice.choices(vocabulary, cum_weights=weights, k=length)
        inflected = [word + ending for word, ending in zip(drawn, dice.choices(_ENDINGS, k=length), strict=True)]
        for place in range(11, length, 12):
            inflected[place] += "."
        for place in range(7, length - 1, 23):
            inflected[place] += "-" + inflected[place + 1]
        return " ".join(inflected).capitalize()

    abstract = text(180) + (r" With $\mathcal{O}(n^{2} \log n)$ and 5\% less." if number % 4 == 0 else "")
    return Paper(number + 1, text(10), abstract, ("Ada Example", "Bo Sample"), "", NOW, 1, categories=("cs.LG",))


def make_keywords(vocabulary: list[str], count: int, *, seed: int = 2) -> list[str]:
    """Return distinct keywords: half words, half phrases of two or three, a few prefixes and exact ones."""
    dice = random.Random(seed)  # noqa: S311 (reproducible, not secret)
    # Nobody's keyword is "the": the commonest words are left out, as everybody does.
    candidates = vocabulary[100:]
    keywords: dict[str, None] = dict.fromkeys(candidates[: count // 3])
    while len(keywords) < count:
        words = dice.choices(candidates, k=dice.choice((2, 2, 3)))
        kind = dice.random()
        joiner = "-" if kind < 0.2 else " "
        keywords[joiner.join(words) + ("*" if kind > 0.95 else "")] = None
    return list(keywords)


def make_profiles(keywords: list[str], count: int, *, each: int = 6, seed: int = 3) -> list[Profile]:
    """Return profiles that share the keywords, popular ones more often."""
    dice = random.Random(seed)  # noqa: S311 (reproducible, not secret)
    shared = [Keyword(text) for text in dice.sample(keywords, len(keywords))]
    weights = list(accumulate(1 / (place + 10) for place in range(len(shared))))
    return [
        Profile(
            f"p{number}", f"P{number}", topics=(Topic("T", tuple(dice.choices(shared, cum_weights=weights, k=each))),)
        )
        for number in range(count)
    ]


def measure_keywords(corpus: Corpus, count: int = 20_000, rounds: int = 3) -> dict[str, float]:
    """Return seconds to build, to scan cold (no word seen before) and warm (the next day): the least of some rounds."""
    keywords = make_keywords(corpus.vocabulary, count)
    profiles = [Profile("all", "All", topics=(Topic("T", tuple(Keyword(text) for text in keywords)),))]
    measured = [_measure_keywords(corpus, profiles) for _ in range(rounds)]
    return {name: min(each[name] for each in measured) for name in measured[0]}


def _measure_keywords(corpus: Corpus, profiles: list[Profile]) -> dict[str, float]:
    _forget()
    watch = Stopwatch()
    matcher = Matcher(profiles)
    watch.lap("build")
    matches = matcher.scan(corpus.papers).matches("all")
    watch.lap("cold")
    matcher.scan(corpus.papers).matches("all")
    watch.lap("warm")
    return {**watch.laps, "matches": len(matches)}


def _forget() -> None:
    """Empty the caches of text and words, so that a first run is measured as one."""
    caches = (text._readable, tex.formula, stems.fold, stems.stem, stems._plain_stem, keyword.parse_keyword)
    for cached in caches:
        cached.cache_clear()


def measure_profiles(corpus: Corpus, count: int = 100_000, keywords: int = 20_000) -> dict[str, float]:
    """Return seconds to build and to scan and materialise every match of every profile."""
    profiles = make_profiles(make_keywords(corpus.vocabulary, keywords), count)
    before = _memory_mb()
    watch = Stopwatch()
    matcher = Matcher(profiles)
    watch.lap("build")
    scan = matcher.scan(corpus.papers)
    watch.lap("scan")
    matches = sum(len(scan.matches(profile.name)) for profile in profiles)
    watch.lap("matches")
    total = watch.laps["scan_s"] + watch.laps["matches_s"]
    return {**watch.laps, "total_s": total, "matches": matches, "memory_mb": _memory_mb() - before}


def _memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def measure_regex(corpus: Corpus, keywords: int = 20_000, papers: int = 5) -> dict[str, float]:
    """Return seconds per 1,000 papers of one alternation of all keywords (no inflection, overlaps lost)."""
    chosen = sorted(make_keywords(corpus.vocabulary, keywords), key=len, reverse=True)
    pattern = re.compile(r"\b(?:" + "|".join(re.escape(text.rstrip("*")) for text in chosen) + r")\b", re.IGNORECASE)
    began = time.perf_counter()
    for paper in corpus.papers[:papers]:
        pattern.findall(f"{paper.title}\n{paper.abstract}")
    return {"per_1000_papers_s": (time.perf_counter() - began) / papers * 1000, "papers_timed": papers}


def measure_loop(corpus: Corpus, profiles: int = 200, papers: int = 200) -> dict[str, float]:
    """Return seconds per 1,000 papers and 100,000 profiles of a loop over profiles with sets of stems (words only)."""
    people = make_profiles(make_keywords(corpus.vocabulary, 20_000), profiles)
    wanted = [[{stem(word) for word in keyword.text.split()} for keyword in each.topics[0].keywords] for each in people]
    texts = [{stem(word) for word in f"{paper.title} {paper.abstract}".split()} for paper in corpus.papers[:papers]]
    began = time.perf_counter()
    sum(any(words <= text for words in each) for text in texts for each in wanted)
    spent = time.perf_counter() - began
    return {"scaled_s": spent / (profiles * papers) * 1000 * 100_000, "pairs_timed": profiles * papers}


def measure(papers: int = 1000) -> dict[str, dict[str, float]]:
    """Return all figures."""
    corpus = make_corpus(papers)
    return {
        "20,000 keywords": measure_keywords(corpus),
        "100,000 profiles": measure_profiles(corpus),
        "peer: one regular expression of 20,000 keywords": measure_regex(corpus),
        "peer: loop over 100,000 profiles": measure_loop(corpus),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--papers", type=int, default=1000)
    arguments = parser.parse_args()
    figures = measure(arguments.papers)
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, values in figures.items():
        line = "  ".join(f"{key} {value:,.3f}" for key, value in values.items())
        sys.stdout.write(f"{name}: {line}\n")


if __name__ == "__main__":
    main()
