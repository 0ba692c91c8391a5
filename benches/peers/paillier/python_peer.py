"""Paillier in Python as a peer. See `../cpu/peer.py` for what it reads and writes.

    python python_peer.py pypaillier|phe|gmpy2 WORK...
"""

import importlib.metadata
import json
import random
import statistics
import sys
import time

BATCH = 64


def pypaillier(what, bits):
    """One call for a batch, with the threads that RAYON_NUM_THREADS allows."""
    import paillier

    public, private = paillier.generate_keypair(bits)
    values = [random.getrandbits(60) for _ in range(BATCH)]
    blobs = paillier.encrypt_integers(public, values)
    assert [int(text) for text in paillier.decrypt_many(private, blobs)] == values
    return {
        "encrypt": lambda: paillier.encrypt_integers(public, values),
        "decrypt": lambda: paillier.decrypt_many(private, blobs),
        "add": lambda: paillier.add_many(public, blobs),
    }[what], BATCH


def phe(what, bits):
    """python-paillier's own integers (it finds gmpy2), without its encoding of floats."""
    from phe import paillier, util

    assert util.HAVE_GMP
    public, private = paillier.generate_paillier_keypair(n_length=bits)
    plain = random.getrandbits(bits - 2)
    first, second = public.raw_encrypt(plain), public.raw_encrypt(plain)
    assert private.raw_decrypt(first) == plain
    encrypted = [paillier.EncryptedNumber(public, c) for c in (first, second)]
    return {
        "encrypt": lambda: public.raw_encrypt(plain),
        "decrypt": lambda: private.raw_decrypt(first),
        "add": lambda: encrypted[0]._raw_add(first, second),
    }[what], 1


def gmpy2(what, bits):
    """GMP's own power, whose time depends on the exponent."""
    import gmpy2

    assert what == "power"
    n = gmpy2.mpz(random.getrandbits(bits) | 1 | 3 << (bits - 2))
    modulus = n * n
    base, exponent = gmpy2.mpz(random.getrandbits(2 * bits) % modulus), gmpy2.mpz(random.getrandbits(bits))
    return lambda: gmpy2.powmod(base, exponent, modulus), 1


def measure(take, seconds):
    """Median seconds of a call, of at least 5."""
    take()
    samples, total = [], 0.0
    while total < seconds or len(samples) < 5:
        begin = time.perf_counter()
        take()
        samples.append(time.perf_counter() - begin)
        total += samples[-1]
    return statistics.median(samples)


def main():
    name, works = sys.argv[1], sys.argv[2:]
    version = importlib.metadata.version(name)
    print(json.dumps({"peer": name, "forms": {work: ["its own"] for work in works}, "facts": {"version": version}}), flush=True)
    ready = {}
    for line in sys.stdin:
        asked = json.loads(line)
        work = asked["work"]
        if work not in ready:
            what, bits = work.rsplit("-", 1)
            ready[work] = {"pypaillier": pypaillier, "phe": phe, "gmpy2": gmpy2}[name](what, int(bits))
        take, count = ready[work]
        print(json.dumps({"seconds": measure(take, asked["seconds"]) / count}), flush=True)


if __name__ == "__main__":
    main()
