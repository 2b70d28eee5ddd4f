#!/usr/bin/env python3
"""Opens pages of nnx/html.h in a headless browser and uses them: checks.js opens, searches, reads arrays.

  browser_test.py CHROMIUM MAKE_PAGE NNX_TRAIN SOURCE [SCREENSHOTS]

One page is of a model made for it (make_page.cpp), one of a run that is trained here. With SCREENSHOTS, a folder, the
pages are also photographed: light, dark and opened.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1300,1400", "--virtual-time-budget=5000"]
MADE = {"module": "first", "array": "first.kernel", "search": "first kernel", "shared": "tied", "shared_with": "first",
        "not_finite": "broken", "not_finite_cell": [7, 0], "facets": "facets"}
RUN = {"module": "linear1", "array": "linear1.kernel", "search": "linear1 kernel 64"}
PHOTOS = {"light": "document.documentElement.dataset.theme = 'light'; showTheme();",
          "dark": "document.documentElement.dataset.theme = 'dark'; showTheme();",
          "opened": "for (const n of nodes.filter((n) => n.array && n.section === sections[0])) { reveal(n); open(n); }"}


def browse(chromium, page, *options):
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run([chromium, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()],
                              capture_output=True, text=True, timeout=120)
    return done.stdout


def with_script(page, script, name):
    """A copy of the page that runs the script at its end."""
    copy = page.with_name(name)
    copy.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    return copy


def check(chromium, page, expected):
    script = f"const expected = {json.dumps(expected)};\n" + (pathlib.Path(__file__).parent / "checks.js").read_text()
    dom = browse(chromium, with_script(page, script, page.stem + "-checked.html"), "--dump-dom")
    found = re.search(r'<pre id="checks">(.*?)</pre>', dom, re.DOTALL)
    text = found.group(1) if found else "FAILED: the page has no checks\n" + dom[:2000]
    print(f"{page.name}, {page.stat().st_size} bytes\n{text}")
    return "ok     DONE" in text and "FAILED" not in text


def main():
    chromium, make_page, nnx_train, source = sys.argv[1:5]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made, run = folder / "made.html", folder / "run.html"
        subprocess.run([make_page, made], check=True)
        subprocess.run([nnx_train, "--config", f"{source}/configs/mlp.yaml", f"output_dir={folder}/run",
                        "train.epochs=1"], check=True, cwd=source, capture_output=True)
        subprocess.run([nnx_train, "inspect", folder / "run", "--html", run], check=True)
        passed = [check(chromium, made, MADE), check(chromium, run, RUN)]
        if len(sys.argv) > 5:
            for page in (made, run):
                for photo, script in PHOTOS.items():
                    target = pathlib.Path(sys.argv[5]).absolute() / f"{page.stem}-{photo}.png"
                    browse(chromium, with_script(page, script, f"{photo}.html"), f"--screenshot={target}")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
