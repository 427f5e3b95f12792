"""A report is written whole, on whatever there is; names are never markup; and the page needs no other file."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from fabricated_runs import blank_record, ended, finished, frame_of, grid, run, write

from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.escaping import markdown as escaped
from fsdd_lightning.reports import page as writing
from fsdd_lightning.reports.collect import collect_runs
from fsdd_lightning.reports.document import Document, build_document
from fsdd_lightning.reports.html.links import link
from fsdd_lightning.reports.html.render import page
from fsdd_lightning.reports.markdown import markdown
from fsdd_lightning.reports.page import write_report
from fsdd_lightning.reports.style import Picture
from fsdd_lightning.runs.record import read_record

pytestmark = pytest.mark.usefixtures("undrawn")
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`*[a](b)&lt;{{7*7}}{% raw %}"
FIGURES = ("accuracy_vs_bytes.png", "accuracy_vs_size.png", "accuracy_map.png", "drop_vs_size.png")


def document(*folders: Path, title: str | None = None) -> Document:
    return build_document(frame_of(*folders), title)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def exported(folder: Path) -> Path:
    (folder / "export").mkdir(parents=True)
    (folder / "export" / "listen.html").write_text("<title>Hear it</title>")
    return folder


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
        return [value for its_tag, attribute, value in self.attributes if (its_tag, attribute) == (tag, name)]


@pytest.fixture(scope="module")
def evil_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Names that want to be more than names, wherever a name can stand."""
    sweep = tmp_path_factory.mktemp("outer") / 'sweep <b> "quoted"'
    record = finished((), {"float": 590, "integer": 580})
    record.dataset["name"] = record.name = EVIL
    record.config["quantization"]["name"] = EVIL
    record.config["feature_augmentation"]["name"] = EVIL + "2"
    record.git["commit"] = EVIL
    exported(write(sweep / "a?b#c%20d:e&f<i>", record))
    exported(run(sweep, "int8_ptq", 8, 1, 580))
    ended(sweep, "failed", EVIL + "\n\n# second line", "seed=2")
    ended(sweep, EVIL, EVIL, "seed=3")
    (sweep / "<img src=x onerror=alert(3)>").mkdir()
    return sweep


@pytest.fixture(scope="module")
def evil_page(evil_sweep: Path) -> Reader:
    return Reader(page(document(evil_sweep, title=EVIL), evil_sweep / "report"))


def test_no_name_becomes_markup(evil_page: Reader, tmp_path: Path) -> None:
    plain = Reader(page(document(grid(tmp_path, seeds=1)), tmp_path))
    assert set(evil_page.tags) <= set(plain.tags) | {"ul", "li", "br", "p", "pre", "code"}
    assert evil_page.values("script", "type") == ["application/json"]  # data, and the page's own script
    assert evil_page.tags.count("script") == 2
    assert not [name for _, name, _ in evil_page.attributes if name.startswith("on")]
    assert EVIL in evil_page.text
    assert "&lt;{{7*7}}" in evil_page.text and "&lt;49" not in evil_page.text


def test_links_lead_to_the_runs(evil_page: Reader, evil_sweep: Path) -> None:
    links = [href for href in evil_page.values("a", "href") if not href.startswith("#")]
    assert all(re.fullmatch(r"\.\./[\w.~/%-]+(/|/export/listen\.html)", href) for href in links)
    runs = {found.folder.resolve() for found in collect_runs([evil_sweep])}
    places = {(evil_sweep / "report" / unquote(href)).resolve() for href in links}
    assert {place for place in places if place.name != "listen.html"} == runs
    pages = places - runs
    assert pages and all(place.is_file() and place.parents[1] in runs for place in pages)


def test_a_link_can_leave_the_sweep(tmp_path: Path) -> None:
    assert link(tmp_path / "a" / "b c", tmp_path / "x" / "y") == "../../a/b%20c/"
    assert link(tmp_path, tmp_path) == "./"


def test_the_page_needs_no_other_file_and_its_tables_can_be_sorted(tmp_path: Path) -> None:
    text = page(document(grid(tmp_path, seeds=1)), tmp_path / "report")
    reader = Reader(text)
    assert not {"link", "iframe", "object", "embed", "base", "img", "source"} & set(reader.tags)
    assert all(href.startswith("#mark-") for href in reader.values("use", "href"))
    assert reader.values("script", "src") == []
    assert "@import" not in text and "url(" not in text
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "") and "https:" not in text
    assert all(reader.values("svg", "aria-label"))
    assert reader.tags.count("table") == 3  # results over seeds, trials, accuracy by mode and size
    sizes = {str(float(found.record.memory["flash_bytes"])) for found in collect_runs([tmp_path]) if found.record}
    assert sizes <= set(reader.values("td", "data-sort"))


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(evil_sweep: Path) -> None:
    text = page(document(evil_sweep, title=EVIL), evil_sweep / "report")
    policy = Reader(text).values("meta", "content")[2]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and "unsafe" not in policy
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "style" not in {name for _, name, _ in Reader(text).attributes}  # which the policy would ignore


def test_the_embedded_data_end_no_script(evil_sweep: Path) -> None:
    text = page(document(evil_sweep, title=EVIL), evil_sweep / "report")
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert not set("<>&") & set(content)
    names = {trial["name"] for trial in json.loads(content)["trials"]}
    assert names == {found.folder.name for found in collect_runs([evil_sweep])}


def test_a_trial_is_a_dot_with_its_numbers_and_a_row(tmp_path: Path) -> None:
    """Without any script."""
    run(tmp_path, "int8_ptq", 8, 1, 570)
    reader = Reader(page(document(tmp_path), tmp_path / "report"))
    assert reader.values("use", "data-trial") == ["0"]
    assert "int8_ptq 2×8, seed 1\ntest 95.00 % (92.95 – 96.48)\nvalidation 95.00 %\nflash 3,907 bytes" in reader.text
    assert "trial-0" in reader.values("tr", "id")


def test_answers_lead_to_rows_without_any_script(tmp_path: Path) -> None:
    grid(tmp_path / "a", ("int8_ptq",), seeds=1)
    run(tmp_path / "b", "int8_ptq", 16, 1, 580, "split=official")
    for copy in ("x", "y"):  # a sweep and a run of one name in two places
        run(tmp_path / copy / "b", "pot_qat", 8, 1, 500)
    folders = (tmp_path / "a", tmp_path / "b", tmp_path / "x" / "b", tmp_path / "y" / "b")
    reader = Reader(page(document(*folders), tmp_path))
    places = [unquote(href.removeprefix("#")) for href in reader.values("a", "href") if href.startswith("#trial")]
    assert len(places) == 2 and set(places) <= set(reader.values("td", "id"))
    assert "trial=b/quantization=pot_qat,model.hidden_size=8,seed=1" in reader.values("td", "id")


def heard(reader: Reader) -> list[str]:
    """The addresses of pages on which one can hear a network, outside of the data of the script."""
    return [href for href in reader.values("a", "href") if href.endswith("listen.html")]


def test_the_best_network_of_a_budget_can_be_heard_where_it_was_exported(tmp_path: Path) -> None:
    best, smaller = exported(run(tmp_path, "int8_ptq", 24, 1, 590)), run(tmp_path, "int8_ptq", 8, 1, 580)
    other = exported(run(tmp_path, "pot_qat", 8, 1, 500))
    made = document(tmp_path)
    text = page(made, tmp_path / "report")
    reader = Reader(text)
    assert len(made.parts[0].answers) == 2 and smaller in {answer.folder for answer in made.parts[0].answers}
    (href,) = heard(reader)
    assert (tmp_path / "report" / unquote(href)).resolve() == best / "export" / "listen.html"
    assert f'<a href="{href}">hear it</a></li>' in text and "fsdd-export" not in reader.text
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    listens = {trial["name"]: unquote(trial["listen"]) for trial in json.loads(content)["trials"] if "listen" in trial}
    assert listens == {one.name: f"../{one.name}/export/listen.html" for one in (best, other)}


def test_where_no_answer_was_exported_the_page_tells_how(tmp_path: Path) -> None:
    run(tmp_path, "int8_ptq", 24, 1, 590)
    exported(run(tmp_path, "int8_ptq", 24, 2, 500))  # which is no budget's best run
    made = document(tmp_path)
    reader = Reader(page(made, tmp_path / "report"))
    assert heard(reader) == [] and reader.text.count("fsdd-export RUN --format web") == 1
    assert "fsdd-export" not in page(made, tmp_path / "report", links=False)
    assert "fsdd-export" not in markdown(made)


def test_a_report_for_elsewhere_leads_to_no_page(tmp_path: Path) -> None:
    exported(run(tmp_path, "int8_ptq", 8, 1, 580))
    assert "listen.html" not in page(document(tmp_path), tmp_path / "report", links=False)


def test_without_any_answer_nothing_is_told_of_hearing_one(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.training["val_accuracy"] = {}
    write(tmp_path / "trial", record)
    assert "fsdd-export" not in page(document(tmp_path), tmp_path / "report")


@pytest.mark.parametrize("kind", ["link", "folder", "link to a folder", "pipe", "linked export"])
def test_only_a_file_in_the_run_folder_is_such_a_page(tmp_path: Path, kind: str) -> None:
    elsewhere = exported(tmp_path / "elsewhere")
    folder = run(tmp_path / "sweep", "int8_ptq", 8, 1, 580)
    place = folder / "export" / "listen.html"
    if kind == "linked export":
        place.parent.symlink_to(elsewhere / "export")
    else:
        place.parent.mkdir()
        {
            "link": lambda: place.symlink_to(elsewhere / "export" / "listen.html"),
            "folder": place.mkdir,
            "link to a folder": lambda: place.symlink_to(elsewhere),
            "pipe": lambda: os.mkfifo(place),
        }[kind]()
    text = page(document(tmp_path / "sweep"), tmp_path / "sweep" / "report")
    assert "listen.html" not in text and "fsdd-export RUN --format web" in text


def test_markdown_shows_names_as_they_are(evil_sweep: Path) -> None:
    text = markdown(document(evil_sweep, title=EVIL))
    assert not re.search(r"(?<!\\)<|(?<!\\)`", text)
    assert "\n# second line" not in text
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("| ")]
    assert tables
    for lines in tables:
        (width,) = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert width > 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("int8_ptq", "int8_ptq"),
        ("a|b", "a&#124;b"),
        ("a\n# b", r"a\\n# b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("`", r"\`"),
        ("_a_ b_c", r"\_a\_ b_c"),
        ("-1.50", "-1.50"),
        ("- a", r"\- a"),
        ("---", r"\---"),
        ("# a #1", r"\# a #1"),
        ("2. a", r"2\. a"),
        ("2.5 a", "2.5 a"),
        ("see https://a.b or www.c", r"see https\://a.b or www\.c"),
        ("www.c.d", r"www\.c.d"),
    ],
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


def test_every_state_is_counted_and_explained(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "s", ("int8_ptq",), seeds=1)
    for status, words in (("failed", "seed=2"), ("over_budget", "seed=3"), ("interrupted", "seed=4")):
        ended(sweep, status, f"why {status}", words)
    ended(sweep, "over_budget", "why over_budget", "seed=5")
    (sweep / "broken").mkdir()
    made = document(sweep)
    counts = {"done": 2, "failed": 1, "interrupted": 1, "unreadable": 1, "over_budget": 2}
    assert list(made.counts.items()) == list(counts.items())
    headings = ["Failed (1)", "Interrupted (1)", "Could not be read (1)", "Over the memory budget (2)"]
    assert list(made.problems) == headings
    ((reason, runs),) = made.problems[headings[-1]].items()
    assert (reason, len(runs)) == ("why over_budget", 2)
    text = page(made, sweep / "report")
    assert all(f"why {status}" in text for status in ("failed", "over_budget", "interrupted"))


def test_a_report_is_written_into_the_first_sweeps_folder_and_a_second_is_equal(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "a", seeds=1)
    report = write_report([sweep])
    assert report.output == sweep / "report"
    assert report.files == ("results.csv", "results.md", *FIGURES, "report.html")
    first = contents(report.output)
    assert set(first) == set(report.files) and b"<title>a</title>" in first["report.html"]
    assert contents(write_report([sweep]).output) == first


def test_several_sweeps_elsewhere_with_a_title(tmp_path: Path) -> None:
    grid(tmp_path / "a", ("int8_ptq",), seeds=1)
    one = run(tmp_path / "b", "pot_qat", 8, 1, 570, "split=official")  # a run alone may be named
    report = write_report([tmp_path / "a", one], tmp_path / "x" / "y", "Both of them")
    assert report.output == tmp_path / "x" / "y"
    bytes_figures = [name for name in report.files if name.endswith("bytes.png")]
    assert bytes_figures == ["1_accuracy_vs_bytes.png", "2_accuracy_vs_bytes.png"]
    assert not (tmp_path / "a" / "report").exists()
    assert b"<title>Both of them</title>" in contents(report.output)["report.html"]


def test_a_sweep_without_any_result(tmp_path: Path) -> None:
    write(tmp_path / "killed", blank_record())
    (tmp_path / "sweep.json").write_text('{"trials": {"later": {}}}')
    ended(tmp_path, "over_budget", "too large", "seed=2")
    ended(tmp_path, "failed", "x", "seed=3")
    (tmp_path / "broken").mkdir()
    report = write_report([tmp_path])
    assert report.files == ("results.csv", "results.md", "report.html")
    states = ["failed", "interrupted", "not started", "unreadable", "over_budget"]
    assert list(report.document.counts.items()) == [(state, 1) for state in states]
    assert "No trial has finished yet" in contents(report.output)["report.html"].decode()


def test_one_bad_run_takes_no_other_with_it(tmp_path: Path) -> None:
    sweep = grid(tmp_path / "a", ("int8_ptq",), seeds=1)
    before = contents(write_report([sweep], tmp_path / "before").output)
    (sweep / "bad").mkdir()
    (sweep / "bad" / "run.json").write_text('{"schema_version": 1, "name"')
    after = contents(write_report([sweep], tmp_path / "after").output)
    assert all(before[name] == after[name] for name in FIGURES)
    rows = after["results.csv"].decode().splitlines()
    assert rows[:-1] == before["results.csv"].decode().splitlines()
    assert rows[-1].startswith("a,bad,unreadable,run.json can't be read")


def test_halves_of_surrogates_do_no_harm(tmp_path: Path) -> None:
    record = finished((), {"float": 590, "integer": 580})
    record.config["quantization"]["name"] = "\ud800"
    write(tmp_path / "trial", record)
    assert "report.html" in write_report([tmp_path]).files


def test_a_folder_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    (tmp_path / "file").touch()
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=r"can't be written to .*; name another folder with --output"):
            write_report([tmp_path / "a"], output)


def test_a_figure_that_can_not_be_drawn_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(picture: Picture, *_: object) -> bytes:
        if picture.name == "accuracy_map":
            raise ValueError("a font is missing")
        return b"picture"

    monkeypatch.setattr(writing, "rendered", fail)
    report = write_report([grid(tmp_path / "a", seeds=1)])
    assert set(contents(report.output)) == set(report.files)
    assert {"results.csv", "report.html"} <= set(report.files) and "accuracy_map.png" not in report.files
    (note,) = report.notes
    assert note.startswith("accuracy_map.png could not be drawn") and "a font is missing" in note


def test_a_full_disk_is_one_line_and_keeps_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "a", "int8_ptq", 8, 1, 580)
    replace = writing.replace_file

    def fill(path: Path, content: bytes) -> None:
        if path.suffix == ".png":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, content)

    monkeypatch.setattr(writing, "replace_file", fill)
    with pytest.raises(RunFailedError, match=r"no space left for the report in .*--output"):
        write_report([tmp_path / "a"])
    assert set(contents(tmp_path / "a" / "report")) == {"results.csv", "results.md"}
