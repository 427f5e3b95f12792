"""A few steps of float and of quantization-aware training, without Lightning: prints a digest of the weights.

Small enough for an emulated processor, on which importing takes most of the time.
"""

from __future__ import annotations

import hashlib

import torch
from torch.nn import functional as F

from fsdd_lightning.arithmetic.weight_codes import weight_code
from fsdd_lightning.memory.shape import NetworkShape
from fsdd_lightning.model.fake_quantization import QuantizedView
from fsdd_lightning.model.network import LSTMClassifier
from fsdd_lightning.model.portable import portable_kernels, portable_optimizer
from fsdd_lightning.training.kernels import require_portable

STEPS = 4  # of each kind


def main() -> None:
    """Train and print."""
    require_portable()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    network = LSTMClassifier(NetworkShape(13, 24, 2, 10), dropout=0.1)
    optimizer = portable_optimizer(torch.optim.AdamW(network.parameters(), 0.006, weight_decay=0.05, foreach=True))
    with portable_kernels(True):
        for view in (network, QuantizedView(network, weight_code("int8"))):
            for _ in range(STEPS):
                features, lengths = torch.randn(32, 20, 13), torch.randint(5, 21, (32,))
                loss = F.cross_entropy(view(features, lengths), torch.arange(32) % 10, label_smoothing=0.1)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    print(hashlib.sha256(weights).hexdigest())


if __name__ == "__main__":
    main()
