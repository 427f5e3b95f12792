"""A page in a real browser: Chromium, headless, with a microphone that plays a file."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.io import wavfile

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_S = 120  # the machine may be busy
OPTIONS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
MICROPHONE = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@dataclass
class Tab:
    """A page that is open; what it said, and what it asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)  # of its console
    crashes: list[str] = field(default_factory=list)  # errors that its script did not catch
    requests: list[str] = field(default_factory=list)  # to any address but its own and those in its memory

    def evaluate(self, code: str, *arguments: Any) -> Any:
        return self.page.evaluate(code, *arguments)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def wait(self, condition: str) -> None:
        """Until this JavaScript is true. Playwright's own way evaluates text in the page, which the policy forbids."""
        end = time.monotonic() + PATIENCE_S
        while not self.evaluate(condition):
            assert not self.crashes, self.crashes
            assert time.monotonic() < end, f"still not: {condition}; {self.errors}"
            self.page.wait_for_timeout(50)

    def opened(self) -> Tab:
        """After the golden sounds: it may listen."""
        self.wait("!document.getElementById('listen').disabled")
        return self

    def heard(self) -> np.ndarray:
        """(samples,) int16 that its first network got since Listen."""
        code = """() => {
          let text = "";
          for (const byte of new Uint8Array(fsdd.heard.buffer)) text += String.fromCharCode(byte);
          return btoa(text);
        }"""
        return np.frombuffer(base64.b64decode(self.evaluate(code)), "<i2")

    def words(self) -> list[dict[str, Any]]:
        """All so far, without their sound."""
        found: list[dict[str, Any]] = self.evaluate("fsdd.words.map(({ samples, ...word }) => word)")
        return found


@contextmanager
def open_tab(address: Path | str, *options: str, script: str = "", **context: Any) -> Iterator[Tab]:
    """A file or an address. `options`: of Chromium; `script`: runs before the page's own; `context`: of Playwright."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    url = address.resolve().as_uri() if isinstance(address, Path) else address
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, *options])
        page = browser.new_context(**context).new_page()
        tab = Tab(page)
        page.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: tab.crashes.append(str(error)))
        page.on(
            "request", lambda request: tab.requests.append(request.url) if _is_elsewhere(request.url, url) else None
        )
        if script:
            page.add_init_script(script)
        page.goto(url)
        yield tab
        assert tab.crashes == [], tab.crashes
        browser.close()


def _is_elsewhere(address: str, own: str) -> bool:
    return address != own and not address.startswith(("blob:", "data:"))


def plays(path: Path) -> str:
    """The option for a microphone that hears this WAV file once."""
    return f"--use-file-for-fake-audio-capture={path}%noloop"


def write_sound(path: Path, sound: np.ndarray, rate_hz: int) -> Path:
    """(samples,) int16."""
    wavfile.write(path, rate_hz, sound)
    return path


def joined(clips: Sequence[np.ndarray], rate_hz: int, noise: float = 3.0, seed: int = 0) -> np.ndarray:
    """Clips, int16, with pauses of about 0.8 s and the noise of a quiet room."""
    random = np.random.default_rng(seed)
    pause = [np.zeros(int(rate_hz * random.uniform(0.7, 0.9)), np.int16) for _ in range(len(clips) + 2)]
    parts = [pause[0], *(part for at, clip in enumerate(clips) for part in (pause[at + 1], clip)), pause[-1], pause[-1]]
    sound = np.concatenate(parts)
    return np.clip(np.round(sound + random.normal(0, noise, len(sound))), -32768, 32767).astype(np.int16)
