"""The README's picture: a page in Chromium while it hears digits.

python tests/export/page_picture.py RUN      FSDD in FSDD_ROOT or ../shared/fsdd; writes multirun/reference/listen.png
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import soxr
from browsers import MICROPHONE, joined, open_tab, plays, write_sound
from scipy.io import wavfile

from fsdd_lightning.evaluation.web import export_page
from fsdd_lightning.runs.folder import read_run

PICTURE = Path(__file__).resolve().parents[2] / "multirun" / "reference" / "listen.png"
SPOKEN = ("3_jackson_1", "5_jackson_1", "7_jackson_1")
RATE_HZ, MICROPHONE_HZ = 8000, 48000
VIEW = {"width": 1280, "height": 960}


def main() -> None:
    """Export, play, wait for the last word, take the picture."""
    root = Path(os.environ.get("FSDD_ROOT", "../shared/fsdd")) / "recordings"
    sound = joined([wavfile.read(root / f"{name}.wav")[1] for name in SPOKEN], RATE_HZ, noise=20.0)
    played = soxr.resample(sound.astype(np.float64), RATE_HZ, MICROPHONE_HZ).clip(-32768, 32767).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        page, path = Path(folder) / "listen.html", Path(folder) / "spoken.wav"
        export_page([read_run(Path(sys.argv[1]))], page)
        write_sound(path, played, MICROPHONE_HZ)
        with open_tab(page, *MICROPHONE, plays(path), viewport=VIEW, color_scheme="light") as tab:
            tab.opened().page.click("#listen")
            tab.wait(f"fsdd.words.length >= {len(SPOKEN)}")
            tab.page.screenshot(path=PICTURE)
            print(f"heard {', '.join(str(word['label']) for word in tab.words())}; the picture is {PICTURE}")


if __name__ == "__main__":
    main()
