"""report.html: one file that needs no other and no network, for screens of any width, light or dark.

Nothing from outside is markup: jinja escapes all texts, `embedded_json` the JSON; what is not seen is an escape.
The Content-Security-Policy allows the one script and the one style sheet whose hashes it names; there are no inline
handlers and no style attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fsdd_lightning.escaping import embedded_json, policy_hash, visible
from fsdd_lightning.reports.document import EXPLAINED, Document, Part
from fsdd_lightning.reports.figures import MOST_SERIES
from fsdd_lightning.reports.frame import without_folders
from fsdd_lightning.reports.html.chart import Chart
from fsdd_lightning.reports.html.details import details
from fsdd_lightning.reports.html.heat import LEVELS, Heat, evaluation_maps, size_map, speaker_maps
from fsdd_lightning.reports.html.links import Links
from fsdd_lightning.reports.html.size_charts import size_charts
from fsdd_lightning.reports.html.trial_chart import trial_chart
from fsdd_lightning.reports.palette import style_of

_PACKAGE = "fsdd_lightning.reports.html"
_STRONGEST = 62  # % of the color of a shaded cell, on which its text can still be read


@dataclass(frozen=True)
class Shown:
    """A part with what the page draws of it."""

    part: Part
    chart: Chart  # of all its trials
    charts: tuple[Chart, ...]
    heats: tuple[Heat, ...]


def page(document: Document, output: Path, links: bool = True) -> str:
    """The page. `output` is its folder, from which its links to runs lead; without `links` there are none."""
    shown = [_shown(document, part, f"c{number}-") for number, part in enumerate(document.parts, 1)]
    modes = _modes(shown)
    style, script = Markup(_text("report.css") + _mode_rules(modes)), Markup(_text("report.js"))
    names = _row_names(document.frame)
    named = dict(zip(zip(document.frame["sweep"], document.frame["run"], strict=True), names, strict=True))
    linked = Links(output if links else None)
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=document,
            commands=document.origin.commands if links else map(without_folders, document.origin.commands),
            shown=shown,
            explained=EXPLAINED,
            links=linked,
            tell_of_listening=_tells_of_listening(document, linked),
            address=lambda trial: f"#{quote(named[trial], safe='')}",
            row_names=names,
            evaluation_maps=evaluation_maps(document.evaluated),
            marks={answer.mode: style_of(answer.mode).mark for part in document.parts for answer in part.answers},
            mode_class={mode: f"m{at}" for at, mode in enumerate(modes)},
            style=style,
            script=script,
            style_hash=policy_hash(style),
            script_hash=policy_hash(script),
            data=Markup(embedded_json(_data(document, linked))),
        )
    )


def _environment() -> Environment:
    loader = PackageLoader(_PACKAGE, ".")
    return Environment(
        loader=loader,
        autoescape=True,
        finalize=_shown_as_it_is,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown_as_it_is(value: Any) -> Any:
    """Every value that the template writes passes here."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _text(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _data(document: Document, links: Links) -> dict[str, Any]:
    return details(document.frame, [part.section for part in document.parts], links)


def _tells_of_listening(document: Document, links: Links) -> bool:
    """Where none of the best runs has a page to hear it, a reader should know that there could be one."""
    best = [answer.folder for part in document.parts for answer in part.answers if links.run(answer.folder)]
    return bool(best) and not any(map(links.listen, best))


def _shown(document: Document, part: Part, prefix: str) -> Shown:
    section = part.section
    places = {label: at for at, label in enumerate(document.frame.index)}
    few = len(section.points) > 0 and section.points["series"].nunique() <= MOST_SERIES
    several = len(section.points) + len(section.unfinished) > 1
    heats = ([size_map(section)] if few and several else []) + (speaker_maps(section) if len(section.speakers) else [])
    charts = size_charts(section, prefix) if few else []
    return Shown(part, trial_chart(section, part.budgets, places, f"{prefix}trials"), tuple(charts), tuple(heats))


def _modes(shown: Iterable[Shown]) -> list[str]:
    return sorted({dot.mode for one in shown for chart in (one.chart, *one.charts) for dot in chart.dots})


def _mode_rules(modes: list[str]) -> str:
    """The color of every mode, and the shades of cells."""
    styles = [style_of(mode) for mode in modes]
    light = "".join(f".m{at}{{--c:{style.light}}}" for at, style in enumerate(styles))
    dark = "".join(f".m{at}{{--c:{style.dark}}}" for at, style in enumerate(styles))
    shades = "".join(
        f".h{level}{{background:color-mix(in srgb,var(--heat) {_STRONGEST * level // LEVELS}%,var(--back))}}"
        for level in range(LEVELS + 1)
    )
    return f"{shades}\n{light}\n@media (prefers-color-scheme: dark){{{dark}}}\n"


def _row_names(trials: pd.DataFrame) -> list[str]:
    """As what the rows are known in an address, `trial=NAME`: with the sweep where sweeps have runs of one name."""
    counts = trials["run"].value_counts()
    pairs = zip(trials["sweep"], trials["run"], strict=True)
    return [visible(f"trial={run if counts[run] == 1 else f'{sweep}/{run}'}") for sweep, run in pairs]
