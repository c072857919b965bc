"""What is in the repository is fit to be in it."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.docs.tree import ROOT, name_of, tracked

MACHINE = re.compile(r"(?<![\w./-])/(?:root|work|home/\w+|Users/\w+)/\w")
REGISTRY = re.compile(
    r"https?://(?!maven\.apache\.org/POM/)"  # the name of an XML schema
    r"[\w.-]*(?:pypi|pythonhosted|npmjs|maven|crates)[\w.-]*/|index-url|find-links"
)
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)", re.M)


@pytest.mark.parametrize("pattern", [MACHINE, REGISTRY], ids=["machine paths", "registry hosts"])
def test_no_file_names_a_machine_or_a_registry(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in tracked()
        if path != Path(__file__) and path.stat().st_size < 4_000_000
        for number, line in enumerate(_lines(path), 1)
        if pattern.search(line)
    ]
    assert found == []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return []  # an image, an archive, or a fixture in another encoding


def pins(name: str) -> set[tuple[str, Version]]:
    """What a file pins; a package has two versions where the newest is for newer Pythons only."""
    text = (ROOT / "requirements" / name).read_text("utf-8")
    return {(_plain(found[1]), Version(found[2])) for found in PINNED.finditer(text)}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", ["build.txt", "run.txt", "dev.txt"])
def test_every_pin_has_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == len(pins(name))
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_pins_are_of_what_the_project_file_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run, dev = pins("run.txt"), pins("dev.txt")
    wanted = [(Requirement(text), run) for text in project["project"]["dependencies"]]
    wanted += [(Requirement(text), dev) for text in project["dependency-groups"]["dev"]]
    for requirement, pinned in wanted:
        name = _plain(requirement.name)
        versions = [version for other, version in pinned if other == name]
        assert versions, f"{name} is not pinned. Remedy: make lock"
        assert all(each in requirement.specifier for each in versions), f"{name}. Remedy: make lock"


def test_tests_run_with_what_users_run() -> None:
    assert pins("run.txt") <= pins("dev.txt")
