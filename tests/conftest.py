"""What every test may use."""

import os

pytest_plugins = ["tests.support.fixtures", "tests.support.scheduling"]

# Settings of the shell, and `make`'s own data directory, must not reach the installations of tests.
for name in [name for name in os.environ if name.startswith("VEILLE_")]:
    del os.environ[name]
