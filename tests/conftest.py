"""What every test may use."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.support.fixtures"]

# Settings of the shell, and `make`'s own data directory, must not reach the installations of tests.
for name in [name for name in os.environ if name.startswith("VEILLE_")]:
    del os.environ[name]

SERVERS = {"contract", "embedded", "faults", "servers"}
"""Folders of tests that mostly wait for servers. `make test` runs them beside all others, for two
processes that both compute would only wait for each other."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = "servers" if folder in SERVERS else "others"
        item.add_marker(pytest.mark.xdist_group(group))
