"""The shipped configuration, and what ``newsletter init`` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from newsletter.errors import ConfigurationError, ConflictError
from newsletter.settings.example import example_directory, write_example
from newsletter.settings.load import load_configuration
from newsletter.settings.models import Settings
from newsletter.settings.sourcemodels import FileSettings

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_configuration_is_without_fault() -> None:
    configuration = load_configuration(ROOT / "config", {})
    assert configuration.warnings == ()
    assert configuration.settings.mail.catcher.enabled
    assert configuration.settings.database_url == f"sqlite+aiosqlite:///{ROOT}/data/newsletter.db"
    assert {"arxiv", "huggingface", "samples"} <= set(configuration.settings.sources)
    assert len(configuration.profiles) >= 4
    assert [draft.address.text for draft in configuration.file_subscribers] == ["reader@example.org"]


def test_other_yaml_parsers_read_it_alike() -> None:
    for path in (ROOT / "config").rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


def test_what_init_writes_works_at_once_and_keeps_its_data_inside(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "config"
    files = write_example(directory)
    assert directory / "newsletter.yaml" in files
    assert all(path.is_file() for path in files)
    configuration = load_configuration(directory, {})
    assert configuration.warnings == ()
    assert configuration.settings.data_directory == directory / "data"
    samples = configuration.settings.sources["samples"]
    assert isinstance(samples, FileSettings)
    assert samples.path == directory / "samples" / "arxiv-sample.xml"


def test_nothing_is_written_over_without_force(tmp_path: Path) -> None:
    own = tmp_path / "newsletter.yaml"
    own.write_text("mine")
    with pytest.raises(ConflictError, match="is there already"):
        write_example(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["newsletter.yaml"]
    assert own.read_text() == "mine"
    write_example(tmp_path, force=True)
    assert load_configuration(tmp_path, {}).warnings == ()


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="not a directory"):
        write_example(tmp_path / "file" / "config")


def test_every_setting_is_named_in_the_shipped_file() -> None:
    text = (example_directory() / "newsletter.yaml").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"{name}:" in text
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"{key}:" in text or f"{key}_file:" in text, f"{name}.{key}"
