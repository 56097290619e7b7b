"""Compares all completers on real and simulated slides and writes the tables of docs/completion.md.

    completion.py SPARED SPACKLE DATA OUT [--steps N] [--only NAME,...]

SPARED and SPACKLE are the programs, DATA the folder of real slides. Everything is kept in OUT: for each data set its
.h5ad, the models of SpaCKLE in both forms, and one JSON file for each evaluation. What is there is not made again, so
the work can be stopped at any time; remove a file to make it anew. OUT/tables.md has the tables. A step that fails ends
the run with the command and what it said.
"""

import argparse
import json
import pathlib
import subprocess
import sys

from datasets import SETS

# Name in the tables: name in datasets.py. The first three are those of the published comparison of methods.
CHOSEN = ["hippo", "her2st", "mouse_muscle", "mob", "dlpfc_151510"]
SIMULATED = "simulated"
RULES = ("p30", "pmed")
SWEPT = "median,kernel,ridge,poisson-factor,variational-factor"
PATIENCE = "300"  # validations, one every 10 steps, after the best one
ABLATED = ("mouse_muscle", "her2st_images")  # the second has pictures
PAPER = {  # Tables 2 and 3: MSE, PCC, means over all 26 data sets
    "spackle": (0.713, 0.600), "context": (0.787, 0.534), "visual": (0.854, 0.533), "raw": (6.166, 0.165),
    "neighbors-0": (0.8136, 0.4727), "neighbors-6": (0.7263, 0.5290), "neighbors-36": (0.7156, 0.5321),
}


class Run:
    """One data set's folder and the programs."""

    def __init__(self, a, name):
        self.spared, self.spackle, self.steps = str(a.spared), str(a.spackle), a.steps
        self.name, self.dir = name, a.out / name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.data = self.dir / "data.h5ad"

    def call(self, *command):
        command = [str(c) for c in command]
        print("  " + " ".join(command[1:]), flush=True)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def keep(self, name, *command):
        """The JSON that a command prints, from the file that it was kept in before."""
        path = self.dir / f"{name}.json"
        if not path.exists():
            out = self.call(*command, "--json")
            json.loads(out)
            path.write_text(out)
        return json.loads(path.read_text())

    def build(self, slides, options, data=None):
        if not (data or self.data).exists():
            flags = [part for flag, value in options.items() for part in (f"--{flag}", value)]
            self.call(self.spared, "build", *slides, *flags, "-o", data or self.data)

    def train(self, form, steps):
        folder = self.dir / f"model-{form}"
        self.keep(f"train-{form}", self.spackle, "train", self.data, "-o", folder, "--form", form, "--steps", steps,
                  "--patience", PATIENCE)
        return folder

    def training(self, form):
        return json.loads((self.dir / f"train-{form}.json").read_text())

    def eval(self, name, *flags):
        return self.keep(f"eval-{name}", self.spackle, "eval", self.data, *flags)


def evaluate(run, released_steps):
    """All evaluations of one data set, by name.

    Each network has files of its own, so that one can be trained anew without the others. What is hidden is the same for all.
    """
    paper, released = run.train("paper", run.steps), run.train("released", released_steps)
    network = ("--method", "spackle", "--model", paper)
    e = {"training": [run.training("paper"), run.training("released")]}
    for rule in RULES:
        e[rule] = run.eval(rule, "--method", "all", "--rule", rule)
        own = run.eval(f"{rule}-paper", *network, "--rule", rule)
        other = run.eval(f"{rule}-released", "--method", "spackle", "--model", released, "--rule", rule, "--bootstrap", "0")
        e[rule]["methods"] = [{**own["methods"][0], "name": "SpaCKLE, paper's form"}, {**other["methods"][0], "name": "SpaCKLE, released form"},
                              *e[rule]["methods"]]
    e["sweep"] = run.eval("sweep", "--sweep", "--resume", run.dir / "sweep", "--method", SWEPT, "--masks", "1")["sweep"]
    own = run.eval("sweep-paper", "--sweep", "--resume", run.dir / "sweep-paper", *network, "--masks", "1")["sweep"]
    for share, of in zip(e["sweep"], own):
        share["methods"] += of["methods"]
    e["split"] = run.eval("split", "--split-counts", "--method", "mean,kernel,poisson-kernel,poisson-factor,variational-factor")
    e["published"] = run.eval("published", "--order", "released", "--method", "median,kernel,poisson-factor")
    own = run.eval("published-paper", "--order", "released", *network)
    for protocol in ("strict", "published"):
        e["published"][protocol]["methods"] += own[protocol]["methods"]
    return e


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|"]
                     + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def number(x, digits=3):
    return f"{x:.{digits}f}".replace("0.", ".", 1) if abs(x) < 1 else f"{x:.2f}"


def methods_table(all_sets, rule):
    """MSE / PCC-gene of each method on each data set, the least errors bold."""
    rows = []
    least = {s: min(m["mse"] for m in e[rule]["methods"]) for s, e in all_sets.items()}
    for name in [m["name"] for m in next(iter(all_sets.values()))[rule]["methods"]]:
        row = [name]
        for s, e in all_sets.items():
            m = next((m for m in e[rule]["methods"] if m["name"] == name), None)
            cell = "" if m is None else f"{number(m['mse'])} / {number(m['pcc_gene'])}"
            row.append(f"**{cell}**" if m and m["mse"] == least[s] else cell)
        rows.append(row)
    rows.append(["noise floor"] + [number(e[rule]["floor"]) for e in all_sets.values()])
    return table([f"rule {rule}", *all_sets], rows)


def seconds_table(all_sets):
    names = [m["name"] for m in next(iter(all_sets.values()))["p30"]["methods"]]
    rows = []
    for name in names:
        of = [next((m for m in e["p30"]["methods"] if m["name"] == name), None) for e in all_sets.values()]
        rows.append([name] + ["" if m is None else f"{m['seconds'] / 3:.2f}" for m in of])
    return table(["seconds, fit and complete"] + list(all_sets), rows)


def coverage_table(all_sets):
    """Hidden values within the intervals of 50, 80 and 95 %, in per cent."""
    rows = []
    for s, e in all_sets.items():
        for m in e["p30"]["methods"]:
            if any(m.get("coverage", [])):
                of = [next(x for x in e[rule]["methods"] if x["name"] == m["name"]) for rule in RULES]
                rows.append([s, m["name"]] + [" / ".join(f"{100 * c:.1f}" for c in x["coverage"]) for x in of])
    return table(["data set", "method", *RULES], rows)


def sweep_table(all_sets):
    rows = []
    for s, e in all_sets.items():
        sweep = e["sweep"]
        for k, m in enumerate(sweep[0]["methods"]):
            rows.append([s, m["name"]] + [number(one["methods"][k]["mse"]) for one in sweep])
        rows.append([s, "noise floor"] + [number(one["floor"]) for one in sweep])
    return table(["data set", "method"] + [one["rule"].lstrip("p") + " %" for one in next(iter(all_sets.values()))["sweep"]], rows)


def split_table(all_sets):
    """Mean count and Poisson deviance where the shown half is 0."""
    rows = []
    for s, e in all_sets.items():
        split = e["split"]
        rows.append([s, "the other half", number(split["truth"]), ""])
        for m in split["methods"]:
            if m.get("rate"):
                rows.append([s, m["name"] + ", on average", number(m["rate"]["mean"]), number(m["rate"]["deviance"])])
            rows.append([s, m["name"] + ", if detected", number(m["detected"]["mean"]), number(m["detected"]["deviance"])])
    return table(["data set", "answer", "mean count", "deviance"], rows)


def gap_table(all_sets):
    """MSE by the strict and by the published protocol."""
    rows = []
    for s, e in all_sets.items():
        both = e["published"]
        for strict, published in zip(both["strict"]["methods"], both["published"]["methods"]):
            gap = published["mse"] - strict["mse"]
            rows.append([s, strict["name"], number(strict["mse"]), number(published["mse"]), f"{gap:+.3f}"])
    return table(["data set", "method", "strict", "published", "gap"], rows)


def truth_table(e):
    """Errors of what is really missing on simulated tissue."""
    rows = []
    for m in e["methods"]:
        rows.append([m["name"], number(m["mse"]), number(m["pcc_gene"])])
        if m.get("rate"):
            rows.append([m["name"] + ", on average", number(m["rate"]["mse"]), number(m["rate"]["pcc_gene"])])
    return table(["method", "MSE", "PCC-gene"], rows)


def training_table(all_sets):
    """Of each data set's network in both forms: steps, the best one, its validation MSE."""
    rows = []
    for s, e in all_sets.items():
        rows.append([s] + [f"{t['steps_taken']:,} / {t['best_step']:,} / {number(t['best_val_mse'])}" for t in e["training"]])
    return table(["data set", "paper's form", "released form"], rows)


def ablation_table(grids):
    rows = []
    for name in PAPER:
        row = [name, number(PAPER[name][0]) + " / " + number(PAPER[name][1])]
        for g in grids.values():
            m = next((m for m in g["evaluation"]["methods"] if m["name"] == name), None)
            row.append("not possible" if m is None else f"{number(m['mse'])} / {number(m['pcc_gene'])}")
        rows.append(row)
    return table(["network", "paper, mean of 26"] + list(grids), rows)


def ablations(a, sets):
    grids = {}
    for name in ABLATED:
        run = Run(a, name + "_context")
        _, _, slides, options = sets[name]
        slides, few = [a.data / s for s in slides], run.dir / "few.h5ad"
        run.build(slides, options, few)
        passed = run.keep("info", run.spared, "info", few)["panel"]  # the filter
        run.build(slides, {**options, "genes": str(min(1024, passed))})
        flags = []
        if name.endswith("_images"):
            run.keep("morphology", run.spared, "morphology", run.data)
            flags = ["--features", "embeddings_morphology"]
        grids[name] = run.keep("grid", run.spackle, "grid", run.data, "-o", run.dir / "grid", "--ablations", "--genes", "128",
                               "--steps", a.ablation_steps, *flags)
    return grids


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("spared", type=pathlib.Path)
    p.add_argument("spackle", type=pathlib.Path)
    p.add_argument("data", type=pathlib.Path)
    p.add_argument("out", type=pathlib.Path)
    p.add_argument("--steps", default="10000", help="training steps of SpaCKLE in the paper's form, of 64 spots (default 10000, as published)")
    p.add_argument("--released-steps", default="300", help="in the released form, of 256 spots (default 300)")
    p.add_argument("--ablation-steps", default="1000", help="of each ablation (default 1000)")
    p.add_argument("--only", help="these data sets only, by commas; no ablations")
    a = p.parse_args()
    sets = {s[0]: s for s in SETS}
    all_sets, grids = {}, {}
    for name in a.only.split(",") if a.only else [*CHOSEN, SIMULATED]:
        print(name, flush=True)
        run = Run(a, name)
        if name == SIMULATED:
            slides = run.dir / "slides"
            if not slides.exists():
                run.call(run.spared, "simulate", "-o", slides)
            run.build([slides], {})
        else:
            run.build([a.data / s for s in sets[name][2]], sets[name][3])
        all_sets[name] = evaluate(run, a.released_steps)
        if name == SIMULATED:
            truth = ("--truth", run.dir / "slides", "--method")
            all_sets[name]["truth"] = run.eval("truth", *truth, "all")
            own = run.eval("truth-paper", *truth, "spackle", "--model", run.dir / "model-paper")
            all_sets[name]["truth"]["methods"] = own["methods"] + all_sets[name]["truth"]["methods"]
    if not a.only:
        print("ablations", flush=True)
        grids = ablations(a, sets)
    parts = {f"Methods, rule {rule}: MSE / PCC-gene": methods_table(all_sets, rule) for rule in RULES}
    parts |= {"Training: steps, best step, validation MSE": training_table(all_sets), "Seconds": seconds_table(all_sets),
             "Coverage": coverage_table(all_sets), "Sweep: MSE by share hidden": sweep_table(all_sets),
             "Counts where none is shown": split_table(all_sets), "Protocols, pmed, 10 masks: MSE": gap_table(all_sets)}
    if SIMULATED in all_sets:
        parts["Really missing, against the truth"] = truth_table(all_sets[SIMULATED]["truth"])
    if grids:
        parts["Ablations: MSE / PCC-gene by p30"] = ablation_table(grids)
    (a.out / "tables.md").write_text("\n".join(f"## {title}\n\n{text}" for title, text in parts.items()))
    print(f"wrote {a.out / 'tables.md'}")


if __name__ == "__main__":
    main()
