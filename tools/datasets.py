"""Builds a data set from every set of slides in a folder of real ones, by one `spared build` each, and tabulates them.

    datasets.py SPARED DATA OUT [NAME...]

SPARED is the program, DATA the folder, OUT where NAME.h5ad and table.md go. What is there already is opened, not
computed. Exit status 1 when any fails.
"""

import json
import pathlib
import subprocess
import sys
import time

HER2 = {subject: [f"{subject}{section}" for section in range(1, 7 if subject in "ABCD" else 4)] for subject in "ABCDEF"}


def her2(*subjects):
    return [slide for subject in subjects for slide in HER2[subject]]


# Name, what it is, slides (under DATA), and the splits that the folder's README names.
SETS = [
    ("her2st_images", "human breast tumour, legacy ST, the slides with full-resolution pictures",
     [f"her2st/counts/{slide}.tsv.gz" for slide in ("C2", "C3", "C4", "C5", "C6")],
     dict(train="C2,C3,C4", val="C5", test="C6")),
    ("her2st", "human breast tumour, legacy ST, all 30 sections of 6 subjects", ["her2st"],
     dict(train=",".join(her2("A", "B", "C")), val=",".join(her2("D")), test=",".join(her2("E", "F")), batch="patient",
          patient=",".join(f"{slide}={slide[0]}" for slide in her2(*"ABCDEF")))),
    ("mouse_muscle", "mouse muscle after injury, Visium v1", ["mouse_muscle_visium"],
     dict(train="Vis5A_2dpi", val="Vis7B_5dpi")),
    ("hippo", "mouse brain, ST 2K array", ["hippo"],
     dict(train="Hippo1,Hippo2,Hippo3,Hippo4", val="Hippo5,Hippo6", test="Hippo7,Hippo8")),
    ("mob", "mouse olfactory bulb, ST 2K array", ["mob"], dict(train="MOB1", val="MOB2")),
    ("dlpfc_151510", "human prefrontal cortex, Visium", ["dlpfc/151510"], {}),
    ("dlpfc_151673", "human prefrontal cortex, Visium", ["dlpfc/151673"], {}),
    ("hippocampus", "human hippocampus, Visium", ["hippocampus"], {}),
    ("prostate_pair", "human prostate, Visium FFPE, normal and tumour", ["prostate_pair"], {}),
    ("mouse_embryo", "mouse embryo, CytAssist", ["mouse_embryo_cytassist"], {}),
    ("square_grid", "human, Space Ranger's layout on a square grid", ["square_grid_visium"], {}),
]


def build(spared, data, out, slides, options):
    command = [spared, "build", *(str(data / slide) for slide in slides), "-o", str(out), "--json"]
    for flag, value in options.items():
        command += [f"--{flag}", value]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout), time.monotonic() - start


def main():
    spared, data, out, *only = sys.argv[1:]
    data, out = pathlib.Path(data), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = ["| data set | tissue, platform | slides | spots | genes | missing before | after | most spatial genes | s |",
            "|---|---|--:|--:|--:|--:|--:|---|--:|"]
    for name, what, slides, options in SETS:
        if only and name not in only:
            continue
        made, seconds = build(spared, data, out / f"{name}.h5ad", slides, options)
        genes = ", ".join(made["top_genes"][:4])
        rows.append(f"| {name} | {what} | {len(made['slides'])} | {made['spots']:,} | {made['genes']} | "
                    f"{100 * made['missing_before']:.1f} % | {100 * made['missing']:.1f} % | {genes} | {seconds:.1f} |")
        print(rows[-1], flush=True)
    if not only:
        (out / "table.md").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
