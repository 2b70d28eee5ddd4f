#!/usr/bin/env python3
"""nnx-train from outside: exit codes, streams, --json, examples, and the schema, with a real validator.

    nnx_train_test.py PROGRAM SOURCE          every test but those of the schema
    nnx_train_test.py PROGRAM SOURCE schema   those; exits with 77 (skipped) without python3-jsonschema and python3-yaml
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM, SOURCE = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()

SMALL = """seed: 0
data:
  train: {type: synthetic, rows: 64, features: 4, classes: 2}
  validation: {type: synthetic, rows: 64, features: 4, classes: 2}
  batch_size: 8
model:
  type: Sequential
  layers:
    linear1: {type: Linear, in_features: 4, out_features: 8}
    relu: relu
    linear2: {type: Linear, in_features: 8, out_features: 2}
loss: softmax_cross_entropy
optimizer: {type: adam, learning_rate: 1e-2, b1: 0.8}
train: {epochs: 2}
"""

MODULES = """data:
  train: {type: synthetic, rows: 64, features: 4, classes: 2}
modules:
  Block:
    arguments: [width, {rate: 0.1}]
    attributes:
      norm: {type: LayerNorm, num_features: "${width}"}
      linear: {type: Linear, in_features: "${width}", out_features: "${width}"}
      drop: {type: Dropout, rate: "${rate}"}
    call: x + drop(linear(norm(x)))
  Net:
    arguments: {width: null, last: {type: Linear, in_features: 4, out_features: 2}}
    inputs: [image, {scale: 1}]
    attributes:
      blocks: [{type: Block, width: "${width}"}, {type: Block, width: "${width}", rate: 0}]
      tails: {first: gelu, second: {type: Sequential, layers: {own: {type: Block, width: 4}, again: {ref: own}}}}
      again: {ref: "blocks[0]"}
      head: "${last}"
      bias: {type: Param, shape: [2], init: {type: normal, stddev: 0.02}}
    call: |
      h = image * scale
      for block in blocks:
        h = block(h)
      return head(tails.second(again(tails.first(h)))) + bias
model: {type: Net, width: 4}
loss: softmax_cross_entropy
optimizer: {type: adam, learning_rate: 1e-2}
train: {epochs: 1}
"""
GOOD_MODULES = {
    "all forms": MODULES,
    "a bare name": MODULES.replace("[width, {rate: 0.1}]", "[{width: 4}, {rate: 0.1}]").replace("{type: Net, width: 4}", "Net")
                          .replace("{width: null, last", "{width: 4, last"),
    "below built-in layers": MODULES.replace("{type: Net, width: 4}", "{type: Sequential, layers: {a: {type: Scan, length: 2, layer: "
                                             "{type: Block, width: 4}}, net: {type: Net, width: 4}}}"),
}
BAD_MODULES = [
    ("num_features: ", "num_feature: "), ('in_features: "${width}"', "in_features: 0"), ("{type: Dropout, rate", "{type: Dropout, rat"),
    ("rate: \"${rate}\"", "rate: 2"), ("[width, {rate: 0.1}]", "[width, {rate: 0.1, more: 1}]"), ("[width, {rate: 0.1}]", "[width, 3x]"),
    ("[width, {rate: 0.1}]", "width"), ("[image, {scale: 1}]", "[image, type]"), ("call: x + drop(linear(norm(x)))", "cal: x"),
    ("call: x + drop(linear(norm(x)))", "call: [x]"), ("gelu,", "Linear,"), ("gelu,", "null,"), ("shape: [2], ", ""),
    ("shape: [2]", "shape: [0]"), ("stddev", "stdev"), ("type: normal", "type: normale"), ("{ref: \"blocks[0]\"}", "{ref: [blocks]}"),
    ("again: {ref: own}", "again: {ref: own, type: Block}"), ("  Net:", "  Linear:"), ("  Net:", "  Param:"), ("  Net:", "  2Net:"),
    ("      tails:", "      tail-s:"), ("own: {type: Block, width: 4}", "own: {width: 4}"), ("{type: Net, width: 4}", "3"),
    ("layers: {own", "layer: {own"),
]


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "small.yaml").write_text(SMALL)

    def written(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def run_program(self, *arguments, **options):
        return subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, **options)

    def good(self, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def bad(self, code, text, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertIn(text, done.stderr)


class Commands(InFolder):
    def test_each_kind_of_failure_has_its_exit_code_and_says_so_on_stderr(self):
        (self.folder / "ragged.csv").write_text("a,b\n1,2\n3\n")
        ragged = ("data.train={type: csv, path: ragged.csv, label: b}", "data.validation=null")
        self.bad(64, "did you mean 'validate'?", "validat", "small.yaml")
        self.bad(64, "did you mean '--overlay'?", "validate", "small.yaml", "--overly", "x")
        self.bad(64, "no config file is given", "train", "seed=1")
        self.bad(64, "unknown key; did you mean 'batch_size'?", "validate", "small.yaml", "data.batchsize=4")
        self.bad(65, "ragged.csv:3", "validate", "small.yaml", *ragged)
        self.bad(66, "cannot open", "validate", "nowhere.yaml")
        self.bad(78, "bad.yaml:1:17: train.epochs", "validate", "small.yaml", "--overlay", self.written("bad.yaml", "train: {epochs: 0}\n"))
        self.bad(64, "did you mean", "explain", "BatchNrm")
        self.assertEqual(self.run_program().returncode, 64)

    def test_stdout_has_the_result_alone_and_json_is_json(self):
        run = self.good("--config", "small.yaml", "--json", "output_dir=run")
        self.assertEqual(json.loads(run)["status"], "completed")
        for arguments in (["validate", "small.yaml"], ["render", "small.yaml"], ["eval", "run", "--split", "validation"],
                          ["inspect", "run"], ["plan", "run"], ["plan", "run", "--profile", "--runs", "3"], ["layers"], ["explain", "adam"], ["schema"],
                          ["diff", "run", "run"], ["bench", "small.yaml", "--steps", "5"]):
            with self.subTest(arguments):
                json.loads(self.good(*arguments, "--json"))
        self.assertEqual(json.loads(self.good("validate", "small.yaml", "--json"))["parameters"], 4 * 8 + 8 + 8 * 2 + 2)

    def test_bench_times_one_config_or_prints_a_table_of_several(self):
        self.written("wider.yaml", "include: [small.yaml]\ndata: {batch_size: 16}\n")
        one = json.loads(self.good("bench", "--config", "small.yaml", "--config", "wider.yaml", "--steps", "5", "--json"))
        self.assertEqual(one["batch_size"], 16)
        both = json.loads(self.good("bench", "small.yaml", "wider.yaml", "data.shuffle=false", "--steps", "5", "--json"))
        self.assertEqual([(row["config"], row["batch_size"]) for row in both], [("small.yaml", 8), ("wider.yaml", 16)])
        lines = self.good("bench", "small.yaml", "wider.yaml", "--steps", "5").splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["config", "small.yaml", "wider.yaml"])

    def test_the_rendered_config_names_every_source_and_repeats_the_run(self):
        self.written("second.yaml", "data: {batch_size: 16}\noptimizer: {b2: 0.99}\n")
        self.written("first_overlay.yaml", "model: {layers: {linear1: {out_features: \"${width}\"}, "
                     "linear2: {in_features: \"${width}\"}}}\n".replace("${width}", "${2 * data.batch_size}"))
        self.written("second_overlay.yaml", "optimizer: {type: sgd}\n")
        source = ["--config", "small.yaml", "--config", "second.yaml", "--overlay", "first_overlay.yaml", "--overlay",
                  "second_overlay.yaml", "seed=5", "optimizer.momentum=0.5", "train.log_every=3"]
        leaves = {leaf["path"]: leaf for leaf in json.loads(self.good("render", *source, "--json"))["leaves"]}
        expected = {"seed": (5, "argument 'seed=5'"),
                    "data.train.rows": (64, "small.yaml:3:34"),
                    "data.batch_size": (16, "second.yaml:1:20"),
                    "data.shuffle": (True, "default"),
                    "model.layers.linear1.in_features": (4, "small.yaml:9:42"),
                    "model.layers.linear1.out_features": (32, "first_overlay.yaml:1:42"),
                    "model.layers.linear2.in_features": (32, "first_overlay.yaml:1:92"),
                    "optimizer.type": ("sgd", "second_overlay.yaml:1:19"),
                    "optimizer.learning_rate": (0.01, "small.yaml:13:40"),
                    "optimizer.momentum": (0.5, "argument 'optimizer.momentum=0.5'"),
                    "train.log_every": (3, "argument 'train.log_every=3'"),
                    "train.epochs": (2, "small.yaml:14:17")}
        for path, (value, origin) in expected.items():
            with self.subTest(path):
                self.assertEqual((leaves[path]["value"], leaves[path]["origin"]), (value, origin))
        self.assertNotIn("optimizer.b1", leaves)
        sources = re.compile(r"(small|second|first_overlay|second_overlay)\.yaml:\d+:\d+|argument '.*'|default")
        for leaf in leaves.values():
            self.assertRegex(leaf["origin"], sources)
        for option in ([], ["--origin"], ["--comments"], ["--origin", "--comments"]):
            text = self.good("render", *source, *option)
            (self.folder / "rendered.yaml").write_text(text)
            self.assertEqual(self.good("render", "rendered.yaml"), self.good("render", *source))
        self.assertIn("# argument 'seed=5'", self.good("render", *source, "--origin"))
        self.assertIn("  # rows in a batch", self.good("render", *source, "--comments"))
        self.good(*source, "output_dir=one")
        self.good("--config", "rendered.yaml", "output_dir=two")
        names = sorted(p.relative_to(self.folder / "one") for p in (self.folder / "one").rglob("*")
                       if p.suffix in (".safetensors", ".jsonl") and p.name != "timings.jsonl")
        self.assertGreater(len(names), 3)
        for name in names:
            with self.subTest(name):
                self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "two" / name).read_bytes())

    def test_diff_of_configs_and_runs(self):
        self.written("other.yaml", SMALL.replace("1e-2", "0.02").replace("    relu: relu\n", "").replace("seed: 0\n", "seed: 00\n"))
        found = json.loads(self.good("diff", "small.yaml", "other.yaml", "--json"))
        self.assertEqual(found["config"]["changes"], [
            {"key": "model.layers.relu", "change": "removed", "before": "relu"},
            {"key": "optimizer.learning_rate", "change": "changed", "before": "0.01", "after": "0.02"}])
        self.assertEqual(self.run_program("diff", "small.yaml", "other.yaml", "--exit-code").returncode, 1)
        self.assertEqual(self.run_program("diff", "small.yaml", "small.yaml", "--exit-code").returncode, 0)
        self.good("--config", "small.yaml", "output_dir=a")
        self.good("--config", "small.yaml", "output_dir=b", "optimizer.learning_rate=0.02")
        found = json.loads(self.good("diff", "a", "b", "--json"))
        self.assertFalse(found["equal"])
        kernel = {c["key"]: c for c in found["tensors"]["changes"]}["linear1.kernel"]
        self.assertGreater(kernel["max_abs_difference"], 0)
        self.assertTrue(json.loads(self.good("diff", "a", "a", "--json"))["equal"])
        steps = sorted((self.folder / "a" / "checkpoints").glob("step-*"))
        self.assertIn("tensors:", self.good("diff", steps[0], steps[-1]))
        self.bad(64, "two configs, two runs or two checkpoints", "diff", "a", "small.yaml")

    def test_init_writes_a_config_that_trains(self):
        rows = "".join(f"{i % 7},{(i * i) % 5},n{i % 3},{i % 3 * 1.5},{'yes' if i % 7 > 3 else 'no'}\n" for i in range(120))
        self.written("table.csv", "a,b,name,number,answer\n" + rows)
        for target, task in (("answer", "classification"), ("number", "regression")):
            with self.subTest(target):
                text = self.good("init", "--data", "table.csv", "--target", target)
                self.written("new.yaml", text)
                summary = json.loads(self.good("--config", "new.yaml", "--json", f"output_dir={target}"))
                self.assertIn(summary["status"], ("completed", "stopped early", "early_stopped"))
                self.assertEqual(json.loads(self.good("init", "--data", "table.csv", "--target", target, "--json"))["task"], task)
        self.bad(64, "did you mean 'answer'?", "init", "--data", "table.csv", "--target", "anwser")

    def test_completion_knows_commands_keys_and_names(self):
        def complete(*words):
            return self.good("__complete", "--", *words).split()
        self.assertEqual(complete("rend"), ["render"])
        self.assertEqual(complete("explain", "optimizer.learning"), ["optimizer.learning_rate"])
        self.assertEqual(complete("train", "data.batch"), ["data.batch_size="])
        self.assertIn("--origin", complete("render", "--o"))
        self.assertEqual(complete("completion", "f"), ["fish"])
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("__complete", self.good("completion", shell))
        done = subprocess.run(["bash", "-n"], input=self.good("completion", "bash"), text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_man_page_has_every_command_and_exit_code(self):
        page = self.good("man")
        self.assertEqual(page, self.good("--man"))
        for word in (".SS train", ".SS render", ".SS explain", ".B 78", "data.batch_size", ".SH EXIT STATUS"):
            self.assertIn(word, page)

    def test_explain_knows_keys_of_components_and_exit_codes(self):
        self.assertIn("(sgd, adam, adamw): component, required", self.good("explain", "optimizer.learning_rate"))
        self.assertIn("(Dropout): number, in [0, 1", self.good("explain", "model.layers.any.rate"))
        self.assertIn("the config is wrong", self.good("explain", "78"))
        self.assertIn("the config is wrong", self.good("explain", "config"))
        self.assertIn("Linear (layer)", self.good("explain", "layer", "Linear"))

    def test_bf16_mixed_says_what_it_runs_and_where_the_processor_has_none(self):
        large = ("small.yaml", "data.batch_size=64", "data.train.features=256", "data.validation=null",
                 "model.layers.linear1={type: Linear, in_features: 256, out_features: 64}",
                 "model.layers.linear2.in_features=64", "train.precision=bf16-mixed")
        self.bad(78, "expected one of 32-true, bf16-mixed", "validate", "small.yaml", "train.precision=fp16")
        self.assertIn("bf16[64,256]", self.good("plan", "--config", *large))
        lowered = {"env": {**os.environ, "NNX_ISA": "avx2"}}
        self.assertIn("widen+matmul", self.run_program("plan", "--config", *large, **lowered).stdout)
        run = self.run_program("train", "--config", *large, "output_dir=run", **lowered)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("this processor has no bf16", run.stdout + run.stderr)

    def test_hostile_configs_are_refused_within_256_MiB(self):
        keys = "".join(f"k{i}: 1\n" for i in range(1_000_000))
        many = "".join(f"k{i}: ${{k{i + 1}}}\n" for i in range(49_000))
        bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
        copies = "a0: [1]\n" + "".join("a%d: [%s]\n" % (i, ", ".join(['"${a%d}"' % (i - 1)] * 9)) for i in range(1, 12))
        for name, text in (("keys", keys), ("many", many), ("bomb", bomb), ("copies", copies),
                           ("deep", "a: " + "[" * 200_000), ("self", "include: self.yaml\n")):
            with self.subTest(name):
                file = self.folder / f"{name}.yaml"
                file.write_text(text)
                if name == "keys":
                    self.assertGreater(file.stat().st_size, 1 << 20)
                with open(self.folder / "errors", "w+") as errors:
                    program = subprocess.Popen([PROGRAM, "validate", file], stdout=subprocess.DEVNULL, stderr=errors)
                    _, status, used = os.wait4(program.pid, 0)
                    program.returncode = os.waitstatus_to_exitcode(status)
                    errors.seek(0)
                    self.assertEqual(program.returncode, 78, errors.read()[-500:])
                self.assertLess(used.ru_maxrss, 256 << 10)  # KiB


class Examples(InFolder):
    """Every example of the documentation and of --help runs, in this folder with links to configs and data."""

    def setUp(self):
        super().setUp()
        for name in ("configs", "data"):
            (self.folder / name).symlink_to(SOURCE / name)

    def run_examples(self, lines):
        self.assertGreater(len(lines), 0)
        for line in lines:
            if line.startswith("nnx-train sweep"):
                line += " train.epochs=1"  # for twenty whole runs there is no time
            with self.subTest(line):
                environment = dict(os.environ, PATH=f"{PROGRAM.parent}:{os.environ['PATH']}")
                done = subprocess.run(["bash", "-c", line], cwd=self.folder, capture_output=True, text=True,
                                      env=environment, stdin=subprocess.DEVNULL, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_docs_config(self):
        text = (SOURCE / "docs" / "config.md").read_text()
        blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
        self.run_examples([line for block in blocks for line in block.splitlines() if line and not line.startswith("#")])

    def test_docs_config_yaml(self):
        blocks = re.findall(r"```yaml\n(.*?)```", (SOURCE / "docs" / "config.md").read_text(), re.S)
        modules = next(b for b in blocks if b.startswith("modules:"))
        losses = next(b for b in blocks if b.startswith("loss:"))
        rest = ("data: {train: {type: synthetic, rows: 64, features: 64, classes: 10}}\n"
                "optimizer: {type: adam, learning_rate: 1e-3}\ntrain: {epochs: 1}\n")
        self.written("modules.yaml", modules + rest + "loss: softmax_cross_entropy\n")
        self.good("validate", "modules.yaml")
        self.written("losses.yaml", losses + rest + "modules:\n  Two:\n    attributes:\n      a: {type: Linear, in_features: 64, "
                     "out_features: 10}\n      b: {type: Linear, in_features: 64, out_features: 64}\n    call: a(x), b(x)\nmodel: Two\n")
        self.good("validate", "losses.yaml")

    def test_help(self):
        lines = re.findall(r"^  (nnx-train .*)$", self.good("--help"), re.M)
        commands = re.findall(r"^  ([a-z-]+) {2,}", self.good("--help").split("Subcommands:")[1], re.M)
        self.assertGreater(len(commands), 10)
        for command in commands:
            lines += re.findall(r"^  (nnx-train .*)$", self.good(command, "--help"), re.M)
        self.run_examples(list(dict.fromkeys(lines)))


class Schema(InFolder):
    def setUp(self):
        super().setUp()
        self.schema = json.loads(self.good("schema"))
        jsonschema.Draft7Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft7Validator(self.schema)

    def errors(self, file):
        return [e.message for e in self.validator.iter_errors(load_yaml(file))]

    def test_shipped_configs_are_valid(self):
        for file in sorted(SOURCE.glob("configs/*.yaml")) + sorted(SOURCE.glob("configs/bench/*.yaml")):
            with self.subTest(file.name):
                self.assertEqual(self.errors(file), [])

    def test_shipped_overlays_are_valid(self):
        validator = jsonschema.Draft7Validator(json.loads(self.good("schema", "--overlay")))
        for file in sorted(SOURCE.glob("configs/overlays/*.yaml")):
            with self.subTest(file.name):
                self.assertEqual([e.message for e in validator.iter_errors(load_yaml(file))], [])

    def test_what_it_can_know_of_bad_configs_is_refused(self):
        for name in ("unknown_key", "unknown_nested_key", "unknown_layer", "wrong_type", "out_of_range", "missing_model",
                     "several_errors", "learning_rate_is_a_word"):
            with self.subTest(name):
                self.assertNotEqual(self.errors(SOURCE / "tests/train/bad_configs" / f"{name}.yaml"), [])

    def test_module_types_are_checked_as_the_program_does(self):
        for note, text in GOOD_MODULES.items():
            with self.subTest(note):
                file = self.written("modules.yaml", text)
                self.assertEqual(self.errors(self.folder / file), [])
                self.good("validate", file)
        for old, new in BAD_MODULES:
            with self.subTest(new):
                self.assertEqual(MODULES.count(old), 1)
                file = self.written("modules.yaml", MODULES.replace(old, new))
                self.assertNotEqual(self.errors(self.folder / file), [])
                self.assertEqual(self.run_program("validate", file).returncode, 78)

    def test_the_schema_of_a_config_knows_its_module_types(self):
        for note, text in GOOD_MODULES.items():
            with self.subTest(note):
                file = self.written("good.yaml", text)
                known = jsonschema.Draft7Validator(json.loads(self.good("schema", file)))
                self.assertEqual([e.message for e in known.iter_errors(load_yaml(self.folder / file))], [])
        known = jsonschema.Draft7Validator(json.loads(self.good("schema", self.written("modules.yaml", MODULES))))
        for old, new in [("{type: Net, width: 4}", "{type: Nett, width: 4}"), ("{type: Net, width: 4}", "{type: Net, widht: 4}"),
                         ("{type: Net, width: 4}", "{type: Net}"), ("own: {type: Block", "own: {type: Blok"), ("gelu,", "Block,"),
                         ("{type: Dropout", "{type: Droput")]:
            with self.subTest(new):
                file = self.folder / self.written("bad.yaml", MODULES.replace(old, new))
                self.assertEqual(self.errors(file), [])   # may be a type of one's own, whose arguments are not known
                self.assertNotEqual(list(known.iter_errors(load_yaml(file))), [])
                self.assertEqual(self.run_program("validate", file).returncode, 78)

    def test_operations_are_checked_as_the_program_does(self):
        good = ["{replace: linear1, with: {type: Linear, use_bias: false}}", "{type: freeze, select: {not: linear2}}", "{freeze: linear1}",
                "{insert: {more: {type: Linear, in_features: 8, out_features: 8}}, before: relu}", "{set: linear1, attributes: {}}",
                "{resize: linear2, with: {out_features: 3}, expect: 1}", "{wrap: linear1, with: {type: LoRA, lora_rank: 2}}"]
        bad = ["{replac: linear1, with: relu}", "{replace: linear1}", "{replace: linear1, with: {type: Linear, use_bia: false}}",
               "{freeze: ..., expct: 1}", "{freeze: ..., expect: -1}", "{reinit: linear1, init: {type: normal, stdev: 1}}", "freeze",
               "{insert: {more: {type: Linear, in_features: 0}}, before: relu}", "{cast: linear1, dtype: f16}"]
        for item in good + bad:
            with self.subTest(item):
                file = self.written("surgery.yaml", SMALL + f"surgery: [{item}]\n")
                self.assertEqual(self.errors(self.folder / file) == [], item in good)
                self.assertEqual(self.run_program("validate", file).returncode, 0 if item in good else 78)

    def test_without_modules_only_built_in_layers_have_names(self):
        data, model = MODULES[:MODULES.index("modules:")], MODULES[MODULES.index("model:"):]
        self.assertNotEqual(self.errors(self.folder / self.written("no_modules.yaml", data + model)), [])
        self.written("parts.yaml", MODULES[:MODULES.index("model:")])
        including = self.written("including.yaml", "include: parts.yaml\n" + data + model)
        self.assertEqual(self.errors(self.folder / including), [])
        self.good("validate", including)

    def test_an_interpolation_may_stand_for_a_number(self):
        (self.folder / "small.yaml").write_text(SMALL.replace("batch_size: 8", 'batch_size: "${seed + 8}"'))
        self.assertEqual(self.errors(self.folder / "small.yaml"), [])

    def test_a_rendered_config_is_valid(self):
        for file in ["small.yaml", *sorted(SOURCE.glob("configs/*.yaml"))]:
            if "fashion" in str(file):   # of data that need not be there
                continue
            with self.subTest(file):
                self.written("rendered.yaml", self.good("render", file, f"data.folder={SOURCE}"))
                self.assertEqual(self.errors(self.folder / "rendered.yaml"), [])


def load_yaml(file):
    """As YAML 1.2 readers do: 1e-3 is a number, no is a word, !delete and !replace are tags that may be there."""
    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {k: [(t, r) for t, r in v if t not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")]
                                   for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(
        r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$"), list("-+.0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
    Loader.add_multi_constructor("!", lambda loader, suffix, node: None if suffix == "delete" else loader.construct_mapping(node, deep=True))
    return yaml.load(Path(file).read_text(), Loader)


if __name__ == "__main__":
    schema = sys.argv[3:] == ["schema"]
    if schema:
        try:
            import jsonschema
            import yaml
        except ImportError as missing:
            print(f"skipped: {missing}; apt install python3-jsonschema python3-yaml")
            sys.exit(77)
    suite = unittest.TestSuite()
    for case in ((Schema,) if schema else (Commands, Examples)):
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
