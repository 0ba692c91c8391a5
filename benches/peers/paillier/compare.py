"""Our Paillier beside its peers, one thread: one row a work and a peer.

Ours encrypts with short exponents in constant time, with its table ready; so does pypaillier. phe and kzen-paillier draw
r^n each time. `add` is a product of two ciphertexts in memory. `power` is a power modulo n^2 with an exponent of as many
bits as n, ours secret and in constant time, GMP's not. Rounds alternate; a figure is the median over the rounds. The
ratio is our time over the peer's, so below 1 we are faster.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cpu"))

import machine  # noqa: E402
import report  # noqa: E402
from peer import Peer, Trouble  # noqa: E402

WORKS = {
    "encrypt": ["pypaillier", "phe", "kzen-paillier"],
    "decrypt": ["pypaillier", "phe", "kzen-paillier"],
    "add": ["pypaillier", "phe", "kzen-paillier"],
    "power": ["gmpy2"],
}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run paillier", description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--rust", type=Path, help="the built Rust peer, if there is one")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--bits", default="2048,3072", help="sizes of keys")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 short rounds, 2048 bits only")
    return parser.parse_args()


def command(name, works, rust):
    if name == "kzen-paillier":
        return [rust, "--threads", 1, *works]
    return [sys.executable, HERE / "python_peer.py", name, *works]


def ours(program, work, at_least):
    what, bits = work.rsplit("-", 1)
    call = [str(program), "bench", "paillier", what, "--bits", bits, "--threads", "1", "--seconds", str(at_least), "--json"]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(call)} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    row = next(row for row in found["rows"] if row["work"] == work)
    return row["seconds"], found["kernel"]


def compare(work, program, peers, rounds, at_least):
    mine, theirs, kernel = [], {peer.name: [] for peer in peers}, None
    for _ in range(rounds):
        seconds, kernel = ours(program, work, at_least)
        mine.append(seconds)
        for peer in peers:
            theirs[peer.name].append(peer.seconds(work, "its own", at_least))
    ours_s = statistics.median(mine)
    return kernel, [
        {"work": work, "threads": 1, "ours_s": ours_s, "peer": f"{peer.name} {peer.facts['version']}",
         "peer_s": statistics.median(theirs[peer.name]), "ratio": ours_s / statistics.median(theirs[peer.name])}
        for peer in peers
    ]


def text(facts, rows):
    lines = [f"{facts['cpu']}, {facts['cores']} cores. {facts['nightloom']} (kernel {facts['kernel']}), {facts['rustc']}. "
             f"Medians of {facts['rounds']} alternating rounds, one thread; load before the first {facts['load_before']}.", ""]
    if facts["quick"]:
        lines[1:1] = ["Quick: few and short rounds. Not for the record."]
    cells = ((row["work"], report.seconds(row["ours_s"]), f"{1 / row['ours_s']:.0f}", row["peer"],
              report.seconds(row["peer_s"]), f"{row['ratio']:.3f}", f"{1 / row['ratio']:.1f}") for row in rows)
    head = ["work", "ours", "ours a second", "peer", "peer's", "ratio", "times faster"]
    return "\n".join([*lines, *report.table(head, cells)]) + "\n"


def main():
    args = arguments()
    sizes = [int(bits) for bits in args.bits.split(",")]
    rounds, at_least, sizes = (2, 0.3, [2048]) if args.quick else (args.rounds, 1.0, sizes)
    os.environ["RAYON_NUM_THREADS"] = "1"
    version = subprocess.run([args.program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    facts, rows = {**machine.facts(), "rounds": rounds, "quick": args.quick, "nightloom": version}, []
    for bits in sizes:
        for what, names in WORKS.items():
            work = f"{what}-{bits}"
            with contextlib.ExitStack() as stack:
                names = [name for name in names if name != "kzen-paillier" or args.rust]
                peers = [stack.enter_context(Peer(command(name, [work], args.rust))) for name in names]
                facts["kernel"], found = compare(work, args.program, peers, rounds, at_least)
            rows += found
            for row in found:
                print(f"{work}: {1 / row['ratio']:.1f} times {row['peer']}", file=sys.stderr, flush=True)
    shown = text(facts, rows)
    sys.stdout.write(shown)
    if args.markdown:
        args.markdown.write_text(shown, encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps({"machine": facts, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        raise SystemExit(f"error: {trouble}") from None
