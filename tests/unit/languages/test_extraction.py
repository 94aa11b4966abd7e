"""What ``make languages`` finds and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog

from newsletter.languages.extraction import extracted, updated, written

if TYPE_CHECKING:
    from pathlib import Path


def test_texts_are_found_wherever_readers_see_them(tmp_path: Path) -> None:
    for folder in ("newsletter/web/templates", "newsletter/cli", "templates/partials"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "newsletter/words.py").write_text('a = language.ngettext("%(num)s day", "%(num)s days", 2)\n')
    (tmp_path / "newsletter/cli/told.py").write_text('gettext("for the operator")\n')
    (tmp_path / "newsletter/web/templates/a.html").write_text('<p title="{{ _("Tip") }}">{{ _("Hello") }}</p>')
    text = "{% trans count=2 %}\n  {{ count }} paper\n{% pluralize %}{{ count }} papers{% endtrans %}"
    (tmp_path / "templates/partials/a.mjml").write_text(f"<mj-text>{{% once paper %}}{text}{{% endonce %}}</mj-text>")
    (tmp_path / "templates/a.txt").write_text("{{ _('Bye') | wrap }}")
    found = {message.id for message in extracted(tmp_path) if message.id}
    assert found == {
        ("%(num)s day", "%(num)s days"),
        "Tip",
        "Hello",
        ("%(count)s paper", "%(count)s papers"),
        "Bye",
    }


def test_what_is_translated_stays_and_what_has_changed_is_not_guessed() -> None:
    current, template = Catalog(locale="de"), Catalog()
    current.add("Kept", "Bleibt")
    current.add("Old words", "Alte Worte")
    template.add("Kept", locations=[("b.py", 9), ("a.py", 1)])
    template.add("Old wording", locations=[("a.py", 2)])
    file = written(updated(current, template), "nplurals=2; plural=(n != 1)").decode()
    assert '#: a.py b.py\nmsgid "Kept"\nmsgstr "Bleibt"\n' in file
    assert 'msgid "Old wording"\nmsgstr ""\n' in file
    assert "Alte" not in file
    assert "fuzzy" not in file
