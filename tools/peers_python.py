"""One task of `make peers` with the Python libraries that its name says, timed.

    peers_python.py TASK PEER WORK DATA

Prints one line of JSON: CPU seconds and wall seconds of the task alone (imports and input excluded), the process's
peak memory in MB, what it had peaked at before the task, and a number that the Go program must find too.
WORK holds the inputs that `prepare` made; DATA the real slides.
"""

import gzip
import json
import pathlib
import resource
import sys
import time
import warnings

import anndata
import numpy as np
import pandas as pd
from scipy import io, sparse

warnings.filterwarnings("ignore")

HIPPO = [f"Hippo{i}" for i in range(1, 9)]
# The recipe of the whole chain; the Go program uses the same numbers.
RECIPE = dict(
    cell_min_counts=500, cell_max_counts=100_000, gene_min_counts=1_000, gene_max_counts=1_000_000,
    real_data_percentage=0.7, wildcard_genes="None", top_moran_genes=128, combat_key="slide_id",
    hex_geometry=True, organism="mouse",
)


# ---- Inputs ------------------------------------------------------------------------------------------------------


def hippocampus(data):
    """A real slide of 4,965 spots x 12,971 genes."""
    folder = data / "hippocampus"
    with gzip.open(folder / "matrix.mtx.gz") as f:
        counts = io.mmread(f).T.tocsr().astype(np.float32)
    spots = pd.read_csv(folder / "spots.tsv", sep="\t", index_col=0)
    genes = [line.split("\t")[0].strip() for line in open(folder / "genes.txt")]
    slide = anndata.AnnData(counts)
    slide.obs_names = spots.index.astype(str)
    slide.var_names = genes[-counts.shape[1]:]
    slide.obsm["spatial"] = spots[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(float)
    return with_graph(slide)


def with_graph(slide):
    """Six nearest neighbours as squidpy finds them: of some spots two are equally near, and each library takes its own."""
    import squidpy

    squidpy.gr.spatial_neighbors(slide, coord_type="generic", n_neighs=6)
    return slide


def hippo(data):
    """Eight slides of a 2K array as the one collection that spared's functions take."""
    parts = []
    for name in HIPPO:
        table = pd.read_csv(data / "hippo" / f"{name}.tsv.gz", sep="\t", index_col=0)
        place = pd.read_csv(next((data / "hippo").glob(f"alignment_table_{name}*")), sep="\t")
        place = place[place.selected == 1]
        place.index = [f"{x}x{y}" for x, y in zip(place.x, place.y)]
        place = place.loc[[spot for spot in table.index if spot in place.index]]
        part = anndata.AnnData(sparse.csr_matrix(table.loc[place.index].to_numpy(np.float32)))
        part.obs_names = [f"{name}_{spot}" for spot in place.index]
        part.var_names = [gene.split(".")[0] for gene in table.columns]
        part = part[:, ~part.var_names.duplicated()].copy()
        part.obs["slide_id"], part.obs["split"] = name, "train"
        part.obs["array_row"], part.obs["array_col"] = place.y.to_numpy(), place.x.to_numpy()
        part.obsm["spatial"] = place[["pixel_x", "pixel_y"]].to_numpy(float)
        parts.append(part)
    whole = anndata.concat(parts, join="inner")
    whole.var["gene_ids"] = whole.var_names
    whole.uns["spatial"] = {name: {"images": {}, "scalefactors": {}} for name in HIPPO}
    return whole


def batches(spots=43_804, genes=128, count=14):
    """Made-up values with batch effects, of the size of the largest published data set."""
    draw = np.random.default_rng(42)
    batch = np.sort(draw.integers(0, count, spots))
    shift, scale = draw.normal(0, 1, (count, genes)), draw.uniform(0.7, 1.4, (count, genes))
    values = draw.normal(0, 1, (spots, genes)) * scale[batch] + shift[batch] + draw.uniform(2, 9, genes)
    table = anndata.AnnData(values)
    table.obs["batch"] = pd.Categorical([f"b{b:02d}" for b in batch])
    return table


def completion(spots=5000, genes=128):
    """Made-up expression on a hexagonal grid, 30 % of it missing, and the 19 spots of each neighbourhood."""
    from scipy.spatial import cKDTree

    draw = np.random.default_rng(42)
    place = np.arange(spots)
    row, col = place // 50, place % 50
    where = np.stack([100 * (col + row % 2 / 2), 86.6 * row], 1)
    values = draw.normal(6, 2, (spots, genes)).astype(np.float32)
    values[draw.random(values.shape) < 0.3] = 0
    table = anndata.AnnData(values)
    table.obsm["spatial"] = where
    table.obsm["neighborhood"] = cKDTree(where).query(where, 19)[1].astype(np.int64)
    return table


def network(genes=128, width=128):
    """The network of the paper: attention over the spots of a neighbourhood."""
    import torch
    from torch import nn

    torch.manual_seed(42)
    layer = nn.TransformerEncoderLayer(width, 1, batch_first=True)
    return nn.Sequential(nn.Linear(genes, width), nn.TransformerEncoder(layer, 2), nn.Linear(width, genes))


def weights(net):
    """The network's weights as the published library's checkpoints name them."""
    names = {"0.": "linear.", "1.": "transformer_encoder.", "2.": "out_linear."}
    return {"state_dict": {names[name[:2]] + name[2:]: value for name, value in net.state_dict().items()}}


def prepare(work, data):
    import torch

    work.mkdir(parents=True, exist_ok=True)
    completion().write_h5ad(work / "completion.h5ad")
    torch.save(weights(network()), work / "completion.ckpt")
    hippocampus(data).write_h5ad(work / "hippocampus.h5ad", compression="gzip")
    hippo(data).write_h5ad(work / "hippo.h5ad")
    batches().write_h5ad(work / "batches.h5ad")


# ---- Tasks: each returns what to time and how to sum up its result ------------------------------------------------


def read10x(peer, work, data):
    import scanpy

    path = next((data / "mouse_muscle_visium" / "Vis5A_2dpi").glob("*.h5"))
    return lambda: scanpy.read_10x_h5(path), lambda slide: slide.X.sum()


def read_h5ad(peer, work, data):
    return lambda: anndata.read_h5ad(work / "hippocampus.h5ad"), lambda slide: slide.X.sum()


def write_h5ad(peer, work, data):
    slide = anndata.read_h5ad(work / "hippocampus.h5ad")
    path = work / "written_by_python.h5ad"
    return lambda: slide.write_h5ad(path, compression="gzip"), lambda _: path.stat().st_size


def moran(peer, work, data):
    import scanpy
    import squidpy

    slide = anndata.read_h5ad(work / "hippocampus.h5ad")
    graph = slide.obsp["spatial_connectivities"].copy()
    graph.data[:] = 1 / np.repeat(np.diff(graph.indptr), np.diff(graph.indptr))
    few = slide[:, :20].copy()  # numba compiles at the first call
    if peer == "scanpy":
        values = slide.X.T.tocsr()
        scanpy.metrics.morans_i(graph, values[:20])
        return lambda: scanpy.metrics.morans_i(graph, values), np.nansum
    autocorr = lambda s: squidpy.gr.spatial_autocorr(s, mode="moran", n_perms=None, n_jobs=1, show_progress_bar=False)
    autocorr(few)
    return lambda: autocorr(slide), lambda _: slide.uns["moranI"]["I"].sum()


def median(peer, work, data):
    from spared import denoising

    slide = anndata.read_h5ad(work / "hippocampus.h5ad")[:, :300].copy()
    slide.X = slide.X.toarray()
    slide.layers["log1p"] = np.log2(slide.X + 1)
    slide.obs["slide_id"] = "hippocampus"
    slide.uns["spatial"] = {"hippocampus": {"images": {}, "scalefactors": {}}}
    return (lambda: denoising.median_cleaner(slide, "log1p", "d_log1p", 4, True),
            lambda done: done.layers["d_log1p"].sum())


def combat(peer, work, data):
    table = anndata.read_h5ad(work / "batches.h5ad")
    frame, batch = table.to_df().T, list(table.obs["batch"])
    if peer == "combat":
        from combat.pycombat import pycombat

        return lambda: pycombat(frame, batch), lambda done: np.square(done.to_numpy()).sum()
    if peer == "inmoose":
        from inmoose.pycombat import pycombat_norm

        return lambda: pycombat_norm(frame, batch), lambda done: np.square(np.asarray(done)).sum()
    import scanpy

    return lambda: scanpy.pp.combat(table, "batch", inplace=False), lambda done: np.square(done).sum()


def recipe(peer, work, data):
    import squidpy
    from spared import filtering, gene_features, layer_operations, denoising

    if peer == "spared without permutations":
        autocorr = squidpy.gr.spatial_autocorr
        def without(*args, n_perms=None, **named):
            return autocorr(*args, n_perms=None, **named)
        squidpy.gr.spatial_autocorr = without
    whole = anndata.read_h5ad(work / "hippo.h5ad")

    def run():
        kept = filtering.filter_dataset(whole, RECIPE)
        kept.layers["counts"] = kept.X.toarray()
        kept = layer_operations.tpm_normalization(kept, "mouse", "counts", "tpm")
        kept = layer_operations.log1p_transformation(kept, "tpm", "log1p")
        kept = denoising.median_cleaner(kept, "log1p", "d_log1p", 4, True)
        kept = gene_features.compute_moran(kept, "d_log1p", True)
        kept = filtering.filter_by_moran(kept, RECIPE["top_moran_genes"], "d_log1p")
        for layer in ("log1p", "d_log1p"):
            kept = layer_operations.combat_transformation(kept, "slide_id", layer, f"c_{layer}")
        for layer in ("log1p", "d_log1p", "c_log1p", "c_d_log1p"):
            kept = layer_operations.get_deltas(kept, layer, layer.replace("log1p", "deltas"))
        return kept

    # The mean over genes and spots of what the median left behind, which does not hang on ComBat's variant.
    return run, lambda kept: kept.layers["d_log1p"].mean()


def spackle_step(peer, work, data):
    """Training steps as the published library takes them: hide values at random, reconstruct, one step of Adam."""
    import torch

    table = anndata.read_h5ad(work / "completion.h5ad")
    values, near = torch.tensor(table.X), torch.tensor(table.obsm["neighborhood"])
    net = network().train()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)

    def steps(first, last):
        for i in range(first, last):
            x = values[near[256 * i:256 * (i + 1)]]
            hide = (torch.rand(x.shape) < 0.4) & (x != 0)
            loss = torch.nn.functional.mse_loss(net(torch.where(hide, 0, x)), x)
            adam.zero_grad()
            loss.backward()
            adam.step()

    steps(0, 3)
    return lambda: steps(3, 13), lambda _: sum(p.numel() for p in net.parameters())


def spackle_complete(peer, work, data):
    """The output for the spot itself of each neighbourhood, 256 at a time."""
    import torch

    table = anndata.read_h5ad(work / "completion.h5ad")
    values, near = torch.tensor(table.X), torch.tensor(table.obsm["neighborhood"])
    net = network().eval()

    def run():
        with torch.inference_mode():
            return torch.cat([net(values[part])[:, 0] for part in near.split(256)])

    return run, lambda out: out.double().mean()


TASKS = {"spackle_step": spackle_step, "spackle_complete": spackle_complete, "read10x": read10x, "read_h5ad": read_h5ad, "write_h5ad": write_h5ad, "moran": moran, "median": median,
         "combat": combat, "recipe": recipe}


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def join_workers():
    """The time of joblib's worker processes counts once they have ended."""
    if "joblib" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)


def main():
    task, peer, work, data = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
    if task == "prepare":
        return prepare(work, data)
    run, sum_up = TASKS[task](peer, work, data)
    before, used, start = peak_mb(), cpu(), time.monotonic()
    result = run()
    join_workers()
    spent, wall, peak = cpu() - used, time.monotonic() - start, peak_mb()
    print("\n" + json.dumps(dict(cpu=spent, wall=wall, peak_mb=peak, before_mb=before, check=float(sum_up(result)))))


if __name__ == "__main__":
    main()
