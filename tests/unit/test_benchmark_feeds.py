from benchmarks.feeds import document, interval
from connectors import feeds


def test_the_feeds_of_the_benchmark_are_feeds_that_move_on() -> None:
    step = interval(3)
    etag, body = document(3, 1_780_000_000)
    later, _ = document(3, 1_780_000_000 + step)
    assert etag != later
    assert len(feeds.parse(body, "", "https://n.example/").entries) == 20
    assert len({interval(number) for number in range(100)}) > 90
