"""Run the reference sweeps again, write their reports beside this file and the tables of the README from them.

python multirun/reference/remake.py                    everything; says first how long that took the last time
python multirun/reference/remake.py unseen_speaker     one sweep, and the tables
python multirun/reference/remake.py --tables           the tables alone, from the committed reports
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd

from fsdd_lightning.reports.statistics import Estimate, accuracy_estimate

REFERENCE = Path(__file__).resolve().parent
ROOT = REFERENCE.parent.parent
README = ROOT / "README.md"
# What the committed reports hold of a sweep that would take too long as a whole.
LIMITED = {
    "unseen_speaker_small": ["seed=1"],
    "unseen_speaker_ablation": [
        "ablation=nothing,copies,deltas,floor,feature_augmentation,dropout,small_batches,averaging,fifth_speaker"
    ],
}
SWEEPS = (
    "float_vs_int8",
    "known_voices",
    "unseen_speaker",
    "unseen_speaker_modes",
    "unseen_speaker_small",
    "voices_heard",
    "unseen_speaker_ablation",
)
TABULATED = SWEEPS[1:-1]
SPLITS = {"random": "random 80/20", "official": "official", "unseen_speaker": "unseen speaker"}
BUDGETS = {"kb36": "36 KB", "kb16": "16 KB", "kb8": "8 KB"}
MODES = ("float32", "int8_ptq", "int8_qat", "int8_pot_scale", "int4_qat", "pot_qat")
KEYS = ["split.name", "budget", "mode", "sweep"]


def main() -> None:
    """Run, report, tabulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", nargs="*", choices=[*SWEEPS, []], help="default: all of them")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    wanted = parser.parse_args()
    if not wanted.tables:
        sweeps = wanted.sweep or SWEEPS
        print(f"{len(sweeps)} sweeps: {expected_time(sweeps)}", flush=True)
        for name in sweeps:
            remake(name)
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")


def expected_time(sweeps: tuple[str, ...] | list[str]) -> str:
    """What the committed reports say about how long this takes, with two runs at once."""
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
    """One sweep and its report."""
    train = ["fsdd-train", "-m", f"experiment={name}", "hydra/launcher=joblib", "callbacks=quiet"]
    train += LIMITED.get(name, [])
    report = ["fsdd-report", f"multirun/{name}", "--output", str(REFERENCE / name), "--portable"]
    for command in (train, report):
        print("$", " ".join(command), flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
    if name == "voices_heard":
        remake_robustness()


def remake_robustness() -> None:
    """The recommended network with noise, gain, clipping, silence, another speed."""
    run = run_of("voices_heard", split="random", seed=1)
    subprocess.run(["fsdd-evaluate", str(run), "--robustness"], cwd=ROOT, check=True)
    (REFERENCE / "robustness").mkdir(exist_ok=True)
    for path in run.glob("robustness.*"):
        shutil.copy(path, REFERENCE / "robustness")


def run_of(sweep: str, split: str, seed: int) -> Path:
    """The folder of a run, by what its record says."""
    for path in (ROOT / "multirun" / sweep).glob("*/run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record["split"].get("name"), record["seed"]) == (split, seed):
            return path.parent
    sys.exit(f"multirun/{sweep} holds no run with split={split} seed={seed}")


def committed(name: str) -> pd.DataFrame:
    """The finished trials of a committed report."""
    trials = pd.read_csv(REFERENCE / name / "results.csv")
    return trials[trials["state"] == "done"]


def with_tables(text: str) -> str:
    """The README with each part between `<!-- NAME -->` and `<!-- end -->` made anew."""
    tables = {
        "reference results": reference_table(),
        "float against int8": grid_table(),
        "robustness": robustness_table(),
        "ablation": ablation_table(),
    }
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = text.partition(start)
        if not rest:
            sys.exit(f"{README} has no {start.strip()}")
        text = before + start + "\n".join(table) + "\n" + end + rest.partition(end)[2]
    return text


def reference_table() -> list[str]:
    """One row a split, budget, mode and sweep."""
    rows = [
        "| test set | budget | mode | network | bytes | float % | deployed % | 95 % interval | drop | seeds "
        "| `fsdd-train -m experiment=` |",
        "|---|---|---|---|--:|--:|--:|---|--:|--:|---|",
    ]
    trials = pd.concat([committed(name) for name in TABULATED if (REFERENCE / name).is_dir()])
    groups = dict(iter(trials.groupby(KEYS)))
    order = [SPLITS, BUDGETS, TABULATED, MODES]
    for split, budget, sweep, mode in itertools.product(*order):
        if (split, budget, mode, sweep) in groups:
            rows.append(reference_row(groups[split, budget, mode, sweep], split))
    return rows


def reference_row(trials: pd.DataFrame, split: str) -> str:
    """Trials that differ in their seed, and in the held-out speaker, which is averaged within a seed."""
    first = trials.iloc[0]
    deployed, float32 = over_seeds(trials, first["deployed_backend"]), over_seeds(trials, "float")
    worst = f" (worst voice {100 * worst_speaker(trials):.1f})" if split == "unseen_speaker" else ""
    return (
        f"| {SPLITS[split]} | {BUDGETS[first['budget']]} | {first['mode']} | {first['layers']}x{first['hidden_size']} "
        f"| {first['memory.flash_bytes']:,} | {100 * float32.mean:.2f} | **{100 * deployed.mean:.2f}**{worst} "
        f"| {100 * deployed.low:.1f} - {100 * deployed.high:.1f} | {100 * (float32.mean - deployed.mean):.2f} "
        f"| {deployed.n} | `{first['sweep']}` |"
    )


def over_seeds(trials: pd.DataFrame, view: str) -> Estimate:
    """The accuracy of each seed, all of its test clips together, and what they have in common."""
    seeds = trials.groupby("training_seed")[[f"views.{view}.correct", f"views.{view}.total"]].sum()
    return accuracy_estimate([(int(correct), int(total)) for correct, total in seeds.to_numpy()])


def worst_speaker(trials: pd.DataFrame) -> float:
    """The lowest of the speakers' accuracies, each a mean over seeds."""
    return min(statistics.fmean(each["accuracy"]) for _, each in trials.groupby("config.split.held_out"))


def grid_table() -> list[str]:
    """Hidden size by mode: deployed accuracy and flash bytes."""
    trials = committed("float_vs_int8").set_index(["mode", "hidden_size"])
    sizes = sorted(set(trials.index.get_level_values("hidden_size")))
    rows = ["| mode | " + " | ".join(f"2x{size}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for mode in MODES:
        found = [trials.loc[(mode, size)] for size in sizes]
        texts = [f"{100 * each['accuracy']:.2f} % in {each['memory.flash_bytes']:,} B" for each in found]
        rows.append(f"| {mode} | " + " | ".join(texts) + " |")
    return rows


def robustness_table() -> list[str]:
    """A row a corruption, its levels from mild to hard."""
    found = pd.read_csv(REFERENCE / "robustness" / "robustness.csv")
    rows = ["| corruption | levels | integer accuracy % |", "|---|---|---|"]
    for name, each in found[found["corruption"] != "none"].groupby("corruption", sort=False):
        levels = " / ".join(f"{level:g}" for level in each["level"])
        accuracies = " / ".join(f"{100 * accuracy:.1f}" for accuracy in each["accuracy"])
        rows.append(f"| {name} | {levels} {each['unit'].iloc[0]} | {accuracies} |")
    return rows


def ablation_table() -> list[str]:
    """What is left of the accuracy on unheard voices without each ingredient, the least painful loss first."""
    trials = committed("unseen_speaker_ablation")[["overrides", "accuracy"]]
    trials = trials.assign(without=trials["overrides"].str.extract(r"ablation=(\w+)", expand=False))
    means = trials.groupby("without")["accuracy"].agg(["mean", "min"])
    whole = means.loc["nothing", "mean"]
    rows = ["| without | mean of six voices % | worst voice % | brings |", "|---|--:|--:|--:|"]
    for without, (mean, worst) in means.sort_values("mean", ascending=False).iterrows():
        brings = "" if without == "nothing" else f"{100 * (whole - mean):.1f}"
        rows.append(f"| {without} | {100 * mean:.1f} | {100 * worst:.1f} | {brings} |")
    return rows


if __name__ == "__main__":
    main()
