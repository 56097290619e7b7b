"""Executes notebooks from the first cell to the last, as a reader would, and says which fail.

    run_notebooks.py NOTEBOOK...               save executed copies, and web pages of them, in build/notebooks
    run_notebooks.py --out DIR NOTEBOOK...     in DIR
    run_notebooks.py --inplace NOTEBOOK...     save the outputs in the notebooks themselves, to be committed
    run_notebooks.py --set slides=DIR ...      with another value of a constant of the cell tagged "parameters"

A notebook fails on the first cell with an error, and also on a shell command that fails or a magic
that GoNB does not know: GoNB only prints these on stderr and calls the cell good. Exit status 1 when
any failed. The pages are whole by themselves: they ask no server for anything.
"""

import argparse
import json
import pathlib
import re
import sys
import time

import nbformat
from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert as mathml
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

REPO = pathlib.Path(__file__).resolve().parent.parent
TEMPLATES = REPO / "tools/nbconvert"

# What GoNB writes to stderr for things that went wrong in a cell it calls good.
SILENT_FAILURE = re.compile(r"exit status|unknown or not implemented|command failed")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Failure(Exception):
    """A cell that a reader would call broken."""


def failure_of(cell):
    """The text that shows why the cell failed; None where it did not."""
    stderr = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stderr")
    errors = [o for o in cell.outputs if o.output_type == "error"]
    if not errors and not SILENT_FAILURE.search(stderr):
        return None
    said = ["\n".join(o.traceback) or o.evalue for o in errors]
    return ANSI.sub("", "\n".join([*said, stderr]))  # a panic's message is on stderr


def check_cell(cell, cell_index, **_):
    """Called after each cell: stops the notebook at the first failure."""
    text = failure_of(cell)
    if text is not None:
        raise Failure(f"cell {cell_index + 1}:\n{indent(cell.source)}\n  says:\n{indent(text)}")


def indent(text):
    return "\n".join("    " + line for line in text.strip().splitlines())


def execute(notebook, folder, timeout, log):
    """Runs the notebook's cells in a new kernel whose working directory is the notebook's folder."""
    at = 0

    def note_cell(cell_index, **_):
        nonlocal at
        at = cell_index

    client = NotebookClient(
        notebook,
        kernel_name="gonb",
        timeout=timeout,
        startup_timeout=120,
        resources={"metadata": {"path": str(folder)}},
        allow_errors=True,  # check_cell reports them, with what is not called an error
        on_cell_start=note_cell,
        on_cell_executed=check_cell,
        coalesce_streams=True,
        record_timing=False,  # differs each time, and would fill the history of committed notebooks
    )
    try:
        client.execute(stdout=log, stderr=log)
    except CellTimeoutError as e:
        source = indent(notebook.cells[at].source)
        raise Failure(f"cell {at + 1}:\n{source}\n  ran for more than {timeout} s") from e
    except DeadKernelError as e:
        raise Failure(f"cell {at + 1}: the kernel died, see {log.name}") from e


def set_parameters(notebook, settings):
    """Gives string constants of the cell tagged "parameters" other values. A notebook may lack some of them."""
    for cell in notebook.cells:
        if "parameters" not in cell.metadata.get("tags", []):
            continue
        for name, value in settings.items():
            line = re.compile(rf"^(\s*(?:const )?{re.escape(name)}\s*=\s*)\"[^\"\n]*\"", re.MULTILINE)
            cell.source = line.sub(lambda m: m[1] + json.dumps(value, ensure_ascii=False), cell.source)


class Formulas(IPythonRenderer):
    """Writes LaTeX as MathML, which browsers draw by themselves."""

    def block_math(self, body):
        return mathml(body, display="block")

    def inline_math(self, body):
        return mathml(body)

    def latex_environment(self, name, body):
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", display="block")


class OfflineExporter(HTMLExporter):
    """Exports a page that needs no network: pictures inside, formulas as MathML, no foreign script."""

    def __init__(self):
        super().__init__(template_name="offline", extra_template_basedirs=[str(TEMPLATES)], embed_images=True)

    @pass_context
    def markdown2html(self, context, source):
        renderer = Formulas(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=True,
            path=context["resources"]["metadata"]["path"],
            exclude_anchor_links=True,
        )
        return MarkdownWithMath(renderer=renderer).render(source)



def outside_requests(page):
    """The addresses that a browser would ask for while it shows the page."""
    tags = BeautifulSoup(page, "html.parser").select("script[src], img[src], iframe[src], source[src], link[href]")
    addresses = [tag.get("src", tag.get("href")) for tag in tags]
    return [a for a in addresses if not a.startswith("data:")]


def export(notebook, source, target):
    """Writes the notebook as a web page."""
    resources = {"metadata": {"name": source.stem, "path": str(source.parent)}}
    page, _ = OfflineExporter().from_notebook_node(notebook, resources)
    if asked := outside_requests(page):
        raise Failure(f"the exported page would load {', '.join(asked)}")
    target.write_text(page, encoding="utf-8")


def run(source, out, inplace, timeout, settings):
    """Executes one notebook and saves what came out: in place only if all went well."""
    out.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(source, as_version=4)
    set_parameters(notebook, settings)
    try:
        with open(out / f"{source.stem}.log", "w") as log:
            execute(notebook, source.parent.resolve(), timeout, log)
    finally:
        nbformat.write(notebook, out / source.name)
    if inplace:
        nbformat.write(notebook, source)
    else:
        export(notebook, source, out / f"{source.stem}.html")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=REPO / "build/notebooks", help="folder for what is made")
    parser.add_argument("--inplace", action="store_true", help="save the outputs in the notebooks themselves")
    parser.add_argument("--timeout", type=int, default=900, help="seconds that one cell may take (default 900)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="give a parameter another value")
    parser.add_argument("notebooks", nargs="+", type=pathlib.Path)
    args = parser.parse_args()

    settings = dict(pair.split("=", 1) for pair in args.set)
    failed = 0
    for source in args.notebooks:
        start = time.monotonic()
        try:
            run(source, args.out, args.inplace, args.timeout, settings)
            verdict, reason = "ok", ""
        except Failure as e:
            failed += 1
            verdict, reason = "FAIL", f"\n  {e}"
        print(f"{verdict:4}  {source}  {time.monotonic() - start:.1f} s{reason}", flush=True)
    print(f"{len(args.notebooks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
