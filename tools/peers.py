"""Times SpatialGo and the Python libraries on the same inputs, one after the other, and prints a table.

    peers.py GO_PROGRAM PYTHON WORK DATA [TASK...]

Each measurement is a process of its own, and SpatialGo's turn comes right after the library's, so that both meet the
machine in the same state. Of ROUNDS turns the one with the least CPU time counts. Both compute their result's
checksum, and the table says how far they are apart.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys

ROUNDS = int(os.environ.get("ROUNDS", "3"))

# Task, what it is, the libraries that do it. Where a library's way of doing it takes minutes, one turn has to do.
TASKS = [
    ("read10x", "read a 10x .h5, 982 spots x 33,217 genes (SpatialGo: with pictures, positions and digests)", ["scanpy"]),
    ("read_h5ad", "read a gzip .h5ad, 4,965 x 12,971", ["anndata"]),
    ("write_h5ad", "write the same", ["anndata"]),
    ("moran", "Moran's I of 12,971 genes, 4,965 spots", ["squidpy", "scanpy"]),
    ("median", "adaptive median, 4,965 spots x 300 genes", ["spared"]),
    ("combat", "ComBat, 43,804 spots x 128 genes, 14 batches", ["combat", "inmoose", "scanpy"]),
    ("recipe", "whole recipe, 8 slides of 1,144 spots x 10,000 genes", ["spared without permutations", "spared"]),
    ("spackle_step", "SpaCKLE, 10 training steps of 256 x 19 x 128", ["torch"]),
    ("spackle_complete", "SpaCKLE, completing 5,000 spots x 128 genes (SpatialGo: compilation included)", ["torch"]),
]
ONCE = {("recipe", "spared")}
# Not the same computation: combat 0.3.3 uses the first gene's batch shift for the variance of all genes; file sizes
# differ by the compressor.
DIFFER = {("combat", "combat"), ("write_h5ad", "anndata")}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(go, python, work, data, task, peer):
    theirs, ours = [], []
    for _ in range(1 if (task, peer) in ONCE else ROUNDS):
        theirs.append(run([python, "-W", "ignore", "tools/peers_python.py", task, peer, work, data]))
        ours.append(run([go, task, work, data]))
    least = lambda turns: min(turns, key=lambda turn: turn["cpu"])
    return least(theirs), least(ours)


def agreement(task, peer, theirs, ours):
    if (task, peer) in DIFFER:
        return "differs (see below)"
    return f"{abs(ours['check'] - theirs['check']) / abs(theirs['check']):.0e}"


def main():
    go, python, work, data, *only = sys.argv[1:]
    work = pathlib.Path(work)
    if not (work / "batches.h5ad").exists() or not (work / "completion.ckpt").exists():
        subprocess.run([python, "-W", "ignore", "tools/peers_python.py", "prepare", "-", work, data], check=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores; least CPU time of {ROUNDS} turns; input and imports excluded, "
          "peak memory of the whole process\n")
    print("| task | library | CPU s | SpatialGo CPU s | ratio | wall s | SpatialGo | ratio | peak MB | SpatialGo | ratio | results differ by |")
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for task, what, peers in TASKS:
        if only and task not in only:
            continue
        for peer in peers:
            theirs, ours = measure(go, python, work, data, task, peer)
            cells = [what, peer]
            for key, form in ("cpu", ".3g"), ("wall", ".3g"), ("peak_mb", ".0f"):
                cells += [f"{theirs[key]:{form}}", f"{ours[key]:{form}}", f"{theirs[key] / ours[key]:.3g}"]
            print("| " + " | ".join(cells + [agreement(task, peer, theirs, ours)]) + " |", flush=True)


if __name__ == "__main__":
    main()
