package visium

import (
	"iter"
	"strconv"
	"strings"

	"github.com/spatialgo/spatialgo/spared/format"
	"github.com/spatialgo/spatialgo/spared/internal/rawfile"
	"github.com/spatialgo/spatialgo/spared/slide"
)

// geneExpression is the feature type of genes; others are antibodies, guide
// RNAs and the like.
const geneExpression = "Gene Expression"

// lines yields the lines of a text with their numbers from 1. Empty lines at
// the end are left out.
func lines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		rest := strings.TrimRight(string(data), "\r\n")
		for n, more := 1, rest != ""; more; n++ {
			var line string
			line, rest, more = strings.Cut(rest, "\n")
			if !yield(n, strings.TrimSuffix(line, "\r")) {
				return
			}
		}
	}
}

// parseBarcodes reads barcodes.tsv: one barcode a line, further columns
// ignored.
func parseBarcodes(path string, data []byte) ([]string, error) {
	data, err := rawfile.UTF8(path, data)
	if err != nil {
		return nil, err
	}
	var barcodes []string
	for _, line := range lines(data) {
		barcode, _, _ := strings.Cut(line, "\t")
		barcodes = append(barcodes, strings.TrimSpace(barcode))
	}
	if i, msg := checkBarcodes(barcodes); msg != "" {
		return nil, &format.Error{Path: path, Line: i + 1, Msg: msg}
	}
	return barcodes, nil
}

// checkBarcodes looks for the first barcode that is empty or a repetition and
// says what is wrong with it; "" where all is well.
func checkBarcodes(barcodes []string) (at int, msg string) {
	seen := make(map[string]int, len(barcodes))
	for i, b := range barcodes {
		if b == "" {
			return i, "is empty, want a barcode"
		}
		if first, dup := seen[b]; dup {
			return i, "barcode " + strconv.Quote(b) + " comes a second time; it was number " + strconv.Itoa(first+1) + " already"
		}
		seen[b] = i
	}
	return -1, ""
}

// parseFeatures reads features.tsv (id, symbol, feature type and, from other
// 10x tools, more) or genes.tsv (id, symbol). Symbols are taken as they are.
func parseFeatures(path string, data []byte) ([]slide.Gene, error) {
	data, err := rawfile.UTF8(path, data)
	if err != nil {
		return nil, err
	}
	var genes []slide.Gene
	for n, line := range lines(data) {
		cells := strings.Split(line, "\t")
		if len(cells) < 2 {
			return nil, &format.Error{Path: path, Line: n, Msg: "1 column, want gene id, symbol and feature type separated by tabs"}
		}
		if cells[0] == "" {
			return nil, &format.Error{Path: path, Line: n, Msg: "the gene id is empty"}
		}
		g := slide.Gene{ID: cells[0], Symbol: cells[1], Feature: geneExpression}
		if len(cells) > 2 {
			g.Feature = cells[2]
		}
		genes = append(genes, g)
	}
	return genes, nil
}
