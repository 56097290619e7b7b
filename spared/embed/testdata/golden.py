"""Writes scanpy.json: what scanpy 1.11.5 makes of a small table (umap-learn 0.5.12, scikit-learn 1.9.1).

    python golden.py > scanpy.json
"""
import json
import anndata
import numpy as np
import scanpy as sc
from umap.umap_ import find_ab_params

rng = np.random.default_rng(5)
group = np.arange(70) % 4
x = rng.normal(size=(70, 9)) + 4 * rng.normal(size=(4, 9))[group]
x[33] = x[12]  # two spots in the same place
x = x.round(3)
a = anndata.AnnData(x)
sc.pp.pca(a, n_comps=6)
sc.pp.neighbors(a, n_neighbors=15, use_rep="X")
d, c = a.obsp["distances"].tocsr(), a.obsp["connectivities"].tocoo()
index, distance = [], []
for i in range(a.n_obs):
    row = sorted(zip(d.data[d.indptr[i]:d.indptr[i + 1]].tolist(), d.indices[d.indptr[i]:d.indptr[i + 1]].tolist()))
    index.append([j for _, j in row])
    distance.append([v for v, _ in row])
print(json.dumps({
    "x": x.tolist(),
    "scores": a.obsm["X_pca"].round(9).tolist(),
    "loadings": a.varm["PCs"].round(9).tolist(),
    "variance": a.uns["pca"]["variance"].tolist(),
    "ratio": a.uns["pca"]["variance_ratio"].tolist(),
    "index": index,
    "distance": np.array(distance).round(9).tolist(),
    "row": c.row.tolist(), "col": c.col.tolist(), "connectivity": [float("%.7g" % v) for v in c.data],
    "curves": [[m, s, *find_ab_params(s, m)] for m, s in [(0.5, 1.0), (0.1, 1.0), (0.001, 1.0), (0.3, 2.0)]],
}))
