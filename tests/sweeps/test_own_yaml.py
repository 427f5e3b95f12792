"""Mistakes in one's own YAML files, each answered in one line that names file, line, column and the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Ended, call_here, only_line

from fsdd_lightning import plan, train

GOOD = "layers: 1\nhidden_size: 40\ndropout: 0.0\n"
REST = "hidden_size: 40\ndropout: 0.0\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# Content of model/wide.yaml: line and column of the mistake, and what the answer says.
MISTAKES: dict[str, tuple[str | bytes, tuple[int, int], str]] = {
    "a tab as indentation": ("layers: 1\n\thidden_size: 40\n", (2, 1), "use spaces"),
    "a tab after a colon": ("layers:\t1\n", (1, 8), "use spaces"),
    "an open bracket": ("layers: [1\nhidden_size: 40\n", (2, 12), "a bracket [ is not closed"),
    "an open brace": ("layers: {a: 1\nhidden_size: 40\n", (2, 12), "a brace { is not closed"),
    "an open quote": (
        'layers: 1\nhidden_size: "40\n',
        (3, 1),
        "a quote is not closed (it begins in line 2, column 14)",
    ),
    "a key twice": (f"layers: 1\nlayers: 2\n{REST}", (2, 1), "this key is there twice"),
    "Latin-1": (
        "# gro\xdfe\nlayers: 1\n".encode("latin-1"),
        (1, 6),
        "the byte 0xdf is no UTF-8: save the file as UTF-8",
    ),
    "UTF-16": (GOOD.encode("utf-16"), (1, 1), "it is in UTF-16"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), (1, 1), "it is in UTF-16"),
    "a NUL byte": ("layers: 1\nhidden_size: 4\x000\n", (2, 15), "a NUL byte"),
    "an escape character": ("layers: 1\nhidden_size: 4\x1b0\n", (2, 15), r"the character \x1b"),
    "a list": ("- 1\n- 2\n", (1, 1), "it is a list, not lines of `key: value`"),
    "a number": ("3\n", (1, 1), "it is a single value"),
    "no space after colons": ("layers:1\nhidden_size:40\n", (1, 1), "with a space after the colon"),
    "no space after one colon": ("layers:1\nhidden_size: 40\n", (2, 12), "put a space after every colon"),
    "equals signs": ("layers = 1\n", (1, 1), "it is a single value, not lines of `key: value`"),
    "indentation": ("layers: 1\n hidden_size: 40\n", (2, 13), "indent all keys of a group alike"),
    "a colon in a value": ("layers: a: b\n", (1, 10), "a value with a colon in quotes"),
    "an unknown alias": ("layers: *x\n", (1, 9), "there is no such anchor"),
    "a star": ("layers: *\n", (1, 10), "* begins an alias"),
    "aliases that repeat aliases": (BOMB, (1, 1), "it stands for more than 10,000 values"),
    "an alias of itself": ("layers: &a [*a]\n", (1, 9), "stands within what it repeats"),
    "an object": ("layers: !!python/object/apply:os.system ['touch x']\n", (1, 9), "is not read"),
    "a tag": ("layers: !mine 1\n", (1, 9), "the tag !mine is not read"),
    "bytes": ("layers: !!binary aGVsbG8=\n", (1, 9), "the tag !!binary is not read"),
    "a merge of nothing": ("<<: 3\nlayers: 1\n", (1, 5), "<< merges a mapping"),
    "two documents": (f"{GOOD}---\n{GOOD}", (4, 1), "--- begins a second document"),
    "an at sign": ("layers: @x\n", (1, 9), "put it in quotes"),
    "a percent sign": ("%layers\nhidden_size: 1\n", (2, 1), "something stands before the first"),
    "an item in a line": ("layers: - 1\n", (1, 9), "- begins an item of a list"),
    "defaults that are a text": (f"defaults: small\n{GOOD}", (1, 11), "defaults must be a list"),
    "defaults that are none": (f"defaults:\n{GOOD}", (1, 10), "defaults must be a list"),
    "a default that is a number": (f"defaults:\n  - 3\n{GOOD}", (2, 5), "an item of defaults is"),
    "a default that is a list": (f"defaults:\n  - [small]\n{GOOD}", (2, 5), "an item of defaults is"),
    "a file that is its own default": (f"defaults:\n  - wide\n{GOOD}", (2, 5), "wide names itself"),
    "a package misspelt": (f"# @pakage _global_\n{GOOD}", (1, 1), "write # @package _global_"),
    "a package without a name": (f"# @package\n{GOOD}", (1, 1), "write # @package _global_"),
    "a package of two names": (f"# @package a b\n{GOOD}", (1, 1), "write # @package _global_"),
    "a package that comes too late": (f"# my size\n# @package model\n{GOOD}", (2, 1), "as the first line"),
    "a number as a key": (f"1: 2\n{GOOD}", (1, 1), "a key must be a text"),
    "no as a key": (f"no: 2\n{GOOD}", (1, 1), "a key must be a text"),
    "a list as a key": (f"[1, 2]: 3\n{GOOD}", (1, 1), "a key must be a text"),
    "a key of two lines": (f'"a\\nb": 2\n{GOOD}', (1, 1), "visible characters"),
    "half a character": (f'layers: "\\ud800"\n{REST}', (1, 9), "half a surrogate pair"),
    "5,000 digits": (f"layers: {'9' * 5000}\n{REST}", (1, 9), "an integer of 5000 digits is too large"),
    "an archive": (b"PK\x03\x04\x14\x00", (1, 3), r"the character \x03"),
}
# What has no place of its own in the file: the key, or the file alone.
OTHERS = {
    "nested lists": (f"layers: {'[' * 2000}{']' * 2000}\n", "wide.yaml is nested too deeply"),
    "too many bytes": (f"# {'x' * 2**18}\n{GOOD}", "wide.yaml (it has more than 262,144 bytes)"),
    "a default that is not there": (f"defaults:\n  - nothing\n{GOOD}", "model/wide.yaml, in its defaults: no option"),
    "a reference to nothing": (f"layers: ${{x}}\n{REST}", "model.layers: Interpolation key 'x' not found"),
    "a circle": (
        "layers: ${model.hidden_size}\nhidden_size: ${model.layers}\ndropout: 0.0\n", "Recursive interpolation"),
    "an open reference": (f"layers: ${{\n{REST}", "wide.yaml: no viable alternative"),
    "an unknown resolver": (f"layers: ${{any:1}}\n{REST}", "model.layers: Unsupported interpolation type any"),
    "nothing": ("", "model.layers is missing; model.hidden_size is missing"),
    "a misspelt key": ("layers: 1\nhiden_size: 4\ndropout: 0.0\n", "did you mean 'model.hidden_size'?"),
    "not a number": ("layers: 1\nhidden_size: 4\ndropout: .nan\n", "model.dropout must be a finite number, not nan"),
    "a long text": (f"layers: {'x' * 10_000}\n{REST}", "model.layers must be a valid integer, not 'xxx"),
}  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command that composes my/model/wide.yaml of this content."""
    file = tmp_path / "my" / "model" / "wide.yaml"
    file.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def run(content: str | bytes | None, command=plan, *words: str) -> Ended:  # type: ignore[no-untyped-def]
        if content is not None:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return call_here(monkeypatch, capsys, command, "--config-dir", "my", "model=wide", *words)

    return run


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_its_remedy(asked, mistake: str) -> None:  # type: ignore[no-untyped-def]
    content, (line, column), remedy = MISTAKES[mistake]
    code, out, err = asked(content)
    assert (code, out) == (2, "")
    said = only_line(err)
    assert said.startswith("error: ") and f"my/model/wide.yaml, line {line}, column {column}: " in said
    assert remedy in said


@pytest.mark.parametrize("mistake", OTHERS)
def test_what_has_no_place_is_named_by_its_key_or_file(asked, mistake: str) -> None:  # type: ignore[no-untyped-def]
    content, remedy = OTHERS[mistake]
    code, out, err = asked(content)
    assert (code, out) == (2, "")
    assert only_line(err).startswith("error: ") and remedy in err and len(err) < 800


@pytest.mark.parametrize("mistake", ["a tab as indentation", "Latin-1", "aliases that repeat aliases", "a list"])
def test_help_names_it_too(asked, mistake: str) -> None:  # type: ignore[no-untyped-def]
    content, (line, column), remedy = MISTAKES[mistake]
    code, out, err = asked(content, train, "--help")
    assert (code, out) == (2, "")
    assert f"line {line}, column {column}: " in only_line(err) and remedy in err


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        f"---\n{GOOD}...\n",
        "{layers: 1, hidden_size: 40, dropout: 0.0}",
    ],
)
def test_what_is_no_mistake_is_read(asked, content: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = asked(content)
    assert (code, err) == (0, "")
    assert "1x40" in out


def test_what_is_no_file_is_not_waited_for(asked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "my" / "model" / "wide.yaml"
    os.mkfifo(file)
    assert "wide.yaml (it is not a regular file)" in only_line(asked(None).err)
    file.unlink()
    file.symlink_to("nowhere")
    assert "a link to nowhere, which is not there" in only_line(asked(None).err)
    file.unlink()
    file.mkdir()
    file.with_name("other.yaml").write_text(GOOD)
    assert "wide.yaml (Is a directory)" in only_line(asked(None).err)


def test_nothing_of_an_object_is_executed(asked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked(MISTAKES["an object"][0])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("nowhere", "does not exist"),
        ("", "is no name of a folder"),
        ("/dev/null", "is a file, not a folder"),
        ("x" * 300, "can't be read (File name too long)"),
        ("/", "holds more than 5,000 files"),
        ("${x}", "Hydra can't read from a folder with"),
    ],
)
def test_a_config_dir_that_is_none(
    name: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call_here(monkeypatch, capsys, plan, "--config-dir", name)
    assert (code, out) == (2, "")
    assert answer in only_line(err)


@pytest.mark.parametrize("name", ["a b", "a,b", "[a]", "a=b", "it's", "{a}", "a\\b", "\u00e9", "a\nb", "(x)", "$x"])
def test_a_config_dir_may_have_any_other_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name / "model"
    folder.mkdir(parents=True)
    (folder / "wide.yaml").write_text(GOOD)
    monkeypatch.chdir(folder.parent.parent)
    code, out, err = call_here(monkeypatch, capsys, plan, "--config-dir", name, "model=wide")
    assert (code, err) == (0, "")
    assert "1x40" in out
