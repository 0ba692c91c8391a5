"""Puts what `benches/gpu.sh` measured into one table: python3 table.py FOLDER > table.md

Each work beside torch's forms, by the time of a queued step; the ratio is ours over theirs, below 1 where ours is faster.
"""

import json
import sys
from pathlib import Path


def load(path):
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError) as error:
        print(f"(no {path.name}: {error})\n")
        return None


def ours(folder):
    """work -> (seconds of a queued step, more)"""
    found, place = {}, None
    for path in sorted(folder.glob("step-*.json")) + [folder / "step.json"]:
        steps = load(path)
        for row in steps["rows"] if steps else []:
            dispatches, own = row["dispatches_a_step"], row["cpu_seconds_a_dispatch"]
            more = "" if own is None else f"{dispatches:.2f} dispatches, {own * 1e6:.2f} us of the CPU each"
            found[row["name"]] = (row["seconds_a_queued_step"], more)
            place = steps["place"]
    for path in sorted(folder.glob("product-*.json")):
        product = load(path)
        if product:
            row, place = product["row"], product["place"]
            name = f"product-{row['size']}-{row['precision']}"
            found[name] = (row["seconds"], f"{row['flops_a_second'] / 1e12:.2f} TFLOP/s")
    return found, place


def main():
    folder = Path(sys.argv[1])
    found, place = ours(folder)
    theirs = load(folder / "torch.json") or {"place": {}, "rows": []}
    print(f"Device: {place and place['describe']}; torch {theirs['place']}.\n")
    print("| work | nightloom, a step | | torch, form | a step | ratio |\n|---|---|---|---|---|---|")
    for name, (seconds, more) in found.items():
        rows = [row for row in theirs["rows"] if row["work"] == name]
        mine = f"{seconds * 1e3:.4f} ms"
        if not rows:
            print(f"| {name} | {mine} | {more} | - | - | - |")
        for row in rows:
            if "error" in row:
                print(f"| {name} | {mine} | {more} | {row['form']} | failed: {row['error'][:80]} | - |")
            else:
                other = row["seconds_a_queued_step"]
                print(f"| {name} | {mine} | {more} | {row['form']} | {other * 1e3:.4f} ms | {seconds / other:.2f} |")


if __name__ == "__main__":
    main()
