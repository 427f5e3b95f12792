"""The page in Chromium: what its microphone hears are the integers of numpy, and every trouble is told in one line."""

from __future__ import annotations

import functools
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import browsers
import numpy as np
import pytest
import soxr
from browsers import MICROPHONE, Tab, joined, open_tab, plays, write_sound
from scipy import signal
from scipy.io import wavfile

from fsdd_lightning.arithmetic.listener import Listener, WordEvent
from fsdd_lightning.data.layouts import find_folder, list_folder
from fsdd_lightning.data.words import Words
from fsdd_lightning.evaluation.web import export_page
from fsdd_lightning.runs.folder import Run, read_run

pytestmark = pytest.mark.skipif(browsers.CHROMIUM is None, reason="needs chromium")

RATE_HZ = 8000
ATTEMPTS = 3
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def page(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a tiny network, which knows little."""
    path = tmp_path_factory.mktemp("page") / "listen.html"
    export_page([read_run(finished_run)], path)
    return path


@pytest.fixture(scope="module")
def spoken(finished_run: Path) -> np.ndarray:
    """Golden clips of that network with pauses, (samples,) int16."""
    with np.load(finished_run / "golden_clips.npz") as kept:
        clips = np.split(kept["samples"], np.cumsum(kept["counts"])[:-1])
    return joined(clips[:3], RATE_HZ)


@pytest.fixture
def microphone(spoken: np.ndarray, tmp_path: Path) -> tuple[str, ...]:
    """Options for one that hears these words, at a rate of microphones."""
    return (*MICROPHONE, plays(write_sound(tmp_path / "spoken.wav", resampled(spoken, 48000), 48000)))


@pytest.fixture
def server(page: Path) -> Iterator[str]:
    """The address of the page's folder, as `python -m http.server` serves it."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(page.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def resampled(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    return np.clip(np.round(soxr.resample(sound.astype(np.float64), RATE_HZ, rate_hz)), -32768, 32767).astype(np.int16)


def listen(tab: Tab, samples: int) -> None:
    """Until the first network has got so many."""
    tab.opened().page.click("#listen")
    tab.wait(f"fsdd.heard.length >= {samples} || !document.getElementById('alert').hidden")
    assert tab.text("#alert") == ""


def ended(run: Run, sound: np.ndarray) -> list[WordEvent]:
    """The words that numpy hears."""
    assert run.deployment is not None and run.listening is not None
    events = Listener(run.deployment.model, run.listening).push(sound)
    return [event for event in events if event.kind == "ends"]


def assert_same_words(words: Sequence[dict[str, Any]], expected: Sequence[WordEvent], run: Run) -> None:
    labels, hop = run.checkpoint.labels, run.config.features.hop
    assert len(words) == len(expected)
    for word, event in zip(words, expected, strict=True):
        assert word["label"] == (None if event.label is None else labels[event.label])
        assert (word["margin"], word["logits"], word["start"]) == (event.margin, list(event.logits), event.first * hop)


# ---- hearing


@pytest.mark.parametrize("place", ["file", "server"])
def test_what_the_microphone_brings_are_the_integers_of_numpy(
    page: Path, server: str, microphone: tuple[str, ...], spoken: np.ndarray, finished_run: Path, place: str
) -> None:
    run = read_run(finished_run)
    address = page if place == "file" else f"{server}/listen.html"
    with open_tab(address, *microphone) as tab:
        listen(tab, len(spoken) - 4000)
        tab.page.click("#listen")  # stop: what was heard stays
        words, heard = tab.words(), tab.heard()
        assert "8,000 Hz" in tab.text("#rate")
        assert (tab.errors, tab.requests) == ([], [])
    expected = ended(run, heard)
    assert len(expected) >= 2
    assert_same_words(words, expected, run)


@pytest.mark.slow
@pytest.mark.fsdd
def test_the_words_come_out(trained_run: Path, fsdd_root: Path, tmp_path: Path) -> None:
    """Ten digits of clips that the network was not trained on, through microphone, resampler and listener."""
    run = read_run(trained_run)
    clips = [wavfile.read(fsdd_root / "recordings" / f"{digit}_jackson_1.wav")[1] for digit in range(10)]
    sound = joined(clips, RATE_HZ)
    said = [event.label for event in ended(run, sound)]
    assert len(said) == 10 and sum(label == digit for digit, label in enumerate(said)) >= 9
    export_page([run], tmp_path / "listen.html")
    path = write_sound(tmp_path / "spoken.wav", resampled(sound, 44100), 44100)
    for _ in range(ATTEMPTS):  # where a machine is busy, the sound that the browser plays to itself may stumble
        with open_tab(tmp_path / "listen.html", *MICROPHONE, plays(path)) as tab:
            listen(tab, len(sound))
            words, heard, lost = tab.words(), tab.heard(), tab.evaluate("fsdd.lost")
            assert (tab.errors, tab.requests) == ([], [])
        assert_same_words(words, ended(run, heard), run)
        right = sum(word["label"] == str(digit) for digit, word in enumerate(words))
        alike = sum(similarity(sound, heard[word["start"] : word["end"]]) > 0.99 for word in words)
        if lost == 0 and len(words) == 10 and min(right, alike) >= 9:
            break
    assert (lost, len(words)) == (0, 10)
    assert right >= 9
    assert alike >= 9, "what it heard is what was played"


def similarity(sound: np.ndarray, part: np.ndarray) -> float:
    """The largest correlation of a part with some part of the sound, moved by eighths of a sample too."""
    fine = soxr.resample(sound.astype(np.float64), RATE_HZ, 8 * RATE_HZ)
    moved = [fine[shift::8] for shift in range(8)]
    energy = np.linalg.norm(part.astype(np.float64))
    best = 0.0
    for one in moved:
        products = signal.correlate(one, part.astype(np.float64), mode="valid")
        energies = signal.correlate(one**2, np.ones(len(part)), mode="valid")
        best = max(best, float((products / np.sqrt(np.maximum(energies, 1.0))).max()) / energy)
    return best


def test_no_block_is_dropped_far_faster_than_real_time(page: Path) -> None:
    """A minute of sound through the very worklet, as fast as the browser renders, while the page is busy."""
    code = """async () => {
      const rate = 48000, seconds = 60;
      const context = new OfflineAudioContext(1, rate * seconds, rate);
      const buffer = context.createBuffer(1, rate * seconds, rate);
      const sound = buffer.getChannelData(0);
      for (let at = 0; at < sound.length; at++) sound[at] = ((at * 7919) % 32768) / 32768;
      const source = context.createBufferSource();
      source.buffer = buffer;
      const hearing = fsdd.networks[0].newListener(rate);
      let count = 0, lost = 0, wrong = 0, frames = 0;
      const node = await captureNode(context, (samples, missing) => {
        samples.forEach((value, at) => { wrong += value !== sound[count + at]; });
        frames += hearing.push(samples).length;
        count += samples.length;
        lost += missing;
      });
      source.connect(node);
      source.start();
      const start = performance.now();
      await context.startRendering();
      const busy = performance.now() + 500;
      while (performance.now() < busy); // messages wait meanwhile
      const all = rate * seconds - 1024; // a whole batch less
      for (let tries = 0; count <= all && tries < 600; tries++) await new Promise((go) => setTimeout(go, 50));
      return { count, lost, wrong, frames, heard: hearing.heard };
    }"""
    with open_tab(page) as tab:
        found = tab.opened().evaluate(code)
    assert 60 * 48000 - 1024 < found["count"] <= 60 * 48000, "what is left is less than a batch"
    assert (found["lost"], found["wrong"]) == (0, 0)
    assert found["heard"] > 59.9 * 8000 and found["frames"] > 2900


def test_two_networks_hear_the_same_sound(
    finished_run: Path,
    finished_overrides: list[str],
    run_trial: Callable[..., Any],
    microphone: tuple[str, ...],
    spoken: np.ndarray,
    tmp_path: Path,
) -> None:
    (tmp_path / "float").mkdir()
    run_trial([*finished_overrides, "quantization=float32"], tmp_path / "float")
    runs = [read_run(finished_run), read_run(tmp_path / "float")]
    export_page(runs, tmp_path / "compare.html")
    with open_tab(tmp_path / "compare.html", *microphone, viewport=WIDE) as tab:
        listen(tab, len(spoken) - 4000)
        tab.page.click("#listen")
        words, shown = tab.words(), tab.text("#networks")
        assert tab.errors == []
        assert tab.evaluate("document.querySelectorAll('#words > li').length") == len(words) / 2
    integer, float_words = ([word for word in words if word["network"].startswith(mode)] for mode in ("int8", "float"))
    assert [word["start"] for word in integer] == [word["start"] for word in float_words] and len(integer) >= 2
    for run in runs:
        assert f"{run.record.memory['flash_bytes']:,}" in shown


# ---- files and what is kept


def test_files_are_heard_as_fsdd_predict_hears_them(
    page: Path, spoken: np.ndarray, finished_run: Path, tmp_path: Path
) -> None:
    run = read_run(finished_run)
    path = write_sound(tmp_path / "<b>joined & more.wav", spoken, RATE_HZ)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    with open_tab(page) as tab:
        tab.opened().page.set_input_files("#files", [path, bad])
        tab.wait("document.querySelectorAll('#file-notes li').length === 2")
        words, notes = tab.words(), tab.text("#file-notes")
        assert "<b>joined & more.wav" in tab.text("#words"), "a name is text"
    silence = np.zeros(RATE_HZ, np.int16)
    expected = ended(run, np.concatenate([spoken, silence]))
    assert_same_words(words, expected, run)
    joined_note, bad_note = notes.splitlines()
    assert f"{len(expected)} word" in joined_note and "bad.wav" in bad_note and "not a WAV file" in bad_note


def test_what_it_got_wrong_is_downloaded_as_data(page: Path, spoken: np.ndarray, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "spoken.wav", spoken, RATE_HZ)
    with open_tab(page) as tab:
        tab.opened().page.set_input_files("#files", path)
        tab.wait("document.querySelectorAll('#file-notes li').length === 1")
        for at, label in enumerate(("7", "0")):
            tab.page.locator("#words select").nth(at).select_option(label)
        tab.page.fill("#speaker", "Zoë  O'Neil!")
        with tab.page.expect_download() as download:
            tab.page.click("#download")
        content = Path(download.value.path()).read_bytes()
        words = tab.words()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path / "kept")
    folder = find_folder(tmp_path / "kept", Words())
    assert folder == tmp_path / "kept" / "recordings"
    listed = list_folder(folder, Words()).files
    assert all(file.problem is None for file in listed)
    assert sorted((file.label, file.speaker) for file in listed) == [("0", "Zoë-O-Neil"), ("7", "Zoë-O-Neil")]
    newest = words[-1]  # the list begins with it, and it was a seven
    (seven,) = (file.path for file in listed if file.label == "7")
    rate, samples = wavfile.read(seven)
    assert rate == RATE_HZ and samples.dtype == np.int16
    first = max(newest["start"] - 800, 0)
    np.testing.assert_array_equal(samples, spoken[first : first + len(samples)][: len(samples)])
    assert len(samples) > newest["end"] - newest["start"]


def test_a_word_is_played_again_and_not_heard_meanwhile(
    page: Path, microphone: tuple[str, ...], spoken: np.ndarray, tmp_path: Path
) -> None:
    with open_tab(page, *microphone) as tab:
        tab.opened().page.set_input_files("#files", write_sound(tmp_path / "spoken.wav", spoken, RATE_HZ))
        tab.wait("document.querySelectorAll('#file-notes li').length === 1")
        listen(tab, 8000)
        tab.evaluate("document.getElementById('player').loop = true")
        tab.page.locator("#words button").first.click()
        tab.wait("document.getElementById('player').currentTime > 0")
        before = tab.evaluate("fsdd.heard.length")
        tab.page.wait_for_timeout(300)
        assert tab.evaluate("fsdd.heard.length") == before
        tab.evaluate("document.getElementById('player').loop = false")
        tab.wait(f"fsdd.heard.length > {before}")
        assert tab.errors == []


def test_all_that_was_heard_gives_the_same_words_again(
    page: Path, microphone: tuple[str, ...], spoken: np.ndarray, finished_run: Path
) -> None:
    run = read_run(finished_run)
    with open_tab(page, *microphone) as tab:
        listen(tab, len(spoken) - 4000)
        tab.page.click("#listen")
        with tab.page.expect_download() as download:
            tab.page.click("#save")
        rate, sound = wavfile.read(download.value.path())
        assert rate == RATE_HZ
        np.testing.assert_array_equal(sound, tab.heard())
        assert_same_words(tab.words(), ended(run, sound), run)


# ---- troubles, each in one line

TROUBLES = {"delete window.WebAssembly": "WebAssembly", "delete window.DecompressionStream": "too old"}
LISTENING_TROUBLES = {
    "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })": "python -m http.server",
    "delete window.AudioWorkletNode": "AudioWorklet",
    **{
        f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'))": told
        for name, told in (("NotAllowedError", "refused"), ("NotFoundError", "no mic"), ("NotReadableError", "program"))
    },
}


@pytest.mark.parametrize("script", TROUBLES)
def test_a_browser_that_lacks_something_is_told_what(page: Path, script: str) -> None:
    with open_tab(page, script=script) as tab:
        tab.wait("!document.getElementById('alert').hidden")
        line = tab.text("#alert")
        assert TROUBLES[script] in line and len(line.splitlines()) == 1
        assert tab.evaluate("document.getElementById('listen').disabled")


@pytest.mark.parametrize("script", LISTENING_TROUBLES)
def test_without_a_microphone_the_page_says_what_to_do(page: Path, script: str) -> None:
    with open_tab(page, *MICROPHONE, script=script) as tab:
        tab.opened().page.click("#listen")
        tab.wait("!document.getElementById('alert').hidden")
        line = tab.text("#alert")
        assert LISTENING_TROUBLES[script] in line and len(line.splitlines()) == 1
        assert tab.page.get_attribute("#listen", "aria-pressed") == "false"


def test_a_sound_that_does_not_start_is_told(page: Path, microphone: tuple[str, ...]) -> None:
    """As where there is no sound card."""
    script = """
      const Started = AudioContext;
      window.AudioContext = class extends Started {
        resume() { return new Promise(() => {}); }
        createMediaStreamSource() { return { connect() {} }; }
        get state() { return "suspended"; }
      };
    """
    with open_tab(page, *microphone, script=script) as tab:
        tab.opened().page.click("#listen")
        tab.wait("!document.getElementById('alert').hidden")
        assert "paused the sound" in tab.text("#alert")


def test_a_microphone_that_goes_and_one_that_is_muted(page: Path, microphone: tuple[str, ...]) -> None:
    keep = """
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => window.opened = await open(wanted);
    """
    with open_tab(page, *microphone, script=keep) as tab:
        listen(tab, 800)
        tab.evaluate("opened.getAudioTracks()[0].dispatchEvent(new Event('mute'))")
        assert "muted" in tab.text("#alert")
        tab.evaluate("opened.getAudioTracks()[0].dispatchEvent(new Event('unmute'))")
        assert tab.text("#alert") == ""
        tab.evaluate("opened.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
        assert "gone" in tab.text("#alert")
        assert tab.page.get_attribute("#listen", "aria-pressed") == "false"


def test_a_page_that_computes_something_else_does_not_listen(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    found = re.search(r'"logits":\[\[(-?\d+)', text)
    assert found is not None
    wrong = tmp_path / "wrong.html"
    wrong.write_text(text[: found.start(1)] + str(int(found[1]) + 1) + text[found.end(1) :])
    with open_tab(wrong, *MICROPHONE) as tab:
        tab.wait("!document.getElementById('alert').hidden")
        assert tab.evaluate("document.getElementById('listen').disabled")
        assert "does not compute" in tab.text("#status") and str(int(found[1]) + 1) in tab.text("#status")


# ---- how it looks and how it is used


@pytest.mark.parametrize("viewport", [WIDE, PHONE, {"width": 320, "height": 600}], ids=lambda size: str(size["width"]))
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    page: Path, spoken: np.ndarray, tmp_path: Path, viewport: dict[str, int], scheme: str
) -> None:
    path = write_sound(tmp_path / "spoken.wav", spoken, RATE_HZ)
    with open_tab(page, viewport=viewport, color_scheme=scheme) as tab:
        tab.opened().page.set_input_files("#files", path)
        tab.wait("document.querySelectorAll('#file-notes li').length === 1")
        assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 384) == (scheme == "dark")


def test_keys_listen_stop_and_reach_everything(page: Path, microphone: tuple[str, ...]) -> None:
    with open_tab(page, *microphone) as tab:
        tab.opened().page.keyboard.press("l")
        tab.wait("document.getElementById('listen').getAttribute('aria-pressed') === 'true'")
        tab.page.keyboard.press("l")
        tab.wait("document.getElementById('listen').getAttribute('aria-pressed') === 'false'")
        tab.page.fill("#speaker", "l")  # a name, not a key
        assert tab.page.get_attribute("#listen", "aria-pressed") == "false"
        reached = set()
        for _ in range(30):
            tab.page.keyboard.press("Tab")
            reached.add(tab.evaluate("document.activeElement.id"))
        assert {"devices", "listen", "speaker", "choose", "save"} - reached <= {"save"}, (
            "what is disabled is not reached"
        )


def test_a_screen_reader_hears_words_and_finds_names(page: Path, spoken: np.ndarray, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "spoken.wav", spoken, RATE_HZ)
    with open_tab(page) as tab:
        tab.opened().page.set_input_files("#files", path)
        tab.wait("document.querySelectorAll('#file-notes li').length === 1")
        assert tab.page.get_attribute("#announce", "aria-live") == "polite" and tab.text("#announce")
        assert tab.page.get_attribute("#picture", "role") == "img" and tab.page.get_attribute("#picture", "aria-label")
        named = "!each.hidden && !each.textContent.trim() && !each.ariaLabel && !each.labels?.length"
        every = "[...document.querySelectorAll('button, select, input, [role=img], [role=meter]')]"
        assert tab.evaluate(f"{every}.filter((each) => {named}).map((each) => each.outerHTML)") == []


def test_labels_and_names_from_outside_are_text(page: Path, spoken: np.ndarray, tmp_path: Path) -> None:
    """In the page's data, where a run's labels and commands are."""
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    evil = "<img src=x onerror='document.title=1'><script>document.title=1</script>"
    for network in data["networks"]:
        network.update(name=evil, labels=[f"{evil}{at}" for at in range(10)], command=evil, recordings=evil)
    data |= {"title": evil, "command": evil}
    embedded = json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    other = tmp_path / "evil.html"
    other.write_text(text[: found.start(1)] + embedded + text[found.end(1) :])
    with open_tab(other) as tab:
        tab.opened().page.set_input_files("#files", write_sound(tmp_path / "spoken.wav", spoken, RATE_HZ))
        tab.wait("document.querySelectorAll('#file-notes li').length === 1")
        assert tab.evaluate("document.querySelectorAll('img').length") == 0
        assert tab.evaluate("document.title") != "1" and evil in tab.text("body")
        assert tab.errors == []
