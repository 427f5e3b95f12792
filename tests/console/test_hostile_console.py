"""One table of hostile texts through the console, error lines and the log of a run."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import environment, only_line
from hostile_texts import assert_is_a_line, squeezed, texts, unseen
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.live import Live
from rich.panel import Panel

from fsdd_lightning.config.load import CONFIG_NAME, config_directory
from fsdd_lightning.console.command_line import CommandParser, run_command
from fsdd_lightning.console.lines import VisibleStream, say, say_aside, say_json, say_lines
from fsdd_lightning.console.listening import word_line
from fsdd_lightning.console.predictions import prediction_line
from fsdd_lightning.console.recording import Prompts
from fsdd_lightning.console.tables import plain_table
from fsdd_lightning.console.terminal import VisibleConsole, line_of
from fsdd_lightning.errors import RunFailedError, UserError, first_line
from fsdd_lightning.escaping import LONGEST_LINE, visible
from fsdd_lightning.evaluation.prediction import Prediction


@pytest.fixture(autouse=True)
def own_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)


# ---- the console


def console(width: int = 1000, **more: Any) -> tuple[VisibleConsole, io.StringIO]:
    out = io.StringIO()
    return VisibleConsole(file=out, width=width, markup=False, emoji=False, highlight=False, **more), out


@texts
def test_a_string_on_the_console_is_a_line_that_shows_it(text: str) -> None:
    shown, out = console()
    shown.print(text, soft_wrap=True)
    assert_is_a_line(out.getvalue())
    assert out.getvalue() == visible(text) + "\n"


@texts
def test_tables_and_panels_show_it_in_titles_heads_and_cells(text: str) -> None:
    shown, out = console()
    table = plain_table(text, (text,), (text,), (text,))
    table.add_row(text, text, line_of((text, "bold")))
    shown.print(table, Panel(text))
    assert unseen(out.getvalue()) == set()
    assert len(out.getvalue().splitlines()) == 9  # blank, head, rule, row, blank: as of any other text
    assert "".join(out.getvalue().split()).count(squeezed(text)) == 8


@texts
def test_a_line_of_progress_shows_it_and_only_our_own_codes_steer(text: str) -> None:
    shown, out = console(force_terminal=True, legacy_windows=False, _environ={"TERM": "xterm"})
    with Live(line_of("epoch 1, ", (text, "green"), no_wrap=True), console=shown, auto_refresh=False) as live:
        live.refresh()
        print(text)  # of somebody else, while it is shown
    plain = re.sub(r"\x1b\[(\?25[lh]|[\d;]*m|2K|1A)|\r", "", out.getvalue())
    assert unseen(plain) == set()
    assert visible(text) in plain


@texts
def test_plain_lines_on_both_streams(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    say_aside(text)
    out, err = capsys.readouterr()
    assert_is_a_line(out)
    assert_is_a_line(err)
    say_json({text: [text]})
    out, _ = capsys.readouterr()
    assert_is_a_line(out)
    assert json.loads(out) == {text: [text]}
    say_lines(f"{visible(text)}\n{text}")
    assert unseen(capsys.readouterr().out) == set()


@texts
def test_predictions_and_prompts(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Prediction(text, "heard", text, probability=0.5, margin=1, start_s=0.0, end_s=1.0, notes=(text,))
    say(prediction_line(answer, 10))
    assert_is_a_line(capsys.readouterr().out)
    shown, out = console(width=2000)
    monkeypatch.setattr("fsdd_lightning.console.recording.console", shown)
    shown.print(word_line(SimpleNamespace(prediction=answer, latency_s=0.1), 10), soft_wrap=True)  # type: ignore[arg-type]
    assert_is_a_line(out.getvalue())
    prompts = Prompts(0, 1)
    prompts.ask(text)
    prompts.refused(SimpleNamespace(reason=text))  # type: ignore[arg-type]
    assert unseen(out.getvalue()) == set() and len(out.getvalue().splitlines()) == 2


# ---- errors


@texts
@pytest.mark.parametrize(
    ("error", "code"), [(UserError, 2), (RunFailedError, 1), (ValueError, 1), (OSError, 1), (KeyError, 1)]
)
def test_an_error_is_a_line(text: str, error: type[Exception], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise error(f"{text} can't be read")

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (code, "")
    assert_is_a_line(err)
    assert err.startswith("error: ")
    if code == 2:
        assert err == f"error: {visible(text)} can't be read\n"


def test_an_error_is_not_endless(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise UserError("x" * 10**6)

    with pytest.raises(SystemExit):
        run_command(command)
    line = only_line(capsys.readouterr().err)
    assert len(line) <= LONGEST_LINE and line.endswith("x…")
    assert len(first_line(UserError("x" * 10**6))) == LONGEST_LINE  # in run.json, too


@texts
def test_what_others_say_on_stderr_is_visible(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        print(text, file=sys.stderr)
        logging.lastResort.handle(logging.LogRecord("a", logging.WARNING, "", 1, text, (), None))  # type: ignore[union-attr]

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    assert caught.value.code == 0
    assert unseen(capsys.readouterr().err.replace("\r", "", text.startswith("\r"))) == set()
    assert not isinstance(sys.stderr, VisibleStream)  # given back


@texts
def test_wrong_options_are_a_line(
    text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = CommandParser("fsdd-x")
    parser.add_argument("--kind", choices=("a", "b"))
    monkeypatch.setattr(sys, "argv", ["x", f"--kind={text}"])
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: print(parser.parse_args()))
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert_is_a_line(err)
    assert err.startswith("error: argument --kind: invalid choice") and err.endswith("see fsdd-x --help\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_that_lacks_a_character_gets_its_escape(tmp_path: Path, encoding: str) -> None:
    program = (
        "from fsdd_lightning.console.command_line import run_command\n"
        "from fsdd_lightning.console.lines import say, say_aside\n"
        "from fsdd_lightning.console.tables import plain_table\n"
        "from fsdd_lightning.console.terminal import console\n"
        "def command():\n"
        "    text = '零 \\u202e × é \\udcff'\n"
        "    table = plain_table(text, (text,), ()); table.add_row(text)\n"
        "    say(text); console.print(text); console.print(table); say_aside(text)\n"
        "    raise ValueError(text)\n"
        "run_command(command)"
    )
    variables = environment(tmp_path, PYTHONIOENCODING=encoding)
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, check=False)
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 1 and "Traceback" not in err
    assert unseen(out + err) == set()
    assert out.count(r"\u96f6 \u202e") == 5 and err.count(r"\u96f6 \u202e") == 2


# ---- the log of a run


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Of the config that runs have."""
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        hydra = compose(CONFIG_NAME, return_hydra_config=True).hydra
    hydra.runtime.output_dir = str(tmp_path)
    OmegaConf.set_readonly(hydra, False)
    chosen = OmegaConf.to_container(hydra.job_logging, resolve=False)
    assert isinstance(chosen, dict)
    path = tmp_path / "run.log"
    chosen["handlers"]["file"]["filename"] = str(path)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logging.config.dictConfig({**chosen, "root": {}, "loggers": {"hostile": {"handlers": ["file"], "level": "INFO"}}})
    yield path
    for handler in logging.getLogger("hostile").handlers[:]:
        handler.close()
        logging.getLogger("hostile").removeHandler(handler)
    root.handlers[:], root.level = before, level


@texts
def test_a_record_is_a_line_of_the_log(log: Path, text: str) -> None:
    logger = logging.getLogger("hostile")
    logger.info("it is %s", text)
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert unseen(line) == set()
    assert line.endswith(f"[hostile][INFO] - it is {visible(text)}")


@texts
def test_no_traceback_forges_a_record(log: Path, text: str) -> None:
    logger = logging.getLogger("hostile")
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it ended")
    first, *traceback = log.read_text(encoding="utf-8").splitlines()
    assert first.endswith("[hostile][ERROR] - it ended")
    assert traceback[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") and unseen(line) == set() for line in traceback)
