package spared

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spatialgo/spatialgo/spared/slide"
)

// assignSplits gives each slide its split: as the recipe says, else as the
// slide's file says, else the larger of two slides trains and the other
// validates, else of several the smallest tests, the second smallest validates
// and the rest train. A lone slide trains; blocks of its spots validate (see
// spatialBlocks). It returns the splits in the order of slides and a sentence
// that says how they came about.
func assignSplits(slides []*slide.Slide, r Recipe) ([]Split, string, error) {
	splits := make([]Split, len(slides))
	named := false
	for i := range slides {
		if s := r.Inputs[i].Split; s != None {
			splits[i], named = s, true
		}
	}
	for _, list := range []struct {
		split Split
		names []string
	}{{Train, r.Train}, {Val, r.Val}, {Test, r.Test}} {
		for _, name := range list.names {
			i := slices.IndexFunc(slides, func(s *slide.Slide) bool { return s.Name == name })
			if i < 0 {
				return nil, "", fmt.Errorf("spared: no slide is called %q (named for %s); there are: %s", name, list.split, slideNames(slides))
			}
			if splits[i] != None && splits[i] != list.split {
				return nil, "", fmt.Errorf("spared: slide %q is in two splits, %s and %s: a slide can be in one only", name, splits[i], list.split)
			}
			splits[i], named = list.split, true
		}
	}
	if len(slides) > 1 {
		text, err := splitsOfFiles(slides, splits, named)
		if err == nil && text != "" {
			err = checkSplits(slides, splits)
		}
		switch {
		case err != nil && named:
			return nil, "", err
		case err != nil: // the files' splits cannot be used
			return defaultSplits(slides), defaultSplitText(len(slides)), nil
		case text != "":
			return splits, text, nil
		}
	}
	if !named {
		return defaultSplits(slides), defaultSplitText(len(slides)), nil
	}
	return splits, "by slide, as the recipe says", checkSplits(slides, splits)
}

// splitsOfFiles gives slides that the recipe assigned to no split the one that
// their files name. It returns how splits came about where any came so, else
// "".
func splitsOfFiles(slides []*slide.Slide, splits []Split, named bool) (text string, err error) {
	for i, s := range slides {
		if splits[i] != None || s.Split == "" {
			continue
		}
		if splits[i], err = ParseSplit(s.Split); err != nil {
			return "", fmt.Errorf("spared: slide %q: its file says split %q: want train, val, test or none", s.Name, s.Split)
		}
		text = "by slide, as the slides' files say"
	}
	if text != "" && named {
		text = "by slide, as the recipe and the slides' files say"
	}
	return text, nil
}

func checkSplits(slides []*slide.Slide, splits []Split) error {
	if len(slides) == 1 {
		if splits[0] != Train {
			return fmt.Errorf("spared: the only slide, %q, must train: blocks of its spots validate", slides[0].Name)
		}
		return nil
	}
	for i, s := range splits {
		if s == None {
			return fmt.Errorf("spared: slide %q is in no split: name it for train, val or test, or leave its folder out", slides[i].Name)
		}
	}
	if !slices.Contains(splits, Train) {
		return fmt.Errorf("spared: no slide trains: name at least one of %s for train", slideNames(slides))
	}
	if !slices.Contains(splits, Val) {
		return fmt.Errorf("spared: no slide validates: name at least one of %s for val", slideNames(slides))
	}
	return nil
}

// defaultSplits orders slides by size (spots, then counts, then name).
func defaultSplits(slides []*slide.Slide) []Split {
	order := make([]int, len(slides))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(len(slides[b].Barcodes), len(slides[a].Barcodes)),
			cmp.Compare(slides[b].Counts.NNZ(), slides[a].Counts.NNZ()),
			cmp.Compare(slides[a].Name, slides[b].Name))
	})
	splits := make([]Split, len(slides))
	for rank, i := range order {
		switch {
		case rank == 0 || rank < len(slides)-2:
			splits[i] = Train
		case rank == len(slides)-1 && len(slides) > 2:
			splits[i] = Test
		default:
			splits[i] = Val
		}
	}
	return splits
}

func defaultSplitText(n int) string {
	switch n {
	case 1:
		return "one slide: blocks of its spots validate"
	case 2:
		return "by slide: the larger trains, the other validates (no split was named)"
	}
	return "by slide: the smallest tests, the second smallest validates, the others train (no split was named)"
}

func slideNames(slides []*slide.Slide) string {
	names := make([]string, len(slides))
	for i, s := range slides {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

// blocksAcross is the number of strips, and of blocks in a strip, that a lone
// slide is cut into.
const blocksAcross = 4

// spatialBlocks chooses which spots of a lone slide validate. The spots are
// cut into 4 x 4 blocks of about equal numbers (strips by x, then by y within
// a strip), and blocks drawn by the seed validate until they hold the share
// asked for. Whole blocks keep most validation spots away from train spots,
// which scattered spots would not.
func spatialBlocks(x, y []float64, share float64, seed uint64) []Split {
	n := len(x)
	splits := make([]Split, n)
	for i := range splits {
		splits[i] = Train
	}
	byX := sortedBy(n, x, y)
	var blocks [][]int
	for s := range blocksAcross {
		strip := byX[s*n/blocksAcross : (s+1)*n/blocksAcross]
		strip = slices.Clone(strip)
		slices.SortFunc(strip, func(a, b int) int {
			return cmp.Or(cmp.Compare(y[a], y[b]), cmp.Compare(x[a], x[b]), cmp.Compare(a, b))
		})
		for b := range blocksAcross {
			block := strip[b*len(strip)/blocksAcross : (b+1)*len(strip)/blocksAcross]
			if len(block) > 0 {
				blocks = append(blocks, block)
			}
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0x5b10c5))
	rng.Shuffle(len(blocks), func(a, b int) { blocks[a], blocks[b] = blocks[b], blocks[a] })
	want, have := int(math.Round(share*float64(n))), 0
	for _, block := range blocks {
		if have >= want {
			break
		}
		for _, i := range block {
			splits[i] = Val
		}
		have += len(block)
	}
	return splits
}

func sortedBy(n int, x, y []float64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(x[a], x[b]), cmp.Compare(y[a], y[b]), cmp.Compare(a, b))
	})
	return order
}
