"""Imports go the one way that ARCHITECTURE.md says."""

import configparser
import pkgutil
import subprocess
import sys

import streams
from tests.docs.tree import ROOT


def test_the_layers_hold() -> None:
    # A process of its own: import-linter configures logging and silences every other logger.
    code = "from importlinter.cli import lint_imports as lint; exit(lint(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_streams_has_a_layer() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    words = config["importlinter:contract:layers"]["layers"].split()
    layered = {word.strip("()") for word in words}
    modules = {f"streams.{module.name}" for module in pkgutil.iter_modules(streams.__path__)}
    assert modules - layered == set()
