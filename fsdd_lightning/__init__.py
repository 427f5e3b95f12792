"""Sweeps of quantised LSTMs under a memory budget, on the Free Spoken Digit Dataset."""

__version__ = "0.1.0"
