"""One table of hostile texts through all files of a report."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from commands import Call
from fabricated_runs import blank_record, finished, write
from hostile_texts import HOSTILE, unseen

from fsdd_lightning import report
from fsdd_lightning.escaping import visible
from fsdd_lightning.reports.frame import csv_bytes, read_csv


@pytest.fixture(scope="module")
def hostile_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of somebody else, whose records hold the texts wherever they may."""
    folder = tmp_path_factory.mktemp("outer") / "\x1b[2J <b>\n\u202e"
    for at, text in enumerate(HOSTILE.values()):
        record = finished((), {"float": 590, "integer": 580})
        record.name = record.git["commit"] = text
        record.dataset["name"] = text if at % 8 == 0 else "x"
        record.config["quantization"]["name"] = text
        record.config["split"]["held_out"] = text
        record.others = {text: {"alone": {"recordings": 3, "groups": {"mean": 0.5, "worst_name": text}}}}
        record.unheard = {"speaker": text, "correct": 1, "total": 2, "accuracy": 0.5}
        record.notes, record.overrides, record.machine = [text], [text], {"processor": text}
        name = f"{at}{text[:40]}".replace("/", ":").replace("\0", "")
        write(folder / name.encode("utf-8", "replace").decode(), record)
        for status in ("failed", text):
            without_result = blank_record(f"seed={at + 2}")
            without_result.status, without_result.error = status, text
            write(folder / f"{'failed' if status == 'failed' else 'odd'} {at}", without_result)
    commands = [{"arguments": [text, "-m"]} for text in HOSTILE.values()]
    (folder / "sweep.json").write_text(json.dumps({"commands": commands}))
    return folder


class Page(HTMLParser):
    """Tags, handlers and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.shown += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def test_a_report_shows_them_in_every_file(
    hostile_sweep: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsdd_lightning.reports.page.rendered", lambda *_: b"")
    output = tmp_path / "\x1b[2J\n"
    code, out, err = call(report, hostile_sweep, "--output", output)
    assert (code, err) == (0, "")
    assert unseen(out) == set()
    for text in HOSTILE.values():
        assert visible(" ".join(text.split())) in out
    assert out.endswith(visible(f"in {output}") + "\n")
    check_page((output / "report.html").read_text(encoding="utf-8"))
    source = (output / "results.md").read_text(encoding="utf-8")
    assert unseen(source) == set() and "\n# b" not in source and source.count("\n## ") > 4
    check_table(output / "results.csv", tmp_path / "again.csv")


def check_page(made: str) -> None:
    assert unseen(made) == set()
    shown = Page(made)
    assert shown.tags.count("script") == 2 and not [name for name in shown.attributes if name.startswith("on")]
    assert not {"img", "iframe"} & set(shown.tags) and shown.tags.count("section") > 4
    assert unseen("".join(shown.shown)) == set()
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', made, re.DOTALL)
    assert not any(map(unseen, strings(json.loads(data))))


def check_table(path: Path, again: Path) -> None:
    """It computes nothing, and its reader finds what is written in it."""
    written = path.read_text(encoding="utf-8")
    assert unseen(written) == set() and len(written.splitlines()) == 1 + 3 * len(HOSTILE)
    assert not re.search(r'(^|,)"?[=@+\t]', written, re.MULTILINE)
    trials = read_csv(path)
    assert {visible(text) for text in HOSTILE.values()} <= set(trials["mode"].dropna())
    again.write_bytes(csv_bytes(trials))
    assert rows_of(again) == rows_of(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def strings(content: Any) -> Iterator[str]:
    """All of a JSON value."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from (key, *strings(value))
    elif isinstance(content, list):
        for value in content:
            yield from strings(value)
    elif isinstance(content, str):
        yield content
