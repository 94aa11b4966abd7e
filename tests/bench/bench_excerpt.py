"""How often the sentences that a digest shows are those that readers marked as an abstract's idea or result.

``python -m tests.bench.bench_excerpt FILE [--json]``, where FILE holds JSON Lines with ``abstract`` and
``spans`` (``start``, ``end``, ``label``). Peers: the abstract's first two sentences, its last two, and two at random.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsletter.mail.sentences import rated_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from newsletter.mail.sentences import Sentence

CHOSEN = 2
WANTED = ("idea", "result")


def by_weight(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """Take the best, then the best of the other kind, as an excerpt does when there is room for two."""
    first = max(sentences, key=lambda each: each.weight)
    others = [each for each in sentences if each is not first]
    return [
        first,
        *sorted(others, key=lambda each: (each.is_result == first.is_result) * 1.5 - each.weight)[: CHOSEN - 1],
    ]


def random_two(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    return random.sample(list(sentences), min(CHOSEN, len(sentences)))


CHOICES: dict[str, Callable[[Sequence[Sentence]], Sequence[Sentence]]] = {
    "by cue and position": by_weight,
    "first two": lambda sentences: sentences[:CHOSEN],
    "last two": lambda sentences: sentences[-CHOSEN:],
    "two at random": random_two,
}


def measure(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return precision (share of chosen sentences that hold a marked idea or result), and for each of the two the share
    of abstracts with such a mark whose choice touches one.
    """
    return {name: _measure_choice(rows, choose) for name, choose in CHOICES.items()}


def _measure_choice(
    rows: Sequence[dict[str, Any]], choose: Callable[[Sequence[Sentence]], Sequence[Sentence]]
) -> dict[str, float]:
    hits = chosen_count = 0
    found = dict.fromkeys(WANTED, 0)
    marked = dict.fromkeys(WANTED, 0)
    for row in rows:
        chosen = choose(rated_sentences(row["abstract"]))
        labels = [_labels(sentence, row["spans"]) for sentence in chosen]
        chosen_count += len(chosen)
        hits += sum(1 for each in labels if each & set(WANTED))
        for label in WANTED:
            if any(span["label"] == label for span in row["spans"]):
                marked[label] += 1
                found[label] += any(label in each for each in labels)
    return {"precision": hits / chosen_count} | {label: found[label] / max(1, marked[label]) for label in WANTED}


def _labels(sentence: Sentence, spans: Sequence[dict[str, Any]]) -> set[str]:
    return {span["label"] for span in spans if span["start"] < sentence.end and span["end"] > sentence.start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    random.seed(1)
    rows = [json.loads(line) for line in arguments.file.read_text("utf-8").splitlines()]
    results = measure(rows)
    if arguments.json:
        json.dump(results, sys.stdout)
        return
    for name, figures in results.items():
        sys.stdout.write(f"{name:22}" + "".join(f"  {key} {value:.3f}" for key, value in figures.items()) + "\n")


if __name__ == "__main__":
    main()
