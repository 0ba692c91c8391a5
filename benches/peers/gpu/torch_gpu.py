"""Times torch on this machine's GPU: the works of `benches/gpu.sh`, each in several forms, as one JSON object.

    python3 torch_gpu.py [--seconds S] [--only TEXT] > torch.json

Data are resident, nothing is read back, TF32 is off unless a form says so. A step is timed alone, with a wait after it, and
queued, many in a row with one wait. The medians of five.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "cpu"))
import torch_networks  # noqa: E402

NETWORKS = {
    # Ours, theirs, and the sizes that differ from those of the comparison on the CPU.
    "mlp-28-64-32-1": ("mlp-28-64-32-1", {}),
    "mlp-fleet-10000": ("mlp-fleet-1000", {"MEMBERS": 10_000}),
    "conv1d-90-65536": ("conv1d-90", {"BATCH": 65_536}),
    "encoder-64-4096": ("encoder-64", {"ENCODER_ROWS": 4096}),
    "conv1d-28": ("conv1d-28", {"BATCH": 4096}),
    "growth-cnn": ("growth-cnn", {}),
}
PRODUCTS = [(4096, torch.float32), (8192, torch.float16)]


def tf32(on):
    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on


def timed(step, seconds):
    """(seconds of a step that is waited for, seconds of a queued one)"""
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    alone = []
    while sum(alone) < seconds or len(alone) < 5:
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        alone.append(time.perf_counter() - start)
    count = max(1, int(seconds / 5 / statistics.median(alone)))
    queued = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count):
            step()
        torch.cuda.synchronize()
        queued.append((time.perf_counter() - start) / count)
    return statistics.median(alone), statistics.median(queued)


def graphed(step):
    """The step as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def forms(work):
    for form in torch_networks.forms(work, True):
        yield form, False, False
        if form.startswith("eager"):
            yield form, True, False
        if work.startswith(("conv", "encoder")) and form.startswith("compiled"):
            yield form, False, True


def networks(only, seconds):
    for name, (work, sizes) in NETWORKS.items():
        if only not in name:
            continue
        for key, value in sizes.items():
            setattr(torch_networks, key, value)
        for form, as_graph, with_tf32 in forms(work):
            label = form + (", CUDA graph" if as_graph else "") + (", TF32" if with_tf32 else "")
            try:
                tf32(with_tf32)
                torch_networks.CAPTURABLE = as_graph
                step = torch_networks.step(work, form)
                alone, queued = timed(graphed(step) if as_graph else step, seconds)
                yield {"work": name, "form": label, "seconds_a_step": alone, "seconds_a_queued_step": queued}
            except Exception as error:  # noqa: BLE001: a form that fails is reported, and the others go on
                yield {"work": name, "form": label, "error": f"{type(error).__name__}: {error}"[:300]}
            finally:
                tf32(False)
                torch.cuda.empty_cache()


def products(only, seconds):
    for size, dtype in PRODUCTS:
        name = f"product-{size}-{'f16' if dtype == torch.float16 else 'f32'}"
        if only not in name:
            continue
        a, b = (torch.rand(size, size).to(dtype) - 0.5 for _ in range(2))
        c = torch.empty_like(a)
        alone, queued = timed(lambda: torch.mm(a, b, out=c), seconds)  # noqa: B023
        yield {"work": name, "form": "mm", "seconds_a_step": alone, "seconds_a_queued_step": queued}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    torch.set_default_device("cuda")
    tf32(False)
    rows = []
    for row in [*products(args.only, args.seconds)] + [*networks(args.only, args.seconds)]:
        print(row, file=sys.stderr)
        rows.append(row)
    place = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "cuda": torch.version.cuda}
    json.dump({"place": place, "rows": rows}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
