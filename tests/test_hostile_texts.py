"""One table of hostile texts through Markdown, tables for spreadsheets, TensorBoard, C and names of folders."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from hostile_texts import assert_is_a_line, squeezed, texts, unseen
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fsdd_lightning.config.load import run_name
from fsdd_lightning.escaping import csv_cell, csv_value, markdown, visible
from fsdd_lightning.evaluation.report_files import csv_text
from fsdd_lightning.export.c_export import _markdown
from fsdd_lightning.sweeps.search.front import Objective, Point, write_front
from fsdd_lightning.training.tensorboard import hyperparameters, tag_of, trial_name

# ---- Markdown


def read_back(source: str) -> tuple[str, set[str]]:
    """The text that a reader of Markdown sees, and the kinds of all markup in it."""
    kinds: set[str] = set()
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source):
        kinds.add(token.type)
        for child in token.children or ():
            kinds.add(child.type)
            found.append(child.content)
    return "".join(found), kinds


@texts
def test_markdown_shows_the_text_itself(text: str) -> None:
    check_markdown(text)


@given(st.text("aZ09é零_*`~[]()<>!#+-=|\\&;:\"'$^. \t\n1.{}/@%", min_size=1, max_size=12).filter(str.strip))
def test_markdown_shows_any_text_itself(text: str) -> None:
    check_markdown(text)


def check_markdown(text: str) -> None:
    for before in ("", "# ", "* ", "* **", "a "):
        check_markdown_behind(text, before)


def check_markdown_behind(text: str, before: str) -> None:
    after = "**" if before.endswith("**") else ""
    source = f"{before}{markdown(text)}{after}"
    assert_is_a_line(source + "\n")
    assert "$" not in source.replace("\\$", "") and not re.search(r"(?<!\\)://|www\.", source)
    shown, kinds = read_back(source)
    assert squeezed(shown) == squeezed(before.replace("#", "").replace("*", "") + visible(text))
    _, expected = read_back(f"{before}x{after}")
    assert kinds <= expected | {"text_special"}


@texts
def test_a_cell_of_markdown_is_a_cell(text: str) -> None:
    cell = markdown(text)
    for escaped in (cell, _markdown(text)):
        shown, kinds = read_back(f"| a | b |\n|---|---|\n| {escaped} | x |\n")
        assert squeezed(shown) == squeezed("ab" + visible(text) + "x")
        assert not {"em_open", "strong_open", "s_open", "link_open", "image", "code_inline", "html_inline"} & kinds
    assert _markdown(text).isascii()


# ---- tables for spreadsheets


@texts
def test_a_cell_is_no_formula_and_is_read_back(text: str) -> None:
    rows = [{text: text, "number": -1.5, "count": 3, "text of a number": "-1.5e-3"}]
    written = csv_text(rows)
    assert len(written.splitlines()) == 2 and unseen(written) == set()
    head, cells = csv.reader(io.StringIO(written))
    assert not any(cell.startswith(("=", "+", "@", "\t")) for cell in (*head, *cells))
    assert cells[1:] == ["-1.5", "3", "-1.5e-3"]
    assert csv_value(cells[0]) == csv_value(head[0]) == visible(text)


@texts
def test_the_front_of_a_search(text: str, tmp_path: Path) -> None:
    points = [Point({"key": text}, Objective(0.9, 1000), text)]
    write_front(points, tmp_path)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "pareto_front.csv").read_text(encoding="utf-8")))
    assert row["key"] == csv_cell(text) and row["val_accuracy"] == "0.900000"
    lines = (tmp_path / "pareto_front.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 and len({len(re.findall(r"\|", line)) for line in lines}) == 1
    assert unseen("".join(lines)) == set()


# ---- TensorBoard, C, names


@texts
def test_texts_of_tensorboard(text: str) -> None:
    shown = [tag_of(text), tag_of(f"test/{text}"), tag_of(f"lr-{text}"), trial_name(Path("a") / text.replace("\0", ""))]
    row = hyperparameters({"name": text, "data": {"root": text, "labels": [text]}, "seed": 1})
    assert len(row) >= 3
    shown += [value for value in row.values() if isinstance(value, str)]
    for each in shown:
        assert unseen(each) == set() and "\n" not in each
        each.encode()  # protobuf takes UTF-8 alone


@texts
def test_no_trial_has_a_folder_elsewhere(text: str, tmp_path: Path) -> None:
    for words in ([text], [f"name={text}"], [f"a={text}", "../.."], [".."], ["."]):
        name = run_name(words)
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert name.isascii() and name.isprintable() and name not in (".", "..")
