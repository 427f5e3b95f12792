"""A portable training gives the same bits with the kernels of every x86-64 processor; by default they decide."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import environment

from fsdd_lightning.config.portable import SETTINGS
from fsdd_lightning.config.processor import this_processor
from fsdd_lightning.runs.record import RunRecord, read_record

SMALL = (
    *("data=synthetic", "data.synthetic.speakers=2", "data.synthetic.takes=6", "waveform_augmentation=none"),
    *("trainer.max_epochs=1", "quantization=int8_qat", "quantization.epochs=1", "quantization.start_epoch=0"),
    *("model.hidden_size=8", "logger.histogram_every_epochs=0", "callbacks=quiet"),
)
# What a processor without AVX-512 takes by itself.
OF_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
STEPS = Path(__file__).parent / "portable_steps.py"
QEMU = shutil.which("qemu-x86_64")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not {"AVX2", "FMA"} <= set(this_processor().instructions), reason="no x86-64 processor with AVX2 and FMA"
    ),
]
Train = Callable[..., tuple[str, RunRecord]]


@pytest.fixture
def train(tmp_path: Path, synthetic_cache: str) -> Train:
    """`train(*words, prefix=(), **variables)`: digest of all trained weights, and the record."""

    def run(*words: str, prefix: tuple[str, ...] = (), **variables: str) -> tuple[str, RunRecord]:
        output = tmp_path / f"output{len(list(tmp_path.iterdir()))}"
        command = [*prefix, sys.executable, "-m", "fsdd_lightning.train", *SMALL, synthetic_cache, *words]
        subprocess.run(
            [*command, f"output_root={output}"],
            cwd=tmp_path,
            env=environment(tmp_path, XDG_CACHE_HOME=os.environ["XDG_CACHE_HOME"], **variables),
            check=True,
            timeout=550,
            stdout=subprocess.DEVNULL,
        )
        (folder,) = (output / "single").iterdir()
        return digest_of(weights_of(folder / "network.npz")), read_record(folder)

    return run


def weights_of(path: Path) -> dict[str, Any]:
    with np.load(path) as content:
        return {name: torch.from_numpy(content[name]) for name in content.files if name != "metadata.json"}


def digest_of(content: Any) -> str:
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found.update(value.numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value):
                add(value[key])

    add(content)
    return found.hexdigest()


@pytest.mark.skipif(this_processor().vectors != "AVX-512", reason="no processor with AVX-512, which could differ")
def test_by_default_the_kernels_of_the_processor_decide(train: Train) -> None:
    (wide, there), (narrow, here) = train(), train(**OF_AVX2)
    assert wide != narrow
    assert (there.machine["vectors"], here.machine["vectors"]) == ("AVX-512", "AVX2")
    assert (there.machine["torch_capability"], here.machine["torch_capability"]) == ("AVX512", "AVX2")


def test_a_portable_training_does_not_depend_on_them(train: Train) -> None:
    (wide, record), (narrow, _) = (train("trainer.portable=true", **variables) for variables in ({}, OF_AVX2))
    assert wide == narrow
    assert record.machine["variables"].items() >= SETTINGS.items()
    assert record.machine["torch_capability"] == "AVX2"


@pytest.mark.timeout(1200)  # a minute of processor time
@pytest.mark.skipif(QEMU is None, reason="no emulated processor: apt-get install qemu-user")
def test_nor_on_the_maker_of_the_processor(tmp_path: Path) -> None:
    """AMD's, emulated: MKL takes other kernels there, and approximate square roots have other bits."""

    def digest(*prefix: str) -> str:
        command = [*prefix, sys.executable, str(STEPS)]
        variables = environment(tmp_path, **SETTINGS)
        return subprocess.run(command, env=variables, check=True, timeout=1100, stdout=subprocess.PIPE).stdout.decode()

    real = digest()
    assert len(real.strip()) == 64
    assert digest(str(QEMU), "-cpu", "EPYC") == real
