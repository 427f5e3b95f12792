"""The folder of the recordings, and their digest: which places are searched before anything is downloaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from fsdd_lightning.artifacts import user_cache_folder
from fsdd_lightning.config.schema import DataConfig
from fsdd_lightning.data.corpora import corpora_digest, corpus_names, require_fit
from fsdd_lightning.data.download import check_downloaded, download_fsdd
from fsdd_lightning.data.layouts import MAX_WORDS, NAMINGS, find_folder, labels_in, layout_of
from fsdd_lightning.data.synthetic import synthetic_folder
from fsdd_lightning.data.unpack import is_archive
from fsdd_lightning.data.words import DIGITS, Words, nearest, some, words_of
from fsdd_lightning.errors import UserError
from fsdd_lightning.files import expanded, is_folder

ENVIRONMENT_VARIABLE = "FSDD_ROOT"
NEARBY = "nearby"  # as data.others
NEARBY_OTHERS = ("other_voices/untrimmed", "other_voices/recordings")
_LISTED_WORDS = 12
CHECKOUT = Path(__file__).resolve().parents[2]  # of the sources; of an installed wheel, its site-packages


def locate_corpora(config: DataConfig) -> dict[str, Path]:
    """The folders of all recordings by name of the corpus: several roots, or what `locate_fsdd` finds.

    Raises UserError for a root without recordings or given twice, and what `locate_fsdd` raises.
    """
    return _several_roots(config) or {config.name: locate_fsdd(config)}


def locate_fsdd(
    config: DataConfig, environ: Mapping[str, str] = os.environ, nearby: Sequence[Path] | None = None
) -> Path:
    """The folder that `find_fsdd` finds; without one, FSDD is downloaded into the cache folder.

    What was downloaded is checked at each use. Raises UserError as `find_fsdd` does, and for recordings that were lost
    or changed since; RunFailedError if the download fails.
    """
    found, cached = find_fsdd(config, environ, nearby), cached_dataset_folder(config)
    if found is None:
        return download_fsdd(config.archive_url, config.archive_digest, cached)
    if found.resolve() in (cached.resolve(), cached.resolve() / "recordings"):  # also as data.root
        check_downloaded(cached, config.archive_digest)
    return found


def find_fsdd(
    config: DataConfig, environ: Mapping[str, str] = os.environ, nearby: Sequence[Path] | None = None
) -> Path | None:
    """The folder of the dataset, with WAV files in it or in its subfolder `recordings`; None if not found.

    Looks at config.root, FSDD_ROOT, `nearby` (None: nearby_folders()) and the cache folder, in this order.
    Raises UserError if one of the first two is given but holds no recordings: falling back to other data would hide
    the mistake.
    """
    if config.roots:
        return _given(config.roots[0], "data.root", words_of(config))
    if config.layout == "folders":
        raise UserError(
            f"data={config.name} needs a folder of words: data.root=FOLDER, with {NAMINGS['folders']} in it"
        )
    if environ.get(ENVIRONMENT_VARIABLE):
        return _given(environ[ENVIRONMENT_VARIABLE], ENVIRONMENT_VARIABLE, words_of(config))
    cached = cached_dataset_folder(config)
    for folder in (*(nearby_folders() if nearby is None else nearby), cached):
        if find_folder(folder, words_of(config)) is not None:
            return folder
    return None


def present_digest(data: DataConfig, sample_rate_hz: int) -> str | None:
    """content_digest of all files in the folder that would be used; None if it is unknown.

    All files are read, since equal times and sizes do not prove equal content: 0.1 s for FSDD from the page cache.
    """
    if data.source == "synthetic":  # a missing corpus is generated again, always with the same bytes
        folder = synthetic_folder(data.synthetic, cache_folder(data), sample_rate_hz)
        return _digest_in({data.name: folder}, words_of(data))
    try:
        several, found = _several_roots(data), find_fsdd(data)
    except UserError:  # a finished run needs no data; a run that needs them reports the error
        return None
    if found is not None:
        return _digest_in(several or {data.name: found}, words_of(data))
    return data.archive_digest if data.fallback == "none" else None


def labels_of(data: DataConfig) -> tuple[str, ...]:
    """The classes of a network for this data, in the order of its outputs; reads names of files at most.

    Raises UserError, where all words that are there are asked for, as `find_fsdd` does, and for less than two classes.
    """
    words = words_of(data)
    if words.labels is not None:
        labels = words.outputs(())
        if words.layout == "folders":
            _require_folders(words, _labels_there(data, words))
    elif data.source == "synthetic":
        labels = words.outputs(DIGITS)
    else:
        labels = words.outputs(_labels_there(data, words))
    if len(labels) < 2:
        raise UserError(
            f"there is one class, {', '.join(labels)}, and nothing to tell it from: add a word, or data.noise=N for "
            "so many clips without any"
        )
    if len(labels) > MAX_WORDS:
        raise UserError(f"there are {len(labels):,} words, more than {MAX_WORDS:,}: list those to use in data.labels")
    return labels


def _require_folders(words: Words, there: set[str]) -> None:
    """UserError for a word that has none."""
    missing = [label for label in words.labels or () if label not in there]
    if missing:
        listed = f"; there are {', '.join(sorted(there))}" if len(there) <= _LISTED_WORDS else ""
        hint = nearest(missing[0], sorted(there)) or listed
        raise UserError(f"data.labels: there are no recordings of {some(missing)}{hint}")


def _labels_there(data: DataConfig, words: Words) -> set[str]:
    """All labels, whether they are asked for or not; of FSDD that is not here yet, its digits."""
    found = find_fsdd(data)
    roots = _several_roots(data) or ({data.name: found} if found is not None else {})
    folders = [find_folder(root, words) or root for root in roots.values()]
    return {label for folder in folders for label in labels_in(folder, words)} or set(DIGITS)


def nearby_folders(name: str = "fsdd") -> tuple[Path, ...]:
    """`../shared/fsdd`, seen from the current folder and from the checkout of these sources."""
    return tuple(folder.parent / "shared" / name for folder in (Path.cwd(), CHECKOUT))


def other_folders(config: DataConfig) -> tuple[Path, ...]:
    """The folders of `data.others`; nearby: of each of NEARBY_OTHERS the first that is found, if any."""
    if config.others != NEARBY:
        return tuple(map(Path, config.others))
    found = [[folder for folder in nearby_folders(name) if find_folder(folder, Words())] for name in NEARBY_OTHERS]
    return tuple(folders[0] for folders in found if folders)


def cached_dataset_folder(config: DataConfig) -> Path:
    """The digest is part of the name, so that another archive is never mistaken for this one."""
    return cache_folder(config) / f"fsdd-{config.archive_digest[:12]}"


def cache_folder(config: DataConfig) -> Path:
    """Where downloads, synthetic corpora and features are kept: data.cache_dir or the user's cache folder."""
    return expanded(config.cache_dir) if config.cache_dir else user_cache_folder()


def _several_roots(config: DataConfig) -> dict[str, Path]:
    """The folders of several corpora by name; empty where there are not several."""
    if len(config.roots) < 2:
        return {}
    words = words_of(config)
    roots = [_given(root, "data.root", words) for root in config.roots]
    places = [(find_folder(root, words) or root).resolve() for root in roots]
    for at, root in enumerate(roots):
        if places[at] in places[:at]:
            raise UserError(f"data.root names the recordings in {root} twice: leave one of them out")
    if isinstance(config.root, dict):
        return dict(zip(map(require_fit, config.root), roots, strict=True))
    return dict(zip(corpus_names(roots), roots, strict=True))


def _given(folder_name: str, source: str, words: Words) -> Path:
    folder = expanded(folder_name)
    if find_folder(folder, words) is None:
        naming = NAMINGS[words.layout]
        other = "is an archive: unpack it first, and" if folder.is_file() and is_archive(folder) else "is not a folder:"
        problem = "holds no recordings:" if is_folder(folder) else other
        elsewhere = "" if source == ENVIRONMENT_VARIABLE else f" (or set {ENVIRONMENT_VARIABLE})"
        raise UserError(
            f"{source}={folder_name} {problem} name a folder with files like {naming}{elsewhere}, or unset {source}; "
            f"data=synthetic needs no recordings{_other_layout(folder, words)}"
        )
    return folder


def _other_layout(folder: Path, words: Words) -> str:
    """What to set where a folder has recordings in the layout that was not asked for."""
    try:
        there = layout_of(folder).layout
    except UserError:
        return ""
    return f"; its files are those of data.layout={there}" if there != words.layout else ""


def _digest_in(roots: Mapping[str, Path], words: Words) -> str | None:
    folders = {name: find_folder(root, words) for name, root in roots.items()}
    known = {name: folder for name, folder in folders.items() if folder is not None}
    return corpora_digest(known, words) if len(known) == len(folders) else None
