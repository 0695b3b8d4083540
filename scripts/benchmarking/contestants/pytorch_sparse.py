"""PyTorch whose gradient of the first layer is sparse, so that the optimizer skips other rows."""

from __future__ import annotations

from benchmarking.contestants.pytorch import PyTorch
from benchmarking.contestants.worker import serve


class SparseGradients(PyTorch):
    """PyTorch with ``EmbeddingBag(sparse=True)``, whose optimizers are not fused."""

    sparse_only = True
    sparse_gradients = True


if __name__ == "__main__":
    serve(SparseGradients)
