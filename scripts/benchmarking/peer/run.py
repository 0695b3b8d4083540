"""The usual script without this project: PyTorch for the network, Hydra for jobs, MLflow for runs.

It does the same work as the project's sweep on digits: loss and accuracy of the training and
validation parts after each epoch, the test part at the end, weights as an artifact. ::

    python scripts/benchmarking/peer/run.py -m optimizer=sgd,adagrad,rmsprop,adam 'seed=range(5)'
"""

from pathlib import Path

import hydra
import mlflow
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

OPTIMIZERS = {
    "sgd": lambda parameters, lr: torch.optim.SGD(parameters, lr=lr or 0.1),
    "adagrad": lambda parameters, lr: torch.optim.Adagrad(parameters, lr=lr or 0.01),
    "rmsprop": lambda parameters, lr: torch.optim.RMSprop(parameters, lr=lr or 0.001),
    "adam": lambda parameters, lr: torch.optim.Adam(parameters, lr=lr or 0.001, fused=True),
}


def load_parts() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Load the training, validation and test parts: 70, 15 and 15 percent of the rows."""
    inputs, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    x = torch.tensor(inputs[order] / 16, dtype=torch.float32)
    y = torch.tensor(labels[order])
    return list(zip(x.split([1257, 270, 270]), y.split([1257, 270, 270]), strict=True))


@torch.no_grad()
def evaluate(
    network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor
) -> tuple[float, float]:
    """Compute mean loss and accuracy."""
    logits = network(inputs)
    right = (logits.argmax(1) == labels).float().mean()
    return float(cross_entropy(logits, labels)), float(right)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Train one network and track it."""
    torch.set_num_threads(1)  # more is slower for networks this small
    torch.manual_seed(config.seed)
    (x, y), validation, test = load_parts()
    network = torch.nn.Sequential(
        torch.nn.Linear(64, config.hidden), torch.nn.ReLU(), torch.nn.Linear(config.hidden, 10)
    )
    optimizer = OPTIMIZERS[config.optimizer](network.parameters(), config.lr)

    mlflow.set_tracking_uri(config.tracking_uri)
    mlflow.set_experiment("peer")
    with mlflow.start_run(run_name=f"{config.optimizer}-seed{config.seed}"):
        mlflow.log_params(OmegaConf.to_container(config))
        for epoch in range(config.epochs):
            for rows in torch.randperm(len(x)).split(config.batch_size):
                optimizer.zero_grad()
                cross_entropy(network(x[rows]), y[rows]).backward()
                optimizer.step()
            train_loss, train_accuracy = evaluate(network, x, y)
            val_loss, val_accuracy = evaluate(network, *validation)
            mlflow.log_metrics(
                {
                    "train/loss": train_loss,
                    "train/accuracy": train_accuracy,
                    "val/loss": val_loss,
                    "val/accuracy": val_accuracy,
                },
                step=epoch,
            )
        test_loss, test_accuracy = evaluate(network, *test)
        mlflow.log_metrics({"test/loss": test_loss, "test/accuracy": test_accuracy})
        weights = Path(HydraConfig.get().runtime.output_dir) / "weights.pt"
        torch.save(network.state_dict(), weights)
        mlflow.log_artifact(str(weights))


if __name__ == "__main__":
    main()
