#!/usr/bin/env python3
"""Inputs made to hurt: every bad config and sweep of the tests, and some too large to keep, ends with a documented exit code,
a message, and little memory.

    hostile_test.py PROGRAM SOURCE MEGABYTES      MEGABYTES: the most that a process may have resident; 0: any amount
"""
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

PROGRAM, SOURCE, MEGABYTES = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), int(sys.argv[3])
DOCUMENTED = {64, 65, 66, 70, 73, 74, 75, 78}
CONFIG = f"data:\n  train: {{type: csv, path: {SOURCE}/data/digits-train.csv, label: digit}}\n" \
         "model: {type: Linear, in_features: 64, out_features: 10}\nloss: softmax_cross_entropy\n" \
         "optimizer: {type: adam, learning_rate: 1e-3}\ntrain: {epochs: 1}\n"


def refused(test, *arguments, folder="/"):
    """Runs the program, which must refuse its input, and gives its message and its largest resident size in MB."""
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    guard = threading.Timer(300, process.kill)   # for what hangs
    guard.start()
    with process.stdout, process.stderr:
        process.stdout.read()
        message = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    guard.cancel()
    test.assertIn(process.returncode, DOCUMENTED, f"{arguments}\n{message[-2000:]}")
    test.assertRegex(message, "error: ")
    test.assertNotIn("internal", message)
    if MEGABYTES:
        test.assertLess(usage.ru_maxrss / 1024, MEGABYTES, str(arguments))
    return message, usage.ru_maxrss / 1024


def written_with(file):
    """The overlays and arguments that the first line of a bad file names."""
    first = file.read_text(errors="replace").split("\n", 1)[0]
    if not first.startswith("# with: "):
        return []
    words = first[8:].split()
    return [part for word in words for part in ([word] if "=" in word else ["--overlay", file.parent / word])]


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def test_bad_configs_of_the_tests(self):
        most = 0
        for file in sorted((SOURCE / "tests/train/bad_configs").glob("*.yaml")):
            with self.subTest(file.name):
                most = max(most, refused(self, "validate", file, *written_with(file))[1])
        print(f"bad configs: at most {most:.0f} MB", file=sys.stderr)

    def test_bad_sweeps_of_the_tests(self):
        for file in sorted((SOURCE / "tests/sweep/bad_specs").glob("*.yaml")):
            with self.subTest(file.name):
                refused(self, "sweep", "plan", file, *written_with(file), "-o", self.folder / "sweep")

    def test_too_much_of_everything(self):
        bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi"))
        copies = "seed: 0\na0: [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{i + 1}: [{', '.join([chr(34) + '${a' + str(i) + '}' + chr(34)] * 10)}]\n" for i in range(9))
        inputs = {"aliases": bomb,
                  "copies": CONFIG + copies,
                  "a million keys": CONFIG + "".join(f"k{i}: {i}\n" for i in range(10**6)),
                  "a hundred thousand keys": CONFIG + "".join(f"k{i}: 0\n" for i in range(99_000)),
                  "a million items": CONFIG + "surgery: [" + "a, " * 10**6 + "]\n",
                  "a deep list": "[" * 10**6,
                  "a deep map": "{a: " * 10**5,
                  "deep blocks": "".join(" " * i + "a:\n" for i in range(2000)),
                  "a long line": CONFIG + "output_dir: " + "x" * (2 << 20) + "\n",
                  "a long key": CONFIG + "y" * 10**6 + ": 1\n",
                  "a long call": CONFIG.replace("model: ", "modules: {M: {call: '" + "-" * 10**5 + "x'}}\nmodel: {type: M}\nno: "),
                  "a deep call": CONFIG.replace("model: ", "modules: {M: {call: '" + "(" * 10**5 + "x'}}\nmodel: {type: M}\nno: "),
                  "a long selector": CONFIG + "surgery: [{freeze: '" + "not(" * 10**5 + "x" + ")" * 10**5 + "'}]\n",
                  "a wide selector": CONFIG + "surgery: [{freeze: 'any(" + "kernel, " * 10**5 + "bias)'}]\n",
                  "a selector of many": CONFIG + "surgery: [{freeze: [" + "kernel, " * 40_000 + "bias]}]\n",
                  "stars": CONFIG + "surgery: [{freeze: '" + "*" * 900 + "x'}]\n",
                  "many steps": CONFIG + "surgery: [{freeze: '" + "**." * 300 + "x'}]\n",
                  "a deep pattern": CONFIG + "surgery: [{freeze: {re: '" + "(" * 10**5 + ")" * 10**5 + "'}}]\n",
                  "a pattern of loads": CONFIG + "surgery: [{load: nowhere, map: [{from: 're:(', to: x}]}]\n",
                  "a wide glob": CONFIG + "surgery: [{freeze: '" + "{a,b}" * 40 + "'}]\n",
                  "a hard pattern": CONFIG + "surgery: [{freeze: {re: '" + "(.*)*" * 40 + "b'}}]\n",
                  "arithmetic": CONFIG + "seed: \"${" + "(" * 10**5 + "1}\"\n",
                  "zeros": "\0" * 10**6,
                  "bytes": bytes(range(256)).decode("latin-1") * 1000}
        most = 0
        for name, text in inputs.items():
            with self.subTest(name):
                most = max(most, refused(self, "validate", self.file("input.yaml", text))[1])
        print(f"too much: at most {most:.0f} MB", file=sys.stderr)

    def test_includes_without_end(self):
        self.file("a.yaml", "include: b.yaml\n")
        self.file("b.yaml", "include: [c.yaml, a.yaml]\n")
        self.file("c.yaml", "seed: 1\n")
        self.assertIn("a.yaml", refused(self, "validate", self.folder / "a.yaml")[0])
        for i in range(40):   # each includes the next one twice
            self.file(f"t{i}.yaml", f"include: [t{i + 1}.yaml, t{i + 1}.yaml]\n")
        self.file("t40.yaml", CONFIG + "sed: 1\n")
        refused(self, "validate", self.folder / "t0.yaml")
        self.assertRegex(refused(self, "validate", "/dev/zero")[0], "error")

    def test_a_grid_of_ten_to_the_twelve(self):
        config = self.file("small.yaml", CONFIG)
        ranges = [f"{key}=range(1,1000)" for key in ("seed", "train.epochs", "data.batch_size", "train.keep")]
        message, _ = refused(self, "sweep", "plan", "-c", config, *ranges, "-o", self.folder / "s")
        self.assertIn("got 1000000000000", message)
        refused(self, "sweep", "plan", "-c", config, "seed=range(1,1e300)", "-o", self.folder / "s")
        refused(self, "sweep", "plan", "-c", config, "seed=log(1e-4,1e-1)", "--trials", "1000000000", "-o", self.folder / "s")

    def test_arguments(self):
        config = self.file("small.yaml", CONFIG)
        for argument in ("a" * 10**5 + "=1", "a." * 5000 + "b=1", "seed=" + "[" * 10**5, "seed[99999999999999999999]=1", "=", "..=1",
                         "seed=${seed}", "surgery[1000000000]={}"):
            with self.subTest(argument[:40]):
                refused(self, "validate", config, argument)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
