"""What there is to do about a cell of a sweep, told by its run folder alone. No torch, no decoded data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fsdd_lightning.config.load import content_hash, deciding, settings_to_mapping
from fsdd_lightning.config.schema import DataSettings
from fsdd_lightning.data.present_digest import present_digest
from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import Cell
from fsdd_lightning.runs.provenance import code_digest, package_versions
from fsdd_lightning.runs.record import DamagedRecordError, NoRecordError, RunRecord, read_record

_LISTED_CHANGES = 3
_NUMBERS_DEPEND_NOT_ON = {"python", "fsdd_lightning"}  # patch releases; and the digest of the code says more


@dataclass
class Present:
    """Code, packages and recordings as they are now. Make one for each look at a sweep: it remembers."""

    code: str = field(default_factory=code_digest)
    versions: dict[str, str] = field(default_factory=package_versions)
    _digests: dict[tuple[DataSettings, int], str | None] = field(default_factory=dict)

    def dataset_digest(self, cell: Cell) -> str | None:
        """Of the recordings that the cell would use now; None where that can't be told."""
        key = (cell.settings.data, cell.settings.features.sample_rate_hz)
        if key not in self._digests:
            self._digests[key] = present_digest(*key)
        return self._digests[key]


@dataclass(frozen=True)
class CellState:
    """What is to do: nothing (done, refused), run it, or nothing because something is in the way (blocked).

    `reason`: why it has to run again, None for a first time; or what is in the way.
    """

    name: Literal["done", "refused", "to run", "blocked"]
    reason: str | None = None
    record: RunRecord | None = None  # what the folder holds, where it can be read
    damaged: bool = False  # it holds a record that can't

    @property
    def is_settled(self) -> bool:
        """Whether another run would give what is there already."""
        return self.name in ("done", "refused")


def state_of(cell: Cell, folder: Path, present: Present) -> CellState:
    """A run is settled if it ended well and configuration, code, packages and recordings are still the same."""
    try:
        record = read_record(folder)
    except NoRecordError:
        return CellState("to run")
    except DamagedRecordError:
        return CellState("to run", "its run.json is damaged", damaged=True)
    except UserError as error:  # a foreign file or a newer program's: not ours to replace
        return CellState("blocked", str(error))
    if record.status not in ("done", "refused"):
        return CellState("to run", f"{record.status} before: {record.error}", record)
    changes = list(_changes(record, cell, present))
    if changes:
        return CellState("to run", "; ".join(changes), record)
    return CellState("done" if record.status == "done" else "refused", None, record)


def _changes(record: RunRecord, cell: Cell, present: Present) -> Iterator[str]:
    config = settings_to_mapping(cell.settings)
    if record.config_hash != content_hash(config):
        yield f"config changed: {_describe(_flat(deciding(record.config)), _flat(deciding(config)))}"
    if record.code_digest != present.code:
        yield f"code changed: {record.code_digest or 'unknown'} -> {present.code}"
    if record.status == "refused":  # neither data nor packages had a say
        return
    versions = {
        name: version for name, version in present.versions.items() if name not in _NUMBERS_DEPEND_NOT_ON
    }
    recorded = {name: version for name, version in record.versions.items() if name in versions}
    if recorded != versions:
        yield f"packages changed: {_describe(recorded, versions)}"
    now = present.dataset_digest(cell)
    then = record.dataset.get("folder_digest", record.dataset.get("digest"))
    if now is not None and now != then:
        yield f"recordings changed: {str(then)[:12]} -> {now[:12]}"


def _describe(then: dict[str, Any], now: dict[str, Any]) -> str:
    missing = "nothing"
    changed = [key for key in (then | now) if then.get(key, missing) != now.get(key, missing)]
    texts = [f"{key} {then.get(key, missing)} -> {now.get(key, missing)}" for key in changed]
    more = len(texts) - _LISTED_CHANGES
    return ", ".join(texts[:_LISTED_CHANGES] + ([f"and {more} more"] if more > 0 else []))


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for key, value in config.items():
        rows |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return rows
