"""Growth classifier beside its peers: scikit-learn's MLPClassifier and
HistGradientBoostingClassifier on the same products, early weeks, labels and split.

A finished run of jobs/growth.toml holds tables/products.csv with the columns

    product      the product
    part         train, validation or test
    label        growth or steady
    probability  our probability of growth (read on the test rows only)

This script joins it to the sales table, trains every candidate on the train part,
picks one candidate of each kind by its ROC-AUC on the validation part, and only then
looks at the test part, once. Every candidate sees the first weeks of the product and
nothing else. The views of those weeks:

    raw      the quantities as they are
    log      log(1 + quantity)
    scaled   quantity over the product's own early mean, and the log of that mean
    sorted   the log quantities, the scaled quantities in ascending order, their
             standard deviation and the log mean
    level    the log mean alone (only for the base-level baseline)

The base-level baseline, a logistic regression on the level alone, shows how much of
the label is a question of size.

The 95% interval of a difference "ours minus peer" comes from resampling the test
products with replacement (percentile bootstrap, both models on the same resample).

    python growth.py --products runs/growth-.../tables/products.csv --data datasets/cj_product_week_qty.csv.gz

`benches/peers/run growth` makes the runs, sets up Python, and calls this script.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Python 3.11
PINNED = {
    "numpy": "2.4.6",
    "pandas": "3.1.1",
    "scikit-learn": "1.9.1",
}

PARTS = ("train", "validation", "test")
VIEWS = ("raw", "log", "scaled", "sorted")


def fail(message):
    sys.exit(f"error: {message}")


def read_split(path):
    split = pd.read_csv(path)
    for column in ("product", "part", "label", "probability"):
        if column not in split.columns:
            fail(f"{path}: no column {column}")
    split = split.rename(columns={"product": "product_id"})
    odd = ~split["label"].isin(["growth", "steady"])
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        fail(f"{path}: row {row + 2}, column label: {split.label[row]!r} is neither growth nor steady")
    split["label"] = (split["label"] == "growth").astype(int)
    repeated = split["product_id"].duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        fail(f"{path}: row {row + 2}, column product_id: {split.product_id[row]} occurs twice")
    unknown = ~split["part"].isin(PARTS)
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        fail(f"{path}: row {row + 2}, column part: {split.part[row]!r} is none of {', '.join(PARTS)}")
    for part in PARTS:
        if split.loc[split.part == part, "label"].nunique() != 2:
            fail(f"{path}: the {part} part needs products of both labels")
    blank = (split["part"] == "test") & split["probability"].isna()
    if blank.any():
        row = int(np.flatnonzero(blank)[0])
        fail(f"{path}: row {row + 2}, column probability: a test row without a probability")
    return split


def early_weeks(path, split, steps):
    sales = pd.read_csv(path)
    columns = [f"w{i}" for i in range(1, steps + 1)]
    for column in ["product_id", *columns]:
        if column not in sales.columns:
            fail(f"{path}: no column {column}")
    sales = sales.drop_duplicates("product_id").set_index("product_id")
    absent = split.loc[~split["product_id"].isin(sales.index), "product_id"]
    if len(absent):
        fail(f"{path}: product {absent.iloc[0]} of the split is not in the sales table")
    quantities = sales.loc[split["product_id"], columns].to_numpy(dtype=float)
    if (quantities.sum(axis=1) <= 0).any():
        fail("a product of the split sold nothing in its early weeks: it has no mean to divide by")
    return quantities


def make_views(quantities):
    mean = quantities.mean(axis=1, keepdims=True)
    level = np.log(mean)
    log = np.log1p(quantities)
    scaled = quantities / mean
    spread = scaled.std(axis=1, keepdims=True)
    return {
        "raw": quantities,
        "log": log,
        "scaled": np.hstack([scaled, level]),
        "sorted": np.hstack([log, np.sort(scaled, axis=1), spread, level]),
        "level": level,
    }


def mlp_candidates(seed):
    for hidden in ((32,), (64,), (32, 16)):
        for alpha in (0.01, 0.1, 1.0):
            yield (
                {"hidden": list(hidden), "alpha": alpha},
                lambda hidden=hidden, alpha=alpha: make_pipeline(
                    StandardScaler(),
                    MLPClassifier(
                        hidden_layer_sizes=hidden,
                        alpha=alpha,
                        learning_rate_init=2e-3,
                        max_iter=200,
                        early_stopping=True,
                        validation_fraction=0.15,
                        n_iter_no_change=10,
                        random_state=seed,
                    ),
                ),
            )


def boosting_candidates(seed):
    for rate, leaves, ridge in ((0.03, 4, 10.0), (0.03, 8, 1.0), (0.05, 5, 1.0), (0.05, 15, 1.0), (0.1, 31, 0.0)):
        yield (
            {"learning_rate": rate, "max_leaf_nodes": leaves, "l2_regularization": ridge},
            lambda rate=rate, leaves=leaves, ridge=ridge: HistGradientBoostingClassifier(
                learning_rate=rate,
                max_leaf_nodes=leaves,
                l2_regularization=ridge,
                min_samples_leaf=30,
                max_iter=400,
                early_stopping=True,
                n_iter_no_change=15,
                random_state=seed,
            ),
        )


def choose(candidates, views, names, labels, parts):
    """Train every setting on every view; keep the one with the best validation AUC."""
    train, validation = parts["train"], parts["validation"]
    best = None
    tried = 0
    for name in names:
        x = views[name]
        for setting, build in candidates:
            model = build().fit(x[train], labels[train])
            score = roc_auc_score(labels[validation], model.predict_proba(x[validation])[:, 1])
            tried += 1
            if best is None or score > best["validation_auc"]:
                best = {"view": name, "setting": setting, "validation_auc": float(score), "model": model}
    best["tried"] = tried
    return best


def bootstrap_difference(labels, ours, theirs, rounds, seed):
    rng = np.random.default_rng(seed)
    differences = []
    while len(differences) < rounds:
        pick = rng.integers(0, len(labels), len(labels))
        if labels[pick].min() == labels[pick].max():
            continue
        differences.append(roc_auc_score(labels[pick], ours[pick]) - roc_auc_score(labels[pick], theirs[pick]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--products", required=True, help="tables/products.csv of a finished run")
    parser.add_argument("--data", required=True, help="the sales table, one row a product, columns w1, w2, ...")
    parser.add_argument("--early-steps", type=int, default=13)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bootstrap", type=int, default=2000)
    parser.add_argument("--json", help="write the results here as well")
    args = parser.parse_args()

    versions = {"numpy": np.__version__, "pandas": pd.__version__, "scikit-learn": sklearn.__version__}
    for name, wanted in PINNED.items():
        if versions[name] != wanted:
            print(f"warning: {name} {versions[name]}, the published figures used {wanted}", file=sys.stderr)
    warnings.filterwarnings("ignore", category=ConvergenceWarning)

    split = read_split(args.products)
    quantities = early_weeks(args.data, split, args.early_steps)
    labels = split["label"].to_numpy(dtype=int)
    parts = {part: np.flatnonzero(split["part"].to_numpy() == part) for part in PARTS}
    views = make_views(quantities)
    test = parts["test"]
    truth = labels[test]
    ours = split["probability"].to_numpy(dtype=float)[test]

    kinds = {
        "MLPClassifier": (list(mlp_candidates(args.seed)), VIEWS),
        "HistGradientBoosting": (list(boosting_candidates(args.seed)), VIEWS),
        "base level only": (
            [({}, lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))],
            ("level",),
        ),
    }
    our_auc = float(roc_auc_score(truth, ours))
    rows = [{"model": "ours", "test_auc": our_auc}]
    for kind, (candidates, names) in kinds.items():
        started = time.perf_counter()
        best = choose(candidates, views, names, labels, parts)
        seconds = time.perf_counter() - started
        theirs = best["model"].predict_proba(views[best["view"]][test])[:, 1]
        auc = float(roc_auc_score(truth, theirs))
        low, high = bootstrap_difference(truth, ours, theirs, args.bootstrap, args.seed)
        rows.append(
            {
                "model": kind,
                "view": best["view"],
                "setting": best["setting"],
                "candidates": best["tried"],
                "validation_auc": best["validation_auc"],
                "test_auc": auc,
                "ours_minus_peer": our_auc - auc,
                "interval_95": [low, high],
                "seconds_all_candidates": round(seconds, 2),
            }
        )

    counts = {part: int(len(rows_)) for part, rows_ in parts.items()}
    print(f"products: {counts}; growth in the test part: {int(truth.sum())}")
    print(f"{'model':22} {'view':8} {'val AUC':>8} {'test AUC':>9} {'ours - peer':>12}  95% interval")
    for row in rows:
        if row["model"] == "ours":
            print(f"{'ours':22} {'':8} {'':>8} {row['test_auc']:9.4f}")
            continue
        low, high = row["interval_95"]
        print(
            f"{row['model']:22} {row['view']:8} {row['validation_auc']:8.4f} {row['test_auc']:9.4f} "
            f"{row['ours_minus_peer']:+12.4f}  [{low:+.4f}, {high:+.4f}]"
        )
    better = max(row["test_auc"] for row in rows[1:3])
    print(f"better peer {better:.4f}, ours {our_auc:.4f}: {'no lower' if our_auc >= better else 'LOWER'}")

    if args.json:
        result = {
            "python": platform.python_version(),
            "versions": versions,
            "pinned": PINNED,
            "seed": args.seed,
            "early_steps": args.early_steps,
            "products": counts,
            "rows": rows,
            "ours_no_lower_than_better_peer": our_auc >= better,
        }
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=2)
            out.write("\n")


if __name__ == "__main__":
    main()
