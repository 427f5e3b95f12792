"""The synthetic corpus: FSDD's layout, always the same bytes, whole or absent, learnable, not trivial."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fsdd_lightning.config.schema import SyntheticConfig
from fsdd_lightning.data import synthetic
from fsdd_lightning.data.speech_synthesis import WORDS, clip_generator, make_voice, synthesize_digit
from fsdd_lightning.data.synthetic import GENERATOR_VERSION, make_synthetic_corpus, voice_name
from fsdd_lightning.errors import RunFailedError
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.network import LSTMClassifier

SMALL = SyntheticConfig(speakers=2, takes=6, seed=0)
# Samples and loudness of a few clips: a change of the sound needs a new GENERATOR_VERSION and new values here.
# Not bytes: another processor may round the last bit differently.
FINGERPRINT_VERSION = 1
FINGERPRINT = {  # (digit, voice, take): samples, root mean square
    (0, 0, 0): (3094, 0.130116),
    (2, 1, 3): (3202, 0.037506),
    (5, 2, 11): (4254, 0.006713),
    (6, 3, 7): (4226, 0.018481),
    (8, 4, 1): (3703, 0.046792),
    (9, 5, 49): (3653, 0.053296),
}


def wav_digests(corpus: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (corpus / "recordings").iterdir()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_synthetic_corpus(SMALL, tmp_path_factory.mktemp("cache"))


def test_layout_and_names_are_those_of_fsdd(corpus: Path) -> None:
    expected = {f"{d}_{s}_{t}.wav" for d in range(10) for s in ("ada", "basil") for t in range(6)}
    assert {path.name for path in (corpus / "recordings").iterdir()} == expected
    assert [path.name for path in corpus.iterdir()] == ["recordings"]


@pytest.mark.parametrize("sample_rate_hz", [8000, 16000])
def test_files_are_16_bit_mono_with_sound_in_them(sample_rate_hz: int, tmp_path: Path) -> None:
    corpus = make_synthetic_corpus(SMALL, tmp_path, sample_rate_hz)
    for path in (corpus / "recordings").iterdir():
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, sample_rate_hz)
            pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int64)
        assert 0.15 * sample_rate_hz < len(pcm) < 1.2 * sample_rate_hz
        assert 300 < np.abs(pcm).max() < 32767, "audible, and not clipped"
        assert abs(pcm.mean()) < 0.05 * np.abs(pcm).max()


def test_every_run_makes_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    assert wav_digests(make_synthetic_corpus(SMALL, tmp_path)) == wav_digests(corpus)


def test_a_clip_does_not_depend_on_other_clips(corpus: Path, tmp_path: Path) -> None:
    larger = wav_digests(make_synthetic_corpus(replace(SMALL, speakers=3, takes=7), tmp_path))
    smaller = wav_digests(corpus)
    assert {name: larger[name] for name in smaller} == smaller
    assert len(larger) == 3 * 10 * 7


def test_no_two_clips_are_alike_and_another_seed_is_another_corpus(corpus: Path, tmp_path: Path) -> None:
    first = wav_digests(corpus)
    second = wav_digests(make_synthetic_corpus(replace(SMALL, seed=1), tmp_path))
    assert len({*first.values(), *second.values()}) == len(first) + len(second)


def test_every_config_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "_build", lambda *_: None)
    variants = [replace(SMALL, speakers=3), replace(SMALL, takes=7), replace(SMALL, seed=1), SMALL]
    folders = {make_synthetic_corpus(variant, tmp_path) for variant in variants}
    folders.add(make_synthetic_corpus(SMALL, tmp_path, sample_rate_hz=16000))
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", GENERATOR_VERSION + 1)
    folders.add(make_synthetic_corpus(SMALL, tmp_path))
    assert len(folders) == 6


def test_a_complete_corpus_is_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_synthetic_corpus(SMALL, tmp_path)
    monkeypatch.setattr(synthetic, "_build", lambda *_: pytest.fail("built a second time"))
    assert make_synthetic_corpus(SMALL, tmp_path) == first


def test_leftovers_of_a_killed_process_are_not_used(corpus: Path, tmp_path: Path) -> None:
    aside = tmp_path / f"{corpus.name}.partial" / "recordings"
    aside.mkdir(parents=True)
    (aside / "junk.wav").write_bytes(b"half a file")
    assert wav_digests(make_synthetic_corpus(SMALL, tmp_path)) == wav_digests(corpus)
    assert not aside.exists()


def test_an_interrupted_build_leaves_no_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_one_and_die(path: Path, *_: object) -> None:
        path.write_bytes(b"RIFF")
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "_write_wav", write_one_and_die)
    with pytest.raises(KeyboardInterrupt):
        make_synthetic_corpus(SMALL, tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.is_dir() and not p.name.endswith(".partial")]


def test_an_incomplete_corpus_is_rebuilt(corpus: Path, tmp_path: Path) -> None:
    broken = make_synthetic_corpus(SMALL, tmp_path)
    (broken / "recordings" / "3_ada_2.wav").unlink()
    assert wav_digests(make_synthetic_corpus(SMALL, tmp_path)) == wav_digests(corpus)


def test_two_processes_at_once(corpus: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from fsdd_lightning.data.synthetic import make_synthetic_corpus\n"
        "from fsdd_lightning.config.schema import SyntheticConfig\n"
        f"print(make_synthetic_corpus({SMALL!r}, Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(answers) == 1
    assert wav_digests(Path(answers.pop())) == wav_digests(corpus)


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(RunFailedError, match=r"cannot write the synthetic corpus.*data\.cache_dir"):
        make_synthetic_corpus(SMALL, in_the_way / "cache")


def test_voice_names_never_run_out() -> None:
    names = [voice_name(i) for i in range(60)]
    assert len(set(names)) == 60 and all(name.isalnum() for name in names)


def test_a_change_of_the_sound_needs_a_new_version() -> None:
    assert FINGERPRINT_VERSION == GENERATOR_VERSION
    for (digit, voice, take), (samples, loudness) in FINGERPRINT.items():
        clip = synthesize_digit(digit, make_voice(0, voice), clip_generator(0, digit, voice, take), 8000)
        assert len(clip) == samples
        assert np.sqrt(np.mean(clip**2)) == pytest.approx(loudness, rel=1e-3)


def test_voices_differ_in_pitch_and_vocal_tract() -> None:
    voices = [make_voice(0, index) for index in range(4)]
    tracts = sorted(voice.tract for voice in voices)
    assert min(np.diff(tracts)) > 0.01 and tracts[-1] / tracts[0] > 1.1
    assert len({voice.noise_db for voice in voices}) == 4


# Difficulty: 4 voices x 30 takes, MFCC, divided by take within every digit and voice (takes are independent).
DIGIT = np.repeat(np.arange(10), 4 * 30)  # (1200,)
TAKE = np.arange(1200) % 30


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """MFCC of every clip, (T, 13); ordered by digit, voice, take."""
    mel = librosa.filters.mel(sr=8000, n_fft=400, n_mels=40)
    voices = [make_voice(0, index) for index in range(4)]
    places = np.ndindex(len(WORDS), 4, 30)
    clips = (synthesize_digit(d, voices[v], clip_generator(0, d, v, t), 8000) for d, v, t in places)
    return [mfcc(clip, mel) for clip in clips]


def mfcc(clip: np.ndarray, mel: np.ndarray) -> np.ndarray:
    power = np.abs(librosa.stft(clip / np.abs(clip).max(), n_fft=400, hop_length=160)) ** 2
    return librosa.feature.mfcc(S=librosa.power_to_db(mel @ power), n_mfcc=13).T[:36]


def nearest_centroid_accuracy(vectors: np.ndarray) -> float:
    """Of `vectors` (1200, n), standardized; five-fold, so that all clips count."""
    correct = []
    for fold in range(5):
        tested = fold == TAKE % 5
        scaled = (vectors - vectors[~tested].mean(axis=0)) / vectors[~tested].std(axis=0)
        centroids = np.array([scaled[~tested & (digit == DIGIT)].mean(axis=0) for digit in range(10)])
        nearest = np.linalg.norm(scaled[tested, None] - centroids, axis=2).argmin(axis=1)
        correct.append(nearest == DIGIT[tested])
    return float(np.mean(correct))


def test_the_mean_spectrum_does_not_reveal_the_digit(frames: list[np.ndarray]) -> None:
    assert 0.4 < nearest_centroid_accuracy(np.array([clip.mean(axis=0) for clip in frames])) < 0.85


def test_the_length_does_not_reveal_the_digit(frames: list[np.ndarray]) -> None:
    assert nearest_centroid_accuracy(np.array([[float(len(clip))] for clip in frames])) < 0.35


def test_a_small_lstm_learns_it(frames: list[np.ndarray]) -> None:
    in_test = TAKE < 6
    features, lengths = padded(frames, in_test)
    target = torch.from_numpy(DIGIT)
    train, test = (torch.from_numpy(np.flatnonzero(part)) for part in (~in_test, in_test))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = train_lstm(features[train], lengths[train], target[train], epochs=30)
    with torch.no_grad():
        correct = network(features[test], lengths[test]).argmax(dim=1) == target[test]
    assert correct.float().mean() > 0.95


def padded(frames: list[np.ndarray], in_test: np.ndarray) -> tuple[Tensor, Tensor]:
    """Standardized with the training part's mean and std: (B, 36, 13), lengths (B,)."""
    training = np.concatenate([clip for clip, tested in zip(frames, in_test, strict=True) if not tested])
    mean, std = training.mean(axis=0), training.std(axis=0)
    features = np.zeros((len(frames), 36, 13), dtype=np.float32)
    for row, clip in zip(features, frames, strict=True):
        row[: len(clip)] = (clip - mean) / std
    return torch.from_numpy(features), torch.tensor([len(clip) for clip in frames])


def train_lstm(features: Tensor, lengths: Tensor, target: Tensor, epochs: int) -> LSTMClassifier:
    network = LSTMClassifier(NetworkShape(13, 24, 2, 10))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    batches = -(-len(target) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        for batch in torch.randperm(len(target)).split(64):
            noisy = features[batch] + 0.2 * torch.randn(len(batch), 36, 13)
            loss = nn.functional.cross_entropy(network(noisy, lengths[batch]), target[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network
