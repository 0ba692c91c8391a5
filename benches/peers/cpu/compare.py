"""Our CPU engine beside its peers: one row a work, a number of threads and a peer.

For each work and number of threads every peer has a process of its own, each of its forms is tried once, and those
within a tenth of the best are kept. Then rounds alternate: our process, then each peer's. A figure is the median over
the rounds; `spread` is (largest - smallest) / median. The ratio is our time over the peer's, so below 1 we are faster.
"""

import argparse
import contextlib
import fnmatch
import itertools
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import machine
import report
import works
from peer import Peer, Program, Trouble

HERE = Path(__file__).resolve().parent
KEPT_WITHIN = 1.1


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run cpu", description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--rust", required=True, type=Path, help="folder of the built Rust peers")
    parser.add_argument("--allocations", required=True, type=Path, help="the built benches/allocations.rs")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--only", default="*", metavar="PATTERN", help="only works like this, for instance 'conv*'")
    parser.add_argument("--quick", action="store_true", help="2 short rounds, without large products and torch.compile")
    parser.add_argument("--as-installed", action="store_true",
                        help="also torch's eager forms with the allocator's settings as they come")
    return parser.parse_args()


class Settings:
    def __init__(self, quick, as_installed):
        self.quick, self.as_installed = quick, as_installed
        self.rounds = 2 if quick else 3
        self.seconds = 0.2 if quick else 0.5


def peers_of(names, threads, settings, rust):
    """The command lines and environments of the peers of some works."""
    no_compile = ["--no-compile"] if settings.quick else []
    torch = [sys.executable, HERE / "torch_peer.py", "--threads", threads, *no_compile]
    # glibc gives freed memory of large tensors back to the system and faults it in again at the next step; kept, it
    # is faster for torch. Its tuning guide says the same with other allocators.
    keep = {"OMP_NUM_THREADS": str(threads), "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34),
            "TORCHINDUCTOR_CACHE_DIR": str(rust.parent.parent / "inductor")}
    found = [([*torch, *names], keep)]
    if settings.as_installed:
        found.append(([*torch, "--no-compile", "--name", "torch as installed", *names], {"OMP_NUM_THREADS": str(threads)}))
    if all(name in works.PRODUCTS for name in names):
        found += [([rust / name, "--threads", threads, *names], {}) for name in ("gemm", "faer")]
    if all(name in works.BURN for name in names):
        found.append(([rust / "burn", "--threads", threads, *names], {}))
    return found


def ours(program, work, threads, settings):
    if work in works.PRODUCTS:
        product = works.PRODUCTS[work]
        row = program.product(product, threads, 1 if product.flops > 1e10 else 3)
        return {"seconds": row["seconds"]}
    row = program.step(work, threads, settings.seconds)
    return {"seconds": row["seconds_a_step"], "floor_s": row["floor_s"]}


def knows(program, work):
    return work in works.PRODUCTS or program.step(work, 1, 0.001) is not None


def kept_forms(peer, work, settings):
    """The forms worth timing again, by one short trial each."""
    forms = peer.forms[work]
    if len(forms) == 1:
        return forms, {}
    tried = {form: peer.seconds(work, form, settings.seconds / 2) for form in forms}
    best = min(tried.values())
    return [form for form, seconds in tried.items() if seconds <= KEPT_WITHIN * best], tried


def spread(values):
    return (max(values) - min(values)) / statistics.median(values)


def compare(label, work, threads, program, peers, settings):
    """The rows of one work, under the name `label`."""
    kept = {peer.name: kept_forms(peer, work, settings) for peer in peers}
    mine, theirs = [], {(peer.name, form): [] for peer in peers for form in kept[peer.name][0]}
    for _ in range(settings.rounds):
        mine.append(ours(program, work, threads, settings))
        for peer in peers:
            for form in kept[peer.name][0]:
                theirs[peer.name, form].append(peer.seconds(work, form, settings.seconds))
    seconds = statistics.median(one["seconds"] for one in mine)
    rows = []
    for peer in peers:
        form = min(kept[peer.name][0], key=lambda form: statistics.median(theirs[peer.name, form]))
        found = theirs[peer.name, form]
        rows.append({
            "work": label, "threads": threads, "ours_s": seconds, "peer": f"{peer.name} {peer.facts['version']}",
            "peer_s": statistics.median(found), "ratio": seconds / statistics.median(found), "form": form,
            "tried_s": kept[peer.name][1], "ours_spread": spread([one["seconds"] for one in mine]),
            "peer_spread": spread(found), **floor(mine[-1], work, seconds),
        })
    return rows


def ways(work, program, amx):
    """How our program does a work: as it does by default and, where it has a tile unit to use, in other settings."""
    found = [(work, program)]
    if amx is not None and work in works.SQUARES:
        found += [(f"{work} (AMX {mode})", Program(program.path, amx=mode)) for mode in works.AMX_MODES]
    return found


def floor(last, work, seconds):
    """Time over what the work's operations would take at the CPU's peak."""
    if work in works.PRODUCTS:
        return {"gflops": works.PRODUCTS[work].flops / seconds / 1e9}
    return {"floor_s": last["floor_s"], "over_floor": seconds / last["floor_s"]}


def allocations(path, threads):
    """Heap allocations of a step of ours after warm-up, the most over the numbers of threads, by network."""
    most = {}
    for count in threads:
        environment = {**os.environ, "RAYON_NUM_THREADS": str(count)}
        done = subprocess.run([path], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise Trouble(f"{path} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
        for name, found in json.loads(done.stdout).items():
            most[name] = max(found, most.get(name, 0))
    return most


def main():
    args = arguments()
    settings = Settings(args.quick, args.as_installed)
    names = [*works.STEPS, *(name for name in works.PRODUCTS if not (args.quick and name in works.SLOW))]
    names = [name for name in names if fnmatch.fnmatch(name, args.only)]
    if not names:
        raise Trouble(f"no work is like {args.only!r}; there are {', '.join([*works.STEPS, *works.PRODUCTS])}")
    program = Program(args.program)
    facts = {**machine.facts(), "rounds": settings.rounds, "quick": settings.quick}
    known = [name for name in names if knows(program, name)]
    skipped = [name for name in names if name not in known]
    for name in skipped:
        print(f"{name}: skipped, this program does not know it", file=sys.stderr, flush=True)
    # A step has processes of its own; the products, whose data are small, share theirs.
    groups = [[name] for name in known if name in works.STEPS] + [[name for name in known if name in works.PRODUCTS]]
    if not known:
        raise Trouble(f"this program knows none of {', '.join(skipped)}")
    rows, amx = [], program.amx_mode()
    for group, threads in itertools.product(filter(None, groups), args.threads):
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(*how)) for how in peers_of(group, threads, settings, args.rust)]
            for work, (label, way) in ((work, way) for work in group for way in ways(work, program, amx)):
                found = compare(label, work, threads, way, peers, settings)
                rows += found
                print(report.progress(label, threads, found), file=sys.stderr, flush=True)
            facts["peers"] = {**facts.get("peers", {}), **{peer.name: peer.facts for peer in peers}}
    facts["allocations_a_step"] = allocations(args.allocations, args.threads)
    place, peaks = {}, {}
    for threads in args.threads:
        place, peaks[threads] = program.place(threads)
    facts = {**facts, "simd": place["simd"], "amx": amx, "nightloom": program.version(), "peak_flops_a_second": peaks}
    report.comparison(args, facts, rows, skipped)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        raise SystemExit(f"error: {trouble}") from None
