"""Which process of `make test` runs what: tests that wait beside tests that compute.

A plugin of pytest, for the groups of pytest-xdist itself are not heeded since pytest 9.2.
"""

from collections import Counter
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_SERVERS: Final = (
    "tests/contract/",
    "tests/servers/",
    "tests/property/test_store.py",
    "tests/unit/test_topic_reader.py",
)
"""What shares the real servers."""
_ORDER: Final = ("servers", "faults", "embedded", "browser", "property")
"""Long tests before short ones, so that the processes end together; all others come last."""


def unit_of(test: str) -> str:
    """What is run by one process without interruption: all that share the servers, all that break
    servers, or a module. Each of the first two starts servers of its own, once."""
    if test.startswith("tests/faults/"):
        return "faults"
    return "servers" if test.startswith(_SERVERS) else test.partition("::")[0]


def kind_of(unit: str) -> str:
    """`servers` mostly wait for them, `waits` for processes of ours; all `others` compute."""
    if unit == "servers":
        return unit
    return "waits" if unit == "faults" or unit.startswith("tests/embedded/") else "others"


def _turn(unit: str) -> int:
    folder = unit.removeprefix("tests/").partition("/")[0]
    return _ORDER.index(folder) if folder in _ORDER else len(_ORDER)


class BesideEachOther(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """A process that is free takes a unit of the kind that the fewest others are busy with: two
    that both compute would only wait for each other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        busy = Counter(
            kind_of(unit)
            for other, units in self.assigned_work.items()
            for unit, tests in units.items()
            if other is not node and not all(tests.values())
        )
        first = min(self.workqueue, key=lambda unit: (busy[kind_of(unit)], _turn(unit)))
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BesideEachOther | None:
    """For `--dist=loadscope`, which `make test` asks for."""
    return BesideEachOther(config, log) if config.getvalue("dist") == "loadscope" else None
