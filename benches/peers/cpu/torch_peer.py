"""torch as a peer: a process that times the works it is asked for. See `peer.py` for what it reads and writes.

    python torch_peer.py --threads N [--no-compile] [--name NAME] WORK...
"""

import argparse
import json
import shutil
import statistics
import sys
import time

import torch

import torch_networks
import works

SAMPLE_SECONDS = 0.02


def product(work):
    """A function that multiplies into memory that is there already."""
    shape = works.PRODUCTS[work]
    if shape.batch > 1:
        a, b = torch.randn(shape.batch, shape.m, shape.k), torch.randn(shape.batch, shape.k, shape.n)
        c = torch.empty(shape.batch, shape.m, shape.n)
        return lambda: torch.bmm(a, b, out=c)
    a = torch.randn(shape.k, shape.m).t() if shape.a_transposed else torch.randn(shape.m, shape.k)
    b, c = torch.randn(shape.k, shape.n), torch.empty(shape.m, shape.n)
    return lambda: torch.mm(a, b, out=c)


def measure(take, seconds, sample_seconds):
    """Median seconds of a call. Samples repeat the call until they take so long; at least 5, or 2 of slow ones."""
    begin = time.perf_counter()
    take()
    once = max(time.perf_counter() - begin, 1e-9)
    repeats = max(1, round(sample_seconds / once))
    samples, total = [], 0.0
    while total < seconds or len(samples) < (2 if once > 0.5 else 5):
        begin = time.perf_counter()
        for _ in range(repeats):
            take()
        spent = time.perf_counter() - begin
        total += spent
        samples.append(spent / repeats)
    return statistics.median(samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--name", default="torch")
    parser.add_argument("works", nargs="+")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if not torch.backends.mkldnn.is_available():
        raise SystemExit("this torch was built without oneDNN: it would be no fair peer")
    may_compile = not args.no_compile and shutil.which("c++") is not None

    forms = {w: ["mm"] if w in works.PRODUCTS else torch_networks.forms(w, may_compile) for w in args.works}
    facts = {"version": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(), "compiler": may_compile}
    print(json.dumps({"peer": args.name, "forms": forms, "facts": facts}), flush=True)
    ready = {}
    for line in sys.stdin:
        asked = json.loads(line)
        work, form = asked["work"], asked["form"]
        is_product = work in works.PRODUCTS
        if (work, form) not in ready:
            take = product(work) if is_product else torch_networks.step(work, form)
            for _ in range(1 if is_product else 5):
                take()
            ready[work, form] = take
        found = measure(ready[work, form], asked["seconds"], SAMPLE_SECONDS if is_product else 0.0)
        print(json.dumps({"seconds": found}), flush=True)


if __name__ == "__main__":
    main()
