"""Opens .h5ad files that Go wrote as a user of scanpy and squidpy would, and computes and plots with them.

    check_h5ad.py FILE...

Each file must be read by anndata, be consistent in itself, serve scanpy (quality control, principal
components, and both of them of raw where there is one) and squidpy (neighbours, Moran's I, a map of one
gene over each slide's picture), and come back equal when anndata writes it. Exit status 1 when any does not, or when no file is named.
"""

import logging
import pathlib
import sys
import tempfile
import time

import anndata
import numpy as np
import scanpy
import squidpy
from scipy import sparse


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def check_consistent(data):
    """What anndata itself lets pass."""
    assert data.n_obs > 0 and data.n_vars > 0, f"the shape is {data.shape}"
    assert data.obs_names.is_unique, "spot names repeat"
    assert data.var_names.is_unique, "gene names repeat"
    spatial = np.asarray(data.obsm["spatial"])
    assert spatial.shape == (data.n_obs, 2), f"obsm['spatial'] has the shape {spatial.shape}"
    assert np.isfinite(spatial).all(), "obsm['spatial'] has values that are not finite"
    for name, layer in data.layers.items():
        values = layer.data if sparse.issparse(layer) else np.asarray(layer)
        assert np.isfinite(values.astype(float)).all(), f"layer {name} has values that are not finite"
    if "counts" in data.layers:
        counts = dense(data.layers["counts"])
        assert (counts >= 0).all() and (counts == np.round(counts)).all(), "layer counts does not hold counts"


def check_raw(data):
    """raw holds counts of the genes that passed the filter, those of the file among them."""
    whole = data.raw.to_adata()
    assert whole.n_obs == data.n_obs and whole.n_vars >= data.n_vars, f"raw is {whole.shape}, the file {data.shape}"
    assert whole.var_names.is_unique, "gene names of raw repeat"
    counts = whole.X
    assert sparse.issparse(counts), "raw is not sparse"
    assert (counts.data >= 0).all() and (counts.data == np.round(counts.data)).all(), "raw does not hold counts"
    if "counts" in data.layers:
        np.testing.assert_array_equal(dense(whole[:, data.var_names].X), dense(data.layers["counts"]))
    if "gene_length" in whole.var and "rpk_sum" in data.obs:
        total = counts @ (1 / whole.var["gene_length"].to_numpy())
        np.testing.assert_allclose(total, data.obs["rpk_sum"], rtol=1e-6)
    scanpy.pp.calculate_qc_metrics(whole, percent_top=None, inplace=True)
    scanpy.pp.normalize_total(whole)
    scanpy.pp.log1p(whole)
    scanpy.pp.pca(whole, n_comps=min(10, whole.n_obs - 1, whole.n_vars - 1))
    assert np.isfinite(whole.obsm["X_pca"]).all(), "principal components of raw are not finite"


def expression(data):
    """The values to analyse: the completed logarithms where there are some, else X."""
    for name in ("c_t_log1p", "c_d_log1p", "c_log1p", "log1p"):
        if name in data.layers:
            return name
    return None


def check_scanpy(data):
    counts = "counts" if "counts" in data.layers else None
    scanpy.pp.calculate_qc_metrics(data, layer=counts, percent_top=None, inplace=True)
    assert (data.obs["n_genes_by_counts"] > 0).any(), "scanpy finds no gene in any spot"
    components = min(10, data.n_obs - 1, data.n_vars - 1)
    scanpy.pp.pca(data, n_comps=components, layer=expression(data))
    assert np.isfinite(data.obsm["X_pca"]).all(), "principal components are not finite"


def background(pictures, name):
    """How spatial_scatter is to draw a slide: it asks for the hires picture unless told that there is another, or none."""
    for key in "hires", "lowres":
        if key in pictures[name]["images"]:
            return dict(library_id=name, library_key="slide_id" if len(pictures) > 1 else None, img_res_key=key)
    return dict(shape=None)  # without a picture it must not be told the slide, and warns that it was not


def check_squidpy(data, folder):
    slides = data.obs["slide_id"].astype("category") if "slide_id" in data.obs else None
    if slides is not None:
        data.obs["slide_id"] = slides
    squidpy.gr.spatial_neighbors(
        data, coord_type="generic", n_neighs=6, library_key=None if slides is None else "slide_id"
    )
    degree = np.diff(data.obsp["spatial_connectivities"].tocsr().indptr)
    assert (degree > 0).all(), "spots without neighbour"

    genes = list(data.var_names[:5])
    squidpy.gr.spatial_autocorr(data, mode="moran", genes=genes, layer=expression(data), n_perms=None, n_jobs=1)
    moran = data.uns["moranI"]["I"]
    assert moran.dropna().between(-1.1, 1.1).all(), f"Moran's I is {list(moran)}"  # undefined for a constant gene

    pictures = data.uns.get("spatial", {})
    for name in pictures:
        slide = data[data.obs["slide_id"] == name] if len(pictures) > 1 else data
        assert slide.n_obs > 0, f"uns['spatial'] has a picture of {name}, which has no spot"
        target = folder / f"{len(list(folder.iterdir()))}.png"
        squidpy.pl.spatial_scatter(
            slide.copy(), color=genes[0], layer=expression(data), save=target, **background(pictures, name)
        )
        assert target.stat().st_size > 0


def check_round_trip(data, folder):
    target = folder / "again.h5ad"
    data.write_h5ad(target)
    again = anndata.read_h5ad(target)
    assert (again.obs_names == data.obs_names).all() and (again.var_names == data.var_names).all()
    assert set(again.layers) == set(data.layers)
    for name in data.layers:
        np.testing.assert_array_equal(dense(again.layers[name]), dense(data.layers[name]))
    assert (again.raw is None) == (data.raw is None), "raw was lost"
    if data.raw is not None:
        assert (again.raw.var_names == data.raw.var_names).all()
        assert (again.raw.X != data.raw.X).nnz == 0, "raw has changed"


def check(path):
    data = anndata.read_h5ad(path)
    summary = f"{data.n_obs} spots, {data.n_vars} genes, layers: {', '.join(data.layers) or 'none'}"
    if data.raw is not None:
        summary += f", raw: {data.raw.n_vars} genes"
    check_consistent(data)
    if data.raw is not None:
        check_raw(data)
    with tempfile.TemporaryDirectory() as folder:
        check_round_trip(data, pathlib.Path(folder))
        check_scanpy(data)
        check_squidpy(data, pathlib.Path(folder))
    return summary


def main():
    if len(sys.argv) < 2:
        sys.exit("check_h5ad: no file named")
    logging.disable(logging.INFO)  # squidpy reports each graph it makes
    print(f"anndata {anndata.__version__}, scanpy {scanpy.__version__}, squidpy {squidpy.__version__}")
    failed = 0
    for path in sys.argv[1:]:
        start = time.monotonic()
        try:
            verdict, text = "ok", check(path)
        except Exception as e:  # each file is judged, whatever is wrong with another
            failed += 1
            verdict, text = "FAIL", f"{type(e).__name__}: {e}"
        print(f"{verdict:4}  {path}  {time.monotonic() - start:.1f} s  {text}", flush=True)
    print(f"{len(sys.argv) - 1 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
