"""The lanes of the suite, its environment, and what all tests share: see .github/CONTRIBUTING.md."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from commands import Call, call_here
from filelock import FileLock
from sketches import sketch_confusions

from fsdd_lightning import interruption

if TYPE_CHECKING:
    from fsdd_lightning.runs.record import RunRecord

# Before numpy and torch are imported, here and in child processes: with networks this small a second thread costs more
# than it brings, and on a busy machine very much more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A background job of a shell script ignores Ctrl-C, and so would all processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
MOST_WORKERS = 8  # a worker takes about a gigabyte
# What asks for one of these trains networks or starts commands: seconds, not milliseconds.
TRAINING_FIXTURES = {"run_trial", "tiny_overrides", "small"}
# Files that compile, draw, fuzz, extract or compose for seconds. They and all that trains are not in the quick lane.
NOT_QUICK = {
    *(
        "test_ablation.py",
        "test_c_export.py",
        "test_commands.py",
        "test_compose.py",
        "test_download.py",
        "test_frame.py",
        "test_palette.py",
        "test_script.py",
    ),
    *(
        "test_host.py",
        "test_host_listener.py",
        "test_listening_export.py",
        "test_sound_mutants.py",
        "test_sound_program.py",
    ),
    *("test_fuzz.py", "test_judge.py"),
    *("test_launchers.py", "test_mfcc.py", "test_over_budget_trials.py", "test_pictures.py"),
    *("test_plan.py", "test_readme.py", "test_reference.py", "test_report.py", "test_run_plan.py", "test_runtime.py"),
    *("test_runtime_mutants.py", "test_runtime_object.py", "test_sections.py", "test_sweep_plan.py"),
    *("test_heard_waveform.py", "test_layouts.py", "test_synthetic.py", "test_text_to_speech.py", "test_torch_ao.py"),
}
CACHE = pytest.StashKey[str]()


# --- lanes ---


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of the gate."""
    parser.addoption("--run-slow", action="store_true", help="run the tests marked slow, too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow unless it is asked for; mark what is quick."""
    skip = pytest.mark.skip(reason="slow: runs with --run-slow")
    for item in items:
        if item.path.name not in NOT_QUICK and not TRAINING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("quick")
        if item.get_closest_marker("slow") and not config.getoption("--run-slow"):
            item.add_marker(skip)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """-n auto: one worker more than cores; none beside this process for one test, for -s and to measure speed."""
    if config.option.benchmark_only or config.option.capture == "no" or any("::" in arg for arg in config.args):
        return 0
    cores = len(os.sched_getaffinity(0))
    return min(MOST_WORKERS, cores + 1)  # some tests wait for processes that they started


# --- environment ---


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """All workers and commands of a session share a cache folder of its own."""
    if not hasattr(config, "workerinput"):
        config.stash[CACHE] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="fsdd-tests-")
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{config.stash[CACHE]}/torchinductor"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The session's cache goes with it."""
    if CACHE in config.stash:
        shutil.rmtree(config.stash[CACHE], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was captured of hostile texts may hold halves of characters, which no worker of xdist can send."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


# --- what is made once ---


@pytest.fixture(scope="session", autouse=True)
def compose_once() -> Iterator[None]:
    """Composing costs 100 ms, and tests compose the same choices of groups again and again.

    A third of it is parsing: a file of conf/ is parsed once, too.
    """
    from hydra.core.global_hydra import GlobalHydra

    from fsdd_lightning.config.load import config_directory
    from fsdd_lightning.sweeps import compose
    from fsdd_lightning.sweeps.command_line.source import FileConfigSource

    original, load_config = compose.compose, FileConfigSource.load_config
    parsed: dict[str, object] = {}

    def load_once(source: FileConfigSource, config_path: str) -> object:
        if Path(source.path) != config_directory():
            return load_config(source, config_path)
        if config_path not in parsed:
            parsed[config_path] = load_config(source, config_path)
        return copy.deepcopy(parsed[config_path])

    @cache
    def composed(name: str, overrides: tuple[str, ...], whole: bool) -> object:
        return original(name, overrides=list(overrides), return_hydra_config=whole)

    def cached(name: str, overrides: Sequence[str], return_hydra_config: bool = False) -> object:
        places = GlobalHydra.instance().config_loader().get_search_path().get_path()
        if any(place.provider == "command-line" for place in places):  # a test's own files, which it may change
            return original(name, overrides=list(overrides), return_hydra_config=return_hydra_config)
        return composed(name, tuple(overrides), return_hydra_config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "compose", cached)
        patch.setattr(FileConfigSource, "load_config", load_once)
        yield


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A command that runs in this process leaves neither its handlers behind, nor that it was asked to end."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers, hook = {number: signal.getsignal(number) for number in numbers}, sys.unraisablehook
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.unraisablehook = hook
    interruption._state = interruption._State()


Once = Callable[[str, Callable[[Path], object]], Path]
RunTrial = Callable[[Sequence[str], Path], "RunRecord"]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, make)`: a folder that `make` filled, once for all workers. Copy it to change it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


def _fsdd_root() -> Path | None:
    candidates = [os.environ.get("FSDD_ROOT"), str(REPOSITORY.parent / "shared" / "fsdd")]
    for candidate in filter(None, candidates):
        folder = Path(candidate).resolve()
        if (folder / "recordings").is_dir():
            return folder
    return None


@pytest.fixture(scope="session")
def fsdd_root() -> Path:
    """The folder of the real dataset (the one that holds `recordings/`); skips where there is none."""
    folder = _fsdd_root()
    if folder is None:
        pytest.skip("the real FSDD is not on this machine (set FSDD_ROOT to its folder)")
    return folder


@pytest.fixture(scope="session")
def real_overrides(fsdd_root: Path, once: Once) -> list[str]:
    """The real recordings, and the cache of their features that all tests share."""
    return [f"data.root={fsdd_root}", f"data.cache_dir={once('real', lambda folder: None)}", "callbacks=quiet"]


TINY = (
    "data=synthetic",
    "data.synthetic.speakers=2",
    "data.synthetic.takes=6",
    "model.hidden_size=8",
    "trainer.max_epochs=3",
    "training.batch_size=8",
    "optimizer.lr=0.05",
    "logger.histogram_every_epochs=1",
    "callbacks=quiet",
)


@pytest.fixture(scope="session")
def synthetic_cache(once: Once) -> str:
    """The override of a cache folder in which the synthetic recordings of all tests are."""
    return f"data.cache_dir={once('synthetic', lambda folder: None)}"


@pytest.fixture(scope="session")
def tiny_overrides(synthetic_cache: str) -> list[str]:
    """A command line that trains in about a second, on a synthetic corpus that all tests share."""
    return [*TINY, synthetic_cache]


def _run_trial(words: Sequence[str], folder: Path) -> RunRecord:
    from fsdd_lightning.runs.plan import plan_run
    from fsdd_lightning.runs.record import new_record
    from fsdd_lightning.sweeps.compose import compose_trials
    from fsdd_lightning.training.experiment import run_experiment

    ((overrides, config),) = compose_trials(words, multirun=False)
    plan = plan_run(config)
    return run_experiment(plan, new_record(plan, overrides), folder)


@pytest.fixture(scope="session")
def draw_trial() -> RunTrial:
    """Runs the trial of a command line in an existing folder, as fsdd-train does."""
    return _run_trial


@pytest.fixture(scope="session")
def run_trial() -> RunTrial:
    """The same with sketches of the confusion matrices, in half of the time; `finished_run` has the drawn ones."""

    def run(words: Sequence[str], folder: Path) -> RunRecord:
        with pytest.MonkeyPatch.context() as patch:
            sketch_confusions(patch)
            return _run_trial(words, folder)

    return run


@pytest.fixture(scope="session")
def _finished_words(tiny_overrides: list[str], once: Once) -> list[str]:
    return [*tiny_overrides, f"output_root={once('output', lambda folder: None)}"]


@pytest.fixture(scope="session")
def finished_run(_finished_words: list[str], draw_trial: RunTrial, once: Once) -> Path:
    """The folder of a tiny int8 experiment that was run to its end. Look, don't touch: copy it to change it."""
    return once("finished", lambda folder: draw_trial(_finished_words, folder))


@pytest.fixture(scope="session")
def finished_overrides(_finished_words: list[str], finished_run: Path) -> list[str]:
    """The command line of `finished_run`, which is there: it has trained the float network that others share."""
    return _finished_words


@pytest.fixture(scope="session")
def trained_run(real_overrides: list[str], run_trial: RunTrial, once: Once) -> Path:
    """The folder of a run of a minute on the real recordings, which gets 97 % of the official test clips right."""
    words = [*real_overrides, "split=official", "trainer.max_epochs=12"]
    output = once("output", lambda folder: None)
    return once("trained", lambda folder: run_trial([*words, f"output_root={output}"], folder))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`call(fsdd_lightning.predict, *arguments)` runs a command in this process: exit code, stdout, stderr."""
    return partial(call_here, monkeypatch, capsys)
