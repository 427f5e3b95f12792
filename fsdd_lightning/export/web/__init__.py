"""A network as a web page that listens: the runtime as WebAssembly, the network as data, and the page around them."""

from __future__ import annotations
