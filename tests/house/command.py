"""What the checks of the house have in common: how they are called and what they print."""

import pathlib
import sys


def run(check, self_check, verdict):
    """`check(root)` gives the violations and how many files it read; `self_check()` what it did not notice; exits 0 or 1."""
    if sys.argv[1:] == ["--self-check"]:
        lines, good = self_check()
    else:
        lines, count = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]))
        good = f"{count} files {verdict}"
    print("\n".join(lines) if lines else good)
    sys.exit(1 if lines else 0)
