"""How much faster than real time the page's WebAssembly hears, under Node.js; run with --benchmark-only.

`pytest tests/benchmarks/test_page_speed.py --benchmark-only -s`
"""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from example_listening import DEFAULT, deployment, model, words
from web_networks import recognized
from web_scripts import needs_node

ROUNDS = 5
LEAST = 10.0  # times real time: what a page must do beside its other work


@needs_node
@pytest.mark.parametrize("hidden", [24, 48, 128])
def test_hearing_is_far_faster_than_real_time(benchmark: Any, hidden: int) -> None:
    """Of a network of two layers in int8, on sound that is words for the most part."""
    sound = words(DEFAULT, 60)
    code = """
      const seconds = data.sound.length / 8000;
      const times = Array.from({ length: data.rounds }, () => {
        recognizer.reset();
        const start = performance.now();
        recognizer.push(data.sound);
        return 1000 * seconds / (performance.now() - start);
      });
      answer(times);
    """
    heard = deployment(model(DEFAULT, hidden=hidden, classes=10))
    times = benchmark.pedantic(recognized, (heard, code), {"sound": sound, "rounds": ROUNDS}, rounds=1)
    ratio = statistics.median(times)
    print(f"2x{hidden}: {ratio:.0f} times real time")
    assert ratio > LEAST
