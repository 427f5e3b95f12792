"""The words of a command line: options before overrides, and one line for an option that does not exist."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.utils import get_args_parser

from fsdd_lightning.config.load import config_keys
from fsdd_lightning.errors import UserError
from fsdd_lightning.sweeps.command_line.options import check_config_dir, check_working_folder
from fsdd_lightning.sweeps.command_line.size import MAX_TRIALS_OPTION, MOST_TRIALS
from fsdd_lightning.sweeps.command_line.slips import COMMANDS, check_words

PROGRAM = "fsdd-train"


@dataclass(frozen=True)
class Arguments:
    """What was asked for. `words`: options before overrides, which is the only order that Hydra reads."""

    words: tuple[str, ...]
    overrides: tuple[str, ...]
    multirun: bool
    config_dir: str | None
    is_question: bool  # --help and the like: nothing is to run
    help: bool
    max_trials: int = MOST_TRIALS


def read_arguments(words: Sequence[str], program: str = PROGRAM) -> Arguments:
    """Read a command line.

    Raises:
        UserError: an option or a folder that does not exist, or words that are no overrides.
    """
    check_working_folder()
    parser = _parser()
    options, overrides = _sorted(words, parser, program)
    try:
        parsed = parser.parse_args(options)
    except argparse.ArgumentError as error:
        raise UserError(f"{program}: {error}") from error
    _check_flags(parsed)
    if parsed.config_dir is not None:
        check_config_dir(parsed.config_dir)
    check_words(overrides, program, parsed.config_dir)
    question = parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion
    ordered = (*_for_hydra(parsed), *overrides)
    return Arguments(
        ordered, tuple(overrides), parsed.multirun, parsed.config_dir, bool(question), parsed.help, parsed.max_trials
    )


def _parser() -> argparse.ArgumentParser:
    """Hydra's, and what is ours."""
    parser = get_args_parser()
    parser.exit_on_error = False
    parser.add_argument(MAX_TRIALS_OPTION, type=_trials, default=MOST_TRIALS)
    return parser


def _trials(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) > 0):
        raise UserError(f"{MAX_TRIALS_OPTION} {text[:40]} is no number of trials from 1 to 9,999,999")
    return int(text)


def _check_flags(parsed: argparse.Namespace) -> None:
    """Reject options that would replace the config, execute what a file holds, or contradict each other."""
    for given, name in ((parsed.config_path, "--config-path"), (parsed.config_name, "--config-name")):
        if given is not None:
            raise UserError(f"{name} would replace the whole config; add options of your own with --config-dir FOLDER")
    if parsed.experimental_rerun is not None:
        raise UserError("--experimental-rerun would execute what a pickled file holds; --resume RUN goes on with a run")
    chosen = {"--multirun": parsed.multirun, "--cfg": parsed.cfg, "--info": parsed.info}
    chosen |= {"--shell-completion": parsed.shell_completion, "--hydra-help": parsed.hydra_help, "--help": parsed.help}
    names = [name for name, given in chosen.items() if given]
    if len(names) > 1:
        raise UserError(f"{' and '.join(names)} exclude each other: give one of them")
    if parsed.resolve and parsed.cfg == "hydra":
        raise UserError("--cfg hydra --resolve: what hydra refers to is in the rest of the config: --cfg all --resolve")
    if (parsed.resolve or parsed.package) and not parsed.cfg:
        raise UserError(f"{'--resolve' if parsed.resolve else '--package'} belongs to --cfg job")


def _for_hydra(parsed: argparse.Namespace) -> list[str]:
    """The options as Hydra reads them."""
    flags = {"--help": parsed.help, "--hydra-help": parsed.hydra_help, "--multirun": parsed.multirun}
    flags |= {"--resolve": parsed.resolve, "--shell-completion": parsed.shell_completion}
    values = {"--cfg": parsed.cfg, "--info": parsed.info, "--package": parsed.package}
    values["--config-dir"] = parsed.config_dir
    given = [f"{name}={value}" for name, value in values.items() if value is not None]
    return [*(name for name, is_given in flags.items() if is_given), *given]


def _sorted(words: Sequence[str], parser: argparse.ArgumentParser, program: str) -> tuple[list[str], list[str]]:
    """Options with their values, and all other words."""
    options: list[str] = []
    overrides: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            overrides.append(word)
            continue
        options += [word, *_value(word, _action(word, parser, left, program), left)]
    return options, overrides


def _action(word: str, parser: argparse.ArgumentParser, following: Sequence[str], program: str) -> argparse.Action:
    known = parser._option_string_actions
    name = word.partition("=")[0]
    matching = [name] if name in known else [each for each in known if name.startswith("--") and each.startswith(name)]
    if len(matching) == 1:
        return known[matching[0]]
    raise UserError(_unknown_option(word, list(known), following, program))


def _value(word: str, action: argparse.Action, left: list[str]) -> list[str]:
    """The value of an option, taken from the words that follow it."""
    if action.nargs == 0 or "=" in word:
        return []
    if action.nargs == "?":
        return [left.pop(0)] if left and left[0] in (action.choices or ()) else []
    if not left:
        raise UserError(f"{word} needs a value")
    return [left.pop(0)]


def _unknown_option(word: str, known: Sequence[str], following: Sequence[str], program: str) -> str:
    name, equals, value = word.lstrip("-").partition("=")
    if name in COMMANDS:
        return f"{program} has no option {word}; did you mean the command fsdd-{name}?"
    if name in config_keys():
        given = value if equals else next((each for each in following if "=" not in each), "VALUE")
        return f"config keys have no dashes: write {name}={given}"
    close = difflib.get_close_matches(word.partition("=")[0].replace("_", "-"), [*known, "--resume"], n=1)
    hint = f"; did you mean {close[0]}?" if close else "; config keys are written key=value, and --help lists them"
    return f"{program} has no option {word}{hint}"
