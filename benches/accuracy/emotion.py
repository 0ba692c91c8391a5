"""Emotion of texts on public data: the program itself on several random splits.

  emotion.py zh NEGATIVE.txt.gz POSITIVE.txt.gz   reviews, one a line; repeated texts are removed first; a fifth is held out
  emotion.py en SNIPPETS.tsv.gz                    id `review_snippet`, rating, text; three classes at +-0.5; a fifth of the
                                                   reviews is held out
Further arguments after `--` go to `nightloom bench emotion`. Prints a line a seed, then means and standard deviations.
"""
import argparse
import gzip
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "target/release/nightloom"
GENTLE = ["--cost", "4", "--rate", "1e-5", "--dropout", "0.1"]
BEST = {
    "zh": ["--unit", "characters", "--longest", "3", "--epochs", "1", *GENTLE],
    "en": ["--unit", "words", "--longest", "2", "--length", "128", "--vocabulary", "20000", "--epochs", "2", "--balance", "0.6",
           *GENTLE],
}


def lines(path):
    """Lines as text: UTF-8, and Latin-1 where a line is none."""
    for line in gzip.open(path, "rb"):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield line.decode("latin-1").rstrip("\r\n")


def chinese(files):
    seen, rows = set(), []
    for label, path in enumerate(files):
        for line in lines(path):
            text = " ".join(line.split())
            if text and text not in seen:
                seen.add(text)
                rows.append((label, text, len(rows)))
    return rows


def english(files):
    rows = []
    for line in lines(files[0]):
        number, rating, text = line.split("\t", 2)
        label = 0 if float(rating) < -0.5 else 1 if float(rating) <= 0.5 else 2
        rows.append((label, " ".join(text.split()), number.split("_")[0]))
    return rows


def split(rows, seed):
    groups = sorted({row[2] for row in rows})
    random.Random(seed).shuffle(groups)
    held = set(groups[: len(groups) // 5])
    return [r for r in rows if r[2] not in held], [r for r in rows if r[2] in held]


def write(path, rows):
    path.write_text("".join(f"{label}\t{text}\n" for label, text, _ in rows), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language", choices=["zh", "en"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    args = parser.parse_args(own)
    rows = (chinese if args.language == "zh" else english)(args.files)
    figures = []
    for seed in map(int, args.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            train, test = Path(folder, "train.tsv"), Path(folder, "test.tsv")
            for path, part in zip((train, test), split(rows, seed)):
                write(path, part)
            command = [PROGRAM, "bench", "emotion", train, test, "--seed", str(seed), "--json", *BEST[args.language], *rest]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        figures.append((found["accuracy"], found["macro_f1"]))
        print(f"seed {seed}: accuracy {figures[-1][0]:.4f}, macro-F1 {figures[-1][1]:.4f}, "
              f"{found['train']} trained in {found['train_seconds']:.1f} s", flush=True)
    for name, values in zip(("accuracy", "macro-F1"), zip(*figures)):
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{name}: mean {statistics.mean(values):.4f}, sd {spread:.4f}")


if __name__ == "__main__":
    main()
