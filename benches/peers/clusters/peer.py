"""One peer on one work: `peer.py NAME KIND THREADS WIDTH ITERATIONS HELD_OUT ROWS [CENTRES] [LABELS]`; prints JSON."""

import json
import sys
import time

import numpy as np


def read(path, width):
    return np.fromfile(path, dtype=np.float32).reshape(-1, width)


def inertia_of(rows, centres):
    """The sum of squared distances to the nearest centre, in f64, a block at a time."""
    total, square = 0.0, (centres.astype(np.float64) ** 2).sum(1)
    for first in range(0, len(rows), 20_000):
        block = rows[first : first + 20_000].astype(np.float64)
        scores = square - 2 * block @ centres.T.astype(np.float64)
        total += float((scores.min(1) + (block**2).sum(1)).sum())
    return total


def faiss_kmeans(rows, centres, iterations, threads):
    import faiss

    faiss.omp_set_num_threads(threads)
    kmeans = faiss.Kmeans(rows.shape[1], len(centres), niter=iterations, max_points_per_centroid=10**9,
                          min_points_per_centroid=1, verbose=False)
    start = time.perf_counter()
    kmeans.train(rows, init_centroids=centres)
    return time.perf_counter() - start, kmeans.centroids, faiss.__version__


def scikit_kmeans(rows, centres, iterations, threads):
    import sklearn
    from sklearn.cluster import KMeans

    kmeans = KMeans(len(centres), init=centres, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd", copy_x=False)
    start = time.perf_counter()
    kmeans.fit(rows)
    return time.perf_counter() - start, kmeans.cluster_centers_, sklearn.__version__


def super_kmeans(rows, centres, iterations, threads):
    import superkmeans

    kmeans = superkmeans.SuperKMeans(len(centres), rows.shape[1], hierarchical=False, iters=iterations,
                                     sampling_fraction=1.0, max_points_per_cluster=10**9, n_threads=threads,
                                     early_termination=False)
    start = time.perf_counter()
    found = kmeans.train(rows)
    return time.perf_counter() - start, np.asarray(found), superkmeans.__version__


def kmeans(name, rows, centres, iterations, threads):
    if name == "scikit-learn-intelex":
        from sklearnex import patch_sklearn

        patch_sklearn(verbose=False)
    run = {"faiss": faiss_kmeans, "superkmeans": super_kmeans}.get(name, scikit_kmeans)
    seconds, found, version = run(rows, centres, iterations, threads)
    # faiss and superkmeans end with a move, the others with an assignment; superkmeans draws its own start.
    return {"seconds": seconds / iterations, "inertia": inertia_of(rows, found), "version": version}


def nearest(rows, centres, threads):
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(centres)
    start = time.perf_counter()
    distances, _ = index.search(rows, 1)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "inertia": float(distances.astype(np.float64).sum()), "version": faiss.__version__}


def pca(rows):
    import sklearn
    from sklearn.decomposition import PCA

    start = time.perf_counter()
    found = PCA(copy=False).fit(rows)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "variances": found.explained_variance_.astype(float).tolist(), "version": sklearn.__version__}


def boost(name, rows, labels, held_out, threads):
    import sklearn
    from sklearn.metrics import roc_auc_score

    cut = len(rows) - held_out
    start = time.perf_counter()
    if name == "lightgbm":
        import lightgbm

        settings = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.1, "num_threads": threads, "verbose": -1}
        model = lightgbm.train(settings, lightgbm.Dataset(rows[:cut], labels[:cut]), 100)
        seconds, version, said = time.perf_counter() - start, lightgbm.__version__, model.predict(rows[cut:])
    else:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(rows[:cut], labels[:cut])
        seconds, version = time.perf_counter() - start, sklearn.__version__
        said = model.predict_proba(rows[cut:])[:, 1]
    return {"seconds": seconds, "roc_auc": float(roc_auc_score(labels[cut:], said)), "version": version}


def main():
    name, kind, threads, width, iterations, held_out, rows, *others = sys.argv[1:]
    threads, width, rows = int(threads), int(width), read(rows, int(width))
    if kind == "kmeans":
        found = kmeans(name, rows, read(others[0], width), int(iterations), threads)
    elif kind == "nearest":
        found = nearest(rows, read(others[0], width), threads)
    elif kind == "pca":
        found = pca(rows)
    else:
        found = boost(name, rows, np.fromfile(others[0], dtype=np.float32), int(held_out), threads)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
