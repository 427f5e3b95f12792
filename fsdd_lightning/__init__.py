"""Quantized LSTMs under a memory budget, on the Free Spoken Digit Dataset. The commands are `fsdd-train` and others;
these are the names for Python:

>>> import fsdd_lightning as fl

**A finished run** is opened from its folder. Nothing in it is executed.

>>> run = fl.open_run(run_folder)
>>> run.record.status
'done'
>>> run.predict(samples, sample_rate_hz=8000, backend="integer").status in ("heard", "rejected")
True
>>> sorted(run.evaluate().scores)
['c', 'float', 'integer', 'quantized']

**A sweep** is one pandas frame with a row a run:

>>> fl.frame(run_folder)[["mode", "hidden_size", "state"]].values.tolist()
[['int8_ptq', 8, 'done']]

**A memory bill** needs no run:

>>> shape = fl.NetworkShape(inputs=13, hidden_size=24, layers=2, classes=10)
>>> fl.memory_bill(shape, "int8", frames=36).flash_bytes, fl.memory_bill(shape, None, frames=36).flash_bytes
(11166, 35176)

**Any classifier** with one `nn.LSTM`, whose last valid hidden state is read by one `nn.Linear`, can be seen through the
integer arithmetic; `train()` gives straight-through gradients for quantization-aware training:

>>> view = fl.quantize(fl.LSTMClassifier(shape), "int4")
>>> view(torch.randn(2, 36, 13), lengths=torch.tensor([36, 20])).shape
torch.Size([2, 10])
>>> view.integer_model().weight_code
'int4'

**Your own Trainer**: a config is composed as by a command line, and makes the DataModule and the LightningModule.

>>> config = fl.compose_config(*overrides)
>>> module, data = fl.WordClassifier.from_config(config), fl.WordDataModule.from_config(config)
>>> quiet = {"enable_progress_bar": False, "enable_model_summary": False}
>>> trainer = pl.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, **quiet)
>>> trainer.fit(module, data)
>>> fl.quantize(module.network, "int8").integer_model().classes
10
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsdd_lightning.data.datamodule import WordDataModule as WordDataModule
    from fsdd_lightning.evaluation.run import open_run as open_run
    from fsdd_lightning.memory.bill import memory_bill as memory_bill
    from fsdd_lightning.memory.shape import NetworkShape as NetworkShape
    from fsdd_lightning.model.fake_quantization import QuantizedView as QuantizedView
    from fsdd_lightning.model.fake_quantization import quantize as quantize
    from fsdd_lightning.model.network import LSTMClassifier as LSTMClassifier
    from fsdd_lightning.reports.frame import frame as frame
    from fsdd_lightning.sweeps.compose import compose_config as compose_config
    from fsdd_lightning.training.module import WordClassifier as WordClassifier

__version__ = "0.1.0"

# Where the public names are. They are imported at their first use: `import fsdd_lightning` takes milliseconds.
_HOMES = {
    "open_run": "evaluation.run",
    "frame": "reports.frame",
    "memory_bill": "memory.bill",
    "NetworkShape": "memory.shape",
    "quantize": "model.fake_quantization",
    "QuantizedView": "model.fake_quantization",
    "LSTMClassifier": "model.network",
    "compose_config": "sweeps.compose",
    "WordDataModule": "data.datamodule",
    "WordClassifier": "training.module",
}
_EARLIER = {"DigitDataModule": "WordDataModule", "DigitClassifier": "WordClassifier"}  # still work


def __getattr__(name: str) -> Any:
    name = _EARLIER.get(name, name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public are {', '.join(_HOMES)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
