"""What the pages say can be followed: links, commands, decisions."""

import re
import unicodedata
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.docs.tree import ROOT, name_of, pages, prose, shell_lines

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
SHOWN = ["README.md", "CONTRIBUTING.md", "docs/index.md"]


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings can be reached by, as code hosts make them."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.M):
        plain = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).lower()
        kept = [c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LN"]
        found.add("".join(kept).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_resolves(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith(("https://", "mailto:", "http://127.0.0.1")), target
            continue
        name, _, fragment = target.partition("#")
        goal = (page.parent / name) if name else page
        assert goal.exists(), f"{name_of(page)}: {target}: no such file"
        if fragment:
            assert fragment in anchors(goal), f"{name_of(page)}: {target}: no such heading"


def test_every_guide_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.split("#")[0]).resolve() for link in LINK.findall(prose(index))}
    for page in (ROOT / "docs").rglob("*.md"):
        if page == index or any(parent in linked for parent in page.parents):
            continue
        assert page.resolve() in linked, f"{name_of(page)} is not in docs/index.md"


def cli() -> Any:
    """The `veille` command, as Click sees it: a group has `commands`, a command `params`."""
    return typer.main.get_command(import_module("streams.cli").program())


def veille_commands() -> list[str]:
    """Every `veille …` line of the pages, without pipes, redirections and variables before it."""
    found = []
    for page in pages():
        for line in shell_lines(page):
            for part in re.split(r"\||&&|;", line):
                words = re.sub(r"^(\s*\w+=\S+)+", "", part.strip()).strip()
                if re.match(r"(\.venv/bin/)?veille\b", words):
                    found.append(words.split("veille", 1)[1].strip())
    return sorted(set(found))


def test_the_readme_shows_commands() -> None:
    assert len(veille_commands()) >= 5


@pytest.mark.parametrize("line", veille_commands())
def test_every_command_shown_exists_with_its_options(line: str) -> None:
    command, words = cli(), line.split()
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name.startswith("-"):
            continue
        assert name in command.commands, f"veille {line}: no command {name!r}"
        command = command.commands[name]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    for word in words:
        if word.startswith("--") and len(word) > 2:
            option = word.split("=")[0].strip("[]")
            assert option in known | {"--help"}, f"veille {line}: no option {option}"


@pytest.mark.parametrize("name", SHOWN)
def test_every_make_target_shown_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    text = (ROOT / name).read_text("utf-8")
    shown = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.M))
    assert shown <= targets
    assert name != "README.md" or {"run", "test"} <= shown


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=name_of)
def test_every_decision_has_the_form(page: Path) -> None:
    text = page.read_text("utf-8")
    name = re.fullmatch(r"(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md", page.name)
    assert name, "named NNNN-what-was-decided.md"
    assert re.match(rf"# {int(name[1])}\. \S", text)
    assert re.search(r"^Status: (proposed|accepted|superseded by \[)", text, re.M)
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60, "half a page; the measurements may take another half"


def test_no_two_decisions_have_one_number() -> None:
    numbers = sorted(int(p.name[:4]) for p in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers
    assert len(set(numbers)) == len(numbers)


def test_the_changelog_has_the_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", text, re.M)
    assert versions[0] == ("Unreleased", "")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in versions[1:])
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
