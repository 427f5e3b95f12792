"""The files in a run folder, by name: what a run writes there, and how what it has written goes again.

A folder may have been the user's before, and may be a stranger's. So nothing is removed by a wide pattern or with a
whole folder: only files of these names go, of which the record in the folder says that the run owns them, and no link
is followed. A folder goes when it is empty.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from fsdd_lightning.artifacts import TEMPORARY, file_digest, place_within
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import JSON_BYTES, NETWORK_BYTES, parse_json, read_regular
from fsdd_lightning.runs.record import BACKENDS, COMPARE_PAGE, EVALUATIONS, EXPORT, LISTEN_PAGE, RUN_FILE, RunRecord

LOCK = "run.lock"
EARLIER = "earlier"  # records of finished runs, outdated by a changed config, code or dataset
CHECKPOINTS = "checkpoints"
SECOND = "unheard"  # the subfolder of a second network
EVENTS = "events.out.tfevents.[0-9]*.*"
CURVES = "curves_"  # prefix of an interrupted run's event files, so that TensorBoard does not read them
_KEPT = tuple(f"{CHECKPOINTS}/best_{stage}.ckpt" for stage in ("float", "quantized"))
_LAST = (*(name.replace("best_", "last_") for name in _KEPT), f"{CHECKPOINTS}/{CURVES}[0-9]*")
_TRAINING = (EVENTS, *_KEPT, *_LAST)
_IN_SECOND = tuple(f"{SECOND}/{name}" for name in _TRAINING)
_PICTURES = tuple(f"confusion_{backend}.png" for backend in BACKENDS)
_EXAMPLE = ("CMakeLists.txt", "README.md", "half_rate.h", "main.c", "microphone*.[ch]", "wav.h")
_REPORTS = ("robustness", "listening", f"{EVALUATIONS}/*")
BOUND = ("network.npz", "integer_model.npz", "golden_clips.npz")  # of which the record has the digests
_NETWORKS = ("network.npz", "network.pt")  # the latter of earlier versions
RESULTS = (
    *BOUND,
    "network.pt",
    *_PICTURES,
    *_TRAINING,
    *_IN_SECOND,
    *(f"{EXPORT}/{name}" for name in ("fsdd_*.[ch]", "main.c", "Makefile", "README.md", LISTEN_PAGE, COMPARE_PAGE)),
    *(f"{EXPORT}/example/{name}" for name in _EXAMPLE),
    *(f"{name}.{kind}" for name in _REPORTS for kind in ("json", "csv", "png")),
)
# What a run writes aside; files of a report or in `export` another command may be writing now.
_ASIDE = (RUN_FILE, f"{RUN_FILE}.damaged-*", f"{EARLIER}/run-*.json", *BOUND, *_PICTURES, *_TRAINING, *_IN_SECOND)
# What there is before a run has a record.
_FIRST = frozenset({LOCK, "run.log"})
_ALSO_WRITTEN = (RUN_FILE, LOCK, "run.log", "hydra/*", f"{EARLIER}/*", "*profile_*")
_HYDRA_FOLDER, _HYDRA = "hydra", frozenset({"config.yaml", "hydra.yaml", "overrides.yaml"})


IN_CHECKPOINTS = frozenset(name for name in RESULTS if name.startswith(f"{CHECKPOINTS}/"))
IN_SECOND = frozenset(_IN_SECOND)
TO_RESUME = frozenset(_LAST) | IN_SECOND  # what only an interrupted run needs


def find_files(folder: Path, patterns: Collection[str]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Files with the name of a pattern or of what a killed writer left of one, and those patterns.

    A link in the place of a folder is found itself, and nothing behind it. A missing folder holds nothing.
    """
    yield from _find(folder, {pattern: tuple(pattern.split("/")) for pattern in patterns})


def _find(folder: Path, patterns: dict[str, tuple[str, ...]]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = TEMPORARY.sub("", entry.name)
            fitting = {pattern: parts for pattern, parts in patterns.items() if fnmatchcase(name, parts[0])}
            inside = {pattern: parts[1:] for pattern, parts in fitting.items() if len(parts) > 1}
            if entry.is_dir(follow_symlinks=False):
                yield from _find(Path(entry.path), inside)
                continue
            found = tuple(pattern for pattern in fitting if entry.is_symlink() or pattern not in inside)
            if found:
                yield Path(entry.path), found


def owned_names(folder: Path, earlier: Collection[str]) -> list[str]:
    """What a run that begins in `folder` may call its own: all that was an earlier run's, or is not there yet."""
    foreign = {name for _, names in find_files(folder, RESULTS) for name in names} - set(earlier)
    return [name for name in RESULTS if name not in foreign]


def remove_files(folder: Path, owned: Collection[str]) -> None:
    """Remove what has one of these names, of those in RESULTS, and the folders that are empty then."""
    names, evaluations = [name for name in RESULTS if name in owned], _evaluations(folder)
    remove_halves(folder)
    for path, _ in list(find_files(folder, names)):
        plain = TEMPORARY.sub("", path.name)
        if path.parent.name != EVALUATIONS or Path(plain).stem in evaluations:
            path.unlink(missing_ok=True)
    for place in sorted({str(Path(name).parent) for name in names} - {"."}, reverse=True):
        _remove_if_empty(folder, Path(place))


def remove_halves(folder: Path) -> None:
    """Remove what a killed run left of files that it wrote aside; only for who holds the lock."""
    for path, _ in list(find_files(folder, _ASIDE)):
        if TEMPORARY.search(path.name):
            path.unlink(missing_ok=True)


def _remove_if_empty(folder: Path, place: Path) -> None:
    for path in (place, *place.parents[:-1]):
        with suppress(OSError):  # not empty, a link, or none
            (folder / path).rmdir()


def _evaluations(folder: Path) -> set[str]:
    """Names of those that fsdd-evaluate wrote, and not the user."""
    found = set()
    for path, _ in find_files(folder, [f"{EVALUATIONS}/*.json"]):
        with suppress(OSError, ValueError):
            content = parse_json(read_regular(path, JSON_BYTES))
            if isinstance(content, dict) and {"digest", "backend"} <= content.keys():
                found.add(path.stem)
    return found


def digests_of(folder: Path) -> dict[str, str]:
    """Of those files that belong to one record and to no other."""
    return {name: file_digest(folder / name, NETWORK_BYTES) for name in BOUND if (folder / name).exists()}


def check_files(record: RunRecord, folder: Path) -> str | None:
    """Which file of a finished run is missing or not its own; None if it is whole. Earlier versions kept no digests."""
    if not record.digests:
        whole = any((folder / name).is_file() for name in _NETWORKS)
        return None if whole else f"{_NETWORKS[0]} is missing"
    for name in BOUND:
        try:
            if name in record.digests and file_digest(folder / name, NETWORK_BYTES) != record.digests[name]:
                return f"{name} is damaged, or another run's"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} can't be read ({error.strerror})"
    return None


def check_own_places(folder: Path) -> None:
    """Check what a run would write through; other links in a folder are the user's.

    Raises:
        UserError: the folder, or what has the name of something that a run writes, is a link that leads elsewhere; or
            a folder, pipe, socket or device has the name of what it writes first.
    """
    place_within(folder.parent, folder.name)
    for path, _ in find_files(folder, (*RESULTS, *_ALSO_WRITTEN)):
        if path.is_symlink():
            place_within(folder, str(path.relative_to(folder)))
    for path in (folder / name for name in sorted(_FIRST)):
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is no ordinary file, and a run writes one: remove it")


def check_free(folder: Path) -> None:
    """Check a folder without a record before a run writes to it: nothing is there, or what a killed run left.

    Raises:
        UserError: it holds something else, or can't be read.
    """
    _check_names(folder, frozenset(), "no run of this program")


def check_ours(folder: Path) -> None:
    """Check a folder whose record is damaged: a run of ours was there, and nothing else.

    Raises:
        UserError: naming what else is there.
    """
    found = {path for path, _ in find_files(folder, RESULTS)}
    known = frozenset(
        {RUN_FILE, EARLIER, *damaged_names(folder), *(path.name for path in found if path.parent == folder)}
    )
    known |= {name for name in (CHECKPOINTS, SECOND, EXPORT, EVALUATIONS) if _all_inside(folder / name, found)}
    _check_names(folder, known, f"a {RUN_FILE} that can't be read")
    if not (folder / LOCK).is_file():
        raise UserError(
            f"{folder} holds a {RUN_FILE} that can't be read, and no run of this program: name another folder"
        )


def is_ours(folder: Path) -> bool:
    """Whether `check_ours` lets it pass."""
    try:
        check_ours(folder)
    except UserError:
        return False
    return True


def damaged_names(folder: Path) -> list[str]:
    """Of records that were kept aside."""
    return [path.name for path in folder.glob(f"{RUN_FILE}.damaged-*")]


def _all_inside(folder: Path, found: Collection[Path]) -> bool:
    walked = os.walk(folder)  # which follows no link
    return not folder.is_symlink() and all(Path(place) / name in found for place, _, names in walked for name in names)


def _check_names(folder: Path, known: Collection[str], instead: str) -> None:
    try:
        with os.scandir(folder) as entries:
            strange = sorted(entry.name for entry in entries if entry.name not in known and not _is_before(entry))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} can't hold a run ({getattr(error, 'strerror', error)}): name another folder"
        ) from error
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise UserError(
            f"{folder} holds {strange[0]}{more}, and {instead}: nothing is written there; name a new or an empty folder"
        )


def _is_before(entry: os.DirEntry[str]) -> bool:
    """Whether it is what there is before a run has a record; never a link, behind which it would be written."""
    if entry.is_symlink():
        return False
    if entry.name == _HYDRA_FOLDER:
        return entry.is_dir() and all(map(_is_of_hydra, list(os.scandir(entry.path))))
    is_half_a_record = entry.name != RUN_FILE and TEMPORARY.sub("", entry.name) == RUN_FILE
    return entry.is_file() and (entry.name in _FIRST or is_half_a_record)


def remove_first_files(folder: Path) -> None:
    """Remove a folder that `check_free` found free, and what a run has left in it that never began."""
    for place in (folder / _HYDRA_FOLDER, folder):
        with suppress(OSError):
            for entry in list(os.scandir(place)):
                if _is_of_hydra(entry) if place != folder else _is_before(entry):
                    Path(entry.path).unlink()
        with suppress(OSError):
            place.rmdir()


def _is_of_hydra(entry: os.DirEntry[str]) -> bool:
    return entry.name in _HYDRA and entry.is_file(follow_symlinks=False)
