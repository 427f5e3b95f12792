"""Every deliberate bug in the bridge between page and runtime, and in the scripts around it, is noticed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_web_network as network_tests
import test_web_recognizer as recognizer_tests
import web_networks
import web_scripts
from example_listening import FRONT_ENDS, deployment, model, words
from web_networks import events_of, logits_of, recognized
from web_scripts import PAGE, needs_node

from fsdd_lightning.arithmetic.device_arrays import Deployment
from fsdd_lightning.arithmetic.front_end import features
from fsdd_lightning.export.web.image import ear_image

pytestmark = [
    needs_node,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("clang") or not shutil.which("wasm-ld"), reason="needs clang and lld"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT_FROM = (".ci", "fsdd_lightning/export/web", "fsdd_lightning/export/runtime")
BRIDGE = [  # of fsdd_web.c: text, and what stands in its place
    ("if (pages > have && ", "if (0 && pages > have && "),
    ("fsdd_web_free = start + bytes;", ""),
    (
        "fsdd_tables.width_q8 = (const int16_t *)(start + image->width);",
        "fsdd_tables.width_q8 = fsdd_tables.cosine_q14;",
    ),
    ("layers[k].bias = start + image->layer[k].bias;", "layers[k].bias = start + image->layer[0].bias;"),
    (
        "model->sigmoid_table = (const int16_t *)(start + image->sigmoid_table);",
        "model->sigmoid_table = model->tanh_table;",
    ),
    ("model->least_margin = image->least_margin;", ""),
    ("(int16_t)number[8], (int16_t)number[9],", "(int16_t)number[9], (int16_t)number[8],"),
    ("    fsdd_front_end_reset(&fsdd_web_view);\n}", "}"),
    ("    fsdd_listen_reset(&fsdd_web_listener);\n", ""),
    ("FSDD_LISTENER_WORDS(image->inputs, image->hidden, image->layers)", "FSDD_STATE_WORDS_IN(image->inputs, 1, 1)"),
    ("band < FSDD_BANDS", "band + 1 < FSDD_BANDS"),
    ("if (before->age > 0u)", "if (before->age > 1u)"),
    ("if (before->age > 0u)", ""),
    ("state->age == 0u;", "state->age == 1u;"),
    ("if (state->length == 1u)", "if (state->length == 2u)"),
    ("if (state->length > 0u)\n        fsdd_web_view", "if (state->length > 1u)\n        fsdd_web_view"),
    (" && state->voiced == state->length)", ")"),
    ("fsdd_web_last.label = event->label;", "fsdd_web_last.label = 0;"),
    ("fsdd_web_last.voiced = state->voiced;", "fsdd_web_last.voiced = state->length;"),
    ("fsdd_web_last.frames_ago = event->frames_ago;", ""),
    ("event = fsdd_listen_push(&fsdd_web_listener, samples, count - left);", "event = fsdd_nothing;"),
    ("    fsdd_web_reset();\n    return (uint32_t)frames;", "    return (uint32_t)frames;"),
    ("fsdd_web_model.classes; k++", "fsdd_web_model.classes - 1u; k++"),
]
SCRIPTS = [  # file, text, and what stands in its place
    ("recognizer.js", "if (!this.wasm.open(place))", "if (this.wasm.open(place) && false)"),
    ("recognizer.js", "first += CHUNK_SAMPLES", "first += CHUNK_SAMPLES + 1"),
    ("recognizer.js", "this.chunk + 2 * at", "this.chunk + at"),
    ("recognizer.js", "if (!isComplete) return null;", ""),
    ("recognizer.js", "isSpeech: inWord && voiced === length", "isSpeech: inWord"),
    ("recognizer.js", "kind === 2 && !isOverlong", "kind === 2"),
    ("recognizer.js", "samples.length < this.window", "samples.length < this.window - 1"),
    ("recognizer.js", "this.clip.count < count", "this.clip.count > count"),
    ("recognizer.js", "const HEARD_WORDS = 10;", "const HEARD_WORDS = 11;"),
    ("network.js", "logit > logits[best] ? at", "logit >= logits[best] ? at"),
    ("network.js", "margin >= leastMargin", "margin > leastMargin"),
    ("network.js", "logits.length > 1 ?", "logits.length > 2 ?"),
    ("network.js", "if (frame.inWord && !this.inWord) this.network.reset();", ""),
    ("network.js", "if (frame.isSpeech) this.word", "if (frame.inWord) this.word"),
    ("network.js", "/ FLOAT_STEP + 0.5", "/ FLOAT_STEP"),
    ("network.js", "label < 0 || none.includes(label)", "label < 0"),
    ("network.js", "* step) / temperature", "* step)"),
    ("network.js", "(longest - 1) * hop", "longest * hop"),
    ("listener.js", "(frames - 1) * hop", "frames * hop"),
    ("listener.js", "(at - framesAgo) * hop", "at * hop"),
    ("listener.js", "this.stream.reset();", ""),
    ("listener.js", "this.frames = 0;", "this.frames ??= 0;"),
    ("listener.js", "start - around, end + around", "start, end"),
    ("listener.js", "part.subarray(Math.max(start - at, 0), end - at)", "part.subarray(Math.max(start - at, 0))"),
    ("listener.js", "Math.max(start - at, 0)", "0"),
]


SCRIPT_CHECKS = [
    network_tests.test_golden_clips_and_their_stream_come_out,
    network_tests.test_a_listener_hears_the_very_samples_at_its_own_rate,
    network_tests.test_ties_go_to_the_lowest_label_and_a_single_one_always_leads,
    network_tests.test_a_clip_alone,
    network_tests.test_a_clip_of_no_word,
    network_tests.test_a_clip_is_heard_as_long_as_the_network_listens,
    network_tests.test_only_the_last_five_minutes_are_kept,
    network_tests.test_a_listener_forgets,
    recognizer_tests.test_a_clip_without_a_whole_window_has_no_logits,
    recognizer_tests.test_clips,
    recognizer_tests.test_a_network_without_room_is_refused,
    partial(recognizer_tests.test_what_is_shown_of_a_frame_is_what_was_computed, "default"),
    partial(network_tests.test_a_float_network_hears_what_torch_hears, {}),
]


def compiled(folder: Path, before: str, after: str) -> bytes:
    """The WebAssembly with this change in its bridge."""
    for part in BUILT_FROM:
        shutil.copytree(REPOSITORY / part, folder / part)
    source = folder / "fsdd_lightning/export/web/fsdd_web.c"
    text = source.read_text()
    assert text.count(before) >= 1, before
    source.write_text(text.replace(before, after, 1))
    script = folder / ".ci" / "build_wasm"
    script.write_text(script.read_text().replace("-Wall -Wextra -Werror", "-w"))
    subprocess.run([script], capture_output=True, check=True)
    return (folder / "fsdd_lightning/export/web/fsdd.wasm").read_bytes()


def bridge_is_right() -> bool:
    """Whether frames, words and clips are numpy's; also after a clip, and of an ear."""
    code = """
      const clip = data.sound.subarray(0, 3000);
      const first = recognizer.push(data.sound.subarray(0, 5000)).length;
      const logits = [Array.from(recognizer.clipLogits(clip)), Array.from(recognizer.clipLogits(data.sound))];
      const frames = recognizer.push(data.sound);
      recognizer.reset();
      const again = recognizer.push(data.sound);
      const ear = new Recognizer(new WebAssembly.Module(data.wasm), data.ear);
      const features = ear.clipFeatures(clip).map((each) => Array.from(each));
      answer({ logits, features, events: eventsOf(frames), again: eventsOf(again),
        overlong: frames.map(({ event }) => !!event?.isOverlong),
        frames: frames.map(({ levels, features, logits, event, ...rest }) => ({ ...rest, levels: Array.from(levels),
          features: features && Array.from(features), logits: logits && Array.from(logits) })) });
    """
    for name in ("default", "deltas", "128"):
        front_end = FRONT_ENDS[name]
        heard = deployment(model(front_end, hidden=300 if name == "128" else 9, layers=2), front_end)
        heard = with_rejections(heard, words(front_end, 14, seed=8))
        sound, listening = words(front_end, 14, seed=8), heard.listening
        assert listening is not None
        events = events_of(heard, sound)
        overlong = {event[1] for event in events if event[0] == "ends" and event[-1] is None}
        expected: dict[str, Any] = {
            "logits": logits_of(heard, [sound[:3000], sound]).tolist(),
            "events": events,
            "again": events,
            "features": features_of(heard, sound[:3000]),
            "overlong": [at in overlong for at in range(front_end.frames(len(sound)))],
            "frames": recognizer_tests.seen(heard, sound),
        }
        try:
            found = recognized(heard, code, sound=sound, ear=ear_image(listening))
        except AssertionError:  # it ended with an error
            return False
        if found != expected:
            return False
    return True


def with_rejections(heard: Deployment, sound: np.ndarray) -> Deployment:
    """Of which every other word is none of the labels."""
    margins = [event[5] for event in events_of(heard, sound) if event[-1] is not None]
    assert heard.listening is not None
    return replace(heard, input=replace(heard.listening, least_margin=int(np.median(margins)) + 1))


def features_of(heard: Any, clip: np.ndarray) -> list[list[int]]:
    listening = heard.listening
    result: list[list[int]] = features(listening.front_end, listening.standardization, clip).tolist()
    return result


def test_the_bridge_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_networks, "WASM", compiled(tmp_path, "PUBLIC(open)", "PUBLIC(open)"))
    assert bridge_is_right()


@pytest.mark.parametrize("at", range(len(BRIDGE)), ids=lambda at: BRIDGE[at][0][:40])
def test_a_bug_in_the_bridge_is_noticed(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_networks, "WASM", compiled(tmp_path, *BRIDGE[at]))
    assert not bridge_is_right()


def test_the_scripts_as_they_are() -> None:
    assert all(map(passes, SCRIPT_CHECKS))


@pytest.mark.parametrize("at", range(len(SCRIPTS)), ids=lambda at: f"{SCRIPTS[at][0]} {SCRIPTS[at][1][:30]}")
def test_a_bug_in_a_script_is_noticed(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    file, before, after = SCRIPTS[at]
    whole, text = web_scripts.script, (PAGE / file).read_text(encoding="utf-8")
    assert before in text
    changed = text.replace(before, after, 1)
    monkeypatch.setattr(web_scripts, "script", lambda name: changed if name == file else whole(name))
    assert not all(map(passes, SCRIPT_CHECKS))


def passes(check: Any) -> bool:
    try:
        check()
    except Exception:
        return False
    return True
