"""Rows as JSON and as Markdown."""

import json
import sys


def seconds(value):
    if value >= 1:
        return f"{value:.2f} s"
    return f"{1e3 * value:.3g} ms" if value >= 1e-4 else f"{1e6 * value:.3g} us"


def progress(work, threads, rows):
    ratios = ", ".join(f"{row['peer']} ({row['form']}) {row['ratio']:.2f}" for row in rows)
    return f"{work}, threads {threads}: ours {seconds(rows[0]['ours_s'])}; ratio to {ratios}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def machine(facts):
    peers = "; ".join(f"{name} {about['version']}" for name, about in facts.get("peers", {}).items())
    peaks = ", ".join(f"{peak / 1e9:.0f} GFLOP/s with {threads} thread{'s' if int(threads) > 1 else ''}"
                      for threads, peak in facts["peak_flops_a_second"].items())
    amx = f"matrix products by AMX in {facts['amx']} unless said otherwise, " if facts.get("amx") else ""
    lines = [f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; SIMD level {facts['simd']}, "
             f"{amx}measured peak {peaks}. {facts['nightloom']}, {facts['rustc']}" + (f"; {peers}." if peers else "."),
             f"Medians of {facts['rounds']} alternating rounds; load before the first {facts['load_before']}."]
    if facts["quick"]:
        lines.append("Quick: few and short rounds, and of the peers only what starts at once. Not for the record.")
    return [*lines, ""]


def write(args, text, data):
    sys.stdout.write(text)
    if args.markdown:
        args.markdown.write_text(text, encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def comparison(args, facts, rows, skipped):
    def cells(row):
        over = f"{row['over_floor']:.1f}" if "over_floor" in row else f"{row['gflops']:.0f} GFLOP/s"
        noise = f"{100 * row['ours_spread']:.0f}%, {100 * row['peer_spread']:.0f}%"
        return (row["work"], row["threads"], seconds(row["ours_s"]), f"{row['peer']} ({row['form']})",
                seconds(row["peer_s"]), f"{row['ratio']:.3f}", over, noise)

    head = ["work", "threads", "ours", "peer (its best form)", "peer's", "ratio", "ours over floor", "spread ours, peer"]
    lines = [*machine(facts), *table(head, map(cells, rows))]
    allocations = facts.get("allocations_a_step")
    if allocations:
        worst = max(allocations.items(), key=lambda item: item[1])
        found = f"at most {worst[1]:g} ({worst[0]})" if worst[1] else "0 for every network"
        lines += ["", f"Heap allocations of a step of ours after warm-up: {found}."]
    if skipped:
        lines += ["", f"Skipped, because this program does not know them: {', '.join(skipped)}."]
    write(args, "\n".join(lines) + "\n", {"machine": facts, "rows": rows, "skipped": skipped})


def levels(args, facts, names, rows):
    """A line a work and a number of threads, a column a level."""
    lines, keys = machine(facts), []
    for row in rows:
        if (row["work"], row["threads"]) not in keys:
            keys.append((row["work"], row["threads"]))
    by_key = {(row["work"], row["threads"], row["level"]): row for row in rows}

    def cells(work, threads):
        found = [by_key[work, threads, name] for name in names]
        times = [f"{seconds(row['seconds'])} ({row['over_floor']:.1f})" for row in found]
        return work, threads, *times, f"{found[0]['seconds'] / found[-1]['seconds']:.1f}"

    head = ["work", "threads", *(f"{name} (over its floor)" for name in names), f"{names[0]} / {names[-1]}"]
    lines += table(head, (cells(*key) for key in keys))
    write(args, "\n".join(lines) + "\n", {"machine": facts, "rows": rows})
