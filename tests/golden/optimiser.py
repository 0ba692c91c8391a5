"""Writes optimiser.json: a few steps of Adam, AdamW and SGD in double precision, straight from the algorithms in PyTorch's
documentation (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD) and torch.nn.utils.clip_grad_norm_.

    python3 tests/golden/optimiser.py
"""

import json
import math
import pathlib

START = [0.5, -1.25, 2.0, 0.0, 1e-3]
GRADIENTS = [
    [0.1, -0.2, 3.0, 1e-4, -5.0],
    [-0.3, 0.25, 2.0, 0.0, 4.0],
    [0.7, 0.0, -1.0, -2e-4, 0.5],
    [0.05, -0.6, 0.3, 3e-4, -0.25],
]
RATES = [0.01, 0.01, 0.005, 0.0025]


def clipped(gradient, clip):
    """torch.nn.utils.clip_grad_norm_: clip_coef = max_norm / (total_norm + 1e-6), at most 1."""
    if clip is None:
        return gradient
    norm = math.sqrt(sum(g * g for g in gradient))
    factor = min(1.0, clip / (norm + 1e-6))
    return [g * factor for g in gradient]


def adamw(beta1, beta2, epsilon, weight_decay, clip):
    """torch.optim.AdamW; with weight_decay = 0 torch.optim.Adam."""
    theta, m, v = START[:], [0.0] * len(START), [0.0] * len(START)
    for t, (gradient, lr) in enumerate(zip(GRADIENTS, RATES), start=1):
        for i, g in enumerate(clipped(gradient, clip)):
            theta[i] = theta[i] - lr * weight_decay * theta[i]
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g * g
            m_hat = m[i] / (1 - beta1**t)
            v_hat = v[i] / (1 - beta2**t)
            theta[i] = theta[i] - lr * m_hat / (math.sqrt(v_hat) + epsilon)
    return {"p": theta, "m": m, "v": v}


def sgd(momentum, nesterov, weight_decay, clip):
    """torch.optim.SGD with dampening = 0."""
    theta, b = START[:], [0.0] * len(START)
    for t, (gradient, lr) in enumerate(zip(GRADIENTS, RATES), start=1):
        for i, g in enumerate(clipped(gradient, clip)):
            g = g + weight_decay * theta[i]
            b[i] = momentum * b[i] + g if t > 1 else g
            g = g + momentum * b[i] if nesterov else b[i]
            theta[i] = theta[i] - lr * g
    return {"p": theta, "m": b}


def adam_case(**constants):
    return {"kind": "adam", **constants, "expected": adamw(**constants)}


def sgd_case(**constants):
    return {"kind": "sgd", **constants, "expected": sgd(**constants)}


CASES = [
    adam_case(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0, clip=None),
    adam_case(beta1=0.8, beta2=0.99, epsilon=1e-4, weight_decay=0.1, clip=None),
    adam_case(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01, clip=1.0),
    sgd_case(momentum=0.0, nesterov=False, weight_decay=0.0, clip=None),
    sgd_case(momentum=0.9, nesterov=False, weight_decay=0.01, clip=1.0),
    sgd_case(momentum=0.9, nesterov=True, weight_decay=0.0, clip=None),
]

golden = {"start": START, "gradients": GRADIENTS, "rates": RATES, "cases": CASES}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
