"""Training a model of half a million weights stays within 60 MB of resident memory: memory_test.py NNX_TRAIN SOURCE_FOLDER"""
import os
import subprocess
import sys
import tempfile

program, source = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    command = [program, "--config", f"{source}/configs/bench/w1.yaml", "train.max_steps=20", f"output_dir={folder}/run"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "2"})
    _, status, used = os.wait4(run.pid, 0)
megabytes = used.ru_maxrss / 1024
print(f"{megabytes:.1f} MB")
sys.exit(os.waitstatus_to_exitcode(status) or megabytes >= 60)
