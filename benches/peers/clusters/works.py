"""What is timed: made-up rows of stated shape, the same for all, and who takes part."""

from dataclasses import dataclass

import numpy as np

KMEANS = ("faiss", "scikit-learn", "scikit-learn-intelex", "superkmeans")


@dataclass(frozen=True)
class Work:
    kind: str
    rows: int
    width: int
    peers: tuple
    goal: str
    k: int = 0
    iterations: int = 1


WORKS = {
    "kmeans-1e6x32-k256": Work("kmeans", 1_000_000, 32, KMEANS, "1/3 of the best", 256, 5),
    "kmeans-2e5x64-k1024": Work("kmeans", 200_000, 64, KMEANS, "1/3 of the best", 1024, 5),
    "kmeans-1e5x768-k1000": Work("kmeans", 100_000, 768, ("superkmeans", "faiss"), "1 of superkmeans", 1000, 3),
    "nearest-1e5-of-1e4x64": Work("nearest", 100_000, 64, ("faiss",), "1/2", 10_000),
    "pca-1e6x64": Work("pca", 1_000_000, 64, ("scikit-learn",), "1/2"),
    "boost-1e6x28": Work("boost", 1_100_000, 28, ("lightgbm", "HistGradientBoosting"), "1"),
}

QUICK = {
    "kmeans-1e6x32-k256": {"rows": 100_000},
    "kmeans-2e5x64-k1024": {"rows": 40_000},
    "kmeans-1e5x768-k1000": {"rows": 20_000},
    "nearest-1e5-of-1e4x64": {"rows": 20_000},
    "pca-1e6x64": {"rows": 200_000},
    "boost-1e6x28": {"rows": 200_000},
}

HELD_OUT = 100_000


def clouds(rng, work, groups):
    """Rows in groups of unequal size that overlap, as customers do: no group is far from all others."""
    centres = rng.normal(size=(groups, work.width)).astype(np.float32)
    shares = rng.dirichlet(np.full(groups, 2.0))
    of = rng.choice(groups, size=work.rows, p=shares)
    rows = rng.normal(size=(work.rows, work.width)).astype(np.float32)
    rows *= 0.8
    rows += centres[of]
    return rows


def table(rng, work):
    """Numbers with a hidden rule of sums, products and bends, and noise."""
    x = rng.normal(size=(work.rows, work.width)).astype(np.float32)
    x[:, 20:] = np.abs(x[:, 20:]) * (1 + x[:, :8] ** 2 * 0.3)
    z = (np.sin(x[:, 0] * 1.5) + x[:, 1] * x[:, 2] * 0.6 + 0.5 * x[:, 3] - 0.4 * np.abs(x[:, 4]) + 0.3 * x[:, 21]
         - 0.2 * x[:, 25] * x[:, 5] + 0.3 * rng.normal(size=work.rows))
    return x, (rng.random(work.rows) < 1 / (1 + np.exp(-z))).astype(np.float32)


def make(name, work, folder):
    """Writes the work's files; their paths by name."""
    rng = np.random.default_rng(sum(name.encode()))
    paths = {what: folder / f"{name}-{what}.f32" for what in ("rows", "centres", "labels")}
    if work.kind == "boost":
        rows, labels = table(rng, work)
        labels.tofile(paths["labels"])
    else:
        rows = clouds(rng, work, max(2 * work.k, 64) if work.kind == "kmeans" else 500)
        centres = rows[:: max(1, work.rows // max(work.k, 1))][: work.k] if work.kind == "kmeans" else clouds(
            rng, Work("", work.k or 1, work.width, (), ""), 500)
        np.ascontiguousarray(centres).tofile(paths["centres"])
    rows.tofile(paths["rows"])
    return paths
