"""Loading a directory: what is frozen, what changes the fingerprint, how problems are printed."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from newsletter.errors import ConfigurationError
from newsletter.model import Problem
from newsletter.settings.load import fingerprint, format_problems, in_order, load_configuration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.settings.conftest import Directory


def test_nothing_can_be_changed(directory: Directory) -> None:
    configuration = directory.load()
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration.directory = directory.path  # type: ignore[misc]
    with pytest.raises(ValidationError):
        configuration.settings.web.port = 1
    with pytest.raises(ValidationError):
        configuration.settings.data_directory = directory.path


def test_nothing_is_written(directory: Directory) -> None:
    before = sorted(directory.path.rglob("*"))
    directory.load()
    assert sorted(directory.path.rglob("*")) == before
    assert not (directory.path.parent / "data").exists()


def test_the_process_environment_is_read_when_none_is_given(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_WEB__PORT", "1234")
    assert load_configuration(directory.path).settings.web.port == 1234
    assert load_configuration(directory.path, {}).settings.web.port == 8080


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, "there is no such configuration directory — run: newsletter init "),
        ("other.txt", "newsletter.yaml: the file is not there — run: newsletter init "),
        ("newsletter.yml", "newsletter.yaml: the file is not there — rename newsletter.yml to newsletter.yaml"),
    ],
)
def test_a_directory_without_settings(tmp_path: Path, present: str | None, expected: str) -> None:
    directory = tmp_path / "config"
    if present:
        directory.mkdir()
        (directory / present).touch()
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(directory, {})
    assert expected in str(caught.value)


def test_the_fingerprint_follows_every_file(directory: Directory) -> None:
    seen = [fingerprint(directory.path)]
    assert directory.load().fingerprint == seen[0]
    directory.write("profiles/second.yaml", "keywords: [x1]\n")
    seen.append(fingerprint(directory.path))
    directory.write("profiles/second.yaml", "keywords: [x1, y1]\n")
    seen.append(fingerprint(directory.path))
    os.utime(directory.path / "newsletter.yaml", ns=(1, 1))
    seen.append(fingerprint(directory.path))
    directory.write("profiles/README.md", "not a profile")
    assert fingerprint(directory.path) == seen[-1]
    (directory.path / "profiles" / "second.yaml").unlink()
    seen.append(fingerprint(directory.path))
    (directory.path / "newsletter.yaml").unlink()
    seen.append(fingerprint(directory.path))
    assert len(set(seen)) == len(seen)


def test_problems_are_printed_as_plain_lines() -> None:
    error = Problem("config/newsletter.yaml", 3, 5, "unknown key “x”", "did you mean “y”?")
    warning = Problem("config/profiles/a.yaml", 0, 0, "the file is odd", severity="warning")
    assert format_problems([]) == ""
    assert format_problems([error, warning, dataclasses.replace(error, line=4)]).splitlines() == [
        "config/newsletter.yaml:3:5: unknown key “x” — did you mean “y”?",
        "config/profiles/a.yaml: the file is odd (warning)",
        "config/newsletter.yaml:4:5: unknown key “x” — did you mean “y”?",
        "2 problems and 1 warning",
    ]


def test_order_is_environment_settings_profiles_by_place() -> None:
    problems = [
        Problem("c/profiles/a.yaml", 1, 1, "d"),
        Problem("c/newsletter.yaml", 10, 1, "c"),
        Problem("c/newsletter.yaml", 9, 1, "b"),
        Problem("environment variable X", 0, 0, "a"),
        Problem("c/newsletter.yaml", 9, 1, "b"),
    ]
    assert [problem.message for problem in in_order(problems)] == ["a", "b", "c", "d"]


def test_faults_in_the_settings_hide_no_unknown_source(directory: Directory) -> None:
    directory.write("profiles/diffusion.yaml", "keywords: [diffusion]\nsources: [a, archive, blog]\n")
    directory.write(
        "newsletter.yaml",
        "mail: {sender: nobody}\nsources:\n  a: {kind: fed, url: https://example.org/feed}\n  archiv: {}\n",
    )
    environment = {"NEWSLETTER_SOURCES__BLOG__KIND": "feed"}
    said = "\n".join(directory.complaints(environment))
    assert "newsletter.yaml:1:16: " in said
    assert "newsletter.yaml:3:" in said
    assert "profiles/diffusion.yaml:2:14: there is no source “archive” — did you mean “archiv”?" in said
    assert said.count("there is no source") == 1


@pytest.mark.parametrize("settings", ["mail: {sender: nobody}\n", "mail: [\n", "sources: [a]\nmail: 3\n", "# none\n"])
def test_sources_that_nobody_can_read_are_not_called_unknown(directory: Directory, settings: str) -> None:
    directory.write("profiles/diffusion.yaml", "keywords: [diffusion]\nsources: [a]\n")
    directory.write("newsletter.yaml", settings)
    said = "\n".join(directory.complaints())
    assert "newsletter.yaml" in said
    assert "there is no source" not in said


@pytest.mark.parametrize(("days", "warned"), [(1, "1 day before"), (6, "6 days before"), (7, ""), (14, "")])
def test_papers_that_go_stale_within_a_week_are_lost_to_weekly_readers(
    directory: Directory, days: int, warned: str
) -> None:
    settings = directory.path / "newsletter.yaml"
    directory.write("newsletter.yaml", f"{settings.read_text()}issue:\n  staleness_days: {days}\n")
    said = directory.complaints()
    assert len(said) == (1 if warned else 0)
    if warned:
        assert said[0].startswith("newsletter.yaml:4:19: whoever reads weekly never gets what comes more than ")
        assert warned in said[0]
        assert directory.load().warnings[0].severity == "warning"
