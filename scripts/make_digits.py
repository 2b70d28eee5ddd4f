#!/usr/bin/python3
"""Writes data/digits-train.csv and data/digits-test.csv from the digits of scikit-learn (Debian: python3-sklearn).

The split is fixed: within each class, in the order of the source, every fifth example (the 5th, 10th, ...) is a test
example and the others are training examples. Row order is that of the source. Usage: scripts/make_digits.py [DIR]
"""
import os
import sys

from sklearn.datasets import load_digits


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
    digits = load_digits()
    header = ",".join([f"pixel_{r}_{c}" for r in range(8) for c in range(8)] + ["digit"])
    parts = {"train": [header], "test": [header]}
    seen = [0] * 10
    for pixels, digit in zip(digits.data, digits.target):
        seen[digit] += 1
        part = "test" if seen[digit] % 5 == 0 else "train"
        parts[part].append(",".join(str(int(v)) for v in [*pixels, digit]))
    for part, lines in parts.items():
        path = os.path.join(out, f"digits-{part}.csv")
        with open(path, "w", newline="\n", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        print(f"{path}: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
