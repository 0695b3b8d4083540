"""JAX, compiled: all runs and all steps of an epoch in one call."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarking.contestants.worker import Contestant, mean_cross_entropy, serve


class Jax(Contestant):
    """`lax.scan` over the steps, and `vmap` or `lax.map` (one after another) over the runs.

    The optimizers are implemented here, because JAX has none.
    """

    ways = ("vmap over runs", "map over runs")

    def prepare(self) -> None:
        import jax

        self.jax = jax
        self.x, self.y = jax.numpy.asarray(self.inputs), jax.numpy.asarray(self.labels)
        self.compiled: dict[str, Any] = {}

    def version(self) -> str:
        return f"JAX {self.jax.__version__}"

    def start(self, way: str) -> None:
        jnp, runs = self.jax.numpy, self.size.runs
        self.rngs = [np.random.default_rng(seed) for seed in range(runs)]
        self.parameters = []
        for fan_in, fan_out in pairwise(self.size.widths):
            weights = np.stack(
                [rng.standard_normal((fan_in, fan_out), np.float32) for rng in self.rngs]
            )
            # The same initializers as ours: He for hidden layers, N(0, 1/fan_in) for the output.
            last = len(self.parameters) == len(self.size.widths) - 2
            scale = np.float32(np.sqrt((1 if last else 2) / fan_in))
            self.parameters.append((jnp.asarray(weights * scale), jnp.zeros((runs, fan_out))))
        # Separate buffers, because both are donated to the call.
        zeros = [self.jax.tree.map(jnp.zeros_like, self.parameters) for _ in range(2)]
        slots = tuple(zeros) if self.optimizer == "adam" else ()
        self.state = (slots, jnp.zeros(runs))
        if way not in self.compiled:
            began = time.perf_counter()
            self.compiled[way] = self._compile(way)
            self.compile_seconds += time.perf_counter() - began
        self.epoch = self.compiled[way]

    def _compile(self, way: str) -> Any:
        jax = self.jax
        step = {"adam": self._adam, "sgd": self._sgd}[self.optimizer]

        def run(parameters: Any, state: Any, order: Any, x: Any, y: Any) -> Any:
            def body(carry: Any, rows: Any) -> Any:
                parameters, state = carry
                gradients = jax.grad(self._loss)(parameters, x[rows], y[rows])
                return step(parameters, gradients, state), None

            return jax.lax.scan(body, (parameters, state), order)[0]

        def all_runs(parameters: Any, state: Any, order: Any, x: Any, y: Any) -> Any:
            if way == "vmap over runs":
                return jax.vmap(run, in_axes=(0, 0, 0, None, None))(parameters, state, order, x, y)
            return jax.lax.map(lambda each: run(*each, x, y), (parameters, state, order))

        arguments = (self.parameters, self.state, self._orders(), self.x, self.y)
        return jax.jit(all_runs, donate_argnums=(0, 1)).lower(*arguments).compile()

    def _logits(self, parameters: Any, x: Any) -> Any:
        for weights, bias in parameters[:-1]:
            x = self.jax.nn.relu(x @ weights + bias)
        weights, bias = parameters[-1]
        return x @ weights + bias

    def _loss(self, parameters: Any, x: Any, y: Any) -> Any:
        log_softmax = self.jax.nn.log_softmax(self._logits(parameters, x))
        return -self.jax.numpy.take_along_axis(log_softmax, y[:, None], axis=1).mean()

    def _sgd(self, parameters: Any, gradients: Any, state: Any) -> Any:
        new = self.jax.tree.map(lambda p, g: p - self.lr * g, parameters, gradients)
        return new, state

    def _adam(self, parameters: Any, gradients: Any, state: Any) -> Any:
        tree_map, sqrt = self.jax.tree.map, self.jax.numpy.sqrt
        (first, second), t = state
        t = t + 1
        first = tree_map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
        second = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
        rate, root = self.lr / (1 - 0.9**t), 1 / sqrt(1 - 0.999**t)
        new = tree_map(
            lambda p, m, v: p - rate * m / (sqrt(v) * root + 1e-8), parameters, first, second
        )
        return new, ((first, second), t)

    def _orders(self) -> Any:
        """Draw the rows of each run's batches in an epoch, (runs, steps, batch)."""
        rows = [rng.permutation(self.size.rows) for rng in self.rngs]
        shape = (self.size.runs, self.size.steps, self.size.batch)
        return self.jax.numpy.asarray(np.stack(rows).reshape(shape).astype(np.int32))

    def train(self, epochs: int) -> None:
        for _ in range(epochs):
            self.parameters, self.state = self.epoch(
                self.parameters, self.state, self._orders(), self.x, self.y
            )
        self.jax.block_until_ready(self.parameters)

    def loss(self) -> float:
        losses = []
        for run in range(self.size.runs):
            parameters = self.jax.tree.map(lambda array, run=run: array[run], self.parameters)
            logits = np.asarray(self._logits(parameters, self.x))
            losses.append(mean_cross_entropy(logits, self.labels))
        return float(np.mean(losses))


if __name__ == "__main__":
    serve(Jax)
