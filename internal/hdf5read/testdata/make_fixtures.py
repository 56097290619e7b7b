"""Makes the fixtures of package hdf5read with h5py 3.16 (HDF5 2.0).

make_fixtures.py FOLDER

Values are their own row-major numbers, so that a test needs no list of them.
"""

import gzip
import os
import sys

import h5py
import numpy as np

out = sys.argv[1]
def fill(f):
    def ds(name, shape, chunks=None, maxshape=None, dtype="<i4", n=None, **k):
        n=int(np.prod(shape))
        a=np.arange(n).reshape(shape).astype(dtype)
        return f.create_dataset(name,data=a,chunks=chunks,maxshape=maxshape,**k)
    ds("contiguous",(3,4))
    ds("single",(5,4),(5,4))
    ds("single_gzip",(5,4),(5,4),compression="gzip")
    dcpl=h5py.h5p.create(h5py.h5p.DATASET_CREATE); dcpl.set_chunk((4,3)); dcpl.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY); dcpl.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    d=h5py.h5d.create(f.id,b"implicit",h5py.h5t.STD_I32LE,h5py.h5s.create_simple((10,7)),dcpl)
    d.write(h5py.h5s.ALL,h5py.h5s.ALL,np.arange(70,dtype="<i4").reshape(10,7))
    ds("fixed",(10,7),(4,3))
    ds("fixed_gzip",(10,7),(4,3),compression="gzip",shuffle=True)
    ds("fixed_paged",(1100,),(1,),dtype="u1")
    ds("fixed_max",(10,7),(4,3),maxshape=(20,21))
    ds("extensible",(50,7),(4,3),maxshape=(None,7))
    ds("extensible_second",(7,50),(3,4),maxshape=(7,None),compression="gzip")
    ds("extensible_long",(700,),(1,),maxshape=(None,),dtype="u1")
    ds("btree2",(30,20),(4,3),maxshape=(None,None))
    ds("btree2_gzip",(40,30),(2,2),maxshape=(None,None),compression="gzip",fletcher32=True)
    ds("big_endian",(5,4),dtype=">i4",chunks=(2,4),compression="gzip",shuffle=True)
    ds("half",(9,),dtype="<f2"); ds("double_be",(9,),dtype=">f8"); ds("u8",(300,),dtype="<u2",compression="lzf",chunks=(100,))
    d=f.create_dataset("filled",(20,),"<i4",chunks=(4,),fillvalue=7,maxshape=(40,)); d[4:8]=np.arange(4,8)
    f.create_dataset("never",(3,),"<f4",fillvalue=2.5)
    f.create_dataset("null",data=h5py.Empty("f4"))
    f["text"]=["a","µm",""]; f["fixedtext"]=np.array([b"Gfap",b"Mbp"])
    f.create_dataset("bools",data=np.array([True,False,True]))
    f["named"]=np.dtype("<i8"); 
    d=f.create_dataset("of_named",(4,),f["named"]); d[:]=np.arange(4)
    rec=np.zeros(4,dtype=[("a","<i2"),("b","<f8"),("s","S3")]); rec["a"]=np.arange(4); rec["b"]=np.arange(4)/2; rec["s"]=[b"x",b"yy",b"zzz",b""]
    f["records"]=rec
    f["compactish"]=np.arange(3,dtype="i1")
    g=f.create_group("many",track_order=False)
    for i in range(24): g.create_group(f"member{i:03d}")
    f["many"].attrs["k"]=1
    h=f.create_group("attributes")
    for i in range(16): h.attrs[f"a{i:02d}"]=i
    h.attrs["text"]="µ"; h.attrs["list"]=["x","yy"]
    if f.libver[0]!="earliest": h.attrs["large"]=np.arange(9000,dtype="<i8")
    f["soft"]=h5py.SoftLink("/many/member001"); f["foreign"]=h5py.ExternalLink("x.h5","/a")
    t=f.create_group("ordered",track_order=True)
    for i in range(12): t.create_group(f"z{11-i}")
def small(f):
    f.create_dataset("x", data=np.arange(30, dtype="<i4").reshape(10, 3), chunks=(4, 3), maxshape=(None, 3), compression="gzip")
    f.create_dataset("y", data=np.arange(30, dtype="<f8").reshape(10, 3), chunks=(4, 2), maxshape=(None, None))
    f.create_dataset("z", data=np.arange(6, dtype="<i2"), chunks=(2,))
    f["text"] = ["a", "b"]
    g = f.create_group("g")
    for i in range(10):
        g.create_group(f"m{i}")
        g.attrs[f"a{i}"] = i


for name, make, kw in (
    ("old", fill, {}),
    ("v110", fill, dict(libver=("v110", "v110"))),
    ("latest", fill, dict(libver="latest")),
    ("userblock", small, dict(userblock_size=512)),
    ("small_latest", small, dict(libver="latest")),
    ("small_old", small, {}),
):
    p = os.path.join(out, name + ".h5")
    with h5py.File(p, "w", **kw) as f:
        make(f)
    with open(p, "rb") as r, open(p + ".gz", "wb") as w:
        w.write(gzip.compress(r.read(), 9, mtime=0))
    os.remove(p)
