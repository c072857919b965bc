"""The catalogues of translations: as the code is, whole, and true to what values they are given."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message

from streams.web import words
from streams.web.catalogues import TRANSLATED, path_of, problems, template, updated, written
from streams.web.i18n import catalogue
from streams.web.visitor import Language

_VALUES = re.compile(r"%\(\w+\)s|%%|\{\w+\}|</?\w+")


def messages(language: Language) -> Iterator[Message]:
    return (message for message in catalogue(language) if message.id)


def forms(said: object) -> list[str]:
    return [said] if isinstance(said, str) else [str(one) for one in said or ()]  # type: ignore[attr-defined]  # a tuple


def test_every_message_is_in_the_catalogues_and_no_other() -> None:
    assert problems() == [], "Remedy: make messages, and translate what is empty"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated(language: Language) -> None:
    empty = [one.id for one in messages(language) if not all(forms(one.string) or [""])]
    assert empty == [], f"Remedy: translate them in {path_of(language)}"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_form_is_given_the_values_of_the_english_one(language: Language) -> None:
    for message in messages(language):
        wanted = set(_VALUES.findall(forms(message.id)[-1]))
        for said in filter(None, forms(message.string)):
            assert set(_VALUES.findall(said)) == wanted, message.id
            assert "%" not in _VALUES.sub("", said), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_plurals_have_all_their_forms(language: Language) -> None:
    catalog = catalogue(language)
    assert catalog.num_plurals == {"fr": 2, "ru": 3}[language]
    for message in messages(language):
        if message.pluralizable:
            assert len(forms(message.string)) == catalog.num_plurals, message.id
        assert not message.fuzzy, message.id


def test_updating_keeps_translations_and_drops_what_is_gone() -> None:
    found = template()
    one = next(message for message in messages("fr") if message.string)
    found.delete(one.id)
    found.add("A message nobody has seen", locations=[("new.py", 0)])
    catalog = updated("fr", found)
    assert catalog.get(one.id) is None
    new = catalog.get("A message nobody has seen")
    assert new is not None
    assert not new.string
    assert b"POT-Creation-Date" not in written(catalog)


def test_scripts_have_their_words_and_plural_rules() -> None:
    module = words.module("ru").decode()
    assert "export const messages = {" in module
    assert "\u041e\u0442\u043c\u0435\u043d\u0430" in module, "Cancel"
    assert "n%10==1" in module.replace(" ", "")
    assert words.module("en").startswith(b"export const messages = {};")
