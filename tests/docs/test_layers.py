"""Imports go the one way that ARCHITECTURE.md says."""

import configparser
import pkgutil

from importlinter.cli import lint_imports

import streams
from tests.docs.tree import ROOT


def test_the_layers_hold() -> None:
    assert lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True) == 0


def test_every_module_of_streams_has_a_layer() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter", "utf-8")
    words = config["importlinter:contract:layers"]["layers"].split()
    layered = {word.strip("()") for word in words}
    modules = {f"streams.{module.name}" for module in pkgutil.iter_modules(streams.__path__)}
    assert modules - layered == set()
