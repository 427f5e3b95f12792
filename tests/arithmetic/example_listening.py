"""Front ends, listeners and deployments that hear samples, and the sounds that try them."""

from __future__ import annotations

from dataclasses import replace

from fsdd_lightning.arithmetic.endpointer import Endpointer
from fsdd_lightning.arithmetic.front_end import FrontEnd

DEFAULT = FrontEnd(8000, 256, 160, 32, 13, 16, 11264, 0, deltas=False)
FRONT_ENDS = {
    "default": DEFAULT,
    "deltas": replace(DEFAULT, deltas=True),
    "decay": replace(DEFAULT, decay=5, quietest_level=9000),
    "128": FrontEnd(8000, 128, 80, 32, 12, 10, 9000, 1, deltas=True),
    "128, 8 bands": FrontEnd(8000, 128, 128, 8, 8, 64, 0, 4096, deltas=True),
    "512": FrontEnd(16000, 512, 320, 64, 13, 8, 11264, 0, deltas=False),
    "512, 16 bands": FrontEnd(16000, 512, 511, 16, 16, 32, 16384, 3, deltas=True),
    "256, hop 3": FrontEnd(11025, 256, 3, 16, 1, 32, 0, 0, deltas=False),
}
ENDPOINTER = Endpointer(768, 96, 128, 8, 1, 8, 16, 9, 4, 60)
