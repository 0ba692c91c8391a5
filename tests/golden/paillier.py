"""Known answers for the Paillier module, by Python's own integers: python3 tests/golden/paillier.py > tests/golden/paillier.json"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def key(bits):
    text = (ROOT / f"src/paillier/fixtures/{bits}.key").read_text()
    return {name: int(value, 16) for name, value in re.findall(r'^([npq]) = "([0-9a-f]+)"$', text, re.M)}


def case(bits):
    n = key(bits)["n"]
    square = n * n

    def encrypt(m, r):
        return (1 + m * n) * pow(r, n, square) % square

    def text(c):
        return f"{c:0{bits // 2}x}"

    plain = [0, 1, n - 1, n // 2, 2**64, 123456789, n - 987654321, 3**300 % n, 5]
    random = [pow(7, 1000 + i, n) for i in range(len(plain))]
    cipher = [encrypt(m, r) for m, r in zip(plain, random)]
    factors = [3, -1, 0, 2, -7, 2**62, -(2**62), 1, -2]
    addends = [5, n - 5, 1, 0, n - 1, 2**70, 1, 1, 1]
    return {
        "bits": bits,
        "plain": [f"{m:0{bits // 4}x}" for m in plain],
        "cipher": [text(c) for c in cipher],
        "sums_with_next": [text(c * d % square) for c, d in zip(cipher, cipher[1:] + cipher[:1])],
        "factors": factors,
        "multiplied": [text(pow(c, k, square)) for c, k in zip(cipher, factors)],
        "addends": [f"{m:0{bits // 4}x}" for m in addends],
        "added": [text(c * (1 + m * n) % square) for c, m in zip(cipher, addends)],
    }


print(json.dumps([case(512), case(1024)], indent=1))
