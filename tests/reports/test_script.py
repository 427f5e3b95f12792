"""What the page's script does, in a real browser where there is one: Chromium, headless, by addresses and by clicks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from browsers import CHROMIUM
from fabricated_runs import ended, grid, leave_one_out, run, with_curves

from fsdd_lightning.escaping import visible
from fsdd_lightning.reports.page import write_report

TRIAL = "quantization=pot_qat,model.hidden_size=16,seed=1"

pytestmark = [pytest.mark.usefixtures("undrawn"), pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = grid(tmp_path_factory.mktemp("page") / "sweep", seeds=2)
    with_curves(sweep / TRIAL, epochs=30)
    ended(sweep, "failed", "x", "seed=9")
    return write_report([sweep]).output / "report.html"


def dom(report: Path, address: str = "", actions: str = "") -> str:
    """The page as it is after `actions`, which are added as a script of their own that the policy is told of."""
    page = report
    if actions:
        text = re.sub(r"<meta http-equiv=.*?>", "", report.read_text(encoding="utf-8"))
        page = report.with_name("acted.html")
        page.write_text(text.replace("</body>", f"<script>{{{actions}}}</script></body>"), encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={report.parent / 'browser'}")
    url = page.resolve().as_uri() + address
    command = [str(CHROMIUM), *options, "--virtual-time-budget=2000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def part(text: str, pattern: str) -> str:
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None, pattern
    return found[1]


def shown_rows(text: str) -> int:
    body = part(text, r'<table id="trials">.*?<tbody>(.*?)</tbody>')
    return len(re.findall(r'<tr id="trial-\d+"(?![^>]*hidden)', body))


def chosen(text: str) -> str:
    return part(text, r'<aside id="detail"[^>]*><h3>(.*?)</h3>')


def test_at_first_the_best_of_any_size_is_chosen(report: Path) -> None:
    text = dom(report)
    assert chosen(text).startswith("float32 2×16, seed 1")
    assert shown_rows(text) == 13
    assert "<title>float32" not in text  # the browser's own tip gives way to that of the page
    assert 'aria-label="float32 2×8, seed 1\ntest 88' in text


def test_an_address_chooses_a_trial_with_folder_curves_and_confusion(report: Path) -> None:
    text = dom(report, f"#trial={TRIAL}")
    detail = part(text, r'<aside id="detail"[^>]*>(.*?)</aside>')
    assert chosen(text) == "pot_qat 2×16, seed 1"
    assert f">sweep/{TRIAL}</a>" in detail and 'href="../quantization%3Dpot_qat' in detail
    assert detail.count("<polyline") == 4
    assert "loss over epochs 0 to 29, from 0.07 to 2.20" in detail
    assert detail.count("<tr>") == 11  # classes, and their names
    (row,) = re.findall(r'<tr id="trial-(\d+)"[^>]*class="chosen"', text)
    assert re.search(rf'data-trial="{row}"', text)


def test_a_trial_that_was_exported_can_be_heard(tmp_path: Path) -> None:
    folder = run(tmp_path / "sweep", "int8_ptq", 8, 1, 580)
    silent = folder.rename(folder.with_name("a?b#c%20d&e<i>"))
    heard = run(tmp_path / "sweep", "pot_qat", 8, 1, 500).rename(folder.with_name("\u202e?b#c%20d:e&f<i>\"'"))
    (heard / "export").mkdir()
    (heard / "export" / "listen.html").write_text("<title>Hear it</title>")
    path = write_report([tmp_path / "sweep"]).output / "report.html"
    detail = r'<aside id="detail"[^>]*>(.*?)</aside>'
    assert "hear it" not in part(dom(path, f"#trial={quote(silent.name)}"), detail)
    follow = """
      const link = [...detail.querySelectorAll("a")].find((one) => one.textContent === "hear it in the browser");
      link.click();
    """
    address = quote(visible(heard.name))
    text = dom(path, f"#trial={address}")
    assert chosen(text).startswith("pot_qat 2×8") and "hear it in the browser</a>" in part(text, detail)
    assert "<title>Hear it</title>" in dom(path, f"#trial={address}", follow)


def test_an_address_that_names_nothing_does_no_harm(report: Path) -> None:
    for address in ("#trial=nobody", "#trial=%E0%A4%A", "#elsewhere"):
        assert chosen(dom(report, address)).startswith("float32 2×16, seed 1")


def test_a_click_on_a_dot_chooses_it_and_changes_the_address(report: Path) -> None:
    click = """
      const dot = document.querySelector('use[data-trial="3"]'), box = dot.getBoundingClientRect();
      const [clientX, clientY] = [box.left + box.width / 2, box.top + box.height / 2];
      dot.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY }));
      dot.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX, clientY }));
      document.title = location.hash;
    """
    text = dom(report, "", click)
    assert re.search(r'<tr id="trial-3" class="chosen"', text)
    assert part(text, r"<title>(.*?)</title>").startswith("#trial=quantization%3D")
    tip = part(text, r'<div id="tip"[^>]*>(.*?)</div>')
    assert tip.splitlines()[0] == chosen(text) and "validation" in tip


def test_keys_lead_from_dot_to_dot(report: Path) -> None:
    keys = """
      const first = document.querySelector('.trial-chart use[tabindex="0"]');
      first.focus();
      const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      press("ArrowRight");
      document.title = document.activeElement.dataset.trial;
      press("Enter");
    """
    text = dom(report, "", keys)
    trial = part(text, r"<title>(\d+)</title>")
    assert re.search(rf'<tr id="trial-{trial}" class="chosen"', text)
    assert text.count('tabindex="0" data-trial') + len(re.findall(r'data-trial="\d+"[^>]*tabindex="0"', text)) == 1


@pytest.mark.parametrize(("words", "count"), [("pot_qat", 4), ("failed", 1), ("pot_qat seed=2", 2), ("nothing", 0)])
def test_text_filters_rows_and_dots(report: Path, words: str, count: int) -> None:
    fill = f"""
      search.value = "{words}";
      search.dispatchEvent(new Event("input", {{ bubbles: true }}));
    """
    text = dom(report, "", fill)
    assert shown_rows(text) == count
    assert f">{count} of 13 trials<" in text
    visible = re.findall(r'<use(?=[^>]*data-trial)(?![^>]* hidden="")', text)
    assert len(visible) == (count if words != "failed" else 0)


def test_groups_filter_and_a_reset_shows_all(report: Path) -> None:
    choose_group = """
      document.querySelector('[data-mode].chip').click();
      const selects = [...document.querySelectorAll("#filter select")];
      const select = selects.find((one) => one.parentNode.textContent.startsWith("seed"));
      select.value = "=2";
      select.dispatchEvent(new Event("input", { bubbles: true }));
    """
    assert shown_rows(dom(report, "", choose_group)) == 4  # two modes, two sizes
    assert shown_rows(dom(report, "", choose_group + "filter.reset();")) == 13


def test_a_budget_picks_by_validation_accuracy_among_what_is_shown(report: Path) -> None:
    pick = "[...document.querySelectorAll('.picker .chip')].find((chip) => chip.dataset.bytes === '8192').click();"
    text = dom(report, "", pick)
    assert chosen(text) == "int8_ptq 2×16, seed 1"
    assert "8.0 KB</output>" in text
    assert "Chosen by validation accuracy: int8_ptq 2×16, seed 1; test 93.67 %" in text
    hide = "document.querySelectorAll('[data-mode].chip')[1].click();"  # int8_ptq
    assert chosen(dom(report, "", hide + pick)) == "pot_qat 2×16, seed 1"


def test_tables_are_sorted_by_numbers(report: Path) -> None:
    click = """
      const head = [...document.querySelectorAll("#trials th")].find((th) => th.textContent === "flash bytes");
      head.firstElementChild.click();
      head.firstElementChild.click();
    """
    text = dom(report, "", click)
    body = part(text, r'<table id="trials">.*?<tbody>(.*?)</tbody>')
    sizes = [
        float(size) for size in re.findall(r'data-sort="([\d.]+)"[^>]*>[\d,]+</td>\s*<td[^>]*>[\d,]*</td></tr>', body)
    ]
    assert len(sizes) >= 12 and sizes == sorted(sizes, reverse=True)


def test_speakers_and_unfinished_sweeps_run_without_an_error(tmp_path: Path) -> None:
    leave_one_out(tmp_path / "voices", "int8_ptq", {"ann": 300, "bob": 400, "zoe": 500})
    ended(tmp_path / "empty", "failed", "x", "seed=2")
    note = 'addEventListener("error", (event) => (document.title = "broken"));'
    for name, seen in (("voices", "never heard by int8_ptq"), ("empty", "No trial has finished yet")):
        path = write_report([tmp_path / name]).output / "report.html"
        path.write_text(path.read_text().replace("<script>", f"<script>{note}", 1))
        text = dom(path, "", "0;")
        assert seen in text and "<title>broken" not in text
        assert 'role="group"' in text or name == "empty"
