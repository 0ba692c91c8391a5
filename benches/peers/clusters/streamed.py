"""K-means on a Parquet table that is passed over from disk, beside the same table in memory.

`streamed.py --program PROGRAM [--rows 10000000] [--width 64] [--k 256] [--iterations 10] [--folder FOLDER] [--json FILE]`
makes the table (2.5 GB as it stands), runs `nightloom run` on it twice from the same centres, and prints for each the time of
its stages, the most memory that the process held, and the inertia, which must agree.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

PART = 1 << 18


def arguments():
    parser = argparse.ArgumentParser(prog="streamed.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--rows", default=10_000_000, type=int)
    parser.add_argument("--width", default=64, type=int)
    parser.add_argument("--k", default=256, type=int)
    parser.add_argument("--iterations", default=10, type=int)
    parser.add_argument("--folder", type=Path, help="for the table and the runs; by default a temporary one")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def make(path, args):
    """Groups of unequal size that overlap; returns the first rows, from which the centres are taken."""
    rng = np.random.default_rng(1)
    groups = rng.normal(size=(2 * args.k, args.width)).astype(np.float32)
    names = [f"x{q}" for q in range(args.width)]
    schema = pyarrow.schema([(name, pyarrow.float32()) for name in names])
    first = None
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd", compression_level=1, use_dictionary=False) as out:
        for start in range(0, args.rows, PART):
            n = min(PART, args.rows - start)
            rows = rng.standard_normal((n, args.width), dtype=np.float32) * np.float32(0.8)
            rows += groups[rng.integers(len(groups), size=n)]
            first = rows[: args.k].copy() if first is None else first
            out.write_table(pyarrow.table([np.ascontiguousarray(rows[:, q]) for q in range(args.width)], schema=schema))
    return first


def run(args, folder, name, centres, out_of_core):
    job = folder / f"{name}.toml"
    inputs = ", ".join(f'"x{q}"' for q in range(args.width))
    job.write_text(f"""kind = "kmeans"
k = {args.k}
iterations = {args.iterations}
centres = {[[float(value) for value in centre] for centre in centres]}
[output]
folder = "{folder}/runs"
format = "parquet"
[data]
source = {{ path = "rows.parquet" }}
inputs = [{inputs}]
scale = "none"
out_of_core = {str(out_of_core).lower()}
""")
    start = time.perf_counter()
    process = subprocess.Popen([args.program, "run", job, "--quiet", "--device", "cpu"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"error: {name} ended with {status}")
    (folder_of_run,) = (folder / "runs").glob(f"{name}-*")
    metrics = json.loads((folder_of_run / "metrics.json").read_text())
    return {"name": name, "seconds": seconds, "peak_gib": usage.ru_maxrss / 2**20, "inertia": metrics["headline"]["inertia"],
            "timing": json.loads((folder_of_run / "timing.json").read_text())}


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = Path(folder)
        centres = make(folder / "rows.parquet", args)
        size = (folder / "rows.parquet").stat().st_size
        # Both read the file from the page cache, as far as it holds it.
        found = [run(args, folder, name, centres, name == "streamed") for name in ("memory", "streamed")]
    for one in found:
        print(f"{one['name']}: {one['seconds']:.1f} s, {one['peak_gib']:.2f} GiB at most, inertia {one['inertia']:.6e}; "
              f"{json.dumps(one['timing'])}")
    print(f"table {size / 2**30:.2f} GiB; streamed takes {found[1]['seconds'] / found[0]['seconds']:.2f} times as long; "
          f"inertia {found[1]['inertia'] / found[0]['inertia'] - 1:+.1e}")
    if args.json:
        args.json.write_text(json.dumps({"rows": args.rows, "bytes": size, "found": found}, indent=1))


if __name__ == "__main__":
    main()
