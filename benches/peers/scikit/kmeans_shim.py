"""scikit-learn's own K-means tests, run against nightloom.

A pytest plugin: it puts a class shaped like `sklearn.cluster.KMeans` in that one's place, whose `fit` writes a table and
a job file and calls `nightloom run`, and whose `predict` calls `nightloom predict`. Nothing is computed here but what
scikit-learn computes before and after its own iterations: starts drawn at random (`init="random"`), the choice among
them, and types of arrays.

    NIGHTLOOM=target/release/nightloom python -m pytest -p kmeans_shim --pyargs sklearn.cluster.tests.test_k_means

Two things differ by design and are evened out:
- the engine's numbers are f32, so `assert_allclose` allows 2e-6 relative (and of the largest number, absolute);
- `n_iter_` counts the last pass, which finds that no row changes its centre; nightloom counts moves of the centres.
"""

import csv
import json
import os
import struct
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn.cluster
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import _get_threadpool_controller

PROGRAM = os.environ["NIGHTLOOM"]
RTOL = 2e-6

# What the tests are about that are left out.
PRIVATE = "calls a private function of scikit-learn's"
MINI_BATCH = "is about scikit-learn's mini-batches; nightloom's follow a schedule of their own (docs of cluster::mini_batch)"
PYTHON = "is about Python: warnings, verbosity, parameters' names, memory of arrays"
TABLE = "asks for all n x k distances, which nightloom never makes"
PLUS_PLUS = "tests scikit-learn's draws of starts, number by number"
LEFT_OUT = {
    "test_relocate_empty_clusters": PRIVATE,
    "test_euclidean_distance": PRIVATE,
    "test_inertia": PRIVATE,
    "test_is_same_clustering": PRIVATE,
    "test_sample_weight_init": PRIVATE,
    "test_sample_weight_zero": PRIVATE,
    "test_minibatch_update_consistency": PRIVATE,
    "test_kmeans_elkan_results": "compares two algorithms of scikit-learn's; nightloom has Lloyd's",
    "test_kmeans_elkan_iter_attribute": "is about Elkan's algorithm",
    "test_warning_elkan_1_cluster": "is about Elkan's algorithm",
    "test_minibatch_kmeans_partial_fit_init": MINI_BATCH,
    "test_minibatch_kmeans_verbose": MINI_BATCH,
    "test_minibatch_kmeans_warning_init_size": MINI_BATCH,
    "test_minibatch_sensible_reassign": MINI_BATCH,
    "test_minibatch_reassign": MINI_BATCH,
    "test_minibatch_with_many_reassignments": MINI_BATCH,
    "test_minibatch_kmeans_init_size": MINI_BATCH,
    "test_minibatch_declared_convergence": MINI_BATCH,
    "test_minibatch_iter_steps": MINI_BATCH,
    "test_kmeans_init_auto_with_initial_centroids": PYTHON,
    "test_kmeans_verbose": PYTHON,
    "test_warning_n_init_precomputed_centers": PYTHON,
    "test_kmeans_copyx": PYTHON,
    "test_k_means_function": PYTHON,
    "test_n_init_auto": PYTHON,
    "test_sample_weight_unchanged": PYTHON,
    "test_wrong_params": PYTHON,
    "test_kmeans_plusplus_wrong_params": PYTHON,
    "test_feature_names_out": PYTHON,
    "test_transform": TABLE,
    "test_fit_transform": TABLE,
    "test_float_precision": TABLE,
    "test_kmeans_plusplus_output": PLUS_PLUS,
    "test_kmeans_plusplus_norms": PLUS_PLUS,
    "test_kmeans_plusplus_dataorder": PLUS_PLUS,
    "test_dense_sparse": "is about sparse arrays; a table's cells are all there",
    "test_predict_dense_sparse": "is about sparse arrays; a table's cells are all there",
}


def call(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(done.stderr)


def columns(width):
    return [f"x{q}" for q in range(width)]


def write(path, rows, weights=None):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns(rows.shape[1]) + ([] if weights is None else ["weight"]))
        for i, row in enumerate(rows):
            out.writerow([repr(float(value)) for value in row] + ([] if weights is None else [repr(float(weights[i]))]))


def labels_of(path):
    with open(path, newline="") as file:
        return np.array([int(row["cluster"]) for row in csv.DictReader(file)], dtype=np.int32)


def centres_of(model):
    size = struct.unpack("<Q", model[:8])[0]
    place = json.loads(model[8 : 8 + size])["centres"]
    first, last = place["data_offsets"]
    return np.frombuffer(model[8 + size + first : 8 + size + last], dtype=np.float32).reshape(place["shape"])


class KMeans(ClusterMixin, BaseEstimator):
    def __init__(self, n_clusters=8, *, init="k-means++", n_init="auto", max_iter=300, tol=1e-4, verbose=0,
                 random_state=None, copy_x=True, algorithm="lloyd"):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def fit(self, X, y=None, sample_weight=None):
        given = np.asarray(X)
        dtype = given.dtype if given.dtype == np.float32 else np.float64
        rows = given.astype(np.float64)
        random = isinstance(self.init, str) and self.init == "random"
        drawn = isinstance(self.init, str)
        starts = {"auto": 10 if random else 1}.get(self.n_init, self.n_init) if drawn else 1
        seed = 0 if self.random_state is None else int(self.random_state)
        if random:
            chance = np.random.RandomState(seed)
            tries = [rows[chance.choice(len(rows), self.n_clusters, replace=False)] for _ in range(starts)]
            found = min((self._run(rows, sample_weight, seed, centres=start) for start in tries), key=lambda f: f[0])
        elif drawn:
            found = self._run(rows, sample_weight, seed, restarts=starts)
        else:
            start = self.init(rows, self.n_clusters, random_state=seed) if callable(self.init) else self.init
            found = self._run(rows, sample_weight, seed, centres=np.asarray(start, dtype=np.float64))
        self.inertia_, self.labels_, centres, self.n_iter_, self._model = found
        self.cluster_centers_ = centres.astype(dtype)
        self.n_features_in_ = rows.shape[1]
        distinct = len(set(self.labels_))
        if distinct < self.n_clusters:
            warnings.warn(f"Number of distinct clusters ({distinct}) found smaller than n_clusters ({self.n_clusters}). "
                          "Possibly due to duplicate points in X.", ConvergenceWarning, stacklevel=2)
        return self

    def _run(self, rows, weights, seed, centres=None, restarts=1):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            write(folder / "rows.csv", rows, weights)
            inputs = ", ".join(f'"{name}"' for name in columns(rows.shape[1]))
            text = ['kind = "kmeans"', f"seed = {seed}", f"k = {self.n_clusters}", f"iterations = {self.max_iter}",
                    f"restarts = {restarts}"]
            if centres is not None:
                text.append(f"centres = {[[float(value) for value in centre] for centre in centres]}")
            if weights is not None:
                text.append('weight = "weight"')
            text += ["[output]", f'folder = "{folder}/runs"', "[data]", 'source = { path = "rows.csv" }',
                     f"inputs = [{inputs}]", 'scale = "none"']
            (folder / "job.toml").write_text("\n".join(text) + "\n")
            # As many threads as the test allows scikit-learn.
            threads = min((pool["num_threads"] for pool in _get_threadpool_controller().info()), default=0)
            call("run", folder / "job.toml", "--quiet", "--device", "cpu", "--threads", threads)
            (run,) = (folder / "runs").iterdir()
            metrics = json.loads((run / "metrics.json").read_text())
            details = metrics["details"]
            model = (run / "models" / "model.safetensors").read_bytes()
            passes = details["iterations"] + (details["end"] == "labels")
            return (metrics["headline"]["inertia"], labels_of(run / "tables" / "assignments.csv"), centres_of(model),
                    passes, model)

    def predict(self, X):
        rows = np.asarray(X, dtype=np.float64)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "model.safetensors").write_bytes(self._model)
            write(folder / "rows.csv", rows)
            call("predict", folder / "model.safetensors", "--data", folder / "rows.csv", "--out", folder / "out.csv",
                 "--device", "cpu")
            return labels_of(folder / "out.csv")

    def score(self, X, y=None):
        rows = np.asarray(X, dtype=np.float64)
        return -float(((rows - self.cluster_centers_[self.predict(rows)]) ** 2).sum())


def close(actual, desired, rtol=1e-7, atol=0.0, **others):
    largest = float(np.max(np.abs(np.asarray(desired, dtype=np.float64)), initial=0.0))
    np.testing.assert_allclose(actual, desired, rtol=max(rtol, RTOL), atol=max(atol, RTOL * largest), **others)


REAL = sklearn.cluster.KMeans
sklearn.cluster.KMeans = KMeans


def applies(item):
    given = item.callspec.params if hasattr(item, "callspec") else {}
    sparse = any("sparse" in part or "csr" in part.lower() for part in item.name.replace("]", "-").split("-"))
    container = given.get("csr_container", None)
    others = {given.get(name, "lloyd") for name in ("algo", "algorithm")} - {"lloyd", None}
    estimator = given.get("Estimator", KMeans)
    return not sparse and container is None and not others and estimator is KMeans


LISTED = {}


def pytest_collection_modifyitems(config, items):
    kept = []
    for item in items:
        item.module.assert_allclose = close
        name = item.originalname
        if name in LEFT_OUT:
            LISTED[name] = LEFT_OUT[name]
        elif applies(item):
            kept.append(item)
    items[:] = kept


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("scikit-learn's tests that do not apply")
    for name, why in LISTED.items():
        terminalreporter.line(f"{name}: {why}")
    terminalreporter.line("parameters that do not apply: sparse arrays, Elkan's algorithm, MiniBatchKMeans")


@pytest.hookimpl(tryfirst=True)
def pytest_report_header(config):
    return f"nightloom: {subprocess.run([PROGRAM, '--version'], capture_output=True, text=True).stdout.strip()}"
