"""The binary part of a page: pieces by their places in one text."""

from __future__ import annotations

import base64
import zlib

ALIGNMENT = 4
LEVEL = 9
RAW = -15  # zlib's name for a stream without header, which browsers call deflate-raw

Place = tuple[int, int]  # start and number of bytes


class Pack:
    """Pieces one after another, equal ones once."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._places: dict[bytes, Place] = {}

    def add(self, piece: bytes) -> Place:
        """Where it lies; the start is a multiple of four."""
        if piece not in self._places:
            self._content += bytes(-len(self._content) % ALIGNMENT)
            self._places[piece] = (len(self._content), len(piece))
            self._content += piece
        return self._places[piece]

    def text(self) -> str:
        """base64 of all, deflated."""
        compressor = zlib.compressobj(LEVEL, wbits=RAW)
        return base64.b64encode(compressor.compress(bytes(self._content)) + compressor.flush()).decode("ascii")
