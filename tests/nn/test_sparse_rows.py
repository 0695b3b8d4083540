"""Sparse rows: a first layer that multiplies only the entries that are there."""

from unittest import mock

import numpy as np
import pytest
from scipy import sparse

import nn
from nn.activations import ReLU, Tanh
from nn.batches import Batches
from nn.layers import ActivationLayer, Dense, Dropout, Flatten
from nn.sparse_rows import SparseRows
from nn.speed import compile as compiling
from nn.speed.sparse import multiply, multiply_transposed
from nn.table_rows import TableRows

RUNS, ROWS, COLUMNS, UNITS = 3, 12, 30, 5
needs_llvmlite = pytest.mark.skipif(
    compiling.compiler() is None, reason="llvmlite, the extra `fast`, is not installed"
)


@pytest.fixture(params=["compiled", "numpy"])
def _way(request, monkeypatch):
    if request.param == "compiled" and compiling.compiler() is None:
        pytest.skip("llvmlite, the extra `fast`, is not installed")
    monkeypatch.setattr(compiling, "COMPILE_AFTER", 0 if request.param == "compiled" else 1e12)


def matrix(rows=ROWS, columns=COLUMNS, density=0.2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    made = sparse.random_array(
        (rows, columns), density=density, rng=rng, format="csr", data_sampler=rng.standard_normal
    ).astype(dtype)
    kept = np.repeat(np.arange(rows) != 2, np.diff(made.indptr))  # one row has no entries
    made.data *= kept
    made.eliminate_zeros()
    return made


def with_duplicates(dtype=np.float64):
    """A matrix with two entries in one place, which are added up."""
    data, indices = np.array([1.5, 2.0, -0.5], dtype), np.array([4, 1, 4])
    return sparse.csr_array((data, indices, np.array([0, 3, 3])), shape=(2, COLUMNS))


def network(runs=RUNS, dtype="float64", columns=COLUMNS, hidden=(UNITS,), outputs=2, **options):
    return nn.Network(
        nn.mlp(hidden, outputs, activation=Tanh()),
        columns,
        loss=nn.CrossEntropy(),
        seeds=range(runs),
        dtype=dtype,
        **options,
    )


def labels(rows, outputs=2, seed=1):
    return np.eye(outputs)[np.random.default_rng(seed).integers(outputs, size=rows)]


def by_plain_loops(x, weights):
    """x·W entry by entry, in the order of the entries, each sum rounded as it grows."""
    out = np.zeros((x.shape[0], weights.shape[1]), weights.dtype)
    for row in range(x.shape[0]):
        for place in range(x.indptr[row], x.indptr[row + 1]):
            for unit in range(weights.shape[1]):
                out[row, unit] += x.data[place] * weights[x.indices[place], unit]
    return out


def transposed_by_plain_loops(x, grad):
    out = np.zeros((x.shape[1], grad.shape[1]), grad.dtype)
    for row in range(x.shape[0]):
        for place in range(x.indptr[row], x.indptr[row + 1]):
            for unit in range(grad.shape[1]):
                out[x.indices[place], unit] += x.data[place] * grad[row, unit]
    return out


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", [1, 5, 8, 33])
@pytest.mark.parametrize("made", [matrix, with_duplicates])
def test_products_have_the_bits_of_plain_loops(made, units, dtype):
    x = made(dtype=dtype)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((RUNS, COLUMNS, units)).astype(dtype)
    grad = rng.standard_normal((RUNS, x.shape[0], units)).astype(dtype)
    rows = SparseRows.of(x, dtype)
    z, back = np.full_like(grad, np.nan), np.full_like(weights, np.nan)
    for _ in range(2):  # what was in the arrays before does not matter
        multiply(rows, weights, z)
        multiply_transposed(rows, grad, back)
    for run in range(RUNS):
        np.testing.assert_array_equal(z[run], by_plain_loops(x, weights[run]))
        np.testing.assert_array_equal(back[run], transposed_by_plain_loops(x, grad[run]))


def test_numpy_adds_many_products_in_the_same_order_as_few(monkeypatch):
    x, weights = matrix(200, density=0.5), np.random.default_rng(0).standard_normal((1, COLUMNS, 7))
    monkeypatch.setattr(compiling, "COMPILE_AFTER", 1e12)
    z, pieces = np.empty((2, 1, 200, 7))
    multiply(SparseRows.of(x, float), weights, z)
    monkeypatch.setattr("nn.speed.sparse._AT_ONCE", 70)
    multiply(SparseRows.of(x, float), weights, pieces)
    np.testing.assert_array_equal(z, pieces)


@pytest.mark.usefixtures("_way")
def test_only_columns_with_entries_count():
    x = matrix()
    weights = np.random.default_rng(0).standard_normal((1, COLUMNS, UNITS))
    absent = np.setdiff1d(np.arange(COLUMNS), x[:3].indices)
    weights[:, absent] = np.nan  # a product with 0 would be NaN
    z = np.empty((1, 3, UNITS))
    multiply(SparseRows.of(x[:3], float), weights, z)
    assert np.isfinite(z).all()


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("made", [matrix, with_duplicates])
def test_gradients_are_those_of_central_differences(made):
    x, y = made(), labels(made().shape[0])
    stack = network(runs=2)
    stack.backpropagate(x, y)
    found, step = stack.gradients.copy(), 1e-6
    for place in range(stack.layout.size):
        kept = stack.parameters[:, place].copy()
        losses = []
        for sign in (1, -1):
            stack.parameters[:, place] = kept + sign * step
            losses.append(stack.loss(x, y))
        stack.parameters[:, place] = kept
        np.testing.assert_allclose(
            found[:, place], (losses[0] - losses[1]) / (2 * step), rtol=1e-5, atol=1e-9
        )


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    "optimizer", [nn.SGD(lr=0.5), nn.Adagrad(lr=0.1), nn.Adam(weight_decay=0.1)]
)
def test_sparse_and_dense_input_train_alike(optimizer):
    x, y = matrix(60), labels(60)
    stacks = [network(), network()]
    for stack, given in zip(stacks, (x, x.toarray()), strict=True):
        nn.fit(stack, optimizer, given, y, epochs=4, batch_size=8)
    np.testing.assert_allclose(stacks[0].parameters, stacks[1].parameters, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(stacks[0].predict(x), stacks[1].predict(x.toarray()), rtol=1e-9)
    assert (stacks[0].parameters != network().parameters).any()


@needs_llvmlite
def test_training_has_the_same_bits_compiled_or_not_and_replayed_or_not(monkeypatch):
    x, y, trained = matrix(60), labels(60), []
    for compile_after, off in [(0, ()), (1e12, ()), (0.001, ()), (0, {"replay"}), (0, {"compile"})]:
        monkeypatch.setattr(compiling, "COMPILE_AFTER", compile_after)
        monkeypatch.setattr("nn.speed.off", frozenset(off))
        stack = network(dtype="float32")
        nn.fit(stack, nn.Adagrad(lr=0.1), x, y, epochs=5, batch_size=7)
        trained.append(stack.parameters)
    for other in trained[1:]:
        np.testing.assert_array_equal(trained[0], other)


@pytest.mark.usefixtures("_way")
def test_a_run_has_the_same_bits_alone_and_in_a_stack():
    x, y = matrix(60), labels(60)
    stack = network(dtype="float32")
    nn.fit(stack, nn.Adagrad(lr=0.1), x, y, epochs=3, batch_size=7)
    for seed in range(RUNS):
        alone = nn.Network(
            nn.mlp([UNITS], 2, activation=Tanh()),
            COLUMNS,
            loss=nn.CrossEntropy(),
            seeds=[seed],
        )
        nn.fit(alone, nn.Adagrad(lr=0.1), x, y, epochs=3, batch_size=7)
        np.testing.assert_array_equal(stack.parameters[seed], alone.parameters[0])


def test_a_captured_step_takes_up_the_compiled_loop():
    if compiling.compiler() is None:
        pytest.skip("llvmlite, the extra `fast`, is not installed")
    x, y = matrix(8, dtype=np.float32), labels(8).astype(np.float32)
    batches = Batches(SparseRows.of(x, np.float32), y, 4, [0])
    stack = network(runs=1, dtype="float32")
    with (
        mock.patch.object(compiling, "COMPILE_AFTER", 1e12),
        mock.patch.object(type(multiply), "_add") as add,
    ):
        for _ in range(4):
            for batch in batches.epoch():
                stack.backpropagate(*batch)
        by_numpy = add.call_count
        compiling.COMPILE_AFTER = 0
        for _ in range(4):
            for batch in batches.epoch():
                stack.backpropagate(*batch)
    assert by_numpy == 16  # forward and backward in each of eight steps
    assert add.call_count <= by_numpy + 1


def test_each_run_reads_rows_of_its_own():
    x = matrix(20)
    chosen = np.array([[3, 0, 2], [19, 3, 3]])
    table = TableRows(SparseRows.of(x, float), chosen)
    assert (len(table), table.columns) == (3, COLUMNS)
    np.testing.assert_array_equal(table.whole().dense(), x.toarray()[chosen])
    np.testing.assert_array_equal(table.block(slice(1, 3)).dense(), x.toarray()[chosen[:, 1:]])
    np.testing.assert_array_equal(table.of([1]).whole().dense(), x.toarray()[chosen[1:]])


def test_rows_are_read_in_batches_without_copies_of_their_entries():
    rows = SparseRows.of(matrix(20), float)
    batches = Batches(rows, labels(20), 8, [0, 1])
    read = [(x, x.dense(), y.copy()) for x, y in batches.epoch()]
    assert all(x.data is rows.data and x.indices is rows.indices for x, _, _ in read)
    assert read[0][0] is read[1][0]  # the same object in each step, which is replayed
    dense = Batches(matrix(20).toarray(), labels(20), 8, [0, 1])
    for (_, x, y), (wanted, targets) in zip(read, dense.epoch(), strict=True):
        np.testing.assert_array_equal(x, wanted)
        np.testing.assert_array_equal(y, targets)


def test_predictions_in_blocks_of_rows():
    x = matrix(1100)
    stack = network()
    np.testing.assert_allclose(stack.predict(x), stack.predict(x.toarray()), rtol=1e-12)
    assert stack.predict(x[:0]).shape == (RUNS, 0, 2)


def test_any_object_with_the_parts_of_a_sparse_matrix_will_do():
    class Rows:
        data, indices, indptr = [1.0, 2], [3, 0], [0, 1, 2]
        shape = (2, COLUMNS)

    dense = np.zeros((2, COLUMNS))
    dense[0, 3], dense[1, 0] = 1, 2
    stack = network()
    np.testing.assert_allclose(stack.predict(Rows()), stack.predict(dense), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (3, COLUMNS)}, r"compressed rows \(CSR\).*x\.tocsr\(\)"),
        ({"format": "csc"}, r"compressed rows \(CSR\), but is csc"),
        ({"indices": [3, COLUMNS]}, f"not below its {COLUMNS} columns"),
        ({"indices": [3, -1]}, "not below"),
        ({"indptr": [0, 2, 1]}, "does not rise"),
        ({"indptr": [1, 1, 2]}, "does not rise from 0"),
        ({"indptr": [0, 1, 3]}, "to its last entry"),
        ({"shape": (2, 7)}, "have 7 columns, and the network takes 30"),
    ],
)
def test_what_is_no_such_matrix_is_refused(change, message):
    parts = {"data": [1.0, 2], "indices": [3, 0], "indptr": [0, 1, 2], "shape": (2, COLUMNS)}
    rows = type("Rows", (), parts | change)()
    with pytest.raises(ValueError, match=message):
        network().predict(rows)


@pytest.mark.parametrize("first", [Dropout(0.1), ActivationLayer(ReLU()), Flatten()])
def test_a_first_layer_that_takes_no_sparse_rows_says_so(first):
    stack = nn.Network([first, Dense(2)], COLUMNS, loss=nn.CrossEntropy())
    with pytest.raises(ValueError, match=rf"first layer, {first.name}1, takes no sparse rows"):
        stack.predict(matrix())


def test_numbers_that_are_not_finite_are_refused():
    x = matrix(dtype=np.float64)
    x.data[3] = 1e300
    with pytest.raises(ValueError, match="infinite in float32"):
        nn.fit(network(dtype="float32"), nn.SGD(), x, labels(ROWS), epochs=1)


@pytest.mark.usefixtures("_way")
def test_rows_that_are_chosen_are_those_that_count():
    x = matrix(20)
    weights = np.random.default_rng(0).standard_normal((RUNS, COLUMNS, UNITS))
    rows = SparseRows.of(x, float)
    each = TableRows(rows, np.array([[3, 0, 2, 7], [19, 3, 3, 1], [5, 6, 8, 9]])).whole()
    for chosen, wanted in (
        (rows.block(slice(None, None, 3)), [x[::3]] * RUNS),
        (rows.select(np.array([4, 1, 4])), [x[[4, 1, 4]]] * RUNS),
        (each.block(slice(0, None, 2)), [x[[3, 2]], x[[19, 3]], x[[5, 8]]]),
        (each.select(np.array([2, 0])), [x[[2, 3]], x[[3, 19]], x[[8, 5]]]),
    ):
        z = np.empty((RUNS, chosen.shape[1], UNITS))
        multiply(chosen, weights, z)
        for run in range(RUNS):
            np.testing.assert_array_equal(z[run], by_plain_loops(wanted[run], weights[run]))
