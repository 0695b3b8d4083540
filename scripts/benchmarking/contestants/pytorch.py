"""PyTorch in eager mode with fused optimizers, one run after another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from benchmarking.contestants.worker import Contestant, serve
from benchmarking.sizes import Recurrence


@dataclass(frozen=True)
class _Bags:
    """The columns and the values of the entries of rows that have as many."""

    columns: Any
    values: Any

    def __getitem__(self, rows: Any) -> _Bags:
        return _Bags(self.columns[rows], self.values[rows])


class PyTorch(Contestant):
    """PyTorch; rows are gathered for each batch, or permuted once per epoch and sliced."""

    ways = ("rows by batch", "rows by epoch")
    dense_only = False
    sparse_gradients: ClassVar[bool] = False

    def prepare(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.torch = torch
        self.y = torch.from_numpy(self.labels)
        if not self.size.entries:
            self.x = torch.from_numpy(self.inputs)
            return
        shape = self.size.rows, self.size.entries
        columns, values = self.inputs.indices.reshape(shape), self.inputs.data.reshape(shape)
        self.x = _Bags(torch.from_numpy(columns).long(), torch.from_numpy(values))

    def version(self) -> str:
        return f"PyTorch {self.torch.__version__}"

    def start(self, way: str) -> None:
        self.way = way
        names = {"adam": "Adam", "sgd": "SGD", "adagrad": "Adagrad"}
        optimizer = getattr(self.torch.optim, names[self.optimizer])
        networks = [self._network() for _ in range(self.size.runs)]
        fused = not self.sparse_gradients
        self.runs = [
            (net, optimizer(net.parameters(), lr=self.lr, fused=fused)) for net in networks
        ]

    def _network(self) -> Any:
        nn, size = self.torch.nn, self.size
        if size.tokens:
            return self._of_tokens()
        layers: list[Any] = self._convolutions() if size.convolutions else []
        if size.recurrence is not None:
            layers = [nn.Unflatten(1, size.shape), self._recurrent(size.recurrence), nn.Flatten()]
        if size.entries:
            layers = [self._bag(), nn.ReLU()]
            widths = size.widths[1:]
        else:
            widths = (nn.Sequential(*layers)(self.x[:1]).shape[1], *size.widths[1:])
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def _bag(self) -> Any:
        nn, torch, size = self.torch.nn, self.torch, self.size
        sparse = self.sparse_gradients

        class Bag(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.weights = nn.EmbeddingBag(*size.widths[:2], mode="sum", sparse=sparse)
                self.bias = nn.Parameter(torch.zeros(size.widths[1]))

            def forward(self, x: _Bags) -> Any:
                return self.weights(x.columns, per_sample_weights=x.values) + self.bias

        return Bag()

    def _of_tokens(self) -> Any:
        """Return a network that predicts from each token and those before it."""
        nn, torch, (length, outputs) = self.torch.nn, self.torch, self.size.widths
        if (recurrence := self.size.recurrence) is not None:
            width = recurrence.units

            class Reading(nn.Module):  # type: ignore[misc, name-defined]
                def __init__(self) -> None:
                    super().__init__()
                    self.layer = nn.LSTM(width, width, recurrence.layers, batch_first=True)

                def forward(self, x: Any) -> Any:
                    return self.layer(x)[0]

            return nn.Sequential(
                nn.Embedding(self.size.tokens, width), Reading(), nn.Linear(width, outputs)
            )
        attention = self.size.attention
        assert attention is not None
        width = attention.width

        class Attending(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                block = nn.TransformerEncoderLayer(
                    width,
                    attention.heads,
                    4 * width,
                    dropout=0.0,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                )
                self.blocks = nn.TransformerEncoder(
                    block, attention.depth, nn.LayerNorm(width), enable_nested_tensor=False
                )
                self.mask = nn.Transformer.generate_square_subsequent_mask(length)
                self.places = torch.randn(length, width)

            def forward(self, x: Any) -> Any:
                return self.blocks(x + self.places, mask=self.mask, is_causal=True)

        return nn.Sequential(
            nn.Embedding(self.size.tokens, width), Attending(), nn.Linear(width, outputs)
        )

    def _recurrent(self, recurrence: Recurrence) -> Any:
        nn, channels = self.torch.nn, self.size.shape[0]

        class Reading(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.layer = getattr(nn, recurrence.kind.upper())(
                    channels,
                    recurrence.units,
                    batch_first=True,
                    bidirectional=recurrence.bidirectional,
                )

            def forward(self, x: Any) -> Any:
                states, _ = self.layer(x.transpose(1, 2))
                return states if recurrence.all_outputs else states[:, -1]

        return Reading()

    def _convolutions(self) -> list[Any]:
        nn, shape = self.torch.nn, self.size.shape
        flat = len(shape) == 2
        convolution = nn.Conv1d if flat else nn.Conv2d
        pooling = nn.MaxPool1d if flat else nn.MaxPool2d
        layers, channels = [nn.Unflatten(1, shape)], shape[0]
        for one in self.size.convolutions:
            layers += [convolution(channels, one.channels, one.kernel, one.stride, one.padding)]
            layers += [nn.ReLU(), *([pooling(one.pool)] if one.pool > 1 else [])]
            channels = one.channels
        return [*layers, nn.Flatten()]

    def train(self, epochs: int) -> None:
        rows, batch = self.size.rows, self.size.batch
        cross_entropy = self.torch.nn.functional.cross_entropy
        for network, optimizer in self.runs:
            for _ in range(epochs):
                order = self.torch.randperm(rows)
                if self.way == "rows by epoch":
                    x, y = self.x[order], self.y[order]
                for start in range(0, rows, batch):
                    if self.way == "rows by epoch":
                        inputs, labels = x[start : start + batch], y[start : start + batch]
                    else:
                        taken = order[start : start + batch]
                        inputs, labels = self.x[taken], self.y[taken]
                    optimizer.zero_grad()
                    logits = network(inputs).flatten(0, -2)  # each step is a row
                    cross_entropy(logits, labels.flatten()).backward()
                    optimizer.step()

    def loss(self) -> float:
        with self.torch.no_grad():
            loss, y = self.torch.nn.functional.cross_entropy, self.y.flatten()
            return float(
                np.mean([loss(network(self.x).flatten(0, -2), y) for network, _ in self.runs])
            )


if __name__ == "__main__":
    serve(PyTorch)
