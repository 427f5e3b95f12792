"""What makes two trials the same one: what decides their results, not how they are written or where they lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fsdd_lightning.config.load import OF_THE_SWEEP, config_keys, config_to_mapping, content_hash, deciding, flat_config
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RunRecord
from fsdd_lightning.runs.state import Environment

ROOT = "data.root"  # decides by the recordings in it, not by its name


@dataclass(frozen=True)
class Recordings:
    """Where they are; nothing: wherever they are searched. Their content is read only if it is asked for."""

    roots: tuple[str, ...]
    _find: Callable[[], str | None] = field(repr=False, compare=False)

    @property
    def digest(self) -> str | None:
        """Of their content; None: unknown."""
        return self._find()

    def are(self, other: Recordings) -> bool:
        """Whether both are in one place, or of one content."""
        return self.roots == other.roots or (self.digest is not None and self.digest == other.digest)


@dataclass(frozen=True)
class Identity:
    """`config_hash`: of all that decides, but the recordings."""

    config_hash: str
    recordings: Recordings


def identity_of(plan: RunPlan, environment: Environment) -> Identity:
    """Of a trial that is to run."""
    recordings = Recordings(_resolved(plan.config.data.roots), lambda: environment.dataset_digest(plan))
    return Identity(content_hash(config_to_mapping(plan.config)), recordings)


def recorded_identity(record: RunRecord) -> Identity:
    """Of one that has run; its recordings are unknown where it ended before it had read them."""
    data = record.config.get("data")
    root = data.get("root") if isinstance(data, dict) else None
    roots = root.values() if isinstance(root, dict) else [root] if isinstance(root, str) else root or ()
    digest = record.dataset.get("folder_digest", record.dataset.get("digest"))
    return Identity(content_hash(record.config), known_recordings(map(str, roots), digest))


def known_recordings(roots: Iterable[str], digest: str | None) -> Recordings:
    """Of which the digest was written down."""
    return Recordings(_resolved(roots), lambda: digest)


def _resolved(roots: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_resolved_place, roots))


def _resolved_place(root: str) -> str:
    try:
        return str(Path(root).expanduser().resolve())
    except (OSError, RuntimeError, ValueError):  # nobody's home, links in a circle: of a stranger's record
        return root


def flat_deciding(plan: RunPlan) -> dict[str, Any]:
    """Every value that decides, by its dotted key."""
    flat = flat_config(deciding(config_to_mapping(plan.config)))
    return dict(json.loads(json.dumps(flat)))


def key_of(override: str) -> str:
    """`model.hidden_size` of `++model.hidden_size=16`."""
    return override.partition("=")[0].lstrip("+~")


def own_words(overrides: Sequence[str], decides: Iterable[str]) -> list[str]:
    """Overrides without those that concern the sweep as a whole, and without keys that decide nothing.

    `decides`: the keys that do. Of a group the name alone does not tell; it stays.
    """
    idle = _single_keys() - {*decides, ROOT}
    return [text for text in overrides if not text.startswith(OF_THE_SWEEP) and key_of(text) not in idle]


@cache
def _single_keys() -> frozenset[str]:
    keys = set(config_keys())
    return frozenset(keys - {key.rpartition(".")[0] for key in keys})
