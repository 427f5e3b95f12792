"""`fsdd-train --help` shows the composed config with the comments of its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fsdd_lightning.config.load import config_directory, config_to_mapping
from fsdd_lightning.sweeps.command_line.help import comments_of, help_text
from fsdd_lightning.sweeps.compose import compose_config


def config_part(text: str) -> str:
    return text.partition("== Config")[2].partition("\n")[2].partition("\n\nAdd -m")[0]


def test_the_values_are_those_of_a_run() -> None:
    shown = yaml.safe_load(config_part(help_text(["experiment=quickstart", "seed=7"], None)))
    config = compose_config("experiment=quickstart", "seed=7")
    assert shown == config_to_mapping(config)


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("seed: 1", "# initial weights, batch order"),
        ("  window_ms: 32.0", "# must be 128, 256 or 512 samples"),  # units and allowed values
        ("    patience: 10", "# epochs without a lower one"),  # within a group
        ("memory_budget:", "# kb36: 36 KB of flash for the whole network."),  # what a file begins with
        ("model:", "# small"),
    ],
)
def test_comments_stand_beside_their_keys(line: str, comment: str) -> None:
    text = config_part(help_text(["memory_budget=kb36", "callbacks=[default,early_stopping]"], None))
    (found,) = [each for each in text.splitlines() if each.startswith(f"{line} ")]
    assert comment in found


def test_the_comments_of_what_an_option_is_made_from_are_shown() -> None:
    text = config_part(help_text(["training=voices"], None))
    base = comments_of(config_directory() / "training" / "default.yaml")
    (line,) = [each for each in text.splitlines() if each.startswith("  checkpoint: ")]
    assert base["checkpoint"] in line


def test_all_comments_of_the_default_config_are_shown() -> None:
    text = " ".join(help_text([], None).replace("#", " ").split())
    for name in ("train", "data/fsdd", "features/integer", "trainer/default", "evaluation/default"):
        comments = comments_of(config_directory() / f"{name}.yaml")
        found = {key: comment for key, comment in comments.items() if not key.startswith(("hydra", "defaults"))}
        del found["" if "" in found else next(iter(found))]
        missing = [comment for comment in found.values() if " ".join(comment.replace("#", " ").split()) not in text]
        assert not missing, name


def test_options_of_ones_own_folder_are_listed_with_their_comments(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    text = "# Wide.\nlayers: 1\nhidden_size: 40   # 'units' # of a layer\ndropout: 0.0\n"
    (tmp_path / "model" / "wide.yaml").write_text(text)
    shown = help_text(["model=wide"], str(tmp_path))
    assert "model: fit, large, medium, small, tiny, wide\n" in shown
    assert "# wide: Wide.\n" in shown and "# 'units' # of a layer\n" in shown


def test_lines_fit_a_wide_terminal_but_for_long_values() -> None:
    long = [line for line in help_text([], None).splitlines() if len(line) > 120]
    assert [line.split(":")[0].strip() for line in long] == []


def test_comments_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "# About\n# all.\n\n# Above.\none: 1  # beside\n        # and below\n"
        "two:  # a group\n  # of the inner\n  inner: 'a # b'\n  last: {x: 1} # flow\n# left\nthree: a#b\n"
    )
    assert comments_of(tmp_path / "a.yaml") == {
        "": "About all.",
        "one": "Above. beside and below",
        "two": "a group",
        "two.inner": "of the inner",
        "two.last": "flow",
        "three": "left",
    }
