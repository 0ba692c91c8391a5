"""Processes that are timed, and how they are asked.

A peer is a program that is given its threads and works, writes one JSON line ({"peer", "forms": {work: [form]}, "facts"}),
then answers each line {"work", "form", "seconds"} with {"seconds"}: the median of its calls within about so long. It
ends with its input. So libraries are loaded and programs compiled once, and yet rounds can alternate.
"""

import json
import os
import subprocess


class Trouble(Exception):
    """Something that the person at the keyboard should read."""


class Peer:
    def __init__(self, command, environment=None):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})})
        first = self._answer()
        self.name, self.forms, self.facts = first["peer"], first["forms"], first["facts"]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Trouble(f"{' '.join(self.command)} ended with code {self.process.returncode}:\n"
                          f"{self.process.stderr.read()[-2000:]}")
        return json.loads(line)

    def seconds(self, work, form, at_least):
        self.process.stdin.write(json.dumps({"work": work, "form": form, "seconds": at_least}) + "\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class Program:
    """Our own program; every timing is a new process."""

    def __init__(self, path, level=None, amx=None):
        self.path = str(path)
        asked = {"NIGHTLOOM_SIMD": level, "NIGHTLOOM_AMX": amx}
        self.environment = {**os.environ, **{name: value for name, value in asked.items() if value}}

    def _bench(self, *arguments):
        """What `bench` prints, or None if it does not know the name."""
        command = [self.path, "bench", *map(str, arguments), "--json", "--device", "cpu"]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode == 2 and ("expected a part of one of" in done.stderr or "no timed case" in done.stderr):
            return None
        if done.returncode != 0:
            raise Trouble(f"{' '.join(command)} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def step(self, network, threads, at_least, epochs=False):
        """The row of a network, or None."""
        more = [] if epochs else ["--no-epochs"]
        found = self._bench("step", network, "--threads", threads, "--seconds", at_least, *more)
        rows = [row for row in (found or {}).get("rows", []) if row["name"] == network]
        return rows[0] if rows else None

    def place(self, threads):
        """Where it computes, and the CPU's peak there."""
        found = self._bench("step", "mlp-28-64-32-1", "--threads", threads, "--seconds", 0.01, "--no-epochs")
        return found["place"], found["peak_flops_a_second"]

    def amx_mode(self):
        """What matrix products run in on the CPU's tile unit by default, or None if there is no unit to use."""
        command = [self.path, "devices", "--json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment)
        return json.loads(done.stdout)["cpu"].get("amx", {}).get("matmul")

    def version(self):
        return subprocess.run([self.path, "--version"], check=True, capture_output=True, text=True).stdout.strip()

    def product(self, product, threads, rounds):
        """The row of a product."""
        found = self._bench("ops", f"/{product.case}", "--threads", threads, "--rounds", rounds)
        # The backward products of a case come after the forward one.
        rows = [row for row in (found or {}).get("rows", []) if row["name"].endswith(f"/{product.case}")]
        rows = [row for row in rows if row["name"].startswith(("matmul/matmul/", "matmul/matmul#0/"))]
        if not rows:
            raise Trouble(f"{self.path} has no timed case {product.case} of matmul")
        return rows[0]
