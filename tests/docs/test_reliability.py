"""docs/reliability.md: a row for every fault test that ran, and a test for every row."""

import pytest

from tests.docs.tree import ROOT
from tests.faults.arena import Row
from tests.faults.mutations import MUTATIONS, PAGE_ROW, UNTRIED, Mutation
from tests.faults.report import PAGE, fault_tests, merged, said_unrun, shown, written

TEXT = PAGE.read_text("utf-8")


def test_every_fault_test_has_its_row_or_is_said_not_to_have_run() -> None:
    rows, unrun = {row.test for row in shown(TEXT)}, set(said_unrun(TEXT))
    assert not rows & unrun
    assert rows | unrun == set(fault_tests())


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


def test_every_mutation_was_caught_or_is_said_to_be_untried() -> None:
    caught = set(dict(PAGE_ROW.findall(TEXT)))
    untried = [line for line in TEXT.splitlines() if line.startswith(UNTRIED)]
    said = {name for line in untried for name in line[len(UNTRIED) : -1].split("; ")}
    assert not caught & said
    assert caught | said == {one.guarantee for one in MUTATIONS}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.guarantee)
def test_every_mutation_can_still_be_made(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text("utf-8").count(mutation.old) == 1
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text("utf-8")


def test_the_page_names_the_file_that_each_guarantee_was_taken_out_of() -> None:
    caught = dict(PAGE_ROW.findall(TEXT))
    missing = [
        one.guarantee
        for one in MUTATIONS
        if one.guarantee in caught and f"| {one.guarantee} | `{one.file}` | {one.how} |" not in TEXT
    ]
    assert missing == []
