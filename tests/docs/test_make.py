"""`make` and `.ci/run`: what a newcomer and the build machine type."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.tree import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CI = (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_target_says_what_it_does() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.M)
    assert phony
    said = dict(re.findall(r"^([a-z]+):.*## (.+)$", MAKEFILE, re.M))
    assert set(said) == set(phony[1].split())
    assert set(said) >= {"run", "test", "lint", "bench", "servers", "clean", "help"}


def test_test_runs_every_check() -> None:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    steps = subprocess.run(
        ["make", "--dry-run", "test"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        env=outside,  # `make test` itself runs this: its flags are not this one's
    ).stdout
    for step in ("ruff check", "ruff format --check", "mypy", "lint-imports", "contracts --check"):
        assert step in steps
    assert steps.rstrip().splitlines()[-1].startswith(".venv/bin/python -m pytest")


def test_installs_need_hashes() -> None:
    for line in re.findall(r"^\t\$\(PIP\) (.+)$", MAKEFILE, re.M):
        assert "--require-hashes" in line or "--no-deps" in line


def test_the_build_machine_fails_on_any_error_and_skips_nothing() -> None:
    assert CI.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in CI
    assert CI.rstrip().splitlines()[-1] == "CI=true make test"
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


def test_the_build_machine_installs_what_the_tests_need() -> None:
    for package in (
        "chromium",
        "openjdk-17-jdk-headless",
        "nodejs",
        "npm",
        "maven",
        "make",
        "python3-venv",
        "unicode-data",
    ):
        assert f"missing+=({package})" in CI


def test_no_test_found_is_a_failure(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert found.returncode == 5
