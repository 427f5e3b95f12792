"""Command lines of fsdd-train and fsdd-plan, and YAML files of the user's own below --config-dir."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from random import Random

import hostile
import seeds
from room import Case, Room

HYDRA = (
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir", "hydra.job.name", "hydra.mode"),
    *("hydra.searchpath", "hydra/job_logging", "hydra.job.chdir", "hydra.verbose", "hydra.job.config.override_dirname"),
    *(
        "hydra.launcher._target_",
        "hydra.sweeper._target_",
        "hydra/sweeper",
        "hydra.job.env_set",
        "hydra.callbacks",
        "hydra",
    ),
)
TOOLS = (
    *(
        "+callbacks.x._target_=os.system +callbacks.x.command='touch canary'",
        "callbacks.model_summary._target_=os.system",
    ),
    *("optimizer._target_=os.system", "optimizer._target_=torch.optim.SGD", "scheduler._target_=builtins.eval"),
    *("+logger.x._target_=subprocess.run +logger.x.args='touch canary'", "+callbacks.x._target_=shutil.rmtree"),
    *("+callbacks.x._target_=no.such.Class", "callbacks=mine", "+callbacks.x._target_=pathlib.Path"),
)
OPTIONS = (
    *(
        "--cfg=job",
        "--cfg job",
        "--cfg=x",
        "--cfg=hydra",
        "--help",
        "--hydra-help",
        "--info",
        "--info=all",
        "--resolve",
    ),
    *("--mhz=80", "--mhz x", "--ua-per-mhz 1e400", "--ua-per-mhz=100 --volts 1.8", "--volts=", "--mhz"),
    *("--package=x", "--experimental-rerun=run.pickle", "--config-name=x", "--config-path=..", "--config-dir=nowhere"),
    *(
        "--config-dir=/dev/null",
        "--config-dir=",
        "--config-dir",
        "-cn",
        "--shell-completion",
        "-sc=install=bash",
        "--bogus",
    ),
    *("--version", "-x", "--", "-", "--resume", "--resume=", "--resume=.", "--resume=/dev/null", "--run", "-p=x"),
)
SWEEPS = (
    "1,2",
    "range(1,4)",
    "range(1,10**9)",
    "range(1,1000000)",
    "range(0,1,0.0000001)",
    "range(1,5,0)",
    "choice(1,2)",
)
FUNCTIONS = (
    "glob(*)",
    "glob(x)",
    "interval(0,1)",
    "shuffle(1,2)",
    "sort(2,1)",
    "tag(a,1)",
    "int(x)",
    "float(nan)",
    "str([])",
)
FOLDERS = (
    ".",
    "..",
    "/",
    "",
    "~",
    "~nobody",
    "export",
    "../outside",
    "/dev/null",
    "/dev/full/x",
    "/proc/x",
    "a" * 300,
    "${x}",
)


@functools.cache
def keys() -> tuple[str, ...]:
    """All of the config."""
    from fsdd_lightning.config.load import config_keys

    return tuple(sorted(config_keys()))


@functools.cache
def options() -> tuple[Path, ...]:
    """All YAML files of groups."""
    from fsdd_lightning.config.load import config_directory

    return tuple(sorted(config_directory().glob("*/*.yaml")))


def case(room: Room) -> Case:
    """A command line, in half of the cases with a YAML file that it names."""
    random = room.random
    words = list(seeds.TINY) if random.random() < 0.7 else ["data=synthetic"]
    note = ""
    if random.random() < 0.5:
        more, note = _own_yaml(room)
        words += more
    for _ in range(random.choice((0, 1, 1, 2)) if note else random.choice((1, 1, 2, 3))):
        words += _word(random)
    if random.random() < 0.15:
        words += random.choice(OPTIONS).split(" ")
    if random.random() < 0.25:
        words.insert(0, "-m")
    if random.random() < 0.1:
        random.shuffle(words)
    module = random.choice(("plan", "plan", "plan", "plan", "train"))
    if module == "train":
        room.copy_cache()
        words.append("quantization=float32")  # the cheapest
        if random.random() < 0.4:
            words.append(random.choice(("--cfg=job", "--help")))
    return Case(
        f"fsdd_lightning.{module}",
        words,
        note,
        terminable=module == "train",
        created=("work/*", *(("outside/*",) if any("outside" in word or ".." in word for word in words) else ())),
    )


def _word(random: Random) -> list[str]:
    """An override, or what is to be one."""
    kind = random.randrange(20)
    if kind == 0:
        return random.choice(TOOLS).split(" ", 1)
    if kind == 1:
        return [random.choice(hostile.TEXTS)]
    if kind in (2, 3):
        return [f"{random.choice(HYDRA)}={random.choice((*FOLDERS, *hostile.TEXTS))}"]
    if kind == 4:
        return [f"{random.choice(('output_root', 'data.root', 'data.cache_dir', 'name'))}={random.choice(FOLDERS)}"]
    if kind in (5, 6):
        group = random.choice(options()).parent.name
        return [f"{group}={random.choice((*hostile.TEXTS, 'null', '[]', 'default', '[default,x]', '1', '{a:1}'))}"]
    if kind == 7:
        sign, ending = random.choice(("~", "++", "+", "~+", "@", "&")), random.choice(("", "=1", "=", "=x"))
        return [f"{sign}{random.choice(keys())}{ending}"]
    if kind == 8:
        shown = random.choice(("name", "data.name", "split.held_out", "data.labels"))
        return [f"{shown}={_quoted(random.choice(hostile.TEXTS))}"]
    key = random.choice((*keys(), *keys(), random.choice(hostile.TEXTS)))
    return [f"{key}={_value(random)}"]


def _quoted(text: str) -> str:
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'"))


def _value(random: Random) -> str:
    kind = random.randrange(8)
    if kind == 0:
        return random.choice((*SWEEPS, *FUNCTIONS))
    if kind == 1:
        return random.choice(hostile.TEXTS)
    if kind == 2:
        return _quoted(random.choice(hostile.TEXTS))
    if kind in (3, 4, 5):
        return str(random.choice(hostile.NUMBERS))
    if kind == 6:
        return json.dumps(hostile.value(random)).replace('"', "'")[:3000]
    return random.choice(
        ("null", "true", "false", "[]", "{}", "[[]]", "[1", "{a:", "'", "nan", "inf", "[nan]", "{a:{b:{}}}")
    )


# --- files of one's own ---

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 9)}]\n" for at in range(9)
)
WHOLE_FILES: tuple[str | bytes, ...] = (
    *(
        "",
        "[]",
        "a",
        "1",
        "null",
        "- a\n- b\n",
        "a: b: c",
        "a:\n\tb: 1\n",
        "a: [1,\n",
        "a: {b: 1\n",
        "a: 1\na: 2\n",
        BOMB,
    ),
    *("a: 'x\n", 'a: "\\x"\n', "? a\n: b\n", "a: !!python/object/apply:os.system ['touch canary']\n", "a: !x 1\n"),
    *(
        "---\na: 1\n---\nb: 2\n",
        "%YAML 9.9\n---\na: 1\n",
        "a: &x {b: *x}\n",
        "<<: [1]\n",
        "a: *nothing\n",
        "a: 2001-13-45\n",
    ),
    *(
        "[" * 3000,
        "a: " * 500,
        "a:\n" + "".join(" " * at + "- \n" for at in range(300)),
        "x" * 100_000,
        "a: " + "9" * 6000,
    ),
    *(
        "defaults:\n  - nothing\n",
        "defaults: 1\n",
        "defaults:\n  - _self_\n  - _self_\n",
        "defaults: [{x: y}]\n",
        "defaults: [[]]\n",
    ),
    *(
        "# @package nothing\na: 1\n",
        "# @package _global_\n_target_: os.system\n",
        "# @package _global_\nhydra: 1\n",
        "1: 2\n",
    ),
    *(
        b"a: \xe9\n",
        b"\xff\xfea\0",
        b"a: \0\n",
        b"\xef\xbb\xbfa: 1\n",
        b"a: 1\r\nb: 2\r",
        b"\x1b[31m: 1\n",
        "a: \u202e\n".encode(),
    ),
    *(
        "layers: ${layers}\n",
        "layers: ${a.b}\n",
        "layers: ${oc.env:HOME}\n",
        "layers: ${\n",
        "layers: ${now:}\n",
        "layers: ???\n",
    ),
)


def _own_yaml(room: Room) -> tuple[list[str], str]:
    """A folder with an option of one's own, and the words that choose it."""
    random = room.random
    source = random.choice(options())
    group, name = source.parent.name, random.choice(("mine", "mine", "mine", source.stem, "a b", "\u65e5", "a.b"))
    folder = room.work / random.choice(("mine", "my conf", "conf'", "${x}", "\u65e5"))
    path = folder / group / f"{name}.yaml"
    path.parent.mkdir(parents=True)
    kind = random.randrange(10)
    if kind == 0:
        shutil.copyfile(source, path)
        note = hostile.place_kind(random, path)
    elif kind < 4:
        content = random.choice(WHOLE_FILES)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        note = ascii(content)[:60]
    else:
        content, note = _edited(random, source.read_bytes())
        path.write_bytes(content)
    given = "local=default" if random.random() < 0.02 else f"{group}={name}"
    return [f"--config-dir={folder.name}", given], f"{group}/{name}.yaml: {note}"


def _edited(random: Random, content: bytes) -> tuple[bytes, str]:
    """One or two lines as slips of the keyboard leave them."""
    lines = content.decode().splitlines()
    done = []
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(lines) or 1)
        line = lines[at] if lines else ""
        key, colon, _ = line.partition(":")
        given = str(random.choice((*hostile.NUMBERS, *hostile.TEXTS, json.dumps(hostile.value(random))[:2000])))
        ways = {
            "value": [f"{key}{colon} {given}"],
            "tab": [f"\t{line}"],
            "indented": [f" {line}"],
            "twice": [line, line],
            "gone": [],
            "no colon": [line.replace(":", "", 1)],
            "no space": [line.replace(": ", ":", 1)],
            "bracket": [f"{line} ["],
            "quote": [f"{line} '"],
            "another key": [line, f"{key}x{colon} {given}"],
            "nested": [f"{key}:", f"  x: {given}"],
            "key": [f"{given}: 1"],
            "interpolation": [f"{key}{colon} ${{{random.choice(keys())}}}"],
        }
        way = random.choice(sorted(ways))
        lines[at : at + 1] = ways[way]
        done.append(f"line {at + 1} {way} {given if way in ('value', 'another key', 'nested', 'key') else ''}"[:80])
    encoding = "utf-8" if random.random() < 0.95 else "utf-16"
    return ("\n".join(lines) + "\n").encode(encoding, "replace"), "; ".join(done)
