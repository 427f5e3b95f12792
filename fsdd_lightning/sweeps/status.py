"""How the trials of a sweep ended, and the summary that a sweep prints of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from fsdd_lightning.console.summary import short_path
from fsdd_lightning.errors import RunFailedError, UserError
from fsdd_lightning.sweeps.trial import Trial

_ORDER = ("done", "over_budget", "failed", "elsewhere", "not run", "skipped")  # in which statuses are counted


@dataclass(frozen=True)
class TrialEnd:
    """`status`: one of _ORDER; `line`: one line about it."""

    status: str
    line: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether the trial has its final record."""
        return self.status in ("done", "over_budget")


def announce(trials: Sequence[Trial], to_run: Sequence[Trial], out: Console, repeated: int = 0) -> None:
    """Print how much there is to do, and why earlier runs do not count.

    `repeated`: combinations of values left out, as they differ from others in nothing that changes a result.
    """
    if repeated:
        out.print(f"{repeated} more would be the same trials again: they differ in nothing that changes a result")
    skipped = sum(trial.state.is_settled for trial in trials)
    out.print(f"{len(trials)} trials: {len(to_run)} to run, {skipped} to skip: they are done", soft_wrap=True)
    for trial in to_run:
        if trial.state.reason is not None:
            out.print(f"again: {trial.label}: {trial.state.reason}", soft_wrap=True)
    for line in done_elsewhere(trials):
        out.print(line, soft_wrap=True)


def done_elsewhere(trials: Sequence[Trial]) -> list[str]:
    """One line for each way in which the processor of settled trials is another than this one."""
    ways = Counter(trial.state.elsewhere for trial in trials if trial.state.elsewhere is not None)
    return [f"{count} of {len(trials)} trials: {way}" for way, count in ways.items()]


@contextmanager
def interruptible(trials: Sequence[Trial], ends: Mapping[str, TrialEnd], out: Console) -> Iterator[None]:
    """On Ctrl-C, and whatever else ends a sweep early, print that it can be resumed; not where the input is wrong."""
    try:
        yield
    except UserError:
        raise
    except BaseException:
        settled = sum(trial.state.is_settled for trial in trials) + sum(end.is_settled for end in ends.values())
        out.print(f"{settled} of {len(trials)} trials are done; the same command goes on with the others")
        raise


def conclude(
    trials: Sequence[Trial], ends: Mapping[str, TrialEnd], out: Console, launcher_error: str | None = None
) -> None:
    """Print the number of trials by status, what failed, and where everything is. `ends`: by label.

    Raises:
        RunFailedError: a trial failed, or the launcher gave up before all trials had run.
    """
    ends = {trial.label: ends.get(trial.label, TrialEnd("skipped")) for trial in trials}
    statuses = [end.status for end in ends.values()]
    counts = ", ".join(f"{statuses.count(name)} {name}" for name in _ORDER if name in statuses)
    out.print(f"{len(trials)} trials: {counts}")
    for label, end in ends.items():
        if not end.is_settled and end.status != "skipped":
            out.print(f"{end.status}: {label}: {end.line}", soft_wrap=True)
    for folder in dict.fromkeys(trial.folder.parent for trial in trials):
        out.print(f"everything is in {short_path(folder)}; tensorboard --logdir {short_path(folder)}", soft_wrap=True)
    failures = [end.line for end in ends.values() if end.status == "failed"]
    if failures:
        raise RunFailedError(f"{len(failures)} of {len(trials)} trials failed, the first with: {failures[0]}")
    if launcher_error is not None:
        raise RunFailedError(f"the sweep ended early: {launcher_error}")
