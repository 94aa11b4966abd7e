"""docs/configuration.md is made from the models, and complete."""

from __future__ import annotations

from pathlib import Path

from newsletter.settings.reference import environment_name, reference
from newsletter.settings.sourcemodels import KINDS

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_current() -> None:
    advice = "run: python -m newsletter.settings.reference > docs/configuration.md"
    assert (ROOT / "docs" / "configuration.md").read_text("utf-8") == reference(), advice


def test_every_source_kind_is_in_it() -> None:
    page = reference()
    for kind in KINDS:
        for field in kind.model_fields:
            assert f"`{field}`" in page or field == "kind"
            assert kind.model_fields[field].description or field == "kind"


def test_environment_names() -> None:
    assert environment_name("", "data_directory") == "NEWSLETTER_DATA_DIRECTORY"
    assert environment_name("mail.relay", "password_file") == "NEWSLETTER_MAIL__RELAY__PASSWORD_FILE"
