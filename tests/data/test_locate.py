"""The order of the places where the dataset is searched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fsdd_lightning.config.schema import DataConfig, SyntheticConfig
from fsdd_lightning.data import locate
from fsdd_lightning.data.locate import cached_dataset_folder, locate_fsdd, nearby_folders, other_folders
from fsdd_lightning.data.words import DIGITS
from fsdd_lightning.errors import RunFailedError, UserError

DIGEST = "1801eae019c0" + "0" * 52


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    return DataConfig(
        name="fsdd",
        source="fsdd",
        root=None,
        cache_dir=str(tmp_path / "cache"),
        archive_url="http://127.0.0.1:9/fsdd.tar.gz",
        archive_digest=DIGEST,
        fallback="none",
        on_bad_file="error",
        layout="fsdd",
        labels=DIGITS,
        other=(),
        noise=0,
        speaker_pattern=None,
        others=(),
        synthetic=SyntheticConfig(speakers=4, takes=10, seed=0),
    )


@pytest.fixture(autouse=True)
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Path]]:
    """Arguments of the requested downloads; none takes place."""
    asked: list[tuple[str, str, Path]] = []

    def download(url: str, digest: str, destination: Path) -> Path:
        asked.append((url, digest, destination))
        return destination

    monkeypatch.setattr(locate, "download_fsdd", download)
    monkeypatch.setattr(locate, "check_downloaded", lambda folder, digest: None)  # as if it were whole
    return asked


def dataset(folder: Path, inside: str = "recordings") -> Path:
    (folder / inside).mkdir(parents=True)
    (folder / inside / "1_ann_0.wav").write_bytes(b"")
    return folder


def test_places_are_tried_in_order(tmp_path: Path, config: DataConfig, downloads: list[tuple[str, str, Path]]) -> None:
    root, from_environ, near, nearer = (dataset(tmp_path / name) for name in ("root", "environ", "near", "nearer"))
    cached = dataset(cached_dataset_folder(config))
    environ, places = {"FSDD_ROOT": str(from_environ)}, [near, nearer]
    for variable in (environ, {"FSDD_ROOT": "/nowhere"}):
        assert locate_fsdd(replace(config, root=str(root)), variable, places) == root
    assert locate_fsdd(config, environ, places) == from_environ
    assert locate_fsdd(config, {}, places) == near
    assert locate_fsdd(config, {}, [tmp_path / "nowhere", nearer]) == nearer
    assert locate_fsdd(config, {"FSDD_ROOT": ""}, []) == cached
    assert downloads == []


def test_a_missing_dataset_is_downloaded_into_the_cache(
    tmp_path: Path, config: DataConfig, downloads: list[tuple[str, str, Path]]
) -> None:
    (tmp_path / "shared" / "fsdd" / "recordings").mkdir(parents=True)  # empty, so no dataset
    expected = tmp_path / "cache" / "fsdd-1801eae019c0"
    assert locate_fsdd(config, {}, [tmp_path / "shared" / "fsdd"]) == expected
    assert downloads == [(config.archive_url, DIGEST, expected)]


def test_a_failing_download_is_not_hidden(config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> Path:
        raise RunFailedError("no network")

    monkeypatch.setattr(locate, "download_fsdd", fail)
    with pytest.raises(RunFailedError, match="no network"):
        locate_fsdd(config, {}, [])


@pytest.mark.parametrize("source", ["data.root", "FSDD_ROOT"])
@pytest.mark.parametrize(("name", "problem"), [("nowhere", "is not a folder"), ("empty", "holds no recordings")])
def test_a_given_folder_without_recordings_is_refused_not_skipped(
    source: str, name: str, problem: str, tmp_path: Path, config: DataConfig
) -> None:
    (tmp_path / "empty").mkdir()
    near = dataset(tmp_path / "near")
    given = str(tmp_path / name)
    root, environ = (given, {}) if source == "data.root" else (None, {"FSDD_ROOT": given})
    with pytest.raises(UserError, match=rf"{source}=.* {problem}") as caught:
        locate_fsdd(replace(config, root=root), environ, [near])
    assert "FSDD_ROOT" in str(caught.value) and "data=synthetic" in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_is_named_as_such(kind: str, tmp_path: Path, config: DataConfig) -> None:
    archive = shutil.make_archive(str(tmp_path / "recordings"), kind, dataset(tmp_path / "mine"))
    with pytest.raises(UserError, match=r"is an archive: unpack it first, and name a folder with files like"):
        locate_fsdd(replace(config, root=archive), {}, [])


def test_wavs_may_lie_directly_in_a_given_folder(tmp_path: Path, config: DataConfig) -> None:
    root = dataset(tmp_path / "mine", inside=".")
    assert locate_fsdd(replace(config, root=str(root)), {}) == root


def test_a_tilde_is_the_home_folder(tmp_path: Path, config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = dataset(tmp_path / "speech")
    assert locate_fsdd(config, {"FSDD_ROOT": "~/speech"}) == root
    assert cached_dataset_folder(replace(config, cache_dir="~/c")).parent == tmp_path / "c"


def test_nearby_is_beside_the_current_folder_and_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: DataConfig
) -> None:
    checkout = Path(__file__).resolve().parents[2]
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    assert nearby_folders() == (tmp_path / "shared" / "fsdd", checkout.parent / "shared" / "fsdd")
    near = dataset(tmp_path / "shared" / "fsdd")
    assert locate_fsdd(config, {}) == near


def test_other_people_are_found_nearby_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: DataConfig
) -> None:
    """In the same places as the dataset, in their order; what is in neither is left out."""
    nearby = replace(config, others="nearby")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(locate, "CHECKOUT", tmp_path / "elsewhere" / "checkout")
    assert other_folders(nearby) == other_folders(config) == ()
    (tmp_path / "shared" / "other_voices" / "untrimmed").mkdir(parents=True)
    assert other_folders(nearby) == ()  # without a recording
    cut = dataset(tmp_path / "shared" / "other_voices")
    assert other_folders(nearby) == (cut / "recordings",)
    dataset(tmp_path / "elsewhere" / "shared" / "other_voices")
    whole = dataset(tmp_path / "elsewhere" / "shared" / "other_voices" / "untrimmed", ".")
    assert other_folders(nearby) == (whole, cut / "recordings")
    assert other_folders(replace(config, others=("a", "b"))) == (Path("a"), Path("b"))


def test_the_users_cache_folder_is_the_default(config: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    default = cached_dataset_folder(replace(config, cache_dir=None))
    assert default.parent == Path(platformdirs.user_cache_dir("fsdd_lightning", appauthor=False))


def test_another_archive_has_another_cache_folder(config: DataConfig) -> None:
    assert cached_dataset_folder(config) != cached_dataset_folder(replace(config, archive_digest="f" * 64))


@pytest.mark.parametrize("root", [None, ".", "recordings"])
def test_a_downloaded_dataset_is_checked_whichever_way_it_is_named(
    root: str | None, tmp_path: Path, config: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    cached = dataset(cached_dataset_folder(config))
    named = replace(config, root=None if root is None else str(cached / root))
    with pytest.raises(UserError, match=rf"not those that were downloaded.*remove {cached}"):
        locate_fsdd(named, {}, [])
    elsewhere = dataset(tmp_path / "own")
    assert locate_fsdd(replace(config, root=str(elsewhere)), {}, []) == elsewhere  # anybody's own are not
