"""Hydra composes the same whether or not it remembers what it has read and merged."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]

# In a process of its own: it is the classes of Hydra that are changed.
PROGRAM = """
import sys
from hydra import compose, initialize_config_dir
from omegaconf import Container
from experiments.commands.hydra.memory import have_hydra_remember

def everything(node):
    "A node with its types, flags and order, interpolations unresolved."
    found = {name: repr(value) for name, value in sorted(vars(node._metadata).items())}
    found.pop("resolver_cache", None)  # the time of day, wherever it has been asked for
    if not isinstance(node, Container) or node._is_none() or node._is_missing():
        return type(node), found, repr(node._value())
    inner = node._content
    pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
    if isinstance(inner, str):
        pairs = [("", inner)]
    return type(node), found, [
        (key, everything(value) if hasattr(value, "_metadata") else value) for key, value in pairs
    ]

with initialize_config_dir(CONF, version_base="1.3"):
    def composed():
        return [compose("config", c, return_hydra_config=True) for c in COMMANDS]
    before = [everything(config) for config in composed()]
    have_hydra_remember()
    for _ in range(2):
        after = composed()
        for command, old, new in zip(COMMANDS, before, map(everything, after)):
            assert old == new, command
        for config in after:  # what is done to one is not in the next
            for key in list(config):
                if key != "hydra":
                    config[key] = None
            config.hydra.help.app_name = "changed"
print("the same")
"""

# Where the readers of YAML might differ.
ODD = (
    "[1e-3, 1_000, 012, 0x1f, 1:30, .inf, .5, ~, yes, on, 2020-01-01, '1', \"\\u00fc\", 'a: b', "
    "!!python/object/apply:pathlib.Path [a, b]]"
)


def compose_both_ways(conf: Path, commands: list[list[str]]) -> None:
    """Compose commands twice as Hydra does and as it does when it remembers; compare."""
    done = subprocess.run(
        [sys.executable, "-c", f"CONF = {str(conf)!r}\nCOMMANDS = {commands!r}\n{PROGRAM}"],
        cwd=conf.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the same\n", done.stderr


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_choices_and_values_of_this_project() -> None:
    """Lists that share much, little and nothing with the one before, and the same one again."""
    commands = [
        [],
        [],
        *([f"optimizer={name}", "dataset=moons"] for name in ("sgd", "adam", "muon", "sgd")),
        ["optimizer=muon", "dataset=moons", "optimizer.lr=0.5"],
        ["model=linear", "loss=mse", "dataset=diabetes", "schedule=cosine"],
        ["experiment=xor", "hydra.sweep.dir=elsewhere"],
        ["hydra/launcher=basic", "optimizer=muon", "schedule=cosine"],
        ["~schedule", "+extra=1"],
    ]
    compose_both_ways(ROOT / "conf", commands)


def test_defaults_that_depend_on_choices(tmp_path: Path) -> None:
    """A list with interpolations needs to know the choices; one file may stand in two places."""
    files = {
        "config.yaml": """
defaults:
  - engine: small
  - wheels: four
  - optional trim: ${engine}_${wheels}
  - engine@spare: ${engine}
  - _self_
color: red
""",
        "engine/small.yaml": "defaults: [base]\npower: 1\n",
        "engine/large.yaml": "# @package _global_\nengine: {power: 9}\ncolor: blue\n",
        "engine/base.yaml": "fuel: ${color}\nvalves: [1, 2]\n",
        "wheels/four.yaml": "count: 4\n",
        "wheels/two.yaml": "count: ???\n",
        "trim/small_two.yaml": f"leather: null\nodd: {ODD}\n",
        "trim/large_four.yaml": "leather: true\n",
    }
    choices = [
        [f"engine={engine}", f"wheels={wheels}"]
        for engine in ("small", "large")
        for wheels in ("four", "two")
    ]
    compose_both_ways(
        write(tmp_path / "conf", files),
        [[], *choices, *reversed(choices), ["trim=small_two"], ["~trim"], ["engine@spare=base"]]
        + [[f"+engine@{name}=small"] for name in ("boat", "pump", "boat")],
    )


def test_places_that_have_files_of_the_same_names(tmp_path: Path) -> None:
    """The first place that has a choice gives it; which places there are is up to the command."""
    conf = write(
        tmp_path / "conf", {"config.yaml": "defaults: [_self_, optional more: one]\nmain: 1\n"}
    )
    for place in ("here", "there"):
        write(tmp_path / place, {"more/one.yaml": f"found: {place}\n"})
    here, there = (f"file://{tmp_path / place}" for place in ("here", "there"))
    places = ([], [here], [there], [here, there], [there, here])
    commands = [[f"hydra.searchpath=[{','.join(chosen)}]"] for chosen in places]
    compose_both_ways(conf, commands + commands[::-1])


OVERRIDES = [
    "a=1",
    "a.b='x, y'",
    "+a.b=[1,2.5,{c: d, e: null}]",
    "++a=nan",
    "~a",
    "~a=b",
    "a@b=c",
    "a=b,c",
    "a=range(1,9,2)",
    "a=choice(1,two,'3')",
    "a=interval(0,1)",
    "a=glob([s*,t*],exclude=*x)",
    "a=tag(one,two,sort(3,1,2,reverse=true))",
    "a=shuffle(range(5))",
    "a=${b}/${now:%H}",
    "a=",
]

PARSING = """
from dataclasses import astuple
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from experiments.commands.hydra.memory import have_hydra_remember

def parsed(text):
    one, = OverridesParser.create().parse_overrides([text])
    return one

def refused(text):
    try:
        parsed(text)
    except OverrideParseException as error:
        return str(error)

before = [parsed(text) for text in OVERRIDES], [refused(text) for text in WRONG]
have_hydra_remember()
for _ in range(3):
    after = [parsed(text) for text in OVERRIDES], [refused(text) for text in WRONG]
    for one, other in zip(before[0], after[0], strict=True):
        assert repr(one) == repr(other), other  # nan is not nan
    assert before[1] == after[1] and all(after[1])
    for one in after[0]:  # what is done to one is not in the next
        one.key_or_group, one.package = "changed", "changed"
assert len({str(parsed("a=shuffle([1,2,3,4,5,6,7,8])").value()) for _ in range(20)}) > 1
print("the same")
"""


def test_overrides_are_parsed_to_the_same(tmp_path: Path) -> None:
    wrong = ["a", "a=[1", "a={b:", "a=b c=d"]
    done = subprocess.run(
        [sys.executable, "-c", f"OVERRIDES = {OVERRIDES!r}\nWRONG = {wrong!r}\n{PARSING}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the same\n", done.stderr
