"""The state of a trial, from its run folder alone: settled, to run or blocked. No torch, no decoded data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fsdd_lightning.artifacts import DamagedError
from fsdd_lightning.config.load import config_to_mapping, deciding, flat_config
from fsdd_lightning.data.locate import other_folders, present_digest
from fsdd_lightning.data.others import check_others, corpus_name, present_digest_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.machine import MAY_DIFFER, describe_machine, other_processor
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.provenance import code_digest, package_versions
from fsdd_lightning.runs.record import NoRecordError, RunRecord, read_record
from fsdd_lightning.runs.results import check_files, check_free, check_ours, check_own_places

_LISTED_CHANGES = 3
_IRRELEVANT_VERSIONS = {"python", "fsdd_lightning"}  # patch releases; and the digest of the code is more exact


@dataclass
class Environment:
    """Code, packages and recordings as they are now. Make a new one for every command: it caches."""

    code: str = field(default_factory=code_digest)
    versions: dict[str, str] = field(default_factory=package_versions)
    machine: dict[str, Any] = field(default_factory=describe_machine)
    _digests: dict[str, str | None] = field(default_factory=dict)

    _corpus_digests: dict[tuple[Path, tuple[str, ...]], str | None] = field(default_factory=dict)

    def corpus_digest(self, folder: Path, labels: tuple[str, ...]) -> str | None:
        """Of a folder of `data.others` as it is now, for a network of these words; None where it is gone."""
        if (folder, labels) not in self._corpus_digests:
            self._corpus_digests[folder, labels] = present_digest_of(folder, labels)
        return self._corpus_digests[folder, labels]

    def dataset_digest(self, plan: RunPlan) -> str | None:
        """Of the recordings that the trial would use now; None where it is unknown."""
        data, sample_rate_hz = plan.config.data, plan.config.features.sample_rate_hz
        key = repr((data, sample_rate_hz))
        if key not in self._digests:
            self._digests[key] = present_digest(data, sample_rate_hz)
        return self._digests[key]


@dataclass(frozen=True)
class RunState:
    """Settled (done, over_budget), to run, or blocked by a file that we must not replace.

    `reason`: why it has to run again, None for a first run; or what blocks it.
    """

    name: Literal["done", "over_budget", "to run", "blocked"]
    reason: str | None = None
    record: RunRecord | None = None  # of the folder, where it can be read
    damaged: bool = False  # its record can't be read
    elsewhere: str | None = None  # of a result from a processor of another kind: which, and what that means

    @property
    def is_settled(self) -> bool:
        """Whether another run would give the same result."""
        return self.name in ("done", "over_budget")


def run_state(plan: RunPlan, folder: Path, environment: Environment, begun: bool = False) -> RunState:
    """A run is settled if it ended well, its files are there, and config, code, packages and recordings are the same.

    Blocked is also what would lose an earlier result to folders of `data.others` that cannot be read, what would write
    through a link to another place, and a folder that holds anything but a run. `begun`: it was looked at before, and
    Hydra has written to it since.
    """
    state = _state(plan, folder, environment)
    if state.record is None and state.name == "to run" and not begun:
        try:
            (check_ours if state.damaged else check_free)(folder)
        except UserError as error:
            return RunState("blocked", str(error))
    if state.name != "to run":
        return state
    try:
        check_own_places(folder)
        check_others(other_folders(plan.config.data) if plan.fits else (), "data.others")
    except UserError as error:
        return RunState("blocked", str(error), state.record)
    return state


def _state(plan: RunPlan, folder: Path, environment: Environment) -> RunState:
    try:
        record = read_record(folder)
    except NoRecordError:
        return RunState("to run")
    except DamagedError:
        return RunState("to run", "its run.json is damaged", damaged=True)
    except UserError as error:  # a foreign file or a newer program's: we must not replace it
        return RunState("blocked", str(error))
    if record.status not in ("done", "over_budget"):
        return RunState("to run", f"{record.status} before: {record.error}", record)
    elsewhere = _elsewhere(record, environment)
    changes = list(_changes(record, plan, environment))
    if not changes and record.status == "done" and (problem := check_files(record, folder)) is not None:
        changes.append(problem)
    if changes:
        return RunState("to run", "; ".join(filter(None, [*changes, elsewhere])), record)
    return RunState("done" if record.status == "done" else "over_budget", None, record, elsewhere=elsewhere)


def check_folder(folder: Path) -> None:
    """Check the folder of a single run before anything is written to it.

    Raises:
        UserError: it holds something, but no run of ours; or a link in it leads elsewhere.
    """
    try:
        read_record(folder)
    except NoRecordError:
        check_free(folder)
    except DamagedError:
        check_ours(folder)
    check_own_places(folder)


def _elsewhere(record: RunRecord, environment: Environment) -> str | None:
    """Where another processor made the result, which is as good as this one's: a change of its own it is not."""
    if record.status != "done" or record.config.get("trainer", {}).get("portable"):
        return None
    difference = other_processor(record.machine, environment.machine)
    return difference and f"{difference}: {MAY_DIFFER}"


def _changes(record: RunRecord, plan: RunPlan, environment: Environment) -> Iterator[str]:
    changed = config_changes(record, plan)
    if changed is not None:
        yield changed
    if record.code_digest != environment.code:
        yield f"code changed: {record.code_digest or 'unknown'} -> {environment.code}"
    if record.status == "over_budget":  # it depends on neither data nor packages
        return
    versions = {name: version for name, version in environment.versions.items() if name not in _IRRELEVANT_VERSIONS}
    recorded = {name: version for name, version in record.versions.items() if name in versions}
    if recorded != versions:
        yield f"packages changed: {_describe(recorded, versions)}"
    digest = environment.dataset_digest(plan)
    recorded_digest = record.dataset.get("folder_digest", record.dataset.get("digest"))
    if digest is not None and digest != recorded_digest:
        yield f"recordings changed: {str(recorded_digest)[:12]} -> {digest[:12]}"
    yield from _missing_corpora(record, plan, environment)


def config_changes(record: RunRecord, plan: RunPlan) -> str | None:
    """One line on the values that decide and are others than in the record; None if there are none."""
    then = flat_config(deciding(record.config))
    now = flat_config(deciding(config_to_mapping(plan.config)))
    return None if then == now else f"config changed: {_describe(then, now)}"


def _missing_corpora(record: RunRecord, plan: RunPlan, environment: Environment) -> Iterator[str]:
    """Folders of `data.others` on which the run was not measured, or which have changed since."""
    for folder in other_folders(plan.config.data):
        name, digest = corpus_name(folder), environment.corpus_digest(folder, plan.labels)
        known = record.others.get(name, {}).get("folder_digest")
        if known is None:
            yield f"not measured on {name} yet"
        elif digest is not None and digest != known:
            yield f"recordings of {name} changed: {known[:12]} -> {digest[:12]}"


def _describe(then: dict[str, Any], now: dict[str, Any]) -> str:
    missing = "nothing"
    changed = [key for key in (then | now) if then.get(key, missing) != now.get(key, missing)]
    texts = [f"{key} {then.get(key, missing)} -> {now.get(key, missing)}" for key in changed]
    more = len(texts) - _LISTED_CHANGES
    return ", ".join(texts[:_LISTED_CHANGES] + ([f"and {more} more"] if more > 0 else []))
