"""Checks files that TestPythonReads wrote with anndata itself.

Usage: check_anndata.py FILE.h5ad FILE.json [FILE.h5ad FILE.json ...]

The JSON file says what the file must hold: for each key its type as anndata
has it, its values (null where missing), and for categoricals their order.
"""
import importlib.metadata
import json
import sys

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp


def plain(v):
    """Values as nested lists with None where they are missing."""
    if isinstance(v, (pd.Series, pd.Index)):
        v = v.to_numpy(dtype=object)
    if isinstance(v, pd.api.extensions.ExtensionArray):
        v = np.asarray(v, dtype=object)
    if isinstance(v, np.ndarray) and v.ndim > 0:
        return [plain(x) for x in v]
    if v is pd.NA or v is None or (isinstance(v, (float, np.floating)) and np.isnan(v)):
        return None
    return v.item() if isinstance(v, np.generic) else v


def lookup(a, key):
    top, *rest = key.split("/")
    v = getattr(a, top)
    for name in rest:
        v = getattr(v, name) if top == "raw" and v is a.raw else v[name]
    return v


def check(a, key, want):
    v = lookup(a, key)
    kind = want["kind"]
    if kind == "sparse":
        assert sp.issparse(v) and v.format == want["format"], (key, type(v))
        assert v.has_canonical_format or want["format"] == "csc", key
        assert str(v.dtype) == want["dtype"], (key, v.dtype)
        got = v.toarray()
    elif kind == "categorical":
        dtype = v.dtype
        assert isinstance(dtype, pd.CategoricalDtype), (key, dtype)
        assert dtype.ordered == want["ordered"], (key, dtype.ordered)
        assert plain(dtype.categories) == want["categories"], (key, list(dtype.categories))
        got = v
    elif kind == "frame":
        assert isinstance(v, pd.DataFrame), (key, type(v))
        assert list(v.columns) == want["columns"], (key, list(v.columns))
        got = v.index
    elif kind == "dict":
        assert isinstance(v, dict) or hasattr(v, "keys"), (key, type(v))
        assert sorted(v.keys()) == want["keys"], (key, sorted(v.keys()))
        return
    elif kind == "records":
        assert list(v.dtype.names) == want["fields"], (key, v.dtype)
        got = np.array([[plain(x) for x in row] for row in v], dtype=object)
    elif kind == "scalar":
        assert plain(np.asarray(v)[()]) == want["values"], (key, v)
        return
    else:
        if want["dtype"] == "text":
            assert all(isinstance(s, str) for s in np.asarray(v, dtype=object).ravel()), (key, v.dtype)
        else:
            assert str(v.dtype) == want["dtype"], (key, v.dtype)
        got = v
    got = plain(got)
    if got != want["values"]:
        got, exp = np.array(got, dtype=object), np.array(want["values"], dtype=object)
        assert got.shape == exp.shape, (key, got.shape, exp.shape)
        np.testing.assert_allclose(got.astype(float), exp.astype(float), rtol=0, atol=0, err_msg=key)


def main(path, expected):
    a = anndata.read_h5ad(path)
    with open(expected, encoding="utf-8") as f:
        elements = json.load(f)
    for key, want in elements.items():
        check(a, key, want)
    a.copy()
    print("anndata", importlib.metadata.version("anndata"), "reads", len(elements), "elements as written")


for k in range(1, len(sys.argv), 2):
    print(sys.argv[k], flush=True)
    main(*sys.argv[k:k + 2])
