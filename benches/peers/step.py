"""One training step (forward, loss, backward, Adam) beside torch on the CPU: the same networks, batches and threads.

Rounds alternate between nightloom (its own process, `nightloom bench step --json`) and torch (this process); each
figure is the median over the rounds. Printed is the ratio of our time to torch's.

    python step.py --program target/release/nightloom [--json FILE] [--rounds 5]
"""

import argparse
import json
import statistics
import subprocess
import time

import torch
from torch import nn


def growth_cnn():
    """The growth classifier's default network on 13 steps of 9 channels."""
    return nn.Sequential(
        nn.Conv1d(9, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Conv1d(16, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(208, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1),
    )


def conv1d(length):
    """1 -> 16 -> 32 channels, kernel 5, mean over the length, two classes."""
    return nn.Sequential(
        nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 2),
    )


def mlp():
    return nn.Sequential(nn.Linear(28, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


class MlpFleet(nn.Module):
    """Many networks of one shape as batched products: torch's best form of it without a compiler."""

    def __init__(self, members):
        super().__init__()
        widths = [28, 64, 32, 1]
        shapes = list(zip(widths, widths[1:]))
        self.weights = nn.ParameterList(torch.randn(members, a, b) / a**0.5 for a, b in shapes)
        self.biases = nn.ParameterList(torch.zeros(members, 1, b) for _, b in shapes)

    def forward(self, x):
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(b, x, w)
            if i < 2:
                x = torch.relu(x)
        return x


def yes_or_no(shape):
    return nn.BCEWithLogitsLoss(), torch.randint(0, 2, shape).float()


def two_classes(rows):
    return nn.CrossEntropyLoss(), torch.randint(0, 2, (rows,))


WORKS = {
    "growth-cnn": lambda: (growth_cnn(), torch.randn(128, 9, 13), *yes_or_no((128, 1))),
    "conv1d-28": lambda: (conv1d(28), torch.randn(4096, 1, 28), *two_classes(4096)),
    "conv1d-90": lambda: (conv1d(90), torch.randn(4096, 1, 90), *two_classes(4096)),
    "mlp-28-64-32-1": lambda: (mlp(), torch.randn(256, 28), *yes_or_no((256, 1))),
    "mlp-fleet-1000": lambda: (MlpFleet(1000), torch.randn(1000, 256, 28), *yes_or_no((1000, 256, 1))),
}


def torch_step_seconds(name, at_least=1.0):
    model, inputs, loss, targets = WORKS[name]()
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss(model(inputs), targets).backward()
        optimiser.step()

    for _ in range(5):
        step()
    times = []
    while sum(times) < at_least or len(times) < 5:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def our_step_seconds(program, threads):
    command = [program, "bench", "step", "--json", "--device", "cpu", "--threads", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {row["name"]: row["seconds_a_step"] for row in json.loads(output)["rows"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    args = parser.parse_args()

    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        ours, theirs = {name: [] for name in WORKS}, {name: [] for name in WORKS}
        for _ in range(args.rounds):
            measured = our_step_seconds(args.program, threads)
            for name in WORKS:
                ours[name].append(measured[name])
                theirs[name].append(torch_step_seconds(name))
        for name in WORKS:
            a, b = statistics.median(ours[name]), statistics.median(theirs[name])
            rows.append({"work": name, "threads": threads, "ours_s": a, "peer": f"torch {torch.__version__}",
                         "peer_s": b, "ratio": a / b})

    print("| work | threads | ours, ms a step | torch, ms a step | ratio |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['work']} | {row['threads']} | {1e3 * row['ours_s']:.3f} | {1e3 * row['peer_s']:.3f} | "
              f"{row['ratio']:.2f} |")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
