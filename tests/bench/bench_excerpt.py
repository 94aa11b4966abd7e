"""How often the sentences that a digest shows are those that readers marked as an abstract's idea or result.

``python -m tests.bench.bench_excerpt FILE [--json]``, where FILE holds JSON Lines with ``abstract`` and
``spans`` (``start``, ``end``, ``label``). Two sentences are chosen in each way, but in a mail as many as there is room
for. Peers: the first two, the last two, the middle and the last, the two most central, two at
random, and two by what a model learned from the other four fifths of the file.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from newsletter.mail.excerpt import best_sentences
from newsletter.mail.rooms import ROOMS
from newsletter.mail.sentences import Sentence, rated_sentences
from tests.bench.sentence_choices import Learned, most_central

CHOSEN = 2
PARTS = 5  # of the file: a model is asked about one and has learned from the others
WANTED = ("idea", "result")

Row = dict[str, Any]
Choice = Callable[[Row], Sequence[Sentence]]


def by_weight(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    """Take the best, then the best of the other kind, as an excerpt does when there is room for two."""
    first = max(sentences, key=lambda each: each.weight)
    others = [each for each in sentences if each is not first]
    return [
        first,
        *sorted(others, key=lambda each: (each.is_result == first.is_result) * 1.5 - each.weight)[: CHOSEN - 1],
    ]


def middle_and_last(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    return [sentences[(len(sentences) - 1) // 2], sentences[-1]]


def random_two(sentences: Sequence[Sentence]) -> Sequence[Sentence]:
    return random.sample(list(sentences), min(CHOSEN, len(sentences)))


def learned(rows: Sequence[Row]) -> Choice:
    """Return the choice of models that have not seen the abstract that they are asked about."""
    models = [Learned([row for index, row in enumerate(rows) if index % PARTS != part]) for part in range(PARTS)]
    parts = {id(row): index % PARTS for index, row in enumerate(rows)}
    return lambda row: models[parts[id(row)]].choose(row["abstract"], rated_sentences(row["abstract"]))


def choices() -> dict[str, Choice]:
    """Return the ways to choose, by name, that know nothing of other abstracts."""

    def over(choose: Callable[[Sequence[Sentence]], Sequence[Sentence]]) -> Choice:
        return lambda row: choose(rated_sentences(row["abstract"]))

    return {
        "by cue and position": over(by_weight),
        "the same, in a mail": over(lambda sentences: best_sentences(sentences, (), ROOMS[0].excerpt)),
        "first two": over(lambda sentences: sentences[:CHOSEN]),
        "last two": over(lambda sentences: sentences[-CHOSEN:]),
        "middle and last": over(middle_and_last),
        "most central": lambda row: most_central(row["abstract"], rated_sentences(row["abstract"]), CHOSEN),
        "two at random": over(random_two),
    }


def measure(rows: Sequence[Row], ways: Mapping[str, Choice]) -> dict[str, dict[str, float]]:
    """Return precision (share of chosen sentences that hold a marked idea or result), and for each of the two the share
    of abstracts with such a mark whose choice touches one.
    """
    return {name: _measure_choice(rows, choose) for name, choose in ways.items()}


def _measure_choice(rows: Sequence[Row], choose: Choice) -> dict[str, float]:
    hits = chosen_count = 0
    found = dict.fromkeys(WANTED, 0)
    marked = dict.fromkeys(WANTED, 0)
    for row in rows:
        chosen = choose(row)
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
    results = measure(rows, choices() | {"learned": learned(rows)})
    if arguments.json:
        json.dump(results, sys.stdout)
        return
    for name, figures in results.items():
        sys.stdout.write(f"{name:22}" + "".join(f"  {key} {value:.3f}" for key, value in figures.items()) + "\n")


if __name__ == "__main__":
    main()
