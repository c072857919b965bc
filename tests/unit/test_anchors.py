import time

import pytest

from connectors.anchors import with_addresses
from connectors.text import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (
            'see <a href="https://e.example/x?a=1&amp;b=2">here</a>!',
            "see here (https://e.example/x?a=1&b=2)!",
        ),
        ("<a class='c' href='http://e.example/'><b>e</b> shop</a>", "e shop (http://e.example/)"),
        ('<a href="https://e.example/x">https://e.example/x</a>', "https://e.example/x"),
        ('<a href="https://e.example/x/">e.example/x</a>', "e.example/x"),
        ('<a href="https://e.example/long/way">e.example/lon…</a>', "https://e.example/long/way"),
        ('<a href="https://e.example/tag/tea">#tea</a>', "#tea"),
        ('<a href="https://e.example/u/ada">@ada</a>', "@ada"),
        ('<a href="/r/tea">r/tea</a> <a href="javascript:x">y</a>', "r/tea y"),
        ('<a href="https://e.example/p.jpg"><img src="p.jpg"></a>', ""),
        ('<a href="https://e.example/x">never closed', "never closed"),
    ],
)
def test_links(markup: str, text: str) -> None:
    assert plain(with_addresses(markup), html=True)[0] == text


def test_hostile_markup_takes_no_longer_than_its_size() -> None:
    began = time.perf_counter()
    for hostile in ('<a href="https://e.example/x">' * 8_000, "<a " * 80_000, "<a href='" * 30_000):
        with_addresses(hostile)
    assert time.perf_counter() - began < 5
