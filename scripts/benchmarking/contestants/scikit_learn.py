"""scikit-learn's MLPClassifier, one run after another."""

from __future__ import annotations

import warnings

import numpy as np

from benchmarking.contestants.worker import Contestant, serve


class ScikitLearn(Contestant):
    """scikit-learn, with one call of ``fit`` for all epochs or ``partial_fit`` for each epoch.

    For two classes it uses one output instead of two, and so has slightly less to compute.
    """

    ways = ("fit", "partial_fit")

    def prepare(self) -> None:
        import sklearn
        from sklearn.neural_network import MLPClassifier

        self.sklearn, self.kind = sklearn, MLPClassifier

    def version(self) -> str:
        return f"scikit-learn {self.sklearn.__version__}"

    def start(self, way: str) -> None:
        self.way = way
        self.models = [
            self.kind(
                self.size.widths[1:-1],
                solver=self.optimizer,
                learning_rate_init=self.lr,
                batch_size=self.size.batch,
                alpha=0.0,
                momentum=0.0,
                nesterovs_momentum=False,
                early_stopping=False,
                n_iter_no_change=10**9,
                max_iter=self.size.epochs,
                warm_start=True,
                random_state=seed,
            )
            for seed in range(self.size.runs)
        ]

    def train(self, epochs: int) -> None:
        classes = np.arange(self.size.widths[-1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # training has not converged
            for model in self.models:
                if self.way == "fit":
                    model.max_iter = epochs
                    model.fit(self.inputs, self.labels)
                else:
                    for _ in range(epochs):
                        model.partial_fit(self.inputs, self.labels, classes=classes)

    def loss(self) -> float:
        # scikit-learn's mean loss during the last epoch.
        return float(np.mean([model.loss_ for model in self.models]))


if __name__ == "__main__":
    serve(ScikitLearn)
