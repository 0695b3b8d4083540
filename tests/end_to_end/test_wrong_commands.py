"""Wrong command lines: exit status 1 and one clear message, before anything is trained."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.end_to_end.command_line import FEW_POINTS, NOT_TRACKED, Finished, at_once, run


@dataclass
class Wrong:
    """A command line, what its message must say, and its exit status."""

    arguments: tuple[str, ...]
    says: tuple[str, ...]
    status: int = 1


def wrong(command: str, *says: str, status: int = 1) -> Wrong:
    return Wrong(tuple(command.split()), says, status)


WRONG = [
    # names
    wrong("optimizr=adam", "'optimizr'", "did you mean 'optimizer'?"),
    wrong("optimizer=adm", "optimizer=adm", "did you mean 'adam'?", "adagrad"),
    wrong("experiment=xr", "experiment=xr", "did you mean 'xor'?"),
    wrong("optimizer.lrr=1", "'optimizer.lrr'", "did you mean 'optimizer.lr'?"),
    wrong("optimizer=sgd optimizer.beta1=0.5", "'optimizer.beta1'", "optimizer.lr"),
    wrong("trainng.epochs=3", "'trainng.epochs'", "training.epochs"),
    wrong("training.early_stoping.patience=3", "training.early_stopping.patience"),
    wrong("model.activation=relo", "model.activation", "did you mean 'relu'?"),
    wrong("model.initializer=glorot_unifrm", "model.initializer", "did you mean"),
    wrong("+optimizer.foo=1", "optimizer", "unknown key 'foo'", "beta1"),
    wrong("+foo=1", "unknown key 'foo'", "seed"),
    wrong("dataset.dir=/x", "'dataset.dir'"),
    wrong("hydra/launcher=stackd", "did you mean 'stacked'?"),
    wrong("hydra.run.dirr=x", "hydra.run.dirr"),
    wrong("experiment=null", "experiment=null", "xor"),
    # several at once
    wrong("optimizer=adm loss=mze", "optimizer=adm", "loss=mze"),
    wrong("optimizer.lrr=1 trainng.epochs=3", "optimizer.lr'", "training.epochs"),
    wrong("optimizer.lr=-1 training.epochs=0 seed=x", "optimizer.lr", "training.epochs", "seed"),
    wrong("hydra.run.dir=here optimizer.lrr=1", "'optimizer.lrr'", "did you mean 'optimizer.lr'?"),
    # values
    wrong("optimizer.lr=-1", "optimizer.lr must be a number above 0, but is -1"),
    wrong("optimizer.lr=0", "optimizer.lr", "above 0"),
    wrong("optimizer.lr=nan", "optimizer.lr", "above 0"),
    wrong("optimizer.lr=fast", "optimizer.lr must be a number above 0, but is 'fast'"),
    wrong("optimizer.beta1=1", "optimizer.beta1", "[0, 1)"),
    wrong("training.epochs=0", "training.epochs must be a whole number in [1, 1000000]"),
    wrong("training.epochs=1.5", "training.epochs", "whole number"),
    wrong("training.order=shufled", "training.order", "did you mean 'shuffled'?"),
    wrong("training.report=best", "training.report must be one of best_loss, best_accuracy"),
    wrong("training.report=test_peak", "training.test_every_epoch=true"),
    wrong("dataset.validation=0 training.report=best_loss", "no validation part", "last"),
    wrong("dataset.validation=0 training.early_stopping.patience=3", "no validation part"),
    wrong("dataset.validation=0 schedule=reduce_on_plateau", "no validation part"),
    wrong(
        "optimizer=muon optimizer.matrices=hidden model.hidden=[8]",
        *("optimizer=muon: matrices=hidden", "only those of dense1, dense2", "matrices=all"),
    ),
    wrong("optimizer=muon optimizer.ns_coefficients=[1,2]", "three numbers"),
    wrong("optimizer=adam optimizer.mask=gram", "one of cautious, grams or null"),
    wrong("dataset.validation=0 experiment=compare_classic", "tuning chooses settings"),
    wrong("dataset.counts=[100,50]", "must be 3 numbers of rows"),
    wrong("dataset.counts=[1999,9,9]", "asks for 2017 rows, but there are 1797"),
    wrong("training.box=[1,0]", "box must be two numbers, the lower first"),
    wrong("schedule=one_cycle schedule.low_momentum=0.8", "both low_momentum and high_momentum"),
    wrong(
        "schedule=one_cycle schedule.low_momentum=0.8 schedule.high_momentum=0.9",
        "optimizer=adam has none",
    ),
    wrong("training.batch_size=ful", "training.batch_size", "full"),
    wrong("training.dtype=float16", "training.dtype", "float32", "float64"),
    wrong("seed=-1", "seed must be a whole number at least 0"),
    wrong("seed=true", "seed", "whole number"),
    wrong("seed=null", "seed"),
    wrong("model.hidden=[0]", "model.hidden", "whole number in [1, 1000000]"),
    wrong("model.hidden=64", "model.hidden must be a list"),
    wrong("model.dropout=1", "model.dropout", "[0, 1)"),
    wrong("optimizer.decay_biases=maybe", "optimizer.decay_biases", "true or false"),
    wrong("optimizer=null", "optimizer"),
    wrong("~schedule", "schedule is required"),
    wrong("dataset=csv", "dataset.path must be given", "dataset.target must be given"),
    wrong("seed=${foo.bar}", "foo"),
    # grammar
    wrong("seed", "'seed'", "NAME=VALUE"),
    wrong("seed=1 seed", "'seed'", "NAME=VALUE"),
    # commands
    wrong(
        "run optimizer=sgd",
        "'run'",
        "run.py optimizer=sgd tracking=none`?",
        "compare, describe, predict",
    ),
    wrong("sweep seed=1,2", "run.py -m seed=1,2 tracking=none`?"),
    wrong("compair multirun", "`python scripts/compare.py multirun"),
    wrong("serve", "`python scripts/ui.py"),
    wrong("sgd", "'sgd' is neither a command nor a setting", "GROUP=CHOICE"),
    wrong("optimizer.lr=[1", "optimizer.lr=[1"),
    wrong("model.hidden={a:", "model.hidden={a:"),
    wrong("experiment_name=a,b", "experiment_name=a,b", "-m", '"a,b"'),
    wrong("optimizer=sgd,adam", "optimizer=sgd,adam", "python run.py -m optimizer=sgd,adam"),
    wrong("-m seed=range(2", "seed=range(2"),
    wrong("experiment_name=Zürich", "unexpected 'ü'"),
    wrong("--fast", "--fast", "NAME=VALUE, without dashes"),
    wrong("-m --cfg job", "Only one of"),
    wrong("--config-dir nowhere optimizer=mine", "nowhere"),
    # what goes together
    wrong("dataset=diabetes loss=cross_entropy", "cross_entropy", "diabetes", "loss=mse"),
    wrong("model.output_activation=identity", "model.output_activation", "softmax"),
    wrong("dataset.validation=0.6 dataset.test=0.6", "dataset.validation=0.6"),
    wrong("dataset=xor dataset.rows=8", "dataset.rows=8", "dataset.noise"),
    # files
    wrong("dataset=csv dataset.path=no.csv dataset.target=x", "no.csv"),
    wrong(
        "dataset=mnist dataset.dir=none dataset.download=false",
        "train-images-idx3-ubyte",
        "dataset.download",
    ),
    wrong("hydra.run.dir=/proc/nowhere", "/proc/nowhere", "hydra.run.dir"),
    wrong("hydra.job.name=a/b", "a/b.log: the log cannot be written", "hydra.job.name"),
    wrong(f"hydra.job.name={'a' * 300}", "File name too long", "hydra.job.name"),
    wrong("-m seed=1,2 hydra.sweep.dir=/proc/nowhere", "/proc/nowhere", "hydra.sweep.dir"),
    wrong("-m seed=1,2 hydra.sweep.subdir=same", "hydra.sweep.subdir", "hydra.job.num"),
    # parts of one's own
    wrong("optimizer._target_=nowhere.Mine", "optimizer._target_", "nowhere"),
    wrong("optimizer._target_=nn.Dense", "optimizer._target_", "nn.Dense", "Optimizer"),
    # the launcher
    wrong("-m seed=0,1 hydra.launcher.width=0", "hydra.launcher.width=0", "1 or more"),
    wrong("-m seed=0,1 hydra.launcher.n_jobs=0", "hydra.launcher.n_jobs=0", "-1"),
    # sweeps: everything that is wrong
    wrong(
        "-m optimizer=sgd,adm,rmsprp seed=0,1",
        "6 jobs",
        "optimizer=adm",
        "optimizer=rmsprp",
        "did you mean 'rmsprop'?",
    ),
    wrong("-m optimizer=sgd,adam optimizer.beta1=0.5", "'optimizer.beta1'", "optimizer=sgd"),
    wrong("-m optimizer.lr=0.1,-1 training.epochs=1,0", "but is -1", "but is 0", "4 jobs"),
    wrong("-m optimizer.lrr=1,2", "did you mean 'optimizer.lr'?", "every job"),
    wrong(
        "-m dataset=iris,csv dataset.path=no.csv dataset.target=x",
        "'dataset.path'",
        "dataset=iris",
    ),
    wrong("-m dataset=digits,diabetes loss=cross_entropy", "dataset=diabetes", "loss=mse"),
    wrong(
        "-m dataset=mnist,fashion_mnist,iris dataset.download=false",
        "dataset=iris",
        "'dataset.download'",
    ),
    wrong(
        "-m dataset=mnist dataset.download=false dataset.dir=a,b",
        "/a. Put them there",
        "/b. Put them there",
        "dataset.dir=b",
    ),
    wrong("-m optimizer=sgd,adm hydra/launcher=basic", "did you mean 'adam'?"),
    wrong("-m seed=1,2 hydra/sweeper=grd", "did you mean 'grid'?"),
    # what people type first
    wrong("lr=0.1", "unknown key 'lr'", "did you mean 'optimizer.lr'?"),
    wrong("-m lr=0.1,0.2", "did you mean 'optimizer.lr'?", "every job"),
    wrong("optimizer=all", "python run.py -m 'optimizer=glob(*,exclude=[rprop,lbfgs])'"),
    wrong("-m optimizer=all", "python run.py -m 'optimizer=glob(*,exclude=[rprop,lbfgs])'"),
    wrong("model.hidden=[64, 32]", "blanks out: 'model.hidden=[64,32]'", "'model.hidden=[64, 32]'"),
    wrong("-m optimizer=sgd, adam seed=1", "optimizer=sgd,adam", "blank"),
    wrong("seed = 3", "Leave the blanks out: seed=3"),
    wrong("--optimizer adam", "--optimizer adam", "without dashes: optimizer=adam"),
    wrong("--experiment=xor", "without dashes: experiment=xor"),
    wrong("+experiment=x", "did you mean 'xor'?"),
    wrong("+experiment=xor", "without +: experiment=xor"),
    wrong("++optimizer=sgd", "without +: optimizer=sgd"),
    wrong("+optimizer.lr=0.1", "without +: optimizer.lr=0.1"),
    # sweeps over nothing
    wrong("-m optimizer=glob(zzz*)", "optimizer=glob(zzz*): no choice of optimizer", "adagrad"),
    wrong("-m seed=range(5000) optimizer.lr=range(0,1,0.001)", "the sweep has 5,000,000 runs"),
    wrong("-m seed=range(0)", "seed=range(0): this range has no values", "range(0,5)"),
    wrong("-m seed=range(0) hydra/launcher=basic", "seed=range(0): this range"),
    wrong("-m optimizer=glob(z*) hydra/sweeper=basic hydra/launcher=basic", "glob(z*): no choice"),
    wrong("-m hydra/sweeper=tune_then_compare optimizer=glob(zzz*)", "glob(zzz*): no choice"),
    wrong("-m optimizer.lr=interval(0,1)", "optimizer.lr=interval(0,1): a grid has no intervals"),
]

# A sample of each kind is quick enough for every day.
QUICK = {1, 3, 7, 9, 14, 15, 16, 17, 18, 23, 36, 40, 43, 44, 47, 53, 59, 60, 72, 74, 76, 79, 82, 88}


def parameters() -> list[object]:
    return [
        pytest.param(
            number,
            id=" ".join(case.arguments),
            marks=() if number in QUICK else (pytest.mark.slow,),
        )
        for number, case in enumerate(WRONG)
    ]


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Finished]:
    """What the commands of all tests that run answer; most of the time goes into starting them."""
    wanted = [
        item.callspec.params["number"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module.__file__ == __file__
        and "number" in getattr(item, "callspec", SimpleNamespace(params={})).params
    ]
    commands = [(*WRONG[number].arguments, NOT_TRACKED) for number in wanted]
    folder = tmp_path_factory.mktemp("wrong")
    return dict(zip(wanted, at_once(commands, folder), strict=True))


@pytest.mark.parametrize("number", parameters())
def test_message(answers: dict[int, Finished], number: int) -> None:
    case, answer = WRONG[number], answers[number]
    assert answer.status == case.status, answer.out + answer.err
    for words in case.says:
        assert words in answer.err
    assert "Traceback" not in answer.err
    if case.status == 1:
        assert answer.err.startswith("error: ")
        assert answer.err.count("error: ") == 1
    assert not list(answer.folder.rglob("record.json"))
    assert not list(answer.folder.rglob("weights.npz"))


def test_options_may_stand_between_settings(tmp_path: Path) -> None:
    done = run("optimizer=sgd", "--cfg", "job", "seed=7", NOT_TRACKED, folder=tmp_path)
    assert done.status == 0, done.err
    assert "seed: 7" in done.out
    assert "_target_: nn.SGD" in done.out


def test_a_loss_for_numbers_says_what_it_does_with_classes(tmp_path: Path) -> None:
    done = run("loss=mse", *FEW_POINTS, "training.epochs=1", NOT_TRACKED, folder=tmp_path)
    assert done.status == 0, done.err
    (note,) = [line for line in done.out.splitlines() if line.startswith("note: ")]
    assert "mse is a loss for numbers. On the classes of moons" in note
    assert "cross_entropy" in note


def test_a_defect_keeps_its_traceback_for_those_who_ask(tmp_path: Path) -> None:
    finished = run("optimizer.lr=-1", NOT_TRACKED, folder=tmp_path, env={"HYDRA_FULL_ERROR": "1"})
    assert finished.status == 1
    assert "but is -1" in finished.err


@pytest.mark.parametrize(
    "command",
    [
        "tracking.uri=ftp://x",
        pytest.param("-m seed=1,2 tracking.uri=ftp://x", marks=pytest.mark.slow),
    ],
)
def test_an_address_that_keeps_no_runs(command: str, tmp_path: Path) -> None:
    done = run(*command.split(), "dataset=xor", folder=tmp_path)
    assert done.status == 1
    assert done.err.startswith("error: tracking.uri is 'ftp://x', which is neither")
    assert "Give sqlite:///FILE.db for a file, http://HOST:PORT for a server" in done.err
    assert "Traceback" not in done.err
    assert not done.records()
