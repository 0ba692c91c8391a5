#!/usr/bin/env python3
"""Turns a UCR problem in .ts.gz form (one series a line, its class behind a colon) into a CSV table.

    ucr_to_csv.py IN.ts.gz OUT.csv
"""

import csv
import gzip
import sys


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and line[0] not in "#@":
                series, label = line.strip().rsplit(":", 1)
                yield series.split(",") + [label]


def main():
    table = list(rows(sys.argv[1]))
    width = len(table[0])
    assert all(len(row) == width for row in table), "series of one length"
    with open(sys.argv[2], "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([f"t{i}" for i in range(1, width)] + ["label"])
        writer.writerows(table)


main()
