"""The committed WebAssembly is made of the sources that are here."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WEB = REPOSITORY / "fsdd_lightning" / "export" / "web"
BUILD = REPOSITORY / ".ci" / "build_wasm"
AGAIN = "run .ci/build_wasm, and commit what it writes"


def described() -> dict[str, str]:
    """File to SHA-256, as the build wrote them down."""
    lines = (WEB / "fsdd.wasm.txt").read_text().splitlines()[:-2]  # the last two name the compiler
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


@pytest.mark.parametrize("name", described())
def test_no_source_has_changed_since(name: str) -> None:
    digest = hashlib.sha256((REPOSITORY / name).read_bytes()).hexdigest()
    assert digest == described()[name], f"{name} is not that of the committed WebAssembly: {AGAIN}"


def test_all_sources_are_described() -> None:
    runtime = REPOSITORY / "fsdd_lightning" / "export" / "runtime"
    portable = {f"fsdd_{part}.{kind}" for part in ("front_end", "listen", "lstm") for kind in "ch"}
    expected = {WEB / path.name for path in WEB.glob("*.[ch]")} | {runtime / name for name in portable}
    expected |= {WEB / "fsdd.wasm", BUILD}
    assert {REPOSITORY / name for name in described()} == expected


def test_it_is_built_again_byte_for_byte() -> None:
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("clang and lld are not installed")
    done = subprocess.run([BUILD, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    if done.stdout.startswith("not compared"):
        pytest.skip(done.stdout.strip())
    assert "byte for byte" in done.stdout


def test_a_build_does_not_depend_on_its_folder(tmp_path: Path) -> None:
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("clang and lld are not installed")
    elsewhere = tmp_path / "a folder of another name"
    for folder in (".ci", "fsdd_lightning/export/web", "fsdd_lightning/export/runtime"):
        shutil.copytree(REPOSITORY / folder, elsewhere / folder)
    built = []
    for place in (elsewhere, tmp_path / "b"):
        if place != elsewhere:
            shutil.copytree(elsewhere, place)
        subprocess.run([place / ".ci" / "build_wasm"], capture_output=True, check=True)
        built.append((place / "fsdd_lightning/export/web/fsdd.wasm").read_bytes())
    assert built[0] == built[1]


def test_a_changed_source_is_noticed(tmp_path: Path) -> None:
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("clang and lld are not installed")
    for folder in (".ci", "fsdd_lightning/export/web", "fsdd_lightning/export/runtime"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    subprocess.run([tmp_path / ".ci" / "build_wasm"], capture_output=True, check=True)
    source = tmp_path / "fsdd_lightning/export/runtime/fsdd_listen.c"
    text = source.read_text()
    source.write_text(text.replace("#define FSDD_SETTLE_SHIFT 3", "#define FSDD_SETTLE_SHIFT 2"))
    assert source.read_text() != text
    done = subprocess.run([tmp_path / ".ci" / "build_wasm", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and AGAIN in done.stderr
