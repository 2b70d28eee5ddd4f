"""How the golden files are written: tests/golden/README.md describes the format."""

import json
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "tests" / "golden"


def array(values, shape, dtype="f32"):
    """One array: its shape and its elements in row-major order; dtype is what a test should make of them."""
    return {"shape": list(shape), "dtype": dtype, "values": list(values)}


def write(name, document):
    """Writes tests/golden/<name>, one array or short list a line."""
    text = json.dumps(document, indent=1, allow_nan=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)
    text = re.sub(r'\{\s*("shape": \[[^]]*\]),\s*("dtype": "\w+"),\s*("values": \[[^]]*\])(?:,\s*("bits": \[[^]]*\]))?\s*\}',
                  lambda m: "{" + ", ".join(filter(None, m.groups())) + "}", text)
    path = FOLDER / name
    path.write_text(text + "\n")
    print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size / 1000:.0f} KB")
