"""docs/reliability.md: a row for every fault test, and a test for every row."""

from tests.faults.arena import Row
from tests.faults.mutations import MUTATIONS, PAGE_ROW
from tests.faults.report import PAGE, fault_tests, merged, shown, written

TEXT = PAGE.read_text("utf-8")


def test_every_fault_test_has_its_row_and_every_row_its_test() -> None:
    assert {row.test for row in shown(TEXT)} == set(fault_tests())


def test_the_tables_are_as_they_are_written() -> None:
    assert written(TEXT, merged(shown(TEXT), [])) == TEXT


def test_a_run_replaces_its_own_rows_only() -> None:
    old = shown(TEXT)
    mine = Row(test=old[0].test, fault="a|b", behaviour="c", remedy="d", figure="e")
    page = written(TEXT, merged(old, [mine]))
    rows = shown(page)
    assert [row for row in rows if row.test != mine.test] == [
        row for row in old if row.test != mine.test
    ]
    assert [row.fault for row in rows if row.test == mine.test] == ["a/b"]


def test_every_mutation_was_caught() -> None:
    caught = dict(PAGE_ROW.findall(TEXT))
    assert caught.keys() == {one.guarantee for one in MUTATIONS}
