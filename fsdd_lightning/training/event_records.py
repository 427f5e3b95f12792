"""Records of TensorBoard's event files, whose own writer takes 25 ms for a picture: its checksum visits every byte."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt32Array = NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78  # of CRC-32C, lowest bit first
_BLOCK = 64  # bytes that are looked up at once
_MASK_DELTA = 0xA282EAD8


def record(content: bytes) -> bytes:
    """One record: length, content, and a masked checksum of each."""
    length = struct.pack("<Q", len(content))
    return b"".join(
        [length, struct.pack("<I", masked(crc32c(length))), content, struct.pack("<I", masked(crc32c(content)))]
    )


def masked(crc: int) -> int:
    """As records store it, so that a checksum of checksums is none."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli). The checksums of blocks side by side, then of neighbors, until one is left."""
    if len(content) < 4:
        return _by_bytes(content)
    blocks = 1 << max((-(-len(content) // _BLOCK) - 1).bit_length(), 0)
    padded = np.zeros(blocks * _BLOCK, np.uint8)  # zeros in front change no checksum that starts from 0
    padded[len(padded) - len(content) :] = np.frombuffer(content, np.uint8)
    padded[len(padded) - len(content) :][:4] ^= 0xFF  # the same as to start from ones
    sums: NDArray[Any] = np.bitwise_xor.reduce(
        _of_positions()[np.arange(_BLOCK), padded.reshape(blocks, _BLOCK)], axis=1
    )
    level = 0
    while len(sums) > 1:
        sums = _followed(sums[0::2], _by_zeros(level)) ^ sums[1::2]
        level += 1
    return int(sums[0]) ^ 0xFFFFFFFF


def _by_bytes(content: bytes) -> int:
    table, crc = _of_positions()[-1], 0xFFFFFFFF
    for byte in content:
        crc = int(table[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


@cache
def _of_positions() -> UInt32Array:
    """(_BLOCK, 256): checksums, from 0, of a byte at every position of a block of zeros."""
    crc: NDArray[Any] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = (crc >> 1) ^ np.where(crc & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    rows = [crc]
    for _ in range(_BLOCK - 1):
        rows.append(crc[rows[-1] & 0xFF] ^ (rows[-1] >> 8))
    return np.stack(rows[::-1])


@cache
def _by_zeros(level: int) -> UInt32Array:
    """(4, 256): what each byte of a checksum becomes by _BLOCK * 2^level zeros that follow."""
    if level:
        return _followed(_followed(_bytes_of_checksum(), _by_zeros(level - 1)), _by_zeros(level - 1))
    table, values = _of_positions()[-1], _bytes_of_checksum()
    for _ in range(_BLOCK):
        values = table[values & 0xFF] ^ (values >> 8)
    return values


def _bytes_of_checksum() -> UInt32Array:
    """(4, 256): checksums of which a single byte is not 0."""
    return np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32))[:, None]


def _followed(sums: UInt32Array, by_zeros: UInt32Array) -> UInt32Array:
    one, two, three, four = (by_zeros[byte, sums >> (8 * byte) & 0xFF] for byte in range(4))
    followed: UInt32Array = one ^ two ^ three ^ four
    return followed
