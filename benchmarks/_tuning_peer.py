"""The side of statsmodels and scikit-learn of `tuning.py`, in an environment that has them.

python benchmarks/_tuning_peer.py export FOLDER              # writes co2.csv and elnino.csv
python benchmarks/_tuning_peer.py fit FILE RESTARTS SEED     # prints JSON
"""

import csv
import json
import sys
import time
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np


def export(folder: Path) -> None:
    """The two series of statsmodels: weekly CO2 by dates, monthly sea temperature by years."""
    from statsmodels.datasets import co2, elnino

    series = co2.load_pandas().data.dropna()
    rows = zip(series.index.strftime("%Y-%m-%d"), series["co2"], strict=True)
    _write(folder / "co2.csv", ("date", "co2"), rows)
    months = elnino.load_pandas().data.to_numpy()
    years = months[:, :1] + np.arange(12) / 12
    rows = zip(years.ravel(), months[:, 1:].ravel(), strict=True)
    _write(folder / "elnino.csv", ("year", "temperature"), rows)


def _write(path: Path, names, rows) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return datetime.fromisoformat(cell).timestamp() / 86400


def fit(path: Path, restarts: int, seed: int) -> dict[str, float]:
    """Matern 5/2 and noise, on the training part and in the scales of `riesz fit-process`."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    with path.open() as file:
        rows = list(csv.reader(file))[1:]
    table = np.array([[_number(cell) for cell in row] for row in rows])
    count = round(0.2 * len(table))
    order = np.random.default_rng(0).permutation(len(table))
    test, train = table[order[:count]], table[order[count:]]
    shift, scale = train.mean(0), train.std(0)
    x, y = ((train - shift) / scale).T
    kernel = ConstantKernel(1.0) * Matern(1.0, nu=2.5) + WhiteKernel(0.01)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = GaussianProcessRegressor(
            kernel, n_restarts_optimizer=restarts, random_state=seed
        ).fit(x[:, None], y)
    mean = found.predict((test[:, :1] - shift[0]) / scale[0]) * scale[1] + shift[1]
    error = np.sqrt(np.mean((mean - test[:, 1]) ** 2)) / test[:, 1].std()
    return {
        "evidence": float(found.log_marginal_likelihood_value_),
        "error": float(error),
        "seconds": time.perf_counter() - start,
    }


if __name__ == "__main__":
    if sys.argv[1] == "export":
        export(Path(sys.argv[2]))
    else:
        print(json.dumps(fit(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
