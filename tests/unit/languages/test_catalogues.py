"""Every catalogue: values and tags as in the English text, and a form for each number that the language tells apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from babel import Locale

from newsletter.languages import known_codes, language_of
from newsletter.languages.extraction import ROOT, catalogue, extracted, is_translated, path_of, updated, written

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

CODES: Final = [code for code in known_codes() if code != "en"]
VALUE: Final = re.compile(r"%\((\w+)\)s|%%")
BARE: Final = re.compile(r"%(?!\(\w+\)s|%)")
TAG: Final = re.compile(r"</?\w[^>]*>")
ENDS: Final = re.compile(r"[.:?!…]?$")


@pytest.fixture(params=CODES)
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalog(code: str) -> Catalog:
    return catalogue(code)


def pairs(message: Message) -> list[tuple[str, str]]:
    """Return each text of a message with the English one that it says."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    singular, plural = message.id
    texts = list(message.string or ())
    return [(singular, texts[0]), *((plural, text) for text in texts[1:])]


def texts(catalog: Catalog) -> list[tuple[str, str, bool]]:
    """Return what is translated: the English text, its translation, and whether it counts."""
    return [
        (english, said, not isinstance(message.id, str))
        for message in catalog
        for english, said in pairs(message)
        if message.id and said
    ]


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracted()


def test_everything_is_translated(code: str, catalog: Catalog, template: Catalog) -> None:
    """Every text that readers see, and nothing else."""
    wanted = {(message.context, message.id) for message in template if message.id}
    there = {(message.context, message.id) for message in catalog if message.id}
    path = path_of(code).relative_to(ROOT)
    assert there == wanted, f"texts have changed: run `make languages`, and translate in {path} what it lists"
    missing = [message.id for message in catalog if message.id and not is_translated(message)]
    assert missing == [], f"translate these in {path} (docs/languages.md has the words in use)"


def test_make_languages_would_change_nothing(code: str, catalog: Catalog, template: Catalog) -> None:
    again = written(updated(catalog, template), catalog.plural_forms.rstrip(";"))
    assert again == path_of(code).read_bytes(), "run `make languages`"


def test_values_are_those_of_the_english_text(catalog: Catalog) -> None:
    for english, said, is_counting in texts(catalog):
        wanted, found = set(VALUE.findall(english)), set(VALUE.findall(said))
        # "one paper" may leave the number out; nothing else may.
        assert found <= wanted | {"num", "count"}, said
        assert wanted - found <= ({"num", "count"} if is_counting else set()), said
        assert not BARE.search(said), said


def test_tags_are_those_of_the_english_text(catalog: Catalog) -> None:
    for english, said, _ in texts(catalog):
        assert sorted(TAG.findall(said)) == sorted(TAG.findall(english)), said


def test_sentences_end_as_the_english_ones(catalog: Catalog) -> None:
    same = {"؟": "?"}
    for english, said, _ in texts(catalog):
        ends = ENDS.findall(same.get(said[-1], said))[0]
        assert ends == ENDS.findall(english)[0], said
        assert said == said.strip(), said


def test_nothing_is_guessed(code: str, catalog: Catalog) -> None:
    assert not [message.id for message in catalog if message.fuzzy]
    assert "#~" not in path_of(code).read_text("utf-8")


def test_each_number_has_the_form_that_the_language_gives_it(code: str, catalog: Catalog) -> None:
    """The formula in the file against the CLDR's: one form for each of its categories, for whole numbers."""
    category = Locale.parse(code).plural_form
    forms: dict[int, str] = {}
    for number in range(1_200):
        form = form_of(code, number)
        assert forms.setdefault(form, category(number)) == category(number), number
    assert len(set(forms.values())) == len(forms) == catalog.num_plurals


def form_of(code: str, number: int) -> int:
    plural = language_of(code).catalogue.plural  # type: ignore[attr-defined] # of GNUTranslations
    return int(plural(number))


def test_arabic_has_six_forms() -> None:
    said = [language_of("ar").ngettext("%(num)s paper", "%(num)s papers", number) for number in (0, 1, 2, 3, 11, 100)]
    assert len(set(said)) >= 5
    assert [form_of("ar", number) for number in (0, 1, 2, 3, 11, 100)] == [0, 1, 2, 3, 4, 5]
