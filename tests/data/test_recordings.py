"""Names, digest, order and the list of bad files of a folder of recordings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from sounds import tone, wav_bytes

from fsdd_lightning.data.layouts import find_folder, parse_name
from fsdd_lightning.data.recordings import FSDD, Recording, RecordingSet, content_digest, folder_digest, load_recordings
from fsdd_lightning.errors import UserError

FSDD_DIGEST = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"
SPEAKERS = st.text(st.characters(categories=["Ll", "Lu"], max_codepoint=0x7F) | st.sampled_from("0189-"), min_size=1)


def write_wav(path: Path, samples: np.ndarray | None = None, rate_hz: int = 8000, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(tone() if samples is None else samples, rate_hz, subtype))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five good recordings, written in no particular order."""
    for frequency_hz, name in enumerate(("3_zoe_2", "3_zoe_10", "0_zoe_1", "3_adam-b_0", "0_adam-b_7"), start=300):
        write_wav(tmp_path / "recordings" / f"{name}.wav", tone(frequency_hz))
    return tmp_path


def load(folder: Path, on_bad_file: Literal["error", "skip"] = "error") -> RecordingSet:
    return load_recordings(folder, "some", 8000, on_bad_file)


# names


@given(st.sampled_from(["7", "yes", "turn_on", "turn on"]), SPEAKERS, st.integers(0, 999_999_999))
def test_a_name_and_its_parse_are_inverse(label: str, speaker: str, take: int) -> None:
    name = Recording(label, speaker, take, Path()).name
    assert parse_name(name) == parse_name(name + ".wav") == parse_name(name + ".WAV") == (label, speaker, take)


@given(st.text(st.sampled_from("0179_-aB.é \u0663²"), max_size=12))
def test_only_one_spelling_of_a_name_parses(text: str) -> None:
    try:
        label, speaker, take = parse_name(text)
    except ValueError as error:
        assert str(error)
    else:
        assert f"{label}_{speaker}_{take}" == text
        assert label.strip() and take >= 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("7_jackson", r"2 part\(s\)"),
        ("_jackson_3", "label is missing"),
        ("\x1b7_jackson_3", "cannot be shown"),
        ("7_jackson_three", "take 'three' is not a number"),
        ("7_jackson_\u0663", "is not a number"),
        ("7_jackson_-3", "take '-3' is not a number"),
        ("7_jackson_03", r"leading zeros \(write 3\)"),
        ("7_jackson_00", r"leading zeros \(write 0\)"),
        ("7_jackson_1234567890", "more than 9 digits"),
        ("7__3", "speaker is missing"),
        ("7_jack son_3", "holds ' '"),
        ("7_jack/son_3", "holds '/'"),
        ("7_jackson_3.wav.wav", "not a number"),
    ],
)
def test_a_wrong_name_is_refused_with_a_reason(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_name(name)


def test_composed_and_decomposed_accents_are_one_speaker() -> None:
    assert parse_name("1_Zoe\u0308_2") == parse_name("1_Zo\u00eb_2")


# digest and order


def test_digest_is_what_the_shell_command_prints(folder: Path) -> None:
    command = "sha256sum *.wav | LC_ALL=C sort -k2 | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=folder / "recordings", capture_output=True, text=True, check=True)
    assert load(folder).digest == folder_digest(folder / "recordings") == printed.stdout.split()[0]


@given(st.dictionaries(st.text(min_size=1, max_size=3).filter(str.isalnum), st.just("ab" * 32)), st.randoms())
def test_digest_ignores_the_order_of_files(sha256s: dict[str, str], random: Random) -> None:
    shuffled = list(sha256s.items())
    random.shuffle(shuffled)
    assert content_digest(shuffled) == content_digest(sha256s.items())


def test_digest_changes_with_a_byte_and_with_a_name(folder: Path) -> None:
    before = load(folder).digest
    path = write_wav(folder / "recordings" / "0_zoe_1.wav", tone(999))
    changed = load(folder).digest
    path.rename(path.with_name("0_zoe_2.wav"))
    assert len({before, changed, load(folder).digest}) == 3


def test_recordings_are_sorted_by_digit_speaker_and_number_of_take(folder: Path) -> None:
    loaded = load(folder)
    assert [r.name for r in loaded.recordings] == ["0_adam-b_7", "0_zoe_1", "3_adam-b_0", "3_zoe_2", "3_zoe_10"]
    for recording, waveform in zip(loaded.recordings, loaded.waveforms, strict=True):
        expected, _ = soundfile.read(recording.path, dtype="float32")
        assert waveform.dtype == np.float32 and np.array_equal(waveform, expected)


# which files count


def test_files_may_lie_directly_in_the_folder(folder: Path) -> None:
    assert load(folder / "recordings").digest == load(folder).digest


def test_a_subfolder_without_recordings_does_not_hide_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    write_wav(tmp_path / "1_a_1.wav")
    assert find_folder(tmp_path, FSDD) == tmp_path


def test_other_and_hidden_files_are_ignored_and_upper_case_counts(folder: Path) -> None:
    before = load(folder)
    for name in ("README.md", ".hidden.wav", "._3_zoe_2.wav", "LICENSE", "3_zoe_2.wav.txt"):
        (folder / "recordings" / name).write_text("no sound")
    assert load(folder).digest == before.digest
    write_wav(folder / "recordings" / "4_zoe_2.WAV")
    assert load(folder).recordings[-1].name == "4_zoe_2"


def test_the_same_recording_twice_is_bad(folder: Path) -> None:
    write_wav(folder / "recordings" / "3_zoe_2.WAV", tone(555))
    with pytest.raises(UserError, match="same recording as 3_zoe_2"):
        load(folder)
    assert len(load(folder, "skip").recordings) == 5


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_no_recordings_at_all_is_the_users_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no recordings .* set data\.root"):
        load(tmp_path / name)


def test_an_unreadable_folder_is_the_users_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", deny)
    with pytest.raises(UserError, match="Permission denied"):
        load(folder)


# bad files


@pytest.fixture
def folder_with_bad_files(folder: Path) -> Path:
    inside = folder / "recordings"
    whole = (inside / "3_zoe_2.wav").read_bytes()
    (inside / "5_bad_0.wav").write_bytes(b"")
    (inside / "5_bad_1.wav").write_bytes(whole[:-2])
    (inside / "5_bad_2.wav").write_bytes(b"ID3" + bytes(500))
    write_wav(inside / "5_bad_3.wav", np.zeros(800))
    write_wav(inside / "5_bad_4.wav", np.where(np.arange(800) == 7, np.nan, tone()), subtype="FLOAT")
    write_wav(inside / "seven.wav")
    (inside / "5_bad_5.wav").mkdir()
    (inside / "5_bad_6.wav").symlink_to("nowhere.wav")
    return folder


def test_all_bad_files_are_listed_at_once_with_their_reasons(folder_with_bad_files: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(folder_with_bad_files)
    assert str(caught.value) == (
        f"8 bad file(s) in {folder_with_bad_files / 'recordings'}, e.g. 5_bad_0.wav: empty file: "
        "repair them, remove them or set data.on_bad_file=skip"
    )
    assert [line.strip() for line in caught.value.details.splitlines()] == [
        "5_bad_0.wav: empty file",
        "5_bad_1.wav: truncated (header promises 1600 bytes of sound, 1598 are there)",
        "5_bad_2.wav: not a sound file (no header that libsndfile knows)",
        "5_bad_3.wav: silent",
        "5_bad_4.wav: holds 1 NaN or infinite samples, or far beyond full scale",
        "5_bad_5.wav: cannot be read (Is a directory)",
        "5_bad_6.wav: cannot be read (No such file or directory)",
        "seven.wav: name has 1 part(s) between underscores, not the 3 of {label}_{speaker}_{take}.wav",
    ]


def test_skipped_files_are_kept_as_bad_and_out_of_the_digest(folder_with_bad_files: Path) -> None:
    skipped = load(folder_with_bad_files, "skip")
    assert [item.path.name for item in skipped.bad][:2] == ["5_bad_0.wav", "5_bad_1.wav"]
    assert skipped.notes == ("8 bad file(s) left out, e.g. 5_bad_0.wav: empty file",)
    for item in skipped.bad:
        item.path.rmdir() if item.path.is_dir() else item.path.unlink()
    repaired = load(folder_with_bad_files)
    assert (repaired.digest, repaired.recordings, repaired.bad) == (skipped.digest, skipped.recordings, ())


def test_a_long_list_of_bad_files_is_cut(tmp_path: Path) -> None:
    for take in range(23):
        (tmp_path / f"1_a_{take}.wav").write_bytes(b"")
    with pytest.raises(UserError, match=r"^23 bad file\(s\) in [^\n]*$") as caught:
        load(tmp_path)
    lines = caught.value.details.splitlines()
    assert len(lines) == 21 and lines[-1] == "  and 3 more"
    with pytest.raises(UserError, match="none of the 23 files"):
        load(tmp_path, "skip")


def test_notes_count_mixed_resampled_and_scaled_files(folder: Path) -> None:
    assert load(folder).notes == ()
    for take in range(3):
        write_wav(folder / "recordings" / f"8_stereo_{take}.wav", np.stack([tone(), tone(500)], axis=1))
    write_wav(folder / "recordings" / "8_fast_0.wav", tone(rate_hz=16_000), rate_hz=16_000)
    write_wav(folder / "recordings" / "8_fast_1.wav", tone(rate_hz=11_025), rate_hz=11_025)
    write_wav(folder / "recordings" / "8_loud_1.wav", 3 * tone(), subtype="FLOAT")
    assert load(folder).notes == (
        "3 of 11 recordings have several channels and were mixed down to mono",
        "2 of 11 recordings were resampled to 8000 Hz (from 11025, 16000 Hz)",
        "1 of 11 recordings exceeded full scale and were scaled down to it",
    )


# the real dataset


@pytest.mark.fsdd
def test_the_real_dataset_loads_whole(fsdd_root: Path) -> None:
    fsdd = load(fsdd_root)
    assert (len(fsdd.recordings), fsdd.digest, fsdd.notes) == (3000, FSDD_DIGEST, ())
    assert {r.speaker for r in fsdd.recordings} == {"george", "jackson", "lucas", "nicolas", "theo", "yweweler"}
    assert list(fsdd.recordings) == sorted(fsdd.recordings)


def test_what_makes_no_frame_is_a_bad_file(tmp_path: Path) -> None:
    for samples in (255, 256):
        write_wav(tmp_path / "recordings" / f"3_ada_{samples}.wav", tone(samples=samples))
    with pytest.raises(UserError, match=r"3_ada_255\.wav: too short \(255 samples; one frame takes 256\)"):
        load_recordings(tmp_path, "some", 8000, "error", least_samples=256)
    kept = load_recordings(tmp_path, "some", 8000, "skip", least_samples=256)
    assert [recording.take for recording in kept.recordings] == [256]
