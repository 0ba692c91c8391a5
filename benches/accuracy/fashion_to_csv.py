#!/usr/bin/env python3
"""Turns a pair of IDX files (images, labels) into a CSV table: a pixel a column, the class last.

    fashion_to_csv.py IMAGES.gz LABELS.gz OUT.csv
"""

import gzip
import struct
import sys


def idx(path, dimensions):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as file:
        content = file.read()
    sizes = struct.unpack_from(f">{1 + dimensions}I", content)[1:]
    return sizes, content[4 * (1 + dimensions):]


def main():
    (count, height, width), pixels = idx(sys.argv[1], 3)
    (labelled,), labels = idx(sys.argv[2], 1)
    size = height * width
    assert count == labelled and len(pixels) == count * size and len(labels) == count, "whole files that belong together"
    words = [str(value) for value in range(256)]
    with open(sys.argv[3], "w", encoding="ascii") as out:
        out.write(",".join([f"pixel{i}" for i in range(1, size + 1)] + ["label"]) + "\n")
        for row in range(count):
            cells = [words[value] for value in pixels[row * size:(row + 1) * size]]
            out.write(",".join(cells) + f",{labels[row]}\n")


main()
