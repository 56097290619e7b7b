"""Writes the file of TestVersions with whatever anndata is installed (0.7.8 with
pandas 1.5.3 and numpy 1.23.5, to 0.12.19). Then: gzip -9 -n OUT.h5ad

make_versions.py OUT.h5ad
"""

import sys
import warnings

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")
out, comp = sys.argv[1], "gzip"
rng=np.random.default_rng(0)
n,m=40,25
X=sp.random(n,m,0.3,format="csr",random_state=0,dtype=np.float32); X.data=np.ceil(X.data*9).astype(np.float32)
obs=pd.DataFrame({"slide_id":pd.Categorical(["S10"]*15+["S2"]*25),"patient":["p"]*40,"split":pd.Categorical(["train"]*15+["test"]*25),"array_row":np.arange(n),"array_col":np.arange(n)[::-1],"in_tissue":True,"w":rng.random(n),"b":rng.random(n)>0.5,"ordered":pd.Categorical(["lo","hi"]*20,categories=["lo","hi"],ordered=True)},index=[f"AAAC{i:04d}-1" for i in range(n)])
obs.loc[obs.index[3],"ordered"]=np.nan
var=pd.DataFrame({"gene_ids":[f"ENSG{i:011d}" for i in range(m)],"genome":pd.Categorical(["GRCh38"]*m)},index=[f"g{i}" for i in range(m)])
a=anndata.AnnData(X,obs=obs,var=var)
a.layers["counts"]=sp.csc_matrix(X); a.layers["d"]=X.toarray().astype(np.float64)
a.raw=a.copy()
a.X=X.multiply(0.37).tocsr()
a.obsm["spatial"]=np.stack([np.arange(n)*10.,np.arange(n)*20.],1)
a.obsm["df"]=pd.DataFrame({"u":np.arange(n),"v":["x"]*n},index=obs.index)
a.obsp["g"]=sp.eye(n,format="csr")
for s in ("S2","S10"): a.uns.setdefault("spatial",{})[s]={"images":{"hires":np.full((4,5,3),0.5,np.float32)},"scalefactors":{"tissue_hires_scalef":0.1,"spot_diameter_fullres":80.0},"metadata":{"chemistry_description":"Spatial 3' v1"}}
a.uns["text"]="hello"; a.uns["num"]=3; a.uns["list"]=np.array(["a","b"],dtype=object); a.uns["sp"]=sp.eye(3,format="csc"); a.uns["cat"]=pd.Categorical(["x","y","x"]) if anndata.__version__>="0.8" else "no"
a.uns["rec"]=np.array([(1,2.5),(2,3.5)],dtype=[("a","i4"),("b","f8")])
a.uns["slide_id_colors"]=np.array(["#fff","#000"],dtype=object)
a.write_h5ad(out, compression=comp)
print(anndata.__version__,out)
