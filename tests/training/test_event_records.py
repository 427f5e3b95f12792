"""Records are those of TensorBoard's own writer, bit for bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from fsdd_lightning.training.event_records import crc32c, record


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 63, 64, 65, 127, 128, 129, 1000, 4096, 50_001])
def test_records_are_those_of_tensorboard(size: int) -> None:
    content, stream = np.random.default_rng(size).bytes(size), io.BytesIO()
    RecordWriter(stream).write(content)
    assert record(content) == stream.getvalue()


def test_the_check_value_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
