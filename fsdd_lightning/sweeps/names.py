"""Names of run folders: what varies in the sweep. What is constant stands once in its sweep.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fsdd_lightning.config.load import run_name, short_override
from fsdd_lightning.sweeps.identity import ROOT, Identity, key_of

GLOBAL_GROUPS = ("experiment", "ablation", "hparams_search", "debug", "local")  # whose options may set any key
_MOST_VALUES = 2  # of what is written in no override


def varying(trials: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Of every trial the overrides that not all of them have."""
    shared = set.intersection(*map(set, trials)) if trials else set()
    return [tuple(text for text in overrides if text not in shared) for overrides in trials]


def label_of(overrides: Iterable[str]) -> str:
    """How a trial is called where the sweep prints it."""
    return ",".join(map(short_override, overrides))


def named_constants(constants: Sequence[str], swept: Collection[str], changed: Mapping[str, Any]) -> list[str]:
    """The constants of a later command that its names need: those that the sweep has had otherwise before.

    `changed`: values by key that are equal in all trials of this command, but others in the sweep's first one;
    `swept`: the keys that vary.
    """
    left = {key: value for key, value in changed.items() if not any(_covers(each, key) for each in swept)}
    found = set()
    for override in sorted(constants, key=_generality):
        covered = {key for key in left if _covers(key_of(override), key) or key_of(override) in GLOBAL_GROUPS}
        if covered:
            found.add(override)
            left = {key: value for key, value in left.items() if key not in covered}
    named = [override for override in constants if override in found]
    return named if set(swept) & set(GLOBAL_GROUPS) else named + _unwritten(left)


def _covers(key_or_group: str, key: str) -> bool:
    return key == key_or_group or key.startswith(f"{key_or_group.replace('/', '.')}.")


def _generality(override: str) -> int:
    """Single keys first: `model=tiny model.layers=1` is known by both."""
    key = key_of(override)
    return 2 if key in GLOBAL_GROUPS else int("." not in key)


def _unwritten(left: Mapping[str, Any]) -> list[str]:
    """Values that were an override before and are the default now, or that a file has now."""
    if len(left) > _MOST_VALUES:
        return [f"config={_digest(left)}"]
    return [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in left.items()]


def named_recordings(constants: Sequence[str], digest: str | None) -> list[str]:
    """What tells other recordings from those of the sweep's first trial."""
    return [text for text in constants if key_of(text) in (ROOT, "data")] or [f"recordings={str(digest)[:8]}"]


def folder_name(words: Sequence[str], taken: Collection[str], identity: Identity) -> str:
    """The name for these overrides; where another trial has it, with a hash of what this one is."""
    name = run_name(words)
    return f"{name}-{_digest([identity.config_hash, identity.recordings.roots])}" if name in taken else name


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
