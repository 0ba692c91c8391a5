"""The works that are compared, by the names that `nightloom bench` gives them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """c[m, n] = a[m, k] b[k, n] in f32, row after row; `a_transposed`: a is stored as [k, m]."""

    case: str
    m: int
    k: int
    n: int
    batch: int = 1
    a_transposed: bool = False

    @property
    def flops(self):
        return 2.0 * self.batch * self.m * self.k * self.n


def square(n):
    return Product(f"f1_{n}x{n}x{n}", n, n, n)


STEPS = [
    "conv1d-28", "conv1d-90", "mlp-28-64-32-1", "mlp-fleet-1000", "encoder-3", "encoder-64", "conv2d-28", "growth-cnn",
]
SQUARES = {f"matmul-{n}": square(n) for n in (256, 512, 1024, 2048, 4096)}
PRODUCTS = {
    **SQUARES,
    "matmul-4096x64x128": Product("f1_4096x64x128", 4096, 64, 128),
    "matmul-64x4096x128-ta": Product("f1_64x4096x128_ta", 64, 4096, 128, a_transposed=True),
    "matmul-256x64x32": Product("f1_256x64x32", 256, 64, 32),
    "matmul-1000-of-32x16x16": Product("f1000_32x16x16", 32, 16, 16, batch=1000),
}
# Where the CPU has a tile unit, the squares are timed in these settings of NIGHTLOOM_AMX too, beside the default.
AMX_MODES = ["off", "bf16x3"]
# Left out by --quick: they take seconds a call.
SLOW = ["matmul-2048", "matmul-4096"]
# Steps that burn is a peer for, beside torch.
BURN = ["mlp-28-64-32-1", "conv1d-28", "conv1d-90"]
