"""Memory of each rank with the optimizer's state on all of them, and shared out (zero-1).

Trains a model of 27 million parameters for some steps with 4 ranks and reads each one's anonymous resident memory
(RssAnon) ten times a second. The state, two numbers of 4 bytes for each parameter, is on every rank when replicated;
what zero-1 saves of it is the difference between the two.
Usage: PATH=target/tools/venv/bin:$PATH python3 tests/peers/ranks_memory.py [PROGRAM]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

RANKS = 4
CONFIG = """
[data]
source = [{{ path = "{corpus}" }}]
validation = 0.0
test = 0.0
[tokenizer]
plugin = "bpe"
config = {{ vocab_size = 4096 }}
[model]
layers = 8
heads = 8
width = 512
context = 64
[loss]
plugin = "cross-entropy"
[train]
steps = 12
batch = 1
accumulate = 4
checkpoint_every = 0
threads = 1
[sample]
tokens = 0
[report]
page = false
"""


def resident(folder):
    """KiB of each rank that trains in this folder."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") != folder:
                continue
            with open(f"/proc/{pid}/environ") as environ, open(f"/proc/{pid}/status") as status:
                rank = re.search(r"PMI_RANK=(\d+)", environ.read())
                memory = re.search(r"RssAnon:\s+(\d+)", status.read())
        except OSError:
            continue
        if rank and memory:
            found[int(rank.group(1))] = int(memory.group(1))
    return found


def measure(program, folder, strategy):
    """The most KiB of each rank, and what the program said."""
    launcher = os.path.abspath(shutil.which("mpirun") or sys.exit("no mpirun found: set PATH"))
    words = [launcher, "-n", str(RANKS), program, "train", "run.toml", "--overwrite"]
    words += ["--set", f"ranks.strategy={strategy}"]
    running = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    most = {}
    while running.poll() is None:
        for rank, memory in resident(folder).items():
            most[rank] = max(memory, most.get(rank, 0))
        time.sleep(0.1)
    text = running.stderr.read()
    if running.returncode != 0:
        sys.exit(text)
    return most, int(re.search(r"(\d+) parameters", text).group(1))


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "target/release/trainyard"))
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        with open(os.path.join(folder, "run.toml"), "w") as file:
            file.write(CONFIG.format(corpus=os.path.join(root, "corpus/austen.txt.zst")))
        (whole, n), (shared, _) = [measure(program, folder, strategy) for strategy in ("replicated", "zero-1")]
    state = n * 8 / 1024
    print(f"{n} parameters, {state:.0f} KiB of state")
    for rank in sorted(whole):
        part = (state - whole[rank] + shared[rank]) / state
        what = "with the whole state for its checkpoint" if rank == 0 else f"{part:.3f} of the state"
        print(f"rank {rank}: replicated {whole[rank]} KiB, zero-1 {shared[rank]} KiB: {what}")


if __name__ == "__main__":
    main()
