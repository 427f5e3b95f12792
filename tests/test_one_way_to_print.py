"""No module prints around the mechanism that makes texts visible."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from commands import REPOSITORY

PACKAGE = REPOSITORY / "fsdd_lightning"

ALLOWED = {  # who may call what
    "print": {"console/lines.py"},
    "Console": {"console/terminal.py"},
    "VisibleConsole": {"console/terminal.py"},
    "Text": {"console/terminal.py"},
    "assemble": {"console/terminal.py"},
    "ArgumentParser": {"console/command_line.py"},
    "get_console": set(),
    "pprint": set(),
}
STREAMS = {"interruption.py"}  # a constant word from a signal handler, where nothing may be printed
PRINTED = re.compile(r"sys\.(__)?std(out|err)(__)?\.(write|writelines|buffer)|os\.write\([12]\b")


def called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute) and node.func.attr != "print":
                yield node.func.attr


def test_no_module_prints_around_the_mechanism() -> None:
    found = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        source, place = path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix()
        for name in called(ast.parse(source)):
            found += name in ALLOWED
            assert place in ALLOWED.get(name, {place}), f"{place} calls {name}: see console/lines.py and terminal.py"
        assert place in STREAMS or not PRINTED.search(source), f"{place} writes to a stream: see console/lines.py"
    assert found >= 6


def test_texts_of_the_console_are_lines() -> None:
    """A newline in a string is shown as an escape, so none of ours may have one."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "print":
                constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
                assert not [each for each in constants if isinstance(each, str) and "\n" in each], path
