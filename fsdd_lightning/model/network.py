"""The float network: an LSTM whose last valid hidden state is classified by one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fsdd_lightning.memory.shape import NetworkShape


class LSTMClassifier(nn.Module):
    """Logits at the last *valid* frame, so that zero padding has no effect and streaming gives the same result.

    All parameters live here. Float evaluation is `forward`; a `QuantizedView` runs the same parameters through the
    integer arithmetic, so the state dict is the same in every mode.
    """

    def __init__(self, shape: NetworkShape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        between = dropout if shape.layers > 1 else 0.0  # nn.LSTM drops between layers only
        self.lstm = nn.LSTM(shape.inputs, shape.hidden_size, shape.layers, dropout=between, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(shape.hidden_size, shape.classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features float32 (B, T, C), lengths int64 (B,) in 1..T -> logits float32 (B, classes)."""
        hidden, _ = self.lstm(features)  # (B, T, H)
        logits: Tensor = self.output(self.dropout(last_valid(hidden, lengths)))
        return logits


def last_valid(hidden: Tensor, lengths: Tensor) -> Tensor:
    """hidden (B, T, H) at frame lengths - 1: (B, H)."""
    return hidden[torch.arange(len(lengths)), lengths - 1]
