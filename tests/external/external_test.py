#!/usr/bin/env python3
"""Installs nnx into a new folder, builds this project against it and trains with the layer it defines.

  external_test.py BUILD_FOLDER [cmake options...]
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent


def run(*command, code=0, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode != code:
        sys.exit(f"{' '.join(map(str, command))}\ngave {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def expect(text, *parts):
    for part in parts:
        if part not in text:
            sys.exit(f"no '{part}' in:\n{text}")


def main():
    build, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix, theirs = folder / "prefix", folder / "build"
        run("cmake", "--install", build, "--prefix", prefix)
        run("cmake", "-S", HERE, "-B", theirs, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
            "-DCMAKE_BUILD_TYPE=Release", *options)
        run("cmake", "--build", theirs)
        trainer, config = theirs / "my-train", HERE / "gated.yaml"

        run(trainer, "--config", config, "output_dir=run", "--json", cwd=folder)
        records = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
        losses = [r["loss"] for r in records if r["split"] == "train"]
        assert losses[-1] < losses[0], losses
        summary = json.loads((folder / "run" / "summary.json").read_text())
        assert summary["status"] == "completed" and summary["steps"] == 24, summary
        expect(run(trainer, "eval", "run", "--split", "train", cwd=folder), "loss")
        expect(run(trainer, "explain", "Gate"), "x times a learned gate", "num_features", "size of the last axis")
        expect(run(trainer, "--config", config, "model.layers.gate.num_feature=4", code=64, cwd=folder),
               "my-train: error:", "did you mean 'num_features'?")

        # nnx-train itself does not have the layer, yet shows what was trained with it.
        installed = prefix / "bin" / "nnx-train"
        expect(run(installed, "inspect", "run", cwd=folder), "gate: Gate", "calls: Count i32[]", "Count 1 (4 B)")
        expect(run(installed, "--config", config, code=78, cwd=folder), "Gate")
    print("the external project builds, trains and is understood")


if __name__ == "__main__":
    main()
