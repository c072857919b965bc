"""How `make test` shares the tests out: tried with tests that say which process ran them."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.support.scheduling import unit_of
from tests.support.veille import ROOT

TEST = """
import os, pathlib
def test_one(): told()
def test_two(): told()
def told():
    name = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    with pathlib.Path("ran").open("a") as file:
        file.write(f"{os.environ['PYTEST_XDIST_WORKER']} {name}\\n")
"""


def test_one_process_runs_all_that_share_the_servers(tmp_path: Path) -> None:
    shared = ["contract/test_a.py", "property/test_store.py", "servers/test_c.py"]
    for name in (*shared, *(f"unit/test_{n}.py" for n in "abcdef")):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist=loadscope", "tests"]
    options = [
        "-p",
        "xdist",
        "-p",
        "tests.support.scheduling",
        "--import-mode=importlib",
        f"--rootdir={tmp_path}",
    ]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()
    processes = defaultdict(set)
    for line in (tmp_path / "ran").read_text("utf-8").splitlines():
        process, name = line.split()
        processes[unit_of(f"{name}::test")].add(process)
    assert len(processes["servers"]) == 1
    assert all(len(ran) == 1 for ran in processes.values()), "a module is run by one process"
    assert len(set.union(*processes.values())) == 2
