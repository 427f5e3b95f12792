"""Deliberate one-constant bugs: copies of the arithmetic package in memory, with one module changed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import NamedTuple

import fsdd_lightning.arithmetic

PACKAGE = Path(fsdd_lightning.arithmetic.__file__).parent
# In import order.
NETWORK = ("fixed_point", "activation_tables", "weight_codes", "integer_model", "ranges", "quantize", "integer_lstm")
LISTENING = ("front_end", "endpointer", "listener")
MODULES = NETWORK + LISTENING
COPY = "mutated_arithmetic"

SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Div: ast.Mult,
}


class Mutant(NamedTuple):
    module: str
    line: int
    text: str  # the source line
    change: str  # such as `15 -> 16`
    source: str  # of the whole module


def load_copy(sources: dict[str, str]) -> SimpleNamespace:
    """The package's modules by name, from `sources` if given there; leaves nothing in sys.modules."""
    loaded = {COPY: ModuleType(COPY)}
    sys.modules.update(loaded)
    try:
        for name in MODULES:
            module = ModuleType(f"{COPY}.{name}")
            loaded[module.__name__] = sys.modules[module.__name__] = module
            exec(_compiled(name, sources[name]) if name in sources else _unchanged(name), module.__dict__)
    finally:
        for name in loaded:
            sys.modules.pop(name, None)
    return SimpleNamespace(**{name: loaded[f"{COPY}.{name}"] for name in MODULES})


def _compiled(name: str, source: str) -> CodeType:
    return compile(source.replace("fsdd_lightning.arithmetic", COPY), f"{name}.py", "exec")


@cache
def _unchanged(name: str) -> CodeType:
    return _compiled(name, (PACKAGE / f"{name}.py").read_text())


def mutants(module: str) -> Iterator[Mutant]:
    """One mutant per change: every number plus and minus one (floats also halved), every operator of SWAPS swapped.

    Error messages, annotations and imports are unchanged: they affect no number.
    """
    source = (PACKAGE / f"{module}.py").read_text()
    tree = ast.parse(source)
    lines = source.splitlines()
    for node in list(_deciding(tree)):
        for change, apply in list(_changes(node)):
            original = {name: [*value] if isinstance(value, list) else value for name, value in vars(node).items()}
            apply(node)
            yield Mutant(module, node.lineno, lines[node.lineno - 1].strip(), change, ast.unparse(tree))
            vars(node).update(original)


def _deciding(node: ast.AST) -> Iterator[ast.AST]:
    skipped = (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, skipped):
                yield child
                yield from _deciding(child)


def _changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        halved = [value / 2] if isinstance(value, float) and value else []
        for replacement in [value + 1, value - 1, *halved]:
            yield f"{value} -> {replacement}", lambda n, r=replacement: setattr(n, "value", r)
    elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
        swap = SWAPS[type(node.op)]
        yield f"{type(node.op).__name__} -> {swap.__name__}", lambda n, s=swap: setattr(n, "op", s())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        for k, operator in enumerate(node.ops):
            swap = SWAPS[type(operator)]
            yield (f"{type(operator).__name__} -> {swap.__name__}", lambda n, k=k, s=swap: n.ops.__setitem__(k, s()))
