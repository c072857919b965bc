"""Items with one field of an unexpected shape: a post or a letter, never a crash."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.post import decode, encode
from connectors.registry import build
from connectors.reread import Rereads
from tests.contract.connectors.fixtures import FIXTURES
from tests.contract.connectors.world import context

LISTS = {
    "appstore": "us/1234",
    "discourse": "latest",
    "googlebusiness": "accounts/1/locations/2",
    "googleplay": "org.example.app",
    "lastfm": "anna",
    "lemmy": "posts",
    "stackexchange": "stackoverflow",
    "trustpilot": "0123456789abcdef01234567",
    "yandexmarket": "77",
}
ODD: list[Any] = [None, "", "x", "\ud800", -1, 0, 10**30, 1.5, True, [], [None], {}, {"label": 5}]


def changed(value: Any) -> Iterator[Any]:
    """The value with one of its parts, at any depth, made odd or left out."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: one for name, one in value.items() if name != key}
            for odd in (*ODD, *changed(part)):
                yield {**value, key: odd}
    elif isinstance(value, list):
        for at, part in enumerate(value):
            for odd in (*ODD, *changed(part)):
                yield [*value[:at], odd, *value[at + 1 :]]


@pytest.mark.parametrize("name", LISTS)
def test_odd_items(name: str) -> None:
    fixture = FIXTURES[name]
    source = build(name, context(fixture.options("http://127.0.0.1:1")))
    assert isinstance(source, Rereads)
    read = 0
    for item in (*ODD, *changed(fixture.item(1))):
        letter = {"list": LISTS[name], "site": LISTS[name], "item": item}
        try:
            post = source.reread(json.dumps(letter).encode())
        except ValueError:
            continue
        assert decode(encode(post)) == post
        assert post.id.startswith(f"{name}:")
        read += 1
    assert read > 10
