"""Which `Host` headers are answered: a foreign name means DNS rebinding."""

import pytest

from streams.web.guard import known_host


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8420", "localhost", "LOCALHOST:1", "[::1]:8420", "192.0.2.7", "veille.example",
     "veille.example.:80", "a.localhost:9"],
)  # fmt: skip
def test_addresses_localhost_and_named_hosts_are_answered(host: str) -> None:
    assert known_host(host, frozenset({"veille.example"}))


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8420", "[evil", "1.2.3"],
)
def test_other_names_are_refused(host: str) -> None:
    assert not known_host(host, frozenset({"veille.example"}))
