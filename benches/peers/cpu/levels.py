"""Our training steps at each SIMD level of this machine, in alternating rounds."""

import argparse
import fnmatch
import statistics
import sys
from pathlib import Path

import machine
import report
import works
from peer import Program, Trouble

LEVELS = ["portable", "avx2", "avx512"]


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run levels", description=__doc__)
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--quick", action="store_true", help="one short round")
    return parser.parse_args()


def main():
    args = arguments()
    rounds, at_least = (1, 0.2) if args.quick else (3, 0.5)
    names = [name for name in works.STEPS if fnmatch.fnmatch(name, args.only)]
    best, _ = Program(args.program).place(1)
    if best["simd"] not in LEVELS:
        raise Trouble(f"the program's level is {best['simd']}, expected one of {', '.join(LEVELS)}")
    levels = {name: Program(args.program, name) for name in LEVELS[: LEVELS.index(best["simd"]) + 1]}
    rows, skipped = [], []
    for work in names:
        for threads in args.threads:
            times = {level: [program.step(work, threads, at_least) for _ in range(1)] for level, program in levels.items()}
            if None in times[best["simd"]]:
                skipped.append(work)
                break
            for _ in range(rounds - 1):
                for level, program in levels.items():
                    times[level].append(program.step(work, threads, at_least))
            for level, found in times.items():
                middle = statistics.median(row["seconds_a_step"] for row in found)
                rows.append({"work": work, "threads": threads, "level": level, "seconds": middle,
                             "over_floor": middle / statistics.median(row["floor_s"] for row in found)})
            print(f"{work}, threads {threads}: done", file=sys.stderr, flush=True)
    for work in skipped:
        print(f"{work}: skipped, this program does not know it", file=sys.stderr)
    if not rows:
        raise Trouble(f"no step is like {args.only!r}; there are {', '.join(works.STEPS)}")
    peaks = {threads: Program(args.program).place(threads)[1] for threads in args.threads}
    facts = {**machine.facts(), "rounds": rounds, "quick": args.quick, "simd": best["simd"],
             "nightloom": Program(args.program).version(), "peak_flops_a_second": peaks}
    report.levels(args, facts, list(levels), rows)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        raise SystemExit(f"error: {trouble}") from None
