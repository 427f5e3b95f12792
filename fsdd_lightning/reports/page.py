"""report.html: one file that needs no other, for screens of any width, light or dark."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from urllib.parse import quote

from fsdd_lightning.reports.document import Document
from fsdd_lightning.reports.style import LOOKS, Picture

TEMPLATE = "report.html.jinja"


def page(document: Document, output: Path, links: bool = True) -> str:
    """`output` is the folder of the page, from which its links to runs lead; without `links` there are none."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fsdd_lightning.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(TEMPLATE)
    return template.render(report=document, link=lambda folder: link(folder, output), links=links, sources=sources)


def link(folder: Path, output: Path) -> str:
    """A relative URL of a run folder; its name may hold anything."""
    return quote(os.fsencode(os.path.relpath(folder, output))) + "/"


def sources(picture: Picture) -> dict[str, str]:
    """The picture in every look, as data URLs."""
    encoded = {look: base64.b64encode(picture.svg(look)).decode() for look in LOOKS}
    return {look: f"data:image/svg+xml;base64,{text}" for look, text in encoded.items()}
