"""Profile files: what they mean, and every complaint about them."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.model import Field, Frequency, Keyword, Profile, Replacements, Topic, Weekday

if TYPE_CHECKING:
    from tests.unit.settings.conftest import Directory


def load_one(directory: Directory, text: str) -> Profile:
    directory.write("profiles/diffusion.yaml", text)
    (profile,) = directory.load().profiles
    return profile


def test_everything_can_be_said(directory: Directory) -> None:
    profile = load_one(
        directory,
        """
name: gen
title: Generative models
description: |
  Two lines
  of text.
topics:
  - name: Diffusion
    keywords: [diffusion model, {keyword: '"DDPM"', weight: 2.5, field: Title}]
    query: ti:diffusion ANDNOT abs:survey
exclude: [survey, {keyword: review, field: title}]
authors: [Ada Lovelace]
categories: [cs.LG, plant biology]
sources: [a]
minimum_score: 1.5
maximum_papers: 7
replacements: updated
trending: no
""",
    )
    assert profile == Profile(
        name="gen",
        title="Generative models",
        description="Two lines\nof text.",
        topics=(
            Topic(
                "Diffusion",
                (Keyword("diffusion model"), Keyword('"DDPM"', 2.5, Field.TITLE)),
                "ti:diffusion ANDNOT abs:survey",
            ),
        ),
        exclude=(Keyword("survey"), Keyword("review", field=Field.TITLE)),
        authors=("Ada Lovelace",),
        categories=("cs.LG", "plant biology"),
        sources=("a",),
        minimum_score=1.5,
        maximum_papers=7,
        replacements=Replacements.UPDATED,
        trending=False,
    )


def test_keywords_alone_are_one_topic_named_like_the_title(directory: Directory) -> None:
    directory.write(
        "profiles/graph-neural_nets.yaml", "keywords: [graph network, 3D, 2024, no]\nquery: |\n  ti:graph\n"
    )
    profile = directory.load().profile("graph-neural_nets")
    assert profile is not None
    assert profile.title == "Graph neural nets"
    words = tuple(map(Keyword, ("graph network", "3D", "2024", "no")))
    assert profile.topics == (Topic("Graph neural nets", words, "ti:graph"),)


def test_keywords_stand_before_topics(directory: Directory) -> None:
    profile = load_one(directory, "keywords: [a1]\ntopics: [{name: Second, keywords: [b1]}]\n")
    assert [topic.name for topic in profile.topics] == ["Diffusion", "Second"]


def test_subscribers_of_several_files_are_united(directory: Directory) -> None:
    directory.write(
        "profiles/a.yaml",
        "keywords: [x1]\n"
        "subscribers:\n"
        "  - Reader@Example.org\n"
        "  - {address: other@example.org, frequency: weekly, weekday: friday}\n",
    )
    directory.write(
        "profiles/b.yaml",
        "keywords: [y1]\n"
        "subscribers:\n"
        "  - {address: reader@example.org, zone: Asia/Tokyo, send_at: 6:15, language: de, template: digest}\n",
    )
    reader, other = directory.load().file_subscribers
    assert reader.address.text == "Reader@example.org"
    assert reader.profiles == ("a", "b")
    assert (reader.zone, reader.send_at_local, reader.language) == ("Asia/Tokyo", time(6, 15), "de")
    assert reader.template == "digest"
    assert (reader.status, reader.frequency, reader.keywords) == (None, None, None)
    assert other.profiles == ("a",)
    assert (other.frequency, other.weekday, other.zone) == (Frequency.WEEKLY, Weekday.FRIDAY, None)


def test_files_that_disagree_about_a_subscriber(directory: Directory) -> None:
    directory.write("profiles/a.yaml", "keywords: [x1]\nsubscribers:\n  - {address: r@example.org, send_at: 7:00}\n")
    directory.write("profiles/b.yaml", "keywords: [x1]\nsubscribers:\n  - {address: R@example.org, send_at: 8:00}\n")
    (complaint,) = directory.complaints()
    assert complaint.startswith("profiles/b.yaml:3:39: subscribers[1].send_at differs from profiles/a.yaml:3, which ")
    assert complaint.endswith("which says “07:00” — say the same in both, or say it once")


def test_the_example_on_the_page_about_profiles_is_without_fault(directory: Directory) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "profiles.md").read_text("utf-8")
    (example, *_) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    directory.write("profiles/diffusion.yaml", example)
    configuration = directory.load()
    assert configuration.warnings == ()
    assert configuration.profiles[0].topics[0].keywords[-1].weight < 0


def corpus() -> list[tuple[str, str]]:
    """Return the files and expectations of ``profile_complaints.txt``."""
    lines = (Path(__file__).parent / "profile_complaints.txt").read_text("utf-8").splitlines()
    cases = [line for line in lines if line and not line.startswith("#")]
    return [
        (text[2:].replace("\\n", "\n").replace("\\t", "\t") + "\n", expected.strip())
        for text, expected in zip(cases[::2], cases[1::2], strict=True)
    ]


@pytest.mark.parametrize(("text", "expected"), corpus())
def test_complaints(directory: Directory, text: str, expected: str) -> None:
    directory.write("profiles/diffusion.yaml", text)
    found = directory.complaints()
    assert any(complaint.startswith(f"profiles/diffusion.yaml:{expected}") for complaint in found), found


def test_a_value_of_the_wrong_kind_does_not_hide_what_is_wrong_elsewhere(directory: Directory) -> None:
    text = "maximum_papers: 0\nkeywords: [graph, a*]\nquery: ti:(a OR\nsources: [nope]\nfoo: 1\n"
    directory.write("profiles/diffusion.yaml", text)
    assert [line.split(":")[1] for line in directory.complaints()] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "profiles/diffusion.yaml: the file is empty"),
        (b"title: caf\xe9\n", "profiles/diffusion.yaml:1:11: the byte 0xE9 is not UTF-8 — save the file as UTF-8"),
        (b"a: 1\nb: \x07\n", "profiles/diffusion.yaml:2:4: the character U+0007 is not allowed — remove it"),
        (b"a: 1\r\nb: \x00\n", "profiles/diffusion.yaml:2:4: the character U+0000 is not allowed — remove it"),
        ("title: x".encode("utf-16"), "profiles/diffusion.yaml:1:1: the byte 0xFF is not UTF-8"),
        (b"#" * (4 * 1024 * 1024 + 1), "profiles/diffusion.yaml: the file is larger than 4 MiB"),
    ],
)
def test_files_that_are_no_text(directory: Directory, content: bytes, expected: str) -> None:
    directory.write("profiles/diffusion.yaml", content)
    (complaint,) = directory.complaints()
    assert complaint.startswith(expected)


def test_a_byte_order_mark_is_passed_over(directory: Directory) -> None:
    assert load_one(directory, "\ufefftitle: Marked\nkeywords: [x1]\n").title == "Marked"


def test_what_is_not_a_file(directory: Directory) -> None:
    (directory.path / "profiles" / "folder.yaml").mkdir()
    (directory.path / "profiles" / "gone.yaml").symlink_to("nowhere")
    found = directory.complaints()
    assert found[0].startswith("profiles/folder.yaml: this is not a regular file")
    assert found[1].startswith("profiles/gone.yaml: it cannot be read: no such file or directory")


def test_profiles_that_are_no_directory(directory: Directory) -> None:
    (directory.path / "profiles" / "diffusion.yaml").unlink()
    (directory.path / "profiles").rmdir()
    assert directory.complaints() == ["profiles: there are no profiles — add a file NAME.yaml there"]
    directory.write("profiles", "a file")
    assert directory.complaints()[0].startswith("profiles: it cannot be read: not a directory")


def test_names_are_taken_once(directory: Directory) -> None:
    directory.write("profiles/second.yml", "name: Diffusion\nkeywords: [x1]\n")
    (complaint,) = directory.complaints()
    assert complaint.startswith("profiles/second.yml:1:7: the profile name “Diffusion” is taken by ")
    directory.write("profiles/second.yml", "keywords: [x1]\n")
    directory.write("profiles/my words.yaml", "keywords: [x1]\n")
    (complaint,) = directory.complaints()
    assert complaint.startswith("profiles/my words.yaml:1:1: the file's name “my words” cannot be the profile's name")


def test_hidden_and_other_files_are_left_alone(directory: Directory) -> None:
    directory.write("profiles/.draft.yaml", "a: b: c")
    directory.write("profiles/README.md", "a: b: c")
    assert directory.complaints() == []


KEYS = ("title", "keywords", "topics", "query", "exclude", "subscribers", "name", "sources", "trending", "nonsense")
VALUES = (
    "x",
    "[x]",
    "[]",
    "{}",
    "{a: 1}",
    "''",
    '"\\u00e9"',
    "[{keyword: x}]",
    "[{}]",
    "~",
    "1",
    "é",
    "ti:(",
    "*x",
    "|",
)
LINES = st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=5)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, noise=st.binary(max_size=8))
def test_no_content_ends_in_a_traceback(directory: Directory, lines: list[tuple[str, str]], noise: bytes) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in lines)
    for name in ("newsletter.yaml", "profiles/diffusion.yaml"):
        directory.write(name, text.encode() + noise)
    assert directory.complaints()
