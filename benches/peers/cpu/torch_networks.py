"""The timed networks as an expert would write their training step for torch on the CPU, each in several forms.

`forms(work)` gives the names of a work's forms and a function that makes the step of one. A form that starts with
`compiled` goes through torch.compile and needs a C++ compiler. Data are resident, gradients are set to None, optimisers
are the fused ones, nothing is read back.
"""

import torch
import torch.nn.functional as F
from torch import nn

BATCH = 4096
MEMBERS = 1000
ENCODER_ROWS = 1024
# Whether optimisers can be part of a CUDA graph.
CAPTURABLE = False


class Encoder(nn.Module):
    """A pre-norm block written by hand: one product for q, k and v, attention by torch's own kernel or by products."""

    def __init__(self, fused):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(64), nn.LayerNorm(64)
        self.qkv, self.out = nn.Linear(64, 192), nn.Linear(64, 64)
        self.up, self.down = nn.Linear(64, 128), nn.Linear(128, 64)
        self.fused = fused

    def attention(self, x):
        n, tokens, _ = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, 4, 16).permute(2, 0, 3, 1, 4)
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = torch.softmax((q * 0.25) @ k.transpose(-1, -2), -1) @ v
        return self.out(mixed.transpose(1, 2).reshape(n, tokens, 64))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class MeanHead(nn.Module):
    """The mean over the tokens, two classes."""

    def __init__(self, block):
        super().__init__()
        self.block, self.head = block, nn.Linear(64, 2)

    def forward(self, x):
        return self.head(self.block(x).mean(1))


def encoder(form):
    if "layer" in form:
        block = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, activation="gelu", norm_first=True, batch_first=True)
    else:
        block = Encoder(fused="sdpa" in form)
    return MeanHead(block)


class Mean(nn.Module):
    """The mean over all positions of [n, channels, ...]."""

    def forward(self, x):
        return x.flatten(2).mean(2)


def conv1d(form):
    """1 -> 16 -> 32 channels, kernel 5, mean over the length, two classes; `channels last` as images of height 1."""
    conv = (lambda i, o: nn.Conv2d(i, o, (1, 5), padding=(0, 2))) if "last" in form else (
        lambda i, o: nn.Conv1d(i, o, 5, padding=2))
    return nn.Sequential(conv(1, 16), nn.ReLU(), conv(16, 32), nn.ReLU(), Mean(), nn.Linear(32, 2))


def conv2d(_form):
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10),
    )


def growth_cnn(_form):
    """The growth classifier's default network on 13 steps of 9 channels."""
    return nn.Sequential(
        nn.Conv1d(9, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Conv1d(16, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(208, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1),
    )


def mlp(_form):
    return nn.Sequential(nn.Linear(28, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


class MlpFleet(nn.Module):
    """Many networks of one shape: [members, in, out] weights."""

    def __init__(self, members):
        super().__init__()
        shapes = [(28, 64), (64, 32), (32, 1)]
        self.weights = nn.ParameterList(torch.randn(members, a, b) / a**0.5 for a, b in shapes)
        self.biases = nn.ParameterList(torch.zeros(members, 1, b) for _, b in shapes)

    def forward(self, x):
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(b, x, w)
            if i < 2:
                x = torch.relu(x)
        return x


def yes_or_no(*shape):
    return F.binary_cross_entropy_with_logits, torch.randint(0, 2, shape).float()


def classes(rows):
    return F.cross_entropy, torch.randint(0, 2, (rows,))


def sequence(form, length):
    x = torch.randn(BATCH, 1, length)
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last) if "last" in form else x


# work -> (forms, network, inputs, loss and targets, optimiser)
ADAM = lambda params: torch.optim.Adam(params, lr=1e-3, fused=True, capturable=CAPTURABLE)  # noqa: E731
ADAMW = lambda params: torch.optim.AdamW(
    params, lr=1e-3, weight_decay=0.01, fused=True, capturable=CAPTURABLE)  # noqa: E731
LAYOUTS = ["eager", "eager channels last", "compiled", "compiled channels last"]
PLAIN = ["eager", "compiled"]
BLOCKS = ["eager layer", "eager sdpa", "eager products", "compiled sdpa", "compiled products"]
NETWORKS = {
    "conv1d-28": (LAYOUTS, conv1d, lambda form: sequence(form, 28), lambda: classes(BATCH), ADAM),
    "conv1d-90": (LAYOUTS, conv1d, lambda form: sequence(form, 90), lambda: classes(BATCH), ADAM),
    "mlp-28-64-32-1": (PLAIN, mlp, lambda _: torch.randn(256, 28), lambda: yes_or_no(256, 1), ADAM),
    "mlp-fleet-1000": (
        ["eager baddbmm", "compiled baddbmm", "vmap"], lambda _: MlpFleet(MEMBERS),
        lambda _: torch.randn(MEMBERS, 256, 28), lambda: yes_or_no(MEMBERS, 256, 1), ADAM,
    ),
    "encoder-3": (BLOCKS, encoder, lambda _: torch.randn(1024, 3, 64), lambda: classes(1024), ADAMW),
    "encoder-64": (
        BLOCKS, encoder, lambda _: torch.randn(ENCODER_ROWS, 64, 64), lambda: classes(ENCODER_ROWS), ADAMW),
    "conv2d-28": (
        LAYOUTS, conv2d,
        lambda form: torch.randn(256, 1, 28, 28).contiguous(
            memory_format=torch.channels_last if "last" in form else torch.contiguous_format),
        lambda: classes(256), ADAM,
    ),
    "growth-cnn": (PLAIN, growth_cnn, lambda _: torch.randn(128, 9, 13), lambda: yes_or_no(128, 1), ADAM),
}


def forms(work, may_compile):
    return [form for form in NETWORKS[work][0] if may_compile or not form.startswith("compiled")]


def step(work, form):
    """A function that takes one training step."""
    if form == "vmap":
        return vmap_step()
    _, network, inputs, target, optimiser = NETWORKS[work]
    model, x, (loss, y) = network(form), inputs(form), target()
    model.train()
    if "last" in form:
        model = model.to(memory_format=torch.channels_last)
    steps = optimiser(model.parameters())

    def objective(x, y):
        return loss(model(x), y)

    if form.startswith("compiled"):
        objective = torch.compile(objective, dynamic=False)

    def take():
        objective(x, y).backward()
        steps.step()
        steps.zero_grad(set_to_none=True)

    return take


def vmap_step():
    """The fleet by torch.func: one member's gradient, mapped over the members."""
    from torch.func import functional_call, grad, stack_module_state, vmap

    one = mlp("")
    params, _ = stack_module_state([mlp("") for _ in range(MEMBERS)])
    x = torch.randn(MEMBERS, 256, 28)
    loss, y = yes_or_no(MEMBERS, 256, 1)
    steps = ADAM(params.values())
    gradients = vmap(grad(lambda p, x, y: loss(functional_call(one, p, (x,)), y)))

    def take():
        found = gradients({name: p.detach() for name, p in params.items()}, x, y)
        for name, p in params.items():
            p.grad = found[name]
        steps.step()

    return take
