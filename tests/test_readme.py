"""The README is true: its commands compose, its groups and options are those of conf/, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from fsdd_lightning.config.load import config_directory, register_resolvers
from fsdd_lightning.sweeps.compose import check_command, compose_config
from fsdd_lightning.sweeps.launchers import silence_schema_matching

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINES = [
    part.strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
    for part in line.partition("#")[0].split("&&")
    if part.strip()
]
COMPOSED = sorted({line for line in COMMAND_LINES if line.startswith(("fsdd-train", "fsdd-plan"))})


def test_there_are_commands_to_check() -> None:
    assert len(COMPOSED) >= 5


@pytest.fixture
def words_folder(tmp_path: Path) -> Path:
    """Words in either layout; their files are not opened before a training."""
    listed = compose_config("data=speech_commands", "data.layout=fsdd").data.labels
    assert listed is not None
    for word in (*listed, "hello"):
        (tmp_path / word).mkdir()
        for path in (tmp_path / word / "ann_nohash_0.wav", tmp_path / f"{word}_ann_0.wav"):
            path.touch()
    return tmp_path


@pytest.mark.parametrize("line", COMPOSED)
def test_a_command_composes(line: str, words_folder: Path) -> None:
    register_resolvers()
    silence_schema_matching()
    check_command(shlex.split(line.replace("=FOLDER", f"={words_folder}"))[1:])


def test_commands_are_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"\bfsdd-[a-z]+\b", README))
    assert named == set(project["scripts"])


@pytest.mark.parametrize(
    "group",
    sorted(path.name for path in config_directory().iterdir() if path.is_dir() and path.name not in ("hydra", "local")),
)
def test_a_group_is_listed_with_its_options(group: str) -> None:
    line = next((each for each in README.splitlines() if each.startswith("| `") and f"`{group}`" in each), None)
    assert line is not None, f"the README's table of groups lacks {group}"
    options = {path.stem for path in (config_directory() / group).glob("*.yaml")}
    columns = line.split("|")
    if columns[2].strip():
        assert set(re.findall(r"`([^`]+)`", columns[2])) == options


def test_links_within_the_repository_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)", README) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
