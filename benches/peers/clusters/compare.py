"""Our K-means, nearest rows, components and boosted trees beside their peers on the CPU.

Everybody gets the same rows from a file, the same start and the same number of iterations (superkmeans draws its own
start), in a process of its own; rounds alternate, and a figure is the median over the rounds. Reading the file is not timed.
The ratio is our time over the peer's, so below 1 we are faster.
"""

import argparse
import dataclasses
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "cpu"))

import machine  # noqa: E402
import report  # noqa: E402
import works  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run clusters", description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only works like this, for instance 'kmeans*'")
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--quick", action="store_true", help="one round on fewer rows")
    return parser.parse_args()


def called(command, threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env={**os.environ, **dict.fromkeys(names, str(threads))})
    if done.returncode != 0:
        raise SystemExit(f"error: {command[0]} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(program, work, paths, threads, held_out):
    command = [program, "bench", "clusters", work.kind, "--rows", paths["rows"], "--width", work.width, "--threads", threads,
               "--iterations", work.iterations, "--json"]
    if work.kind in ("kmeans", "nearest"):
        command += ["--centres", paths["centres"]]
    if work.kind == "boost":
        command += ["--labels", paths["labels"], "--held-out", held_out]
    found = called(command, threads)
    return {**found, "seconds": found["seconds_an_iteration"] if work.kind == "kmeans" else found["seconds"]}


def peer(name, work, paths, threads, held_out):
    other = {"boost": ["labels"], "pca": []}.get(work.kind, ["centres"])
    return called([sys.executable, HERE / "peer.py", name, work.kind, threads, work.width, work.iterations, held_out,
                   paths["rows"], *(paths[what] for what in other)], threads)


def agreement(mine, theirs):
    if "inertia" in theirs:
        return f"inertia {mine['inertia'] / theirs['inertia'] - 1:+.1e}"
    if "variances" in theirs:
        pairs = zip(mine["variances"], theirs["variances"], strict=True)
        return f"variances within {max(abs(a / b - 1) for a, b in pairs):.1e}"
    return f"ROC-AUC {mine['roc_auc']:.4f}, theirs {theirs['roc_auc']:.4f}"


def compare(name, work, paths, threads, args):
    held_out = works.HELD_OUT if not args.quick else work.rows // 10
    mine, theirs = [], {name: [] for name in work.peers}
    for _ in range(1 if args.quick else args.rounds):
        mine.append(ours(args.program, work, paths, threads, held_out))
        for other in work.peers:
            theirs[other].append(peer(other, work, paths, threads, held_out))
    median = lambda found: statistics.median(one["seconds"] for one in found)  # noqa: E731
    return [{"work": name, "threads": threads, "ours_s": median(mine), "peer": f"{other} {found[0]['version']}",
             "peer_s": median(found), "ratio": median(mine) / median(found), "agreement": agreement(mine[0], found[0]),
             "goal": work.goal} for other, found in theirs.items()]


def text(facts, rows):
    lines = [f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB. {facts['nightloom']}, {facts['rustc']}. Medians "
             f"of {facts['rounds']} alternating rounds; load before the first {facts['load_before']}.", ""]
    if facts["quick"]:
        lines[1:1] = ["Quick: one round on fewer rows. Not for the record."]
    head = ["work", "threads", "ours", "peer", "peer's", "ratio", "agreement", "goal"]
    cells = ((row["work"], row["threads"], report.seconds(row["ours_s"]), row["peer"], report.seconds(row["peer_s"]),
              f"{row['ratio']:.2f}", row["agreement"], row["goal"]) for row in rows)
    return "\n".join([*lines, *report.table(head, cells)]) + "\n"


def main():
    args = arguments()
    version = subprocess.run([args.program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    facts = {**machine.facts(), "rounds": 1 if args.quick else args.rounds, "quick": args.quick, "nightloom": version}
    rows = []
    for name, work in works.WORKS.items():
        if not fnmatch.fnmatch(name, args.only):
            continue
        if args.quick:
            work = dataclasses.replace(work, **works.QUICK[name])
        with tempfile.TemporaryDirectory() as folder:
            paths = works.make(name, work, Path(folder))
            for threads in args.threads:
                found = compare(name, work, paths, threads, args)
                rows += found
                for row in found:
                    print(f"{name}, threads {threads}: {row['ratio']:.2f} of {row['peer']}", file=sys.stderr, flush=True)
    report.write(args, text(facts, rows), {"machine": facts, "rows": rows})


if __name__ == "__main__":
    main()
