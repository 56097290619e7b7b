// Package h5ad reads and writes the .h5ad files of anndata, scanpy and squidpy.
package h5ad
