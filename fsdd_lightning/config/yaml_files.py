"""A YAML file of a config: read once, bounded, and refused in one line with its name, line, column and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import yaml
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from fsdd_lightning.errors import UserError, said
from fsdd_lightning.escaping import visible
from fsdd_lightning.files import read_regular

YAML_BYTES = 2**18  # the largest of conf/ has 4 kB; PyYAML reads some 50 kB a second
_NODES = 10_000  # with what aliases repeat: a file of 400 bytes can stand for 10^9 of them
_KEY_CHARACTERS = 200
_DIGITS = 20  # of an integer: 64 bits
_STANDARD = "tag:yaml.org,2002:"
_PLAIN = frozenset(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge"))
_PACKAGE = re.compile(r"#\s*@package\s+[^\W\d]\w*(\.[^\W\d]\w*)*\s*", re.ASCII)
_HEADER = re.compile(r"#\s*@\s*(?P<word>\w*)|#\s*(?P<bare>package)\s+_\w+_", re.IGNORECASE)
# What is in PyYAML's text: how to mend it.
_REMEDIES = {
    "'\\t'": "a tab can't indent or separate in YAML: use spaces",
    "cannot start any token": "a value can't begin with this character: put it in quotes",
    "mapping values are not allowed": "no `key: value` can begin here: indent all keys of a group alike, put a space "
    "after every colon, and a value with a colon in quotes",
    "could not find expected ':'": "a line is `key: value`, with a space after the colon",
    "a quoted scalar": "a quote is not closed",
    "a flow sequence": "a bracket [ is not closed, or a comma is missing",
    "a flow mapping": "a brace { is not closed, or a comma is missing",
    "expected <block end>": "this line is indented otherwise than the others of its group",
    "found duplicate key": "this key is there twice: keep one of them",
    "undefined alias": "* begins an alias, and there is no such anchor: put a text that begins with * in quotes",
    "scanning an alias": "* begins an alias: put a text that begins with * in quotes",
    "scanning an anchor": "& begins an anchor: put a text that begins with & in quotes",
    "duplicate anchor": "this anchor is there twice: name one of them otherwise",
    "single document": "--- begins a second document, and a config file has one: remove it",
    "for merging": "<< merges a mapping that has an anchor, such as <<: *name",
    "unhashable key": "a key must be a text",
    "sequence entries": "- begins an item of a list: put it on a line of its own, or in quotes",
    "a directive": "% begins a directive: put a text that begins with % in quotes",
    "<document start>": "something stands before the first `key: value`: remove it",
}


def read_yaml(path: Path) -> tuple[str, Any]:
    """The text of a YAML file, and its content as an OmegaConf container.

    Raises:
        UserError: no regular file of at most YAML_BYTES, or no mapping of plain values.
    """
    text = _text(path)
    return text, _content(text, path)


def _text(path: Path) -> str:
    try:
        content = read_regular(path, YAML_BYTES)
    except OSError as error:
        link = f": a link to {visible(path.readlink())}, which is not there" if path.is_symlink() else ""
        raise UserError(f"can't read the config file {visible(path)} ({error.strerror}){link}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or content[1:2] == b"\0":
        raise UserError(f"{visible(path)}, line 1, column 1: it is in UTF-16: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(content[: error.start].decode("utf-8", "replace"))
        byte = content[error.start]
        _refuse(path, line, column, f"the byte 0x{byte:02x} is no UTF-8: save the file as UTF-8 (is it Latin-1?)")


def _place(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows this text."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _refuse(path: Path, line: int, column: int, why: str) -> NoReturn:
    raise UserError(f"{visible(path)}, line {line}, column {column}: {visible(why)}")


def _refuse_at(node: yaml.Node, path: Path, why: str) -> NoReturn:
    _refuse(path, node.start_mark.line + 1, node.start_mark.column + 1, why)


@cache
def _loader() -> Any:
    return get_yaml_loader()


def _content(text: str, path: Path) -> Any:
    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        _check_header(text, path)
        if node is None:
            return OmegaConf.create()
        _check_tree(node, path)
        return OmegaConf.create(loader.construct_document(node))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _refuse(path, line, column, _remedy(error))
    except yaml.reader.ReaderError as error:
        what = "a NUL byte" if error.character == 0 else f"the character {visible(chr(int(error.character)))}"
        line, column = _place(text[: error.position])
        _refuse(path, line, column, f"{what} can't stand in YAML: remove it")
    except RecursionError:
        raise UserError(f"{visible(path)} is nested too deeply: lists and mappings within each other") from None
    except OmegaConfBaseException as error:
        raise UserError(f"{visible(path)}: {said(error)}") from error


def _remedy(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.context or ''} {error.problem or ''}"
    remedy = next((remedy for part, remedy in _REMEDIES.items() if part in said), str(error.problem))
    opened = error.context_mark if (error.context and "flow" in error.context) or "quoted" in said else None
    return f"{remedy} (it begins in line {opened.line + 1}, column {opened.column + 1})" if opened else remedy


def _check_header(text: str, path: Path) -> None:
    """Reject what looks like `# @package ...` and is none, or not at the top: Hydra would ignore it, or break down."""
    top = True
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if line and not line.startswith("#"):
            return
        found = _HEADER.match(line)
        word = "" if found is None else found["word"] or found["bare"] or ""
        if (found and not word) or difflib.get_close_matches(word.lower(), ["package"]):
            if not (top and _PACKAGE.fullmatch(line)):
                _refuse(path, number, 1, "write # @package _global_, or the name of a group, as the first line")
        elif found and len(line.partition("@")[2].split()) != 2:
            _refuse(path, number, 1, "Hydra reads a first line that begins with # @: write it without the @")
        top = top and (not line or found is not None)


def _check_tree(root: yaml.Node, path: Path) -> None:
    if not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        _refuse_at(root, path, f"it is {kind}, not lines of `key: value` (with a space after the colon)")
    if _size(root, path, {}) > _NODES:
        _refuse_at(root, path, f"it stands for more than {_NODES:,} values, with what aliases (*name) repeat")
    for node in _nodes(root):
        _check_node(node, path)
    for key, value in root.value:
        if key.value == "defaults":
            _check_defaults(value, path)


def _size(node: yaml.Node, path: Path, known: dict[int, int]) -> int:
    """How many nodes this one stands for; an alias counts as what it repeats."""
    if id(node) not in known:
        known[id(node)] = -1  # is being counted
        sizes = [_size(child, path, known) for child in _children(node)]
        if -1 in sizes:
            _refuse_at(node, path, "an alias (*name) stands within what it repeats")
        known[id(node)] = 1 + sum(sizes)
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Each once."""
    seen, left = {id(root)}, [root]
    while left:
        node = left.pop()
        yield node
        for child in _children(node):
            if id(child) not in seen:
                seen.add(id(child))
                left.append(child)


def _check_node(node: yaml.Node, path: Path) -> None:
    if node.tag not in _PLAIN:
        tag = node.tag.replace(_STANDARD, "!!")
        _refuse_at(node, path, f"the tag {tag} is not read: put a text that begins with ! or = in quotes")
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            _check_key(key, path)
    elif isinstance(node, yaml.ScalarNode):
        _check_scalar(node, path)


def _check_key(key: yaml.Node, path: Path) -> None:
    if key.tag == f"{_STANDARD}merge":
        return
    if key.tag != f"{_STANDARD}str":
        what = f"{key.value!r} is no text" if isinstance(key, yaml.ScalarNode) else "it is no text"
        _refuse_at(key, path, f"a key must be a text, and {what} to YAML: put it in quotes")
    if not key.value or len(key.value) > _KEY_CHARACTERS or not key.value.isprintable():
        _refuse_at(key, path, f"a key has 1 to {_KEY_CHARACTERS} visible characters")


def _check_scalar(node: yaml.ScalarNode, path: Path) -> None:
    if node.tag == f"{_STANDARD}int" and len(node.value) > _DIGITS:
        _refuse_at(node, path, f"an integer of {len(node.value)} digits is too large")
    try:
        node.value.encode()
    except UnicodeEncodeError:
        _refuse_at(node, path, "half a surrogate pair is no character")


def _check_defaults(node: yaml.Node, path: Path) -> None:
    """Reject a list of defaults that Hydra can't read."""
    if not isinstance(node, yaml.SequenceNode):
        _refuse_at(node, path, "defaults must be a list: a line `- option` or `- group: option` for each")
    for item in node.value:
        if not (_is_text(item) or _is_choice(item)):
            _refuse_at(item, path, "an item of defaults is `- option` or `- group: option`")
        if _is_text(item) and item.value == path.stem:
            _refuse_at(item, path, f"{item.value} names itself as its default")


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}str"


def _is_choice(node: yaml.Node) -> bool:
    if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
        return False
    _, option = node.value[0]
    names = option.value if isinstance(option, yaml.SequenceNode) else [option]
    return all(_is_text(name) for name in names) or option.tag == f"{_STANDARD}null"
