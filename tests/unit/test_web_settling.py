"""What the server does once it runs, so that no page pays for it."""

import gc
from collections.abc import Iterator

import pytest

from streams.web.pages import Pages
from streams.web.server import settle


@pytest.fixture
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("as_before")
def test_what_stays_is_not_looked_through_again() -> None:
    settle(Pages(()))
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    assert len(gc.get_objects()) < frozen / 10
