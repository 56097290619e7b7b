// Package raster draws figures into pictures: filled and stroked shapes with
// smooth edges, text, and PNG files small enough for a notebook.
//
// It is the part of a plotting library that package widgets needs for the
// still pictures of its figures. The parts are golang.org/x/image/vector for
// coverage, the Go fonts for text, and median cut for the palette. All
// lengths are in CSS pixels; a Canvas multiplies them by its scale.
package raster
