"""Writes encoder.json and conv2d.json: outputs, loss and gradients of two small networks in double precision, computed by
PyTorch (made with torch 2.15.0) from weights drawn here. Weights are stored as nightloom lays them out: dense [in, out],
convolutions [height, length, in, out], images [height, length, channels].

    pip install torch && python3 tests/golden/torch_nets.py
"""

import json
import pathlib

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).parent


def rounded(tensor):
    """To f32, so that both sides start from the same numbers."""
    return tensor.to(torch.float32).to(torch.float64)


def draw(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(rounded(torch.randn_like(parameter) * 0.4 + (parameter.dim() == 1) * 0.3))


def flat(tensor):
    return [float(v) for v in tensor.detach().reshape(-1)]


def write(name, layers, shape, x, module, own, run):
    """`own`: a function from one of the module's tensors (or gradients) by name to nightloom's parameters in order."""
    y = run(x)
    target = rounded(torch.rand(y.shape))
    loss = ((y - target) ** 2).mean()
    loss.backward()
    weights = {k: p.detach() for k, p in module.named_parameters()}
    gradients = {k: p.grad for k, p in module.named_parameters()}
    golden = {
        "model": {"input": shape, "layers": layers},
        "inputs": flat(x),
        "weights": [flat(t) for t in own(weights)],
        "outputs": flat(y),
        "targets": flat(target),
        "loss": loss.item(),
        "gradients": [flat(t) for t in own(gradients)],
    }
    (HERE / name).write_text(json.dumps(golden) + "\n")


def encoder():
    """One block of torch.nn.TransformerEncoderLayer, pre-norm, and a dense layer on the mean over the positions."""
    torch.manual_seed(1)
    rows, length, d, heads, feed = 3, 5, 8, 2, 12
    gelu = lambda x: nn.functional.gelu(x, approximate="tanh")
    block = nn.TransformerEncoderLayer(d, heads, feed, dropout=0.0, activation=gelu, batch_first=True, norm_first=True)
    module = nn.ModuleDict({"block": block, "out": nn.Linear(d, 2)})
    draw(module)
    x = rounded(torch.randn(rows, length, d))

    def own(t):
        names = [("norm1", False), ("self_attn.in_proj", True), ("self_attn.out_proj", True), ("norm2", False)]
        names += [("linear1", True), ("linear2", True)]
        for name, dense in names:
            separator = "_" if name.endswith("in_proj") else "."
            weight = t[f"block.{name}{separator}weight"]
            yield weight.T if dense else weight
            yield t[f"block.{name}{separator}bias"]
        yield t["out.weight"].T
        yield t["out.bias"]

    layers = [
        {"kind": "encoder", "heads": heads, "feed_forward": feed},
        {"kind": "global_average_pool"},
        {"kind": "dense", "units": 2},
    ]
    shape = {"length": length, "channels": d}
    write("encoder.json", layers, shape, x, module, own, lambda x: module["out"](block(x).mean(dim=1)))


def conv2d():
    """Convolutions with uneven kernels, strides, paddings and dilations, both poolings, batch norm left out."""
    torch.manual_seed(2)
    rows, height, length, channels = 2, 11, 14, 2
    first = nn.Conv2d(channels, 4, (3, 5), padding=(1, 2))
    second = nn.Conv2d(4, 3, (2, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
    pooled = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.Tanh(), nn.AvgPool2d((2, 1), stride=(1, 2)))
    width = pooled(torch.zeros(1, channels, height, length)).permute(0, 2, 3, 1).numel()
    module = nn.ModuleDict({"first": first, "second": second, "out": nn.Linear(width, 3)})
    draw(module)
    # Rows of nightloom are [height, length, channels].
    x = rounded(torch.randn(rows, height, length, channels))

    def own(t):
        for name in ("first", "second"):
            yield t[f"{name}.weight"].permute(2, 3, 1, 0)
            yield t[f"{name}.bias"]
        yield t["out.weight"].T
        yield t["out.bias"]

    layers = [
        {"kind": "conv2d", "channels": 4, "kernel": [3, 5], "activation": "relu"},
        {"kind": "max_pool", "window": 2},
        {"kind": "conv2d", "channels": 3, "kernel": [2, 3], "stride": [2, 1], "padding": [1, 0], "dilation": [1, 2],
         "activation": "tanh"},
        {"kind": "average_pool", "window": [2, 1], "stride": [1, 2]},
        {"kind": "flatten"},
        {"kind": "dense", "units": 3},
    ]
    run = lambda x: module["out"](pooled(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).flatten(1))
    write("conv2d.json", layers, {"height": height, "length": length, "channels": channels}, x, module, own, run)


encoder()
conv2d()
