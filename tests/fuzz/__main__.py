"""`python tests/fuzz CASE...` or `python tests/fuzz --seed S --cases N`: see .github/CONTRIBUTING.md."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import SystemRandom

from fuzz import ENTRANCES, SHARES, Verdict, grouped, names, report, run_case
from seeds import make_seeds
from zygote import Zygote

_SHOWN = 5  # cases of a reason
_zygote: Zygote | None = None


def main() -> int:
    """0 if every promise was kept."""
    parser = argparse.ArgumentParser("python tests/fuzz", description=__doc__)
    parser.add_argument("case", nargs="*", metavar="CASE", help="ENTRANCE:SEED:INDEX, to be shown whole")
    parser.add_argument("--seed", type=int, help="default: another one each time")
    parser.add_argument("--cases", type=int, default=300, metavar="N")
    parser.add_argument("--entrance", choices=tuple(ENTRANCES), action="append", help="default: all")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes side by side")
    parser.add_argument("--shown", type=int, default=_SHOWN, metavar="N", help="cases of each reason")
    parser.add_argument("--scratch", type=Path, metavar="FOLDER", help="is kept, with seeds and the rooms of CASEs")
    arguments = parser.parse_args()
    scratch = arguments.scratch or Path(tempfile.mkdtemp(prefix="fsdd-fuzz-"))
    scratch = scratch.resolve()
    try:
        return _run(arguments, scratch)
    finally:
        if arguments.scratch is None:
            shutil.rmtree(scratch, ignore_errors=True)


def _run(arguments: argparse.Namespace, scratch: Path) -> int:
    seeds = scratch / "seeds"
    if not (seeds / "digest.txt").exists():
        shutil.rmtree(seeds, ignore_errors=True)
        with Zygote() as zygote:
            make_seeds(seeds, zygote)
    seed = SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    chosen = arguments.case or list(_chosen(arguments.entrance or tuple(ENTRANCES), seed, arguments.cases))
    start = time.monotonic()
    verdicts = list(_verdicts(chosen, scratch, arguments.jobs, keep=bool(arguments.case)))
    _print(verdicts, whole=bool(arguments.case), shown=arguments.shown)
    failed = sum(bool(verdict.reasons) for verdict in verdicts)
    cpu_s = sum(verdict.ended.cpu_s for verdict in verdicts if verdict.ended)
    wall_s = time.monotonic() - start
    print(f"seed {seed}: {failed} of {len(verdicts)} cases failed in {wall_s:.0f} s, {cpu_s:.0f} s of processor time")
    return int(failed > 0)


def _chosen(entrances: Sequence[str], seed: int, cases: int) -> list[str]:
    whole = sum(SHARES[entrance] for entrance in entrances)
    return [name for entrance in entrances for name in names(entrance, seed, round(cases * SHARES[entrance] / whole))]


def _verdicts(chosen: Sequence[str], scratch: Path, jobs: int, keep: bool) -> list[Verdict]:
    context = get_context("fork")
    with ProcessPoolExecutor(jobs, context, _start_zygote) as pool:
        futures = [pool.submit(_one, name, scratch, keep) for name in chosen]
        found = []
        for future in futures:
            found.append(future.result())
            if found[-1].reasons and not keep:
                print(report(found[-1]), flush=True)
        return found


def _start_zygote() -> None:
    global _zygote
    _zygote = Zygote().__enter__()


def _one(name: str, scratch: Path, keep: bool) -> Verdict:
    assert _zygote is not None
    folder = scratch / "rooms" / name.replace(":", "_")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return run_case(name, folder, scratch / "seeds", _zygote, keep)
    except Exception as error:  # of the fuzzer; the other cases go on
        return Verdict(name, (f"the fuzzer fails | {type(error).__name__}: {error}"[:300],), "", "")


def _print(verdicts: Sequence[Verdict], whole: bool, shown: int) -> None:
    if whole:
        for verdict in verdicts:
            print(f"{report(verdict)}\n    {verdict.ended}\n--- stdout\n{ascii_lines(verdict.printed)}")
        return
    for reason, failures in grouped(verdicts).items():
        print(f"\n=== {len(failures)} x {reason}")
        for verdict in failures[:shown]:
            details = [each.partition(" | ")[2] for each in verdict.reasons if each.partition(" | ")[0] == reason]
            print(f"  {verdict.name}: {ascii(details[0])[1:-1]}")


def ascii_lines(text: str) -> str:
    """What a case printed must not steer this terminal."""
    return "\n".join(ascii(line)[1:-1] for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
