"""The trials that a sweep folder holds already: they are found again by what they are, and new ones get a name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from fsdd_lightning.errors import UserError
from fsdd_lightning.runs.plan import RunPlan
from fsdd_lightning.runs.record import RUN_FILE, RunRecord, read_record
from fsdd_lightning.runs.state import Environment
from fsdd_lightning.sweeps.identity import Identity, flat_deciding, identity_of, key_of, own_words, recorded_identity
from fsdd_lightning.sweeps.manifest import Base, Manifest, read_manifest
from fsdd_lightning.sweeps.names import folder_name, named_constants, named_recordings, varying

Composed = tuple[Sequence[str], RunPlan]  # a trial's overrides and plan
_MISSING = object()


class SweepFolder:
    """The trials in a folder. A trial of a command takes at most one of them, and each is taken once."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self._environment, manifest = environment, read_manifest(folder)
        names = sorted({*manifest.trials, *(path.parent.name for path in folder.glob(f"*/{RUN_FILE}"))})
        self._identities: dict[str, Identity] = {}  # of those that are not taken yet; not all are known
        self._written: dict[str, list[tuple[str, ...]]] = {name: [] for name in names}
        for name in names:
            self._learn(name, _record(folder / name), manifest)
        self._names = set(self._identities)  # taken; a folder of which nothing is known goes on under its name
        self.base = manifest.base  # the first trial of the sweep, from which names tell the others

    def _learn(self, name: str, record: RunRecord | None, manifest: Manifest) -> None:
        planned = manifest.trials.get(name)
        if record is not None:
            self._identities[name] = recorded_identity(record)
            self._written[name].append(tuple(record.overrides))
        elif planned is not None and planned.identity is not None:
            self._identities[name] = planned.identity
        if planned is not None:
            self._written[name].append(planned.overrides)

    @property
    def first(self) -> Base:
        """The base, once a trial has been placed."""
        assert self.base is not None
        return self.base

    def place(self, trials: Sequence[Composed], swept: Sequence[str] | None = None) -> list[tuple[str, Identity]]:
        """Folder name and identity of every trial. `swept`: the keys that vary, where one trial comes at a time."""
        identities = [identity_of(plan, self._environment) for _, plan in trials]
        flat = [flat_deciding(plan) for _, plan in trials]
        if self.base is None and trials:
            self.base = Base(flat[0], identities[0].recordings)
        found = dict(self._find(trials, identities, flat))
        if len(found) < len(trials):
            for at, words in enumerate(self._words(trials, identities, flat, swept)):
                if at not in found:
                    found[at] = folder_name(words, self._names, identities[at])
                    self._names.add(found[at])
        return [(found[at], identities[at]) for at in range(len(trials))]

    def _find(
        self, trials: Sequence[Composed], identities: Sequence[Identity], flat: Sequence[dict[str, object]]
    ) -> Iterator[tuple[int, str]]:
        """Names of known trials by place: of the same content; then of the same overrides, whose meaning changed."""
        by_hash = self._by_hash()
        one_place = len({each.recordings.roots for each in identities}) == 1
        ways: list[Callable[[str, Identity], bool]] = [
            lambda name, wanted: self._identities[name].recordings.roots == wanted.recordings.roots,
            lambda name, wanted: self._identities[name].recordings.are(wanted.recordings),
            lambda name, wanted: one_place and self._identities[name].recordings.digest is None,
        ]
        left = dict(enumerate(identities))
        for is_same in ways:
            for at, wanted in list(left.items()):
                names = by_hash.get(wanted.config_hash, [])
                name = next((each for each in names if is_same(each, wanted)), None)
                if name is not None:
                    names.remove(name)
                    del left[at]
                    yield at, self._take(name)
        by_words = self._by_words({key for values in flat for key in values})
        for at, wanted in left.items():
            names = by_words.get(frozenset(own_words(trials[at][0], flat[at])), [])
            name = next((each for each in names if each in self._written and self._is_other(each, wanted)), None)
            if name is not None:
                yield at, self._take(name)

    def _by_hash(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, identity in self._identities.items():
            found.setdefault(identity.config_hash, []).append(name)
        return found

    def _by_words(self, decides: Collection[str]) -> dict[frozenset[str], list[str]]:
        found: dict[frozenset[str], list[str]] = {}
        for name, written in self._written.items():
            for overrides in written:
                found.setdefault(frozenset(own_words(overrides, decides)), []).append(name)
        return found

    def _is_other(self, name: str, wanted: Identity) -> bool:
        """Whether its content is another one; with the same content it has other recordings, and is another trial."""
        known = self._identities.get(name)
        return known is None or known.config_hash != wanted.config_hash

    def _take(self, name: str) -> str:
        self._identities.pop(name, None)
        self._written.pop(name, None)
        return name

    def _words(
        self,
        trials: Sequence[Composed],
        identities: Sequence[Identity],
        flat: Sequence[dict[str, object]],
        swept: Sequence[str] | None,
    ) -> list[list[str]]:
        """What the names of these trials are made of."""
        assert self.base is not None
        base = self.base
        own = [own_words(overrides, values) for (overrides, _), values in zip(trials, flat, strict=True)]
        if swept is None:
            varies = varying(own)
        else:
            varies = [tuple(text for text in words if key_of(text) in swept) for words in own]
        keys = {key_of(text) for words in varies for text in words}
        constants = [text for text in own[0] if text not in varies[0]]
        same = {key: value for key, value in flat[0].items() if all(each.get(key, _MISSING) == value for each in flat)}
        changed = {key: value for key, value in same.items() if base.config.get(key, value) != value}
        named = named_constants(constants, keys, changed)
        place = identities[0].recordings
        if not keys & {"data", "data.root"} and not place.are(base.recordings):
            named += [text for text in named_recordings(constants, place.digest) if text not in named]
        return [[*words, *named] or constants for words in varies]


def _record(folder: Path) -> RunRecord | None:
    try:
        return read_record(folder)
    except UserError:
        return None
