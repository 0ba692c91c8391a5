"""Puts the comparisons of several seeds into one table.

    python growth_summary.py peers-1.json metrics-1.json [peers-2.json metrics-2.json ...] [--json FILE]

For each seed (another split, other networks): held-out ROC-AUC of the classifier beside its peers, and the F1, average
precision and timing error of the growth points beside the two baselines. Below it, means and standard deviations.
"""

import argparse
import json
import statistics


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def mean_and_deviation(values):
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ({deviation:.4f})"


def classifier_rows(results):
    rows = []
    for peers, _ in results:
        by_model = {row["model"]: row["test_auc"] for row in peers["rows"]}
        best = max(by_model["MLPClassifier"], by_model["HistGradientBoosting"])
        rows.append({"seed": peers["seed"], **by_model, "ours - better peer": by_model["ours"] - best})
    return rows


def point_rows(results):
    rows = []
    for peers, metrics in results:
        for method in find(metrics, "growth_points"):
            rows.append({"seed": peers["seed"], "method": method["method"], **method["scores"]})
    return rows


def find(value, key):
    """The first value under `key` at any depth."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            found = find(each, key)
            if found is not None:
                return found
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--json")
    args = parser.parse_args()
    results = [(load(a), load(b)) for a, b in zip(args.files[::2], args.files[1::2])]

    classifier = classifier_rows(results)
    columns = [name for name in classifier[0] if name != "seed"]
    print("\nheld-out ROC-AUC\n\n| seed | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for row in classifier:
        print(f"| {row['seed']} | " + " | ".join(f"{row[name]:.4f}" for name in columns) + " |")
    print("| mean (sd) | " + " | ".join(mean_and_deviation([r[name] for r in classifier]) for name in columns) + " |")

    points = point_rows(results)
    measures = ["precision", "recall", "f1", "timing_error_steps", "average_precision", "roc_auc"]
    print("\ngrowth points on held-out products, mean (sd) over the seeds\n\n| method | " + " | ".join(measures) + " |")
    print("|---|" + "---|" * len(measures))
    for method in dict.fromkeys(row["method"] for row in points):
        own = [row for row in points if row["method"] == method]
        print(f"| {method} | " + " | ".join(mean_and_deviation([r[m] for r in own]) for m in measures) + " |")

    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"classifier": classifier, "growth_points": points}, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
