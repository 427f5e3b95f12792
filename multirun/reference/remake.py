"""Run the reference sweeps again, write their reports beside this file and the tables of two READMEs from them.

python multirun/reference/remake.py                    everything; prints first how long that took the last time
python multirun/reference/remake.py strangers          one report, and the tables
python multirun/reference/remake.py --tables           the tables alone, from the committed reports
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fsdd_lightning.reports.frame import read_csv
from fsdd_lightning.reports.sections import Section, sections
from fsdd_lightning.reports.summaries import SUREST
from fsdd_lightning.runs.record import WAYS

REFERENCE = Path(__file__).resolve().parent
ROOT = REFERENCE.parent.parent
# What the committed reports hold of an experiment that would take too long as a whole.
LIMITED = {
    "known_voices": ["memory_budget=kb36"],
    "strangers_ablation": [
        "ablation=nothing,synthetic_speakers,accents,half_the_steps,copies,babble,long_words,slack",
        "seed=1",
    ],
    "learning_curve": ["split.held_out=george,theo", "split.train_speakers=1,2,3,5", "trainer.max_epochs=40"],
}
# The experiments of each report.
SWEEPS = {
    "float_vs_int8": ("float_vs_int8",),
    "known_voices": ("known_voices",),
    "strangers": ("unseen_speaker", "voices_heard"),
    "strangers_ablation": ("strangers_ablation",),
    "learning_curve": ("learning_curve",),
}
TABULATED = ("known_voices", "strangers")
SPLITS = {"random": "random 80/20", "official": "official", "unseen_speaker": "unseen speaker"}
BUDGETS = {"kb36": "36 KB", "kb16": "16 KB", "kb8": "8 KB"}
MODES = ("float32", "int8_ptq", "int8_qat", "int8_pot_scale", "int4_qat", "pot_qat")


def main() -> None:
    """Run, report, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", nargs="*", choices=[*SWEEPS, []], help="default: all of them")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.tables:
        sweeps = arguments.sweep or list(SWEEPS)
        print(f"{len(sweeps)} reports: {expected_time(sweeps)}", flush=True)
        for name in sweeps:
            remake(name)
    for page, names in PAGES.items():
        text = with_tables(page.read_text(encoding="utf-8"), names)
        page.write_text(text, encoding="utf-8")


def expected_time(sweeps: Sequence[str]) -> str:
    """How long this takes on all cores, by the committed reports."""
    found = [committed(name) for name in sweeps if (REFERENCE / name / "results.csv").exists()]
    if len(found) < len(sweeps):
        return "how long they take is not known, some have never been run"
    seconds = sum(working_seconds(trials) for trials in found)
    cores = os.cpu_count() or 1
    return f"about {seconds / cores / 60:.0f} minutes on {cores} cores; finished runs are not run again"


def working_seconds(trials: pd.DataFrame) -> float:
    """Of all runs together, without waiting for a float network that another run was training."""
    return float(trials["timings_s.total"].sum() - trials["timings_s.waiting"].sum())


def remake(name: str) -> None:
    """The sweeps of one report, and the report."""
    experiments = SWEEPS[name]
    commands = [
        ["fsdd-train", "-m", f"experiment={one}", "hydra/launcher=joblib", "callbacks=quiet", *LIMITED.get(one, [])]
        for one in experiments
    ]
    folders = [f"multirun/{one}" for one in experiments]
    commands.append(["fsdd-report", *folders, "--output", str(REFERENCE / name), "--portable"])
    for command in commands:
        print("$", " ".join(command), flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
    if name == "strangers":
        remake_robustness()
        remake_listening()


def remake_robustness() -> None:
    """The recommended network with noise, gain, clipping, silence, another speed."""
    run = run_of("voices_heard", split="random", seed=1)
    subprocess.run(["fsdd-evaluate", str(run), "--robustness"], cwd=ROOT, check=True)
    (REFERENCE / "robustness").mkdir(exist_ok=True)
    for path in run.glob("robustness.*"):
        shutil.copy(path, REFERENCE / "robustness")


def remake_listening() -> None:
    """The recommended network in streams of words, with and without noise, and its false alarms."""
    run = run_of("voices_heard", split="official", seed=1)
    others = ROOT.parent / "shared" / "other_voices" / "untrimmed"
    further = ["--others", str(others)] if others.is_dir() else []
    subprocess.run(["fsdd-evaluate", str(run), "--streams", *further], cwd=ROOT, check=True)
    (REFERENCE / "listening").mkdir(exist_ok=True)
    for path in run.glob("listening.*"):
        shutil.copy(path, REFERENCE / "listening")


def run_of(sweep: str, split: str, seed: int) -> Path:
    """The folder of a run, found by its record."""
    for path in (ROOT / "multirun" / sweep).glob("*/run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record["split"].get("name"), record["seed"]) == (split, seed):
            return path.parent
    sys.exit(f"multirun/{sweep} holds no run with split={split} seed={seed}")


def committed(name: str) -> pd.DataFrame:
    """The finished trials of a committed report."""
    trials = read_csv(REFERENCE / name / "results.csv")
    return trials[trials["state"] == "done"]


def with_tables(text: str, names: Sequence[str]) -> str:
    """`text` with each part between `<!-- NAME -->` and `<!-- end -->` made anew."""
    for name in names:
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(start)
        if not rest:
            sys.exit(f"there is no place for a table: {start.strip()}")
        text = before + start + "\n".join(TABLES[name]()) + "\n" + end + rest.partition(end)[2]
    return text


def reference_table() -> list[str]:
    """One row a split, budget, mode and sweep, as in the reports: see reports/summaries.py for the interval."""
    rows = [
        "| test set | budget | mode | network | bytes | float % | deployed % | 95 % interval | drop | seeds "
        "| `fsdd-train -m experiment=` |",
        "|---|---|---|---|--:|--:|--:|---|--:|--:|---|",
    ]
    found = {}
    for sweep in TABULATED:
        if (REFERENCE / sweep).is_dir():
            for section in sections(committed(sweep)):
                for point in section.points.to_dict("records"):
                    found[section.split["name"], point["budget"], sweep, point["mode"]] = point
    for key in itertools.product(SPLITS, BUDGETS, TABULATED, MODES):
        if key in found:
            rows.append(reference_row(found[key], *key))
    return rows


def reference_row(point: dict[str, Any], split: str, budget: str, sweep: str, mode: str) -> str:
    """A configuration over its seeds, or over the held-out speakers."""
    worst = f" (worst voice {100 * point['worst']:.1f})" if "worst" in point else ""
    return (
        f"| {SPLITS[split]} | {BUDGETS[budget]} | {mode} | {point['layers']}x{point['hidden_size']} "
        f"| {point['flash_bytes']:,} | {100 * point['float']:.2f} | **{100 * point['accuracy']:.2f}**{worst} "
        f"| {100 * point['low']:.1f} - {100 * point['high']:.1f} | {100 * (point['float'] - point['accuracy']):.2f} "
        f"| {point['seeds']} | `{sweep}` |"
    )


def grid_table() -> list[str]:
    """Hidden size by mode: deployed accuracy, mean of seeds with lowest and highest, and flash bytes."""
    (section,) = sections(committed("float_vs_int8"))
    cells = {key: grid_cell(alike) for key, alike in section.trials.groupby(["mode", "hidden_size"])}
    sizes = sorted({size for _, size in cells})
    rows = ["| mode | " + " | ".join(f"2x{size}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]
    return rows + [f"| {mode} | " + " | ".join(cells.get((mode, size), "") for size in sizes) + " |" for mode in MODES]


def grid_cell(alike: pd.DataFrame) -> str:
    """Of runs that differ in their seed alone: `99.22 % (99.0-99.5) in 12,067 B`; of one run its accuracy."""
    percent = 100 * alike["accuracy"]
    seeds = f" ({percent.min():.1f}-{percent.max():.1f})" if len(alike) > 1 else ""
    (flash_bytes,) = alike["memory.flash_bytes"].unique()
    return f"{percent.mean():.2f} %{seeds} in {flash_bytes:,} B"


def robustness_table() -> list[str]:
    """A row a corruption, its levels from mild to hard."""
    found = pd.read_csv(REFERENCE / "robustness" / "robustness.csv")
    rows = ["| corruption | levels | integer accuracy % |", "|---|---|---|"]
    for name, alike in found[found["corruption"] != "none"].groupby("corruption", sort=False):
        levels = " / ".join(f"{level:g}" for level in alike["level"])
        accuracies = " / ".join(f"{100 * accuracy:.1f}" for accuracy in alike["accuracy"])
        rows.append(f"| {name} | {levels} {alike['unit'].iloc[0]} | {accuracies} |")
    return rows


def streams_table() -> list[str]:
    """Words in streams, a row a corpus and noise."""
    found = pd.read_csv(REFERENCE / "listening" / "listening.csv")
    rows = [
        "| clips | noise | spoken | found | missed or split | false words a minute | right of found % "
        "| right of spoken % |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found[found["spoken"].notna() & found["snr_db"].notna()].itertuples():
        noise = f"{row.noise}, {row.snr_db:.0f} dB" if row.noise != "clean" else "none"
        rows.append(
            f"| {row.corpus} | {noise} | {row.spoken:.0f} | {row.found:.0f} | {row.missed + row.split:.0f} "
            f"| {row.false_per_minute:.1f} | {100 * row.right_of_found:.1f} | {100 * row.right_of_spoken:.1f} |"
        )
    return rows


def false_alarms_table() -> list[str]:
    """What is taken for a word of its own in sound without any."""
    found = pd.read_csv(REFERENCE / "listening" / "listening.csv")
    rows = [
        "| sound without its words | hours | heard as words | taken for a word of its own | an hour |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in found[found["sound"].notna()].itertuples():
        level = "" if pd.isna(row.level_db) else f", {row.level_db:.0f} dB"
        counts = f"{row.hours:.2f} | {row.heard:.0f} | {row.accepted:.0f} | {row.accepted_per_hour:.0f}"
        rows.append(f"| {row.sound}{level} | {counts} |")
    return rows


def strangers_table() -> list[str]:
    """People of other corpora, a row a training split, corpus and way; means over seeds."""
    rows = [
        "| training clips | people never heard | mean of groups % | seeds from - to | worst group % "
        "| calibration error % | surest 90 / 70 / 50 % |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for section in sections(committed("strangers")):
        if section.split["name"] != "unseen_speaker":
            rows += [stranger_row(section, row) for row in section.others.to_dict("records")]
    return rows


def stranger_row(section: Section, row: dict[str, Any]) -> str:
    """One corpus, heard by the listener or clip by clip."""
    means = section.trials[f"others.{row['corpus']}.{row['way']}.groups.mean"]
    surest = " / ".join(f"{100 * row[f'surest_{share}']:.1f}" for share in SUREST)
    return (
        f"| {SPLITS[section.split['name']]} | {row['corpus']}, {WAYS[row['way']]} | **{100 * row['mean']:.1f}** "
        f"| {100 * means.min():.1f} - {100 * means.max():.1f} | {100 * row['worst']:.1f} ({row['worst_name']}) "
        f"| {100 * row['ece']:.1f} | {surest} |"
    )


def unheard_table() -> list[str]:
    """FSDD's speakers, each held out of training; a row a speaker, over seeds."""
    trials = committed("strangers")
    unheard = trials[trials["split.name"] == "unseen_speaker"]
    rows = ["| held out | accuracy % | seeds from - to |", "|---|--:|--:|"]
    for speaker, alike in unheard.groupby("config.split.held_out"):
        percent = 100 * alike["accuracy"]
        rows.append(f"| {speaker} | {percent.mean():.1f} | {percent.min():.1f} - {percent.max():.1f} |")
    return rows


def ablation_table() -> list[str]:
    """What is left of the accuracy on strangers without each ingredient, the least painful loss first."""
    trials = committed("strangers_ablation")
    without = trials["overrides"].str.extract(r"ablation=(\w+)", expand=False).rename("without")
    whole, cut = (100 * trials[f"others.{name}.groups.mean"] for name in ("untrimmed.heard", "other_voices.alone"))
    means = pd.DataFrame({"whole": whole, "cut": cut, "own": 100 * trials["accuracy"]}).groupby(without).mean()
    recipe = means.loc["nothing"]
    rows = [
        "| without | whole recordings % | cut clips % | both bring | FSDD's test clips % |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, row in means.sort_values("whole", ascending=False).iterrows():
        brings = "" if name == "nothing" else f"{(recipe.whole - row.whole + recipe.cut - row.cut) / 2:.1f}"
        rows.append(f"| {name} | {row.whole:.1f} | {row.cut:.1f} | {brings} | {row.own:.2f} |")
    return rows


def learning_curve_table() -> list[str]:
    """Training speakers against accuracy on one that is held out."""
    trials = committed("learning_curve")
    counts = trials.groupby("config.split.train_speakers")["accuracy"]
    rows = ["| training speakers | mean of held-out speakers % | from - to |", "|--:|--:|--:|"]
    for speakers, accuracy in counts:
        percent = 100 * accuracy
        rows.append(f"| {speakers:.0f} | {percent.mean():.1f} | {percent.min():.1f} - {percent.max():.1f} |")
    return rows


TABLES: dict[str, Callable[[], list[str]]] = {
    "reference results": reference_table,
    "float against int8": grid_table,
    "robustness": robustness_table,
    "strangers": strangers_table,
    "unheard": unheard_table,
    "ablation": ablation_table,
    "learning curve": learning_curve_table,
    "streams": streams_table,
    "false alarms": false_alarms_table,
}
PAGES = {
    REFERENCE / "README.md": tuple(TABLES),
    ROOT / "README.md": ("float against int8", "strangers", "streams", "false alarms"),
}

if __name__ == "__main__":
    main()
