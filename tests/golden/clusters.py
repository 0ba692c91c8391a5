"""Clusters, components and trees of the bundled digits by scikit-learn 1.9.1 and NumPy 2.4.6.

    python tests/golden/clusters.py > tests/golden/clusters.json
"""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score, silhouette_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

DIGITS = Path(__file__).resolve().parents[2] / "datasets" / "optdigits_1797.csv.gz"


def read():
    with gzip.open(DIGITS, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([[float(cell) for cell in row] for row in rows])
    return values[:, :64], values[:, 64].astype(int)


def splits(tree):
    """Feature, threshold and rows of each node, the left side first; feature -1 is a leaf."""
    tree = tree.tree_
    return [[int(f), float(t) if f >= 0 else 0.0, int(n)]
            for f, t, n in zip(np.maximum(tree.feature, -1), tree.threshold, tree.n_node_samples, strict=True)]


def main():
    x, y = read()
    kmeans = KMeans(10, init=x[:10], n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(x)
    pca = PCA(10, svd_solver="full").fit(x)
    leaves = {str(alpha): int(DecisionTreeClassifier(random_state=0, ccp_alpha=alpha).fit(x, y).get_n_leaves())
              for alpha in (0.002, 0.005, 0.02)}
    found = {
        "kmeans": {
            "inertia": float(kmeans.inertia_),
            "sizes": np.bincount(kmeans.labels_).tolist(),
            "silhouette": float(silhouette_score(x, kmeans.labels_)),
            "davies_bouldin": float(davies_bouldin_score(x, kmeans.labels_)),
            "adjusted_rand": float(adjusted_rand_score(y, kmeans.labels_)),
        },
        "pca": {
            "variances": pca.explained_variance_.tolist(),
            "shares": pca.explained_variance_ratio_.tolist(),
            "components": pca.components_.round(9).tolist(),
        },
        "trees": {
            "gini": splits(DecisionTreeClassifier(max_depth=5, random_state=0).fit(x, y)),
            "entropy": splits(DecisionTreeClassifier(criterion="entropy", max_depth=5, random_state=0).fit(x, y)),
            "squared_error": splits(DecisionTreeRegressor(max_depth=5, random_state=0).fit(x, y)),
            "leaves_pruned": leaves,
        },
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
