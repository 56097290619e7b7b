"""Reads a Space Ranger folder as scanpy does and writes it as .h5ad.

write_visium.py MATRIX.h5 SPATIAL OUT.h5ad
"""

import json
import os
import sys

import numpy as np
import pandas as pd
import scanpy as sc

matrix, spatial, out = sys.argv[1:]
a = sc.read_10x_h5(matrix)
names = [n for n in sorted(os.listdir(spatial)) if n.startswith("tissue_positions")]
header = 0 if names[0] == "tissue_positions.csv" else None
pos = pd.read_csv(os.path.join(spatial, names[0]), header=header, index_col=0)
pos.columns = ["in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
a.obs = a.obs.join(pos, how="left")
a.obsm["spatial"] = a.obs[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()
a.obs.drop(columns=["pxl_row_in_fullres", "pxl_col_in_fullres"], inplace=True)
with open(os.path.join(spatial, "scalefactors_json.json")) as f:
    factors = json.load(f)
a.uns["spatial"] = {"muscle": {"images": {"lowres": np.zeros((2, 2, 3), np.float32)}, "scalefactors": factors, "metadata": {}}}
a.write_h5ad(out, compression="gzip")
