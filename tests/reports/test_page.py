"""Names and reasons are data: nothing of them becomes markup, in Markdown or HTML; and the page needs no other file."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from fabricated_runs import ended, finished, grid, run, write
from fsdd_lightning.reports.document import Document, build_document
from fsdd_lightning.reports.markdown import escaped, markdown

from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.frame import frame
from fsdd_lightning.reports.page import link, page
from fsdd_lightning.runs.record import read_record

pytestmark = pytest.mark.usefixtures("undrawn")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`*[a](b)&lt;{{7*7}}{% raw %}"


def document(*folders: Path, title: str | None = None) -> Document:
    return build_document(frame(collect_runs(folders)), title)


class Reader(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [value for each, attribute, value in self.attributes if (each, attribute) == (tag, name)]


@pytest.fixture(scope="module")
def evil_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names that want to be more than names, wherever a name can stand."""
    sweep = tmp_path_factory.mktemp("outer") / 'sweep <b> "quoted"'
    record = finished((), {"float": 590, "integer": 580})
    record.dataset["name"] = record.name = EVIL
    record.config["quantization"]["name"] = EVIL
    record.config["feature_augmentation"]["name"] = EVIL + "2"
    record.git["commit"] = EVIL
    write(sweep / "a?b#c%20d:e&f<i>", record)
    run(sweep, "int8_ptq", 8, 1, 580)
    ended(sweep, "failed", EVIL + "\n\n# second line", "seed=2")
    ended(sweep, EVIL, EVIL, "seed=3")
    (sweep / "<img src=x onerror=alert(3)>").mkdir()
    return sweep


@pytest.fixture(scope="module")
def evil_page(evil_sweep: Path) -> str:
    return page(document(evil_sweep, title=EVIL), evil_sweep / "report")


def test_no_name_becomes_markup(evil_page: str, tmp_path: Path) -> None:
    reader = Reader(evil_page)
    plain = Reader(page(document(run(tmp_path, "int8_ptq", 8, 1, 580)), tmp_path))
    assert set(reader.tags) <= set(plain.tags) | {"ul", "li", "br", "p"}
    assert reader.tags.count("script") == 1
    assert not [each for each in reader.attributes if each[1].startswith("on")]
    assert EVIL in reader.text
    assert "49" not in re.findall(r"\{\{.*?\}\}|49", reader.text)


def test_links_lead_to_the_runs(evil_page: str, evil_sweep: Path) -> None:
    links = Reader(evil_page).values("a", "href")
    for href in links:
        assert re.fullmatch(r"\.\./[\w.~/%-]+/", href), href
    runs = {each.folder for each in collect_runs([evil_sweep])}
    report = evil_sweep / "report"
    assert {(report / unquote(href)).resolve() for href in links} == {each.resolve() for each in runs}


def test_a_link_can_leave_the_sweep(tmp_path: Path) -> None:
    assert link(tmp_path / "a" / "b c", tmp_path / "x" / "y") == "../../a/b%20c/"
    assert link(tmp_path, tmp_path) == "./"


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = page(document(grid(tmp_path, seeds=1)), tmp_path / "report")
    reader = Reader(text)
    sources = reader.values("img", "src") + reader.values("source", "srcset")
    assert len(sources) == 4 * 4
    for source in sources:
        start, _, content = source.partition(",")
        assert start == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(content, validate=True)
    assert not {"link", "iframe", "object", "embed", "base"} & set(reader.tags)
    assert reader.values("script", "src") == []
    assert "@import" not in text and "url(" not in text
    assert all(reader.values("img", "alt"))
    assert "default-src 'none'" in reader.values("meta", "content")[2]


def test_tables_can_be_sorted_by_their_values(tmp_path: Path) -> None:
    sizes = [each.record.memory["flash_bytes"] for each in collect_runs([grid(tmp_path, seeds=1)]) if each.record]
    reader = Reader(page(document(tmp_path), tmp_path))
    assert reader.tags.count("table") == 2  # results over seeds, and trials
    assert reader.tags.count("button") == reader.tags.count("th")
    assert {str(float(size)) for size in sizes} <= set(reader.values("td", "data-sort"))


def test_markdown_shows_names_as_they_are(evil_sweep: Path) -> None:
    text = markdown(document(evil_sweep, title=EVIL))
    assert not re.search(r"(?<!\\)<|(?<!\\)`", text)
    assert "\n# second line" not in text
    for line in text.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) > 3
    tables = [part for part in text.split("\n\n") if part.startswith("| ")]
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [("int8_ptq", "int8_ptq"), ("a|b", r"a\|b"), ("a\n# b", "a # b"), ("<b>&", r"&lt;b\>&amp;"), ("`", r"\`")],
)
def test_markdown_escapes_only_what_it_must(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_the_markdown_table_holds_the_numbers(tmp_path: Path) -> None:
    for seed, correct in ((1, 570), (2, 576), (3, 582)):
        folder = run(tmp_path, "int8_ptq", 16, seed, correct)
    memory = read_record(folder).memory
    text = markdown(document(tmp_path, title="T"))
    (row,) = [line for line in text.splitlines() if line.startswith("| int8_ptq")]
    assert row == (
        "| int8_ptq | 2×16 | 96.00 | 1.00 | 93.52 – 98.48 (t) | 3 | 98.33 | +2.33 | 96.00 "
        f"| {memory['flash_bytes']:,} | {memory['ram_bytes']:,} | {memory['macs_per_clip']:,} | unlimited |"
    )
    assert text.startswith("# T\n\nTrials: 3 done.\n")
    assert "![Accuracy against flash bytes](accuracy_vs_bytes.png)" in text


def test_a_page_without_results_has_a_table_of_trials(tmp_path: Path) -> None:
    ended(tmp_path, "failed", "x", "seed=2")
    text = page(document(tmp_path), tmp_path)
    assert "No trial has finished yet" in text


def test_every_state_is_counted_and_explained(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "s", ("int8_ptq",), seeds=1)
    for status, words in (("failed", "seed=2"), ("over_budget", "seed=3"), ("interrupted", "seed=4")):
        ended(sweep, status, f"why {status}", words)
    ended(sweep, "over_budget", "why over_budget", "seed=5")
    (sweep / "broken").mkdir()
    made = document(sweep)
    assert made.counts == (("done", 2), ("failed", 1), ("interrupted", 1), ("unreadable", 1), ("over_budget", 2))
    assert [problems.heading for problems in made.problems] == [
        "Failed (1)",
        "Interrupted (1)",
        "Could not be read (1)",
        "Over the memory budget (2)",
    ]
    ((reason, runs),) = made.problems[-1].reasons
    assert (reason, len(runs)) == ("why over_budget", 2)
    text = page(made, sweep / "report")
    assert all(f"why {status}" in text for status in ("failed", "over_budget", "interrupted"))
