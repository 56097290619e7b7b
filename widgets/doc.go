// Package widgets draws spatial data for notebooks and web pages: expression
// maps over the tissue's picture, raw beside completed, violins, scores,
// curation plots, and live charts of long work. It knows data, not models: it
// imports package spared and no training code, so a notebook cell that only
// looks compiles in a second.
//
// # Figures
//
// Every constructor returns a [Figure]: HTML for a notebook or a page, PNG
// for viewers that run no scripts, and text for a terminal.
//
//	widgets.Init()                                   // first cell of a notebook
//	m, err := widgets.Map(ds, widgets.MapOptions{Gene: "Acta1"})
//	widgets.Show(m)                                  // GoNB output; prints text elsewhere
//	err = widgets.WritePage("muscle.html", "Muscle", m)
//
// In a notebook a figure is a MIME bundle of all three forms. Its HTML holds
// the PNG; the script beside it puts the living figure in its place once the
// library of [Init] is on the page. So the figure is seen in a notebook that
// is not trusted, on GitHub, and in a browser without scripts; where the first
// cell was not run, it says so after a few seconds. Controls (gene, colours,
// opacity, size, zoom) are built by the script and work without a kernel, on
// saved notebooks as on written pages. A page needs no network, and its
// content security policy forbids all of it.
//
//   - [Map], [Compare]: spots as discs of their true size in the picture's
//     coordinates (full-resolution pixels, y down), equal scale in x and y at
//     any zoom. Colours end at the 1 % and 99 % quantiles of what is shown,
//     unless asked otherwise. Entries without a count are grey in raw layers.
//     The scale bar comes from the 100 µm pitch where the spots lie on a
//     Visium grid, else from the slide's microns per pixel, else there is
//     none.
//   - [Violin], [Scores], [Scatter]: distributions and evaluation.
//   - A completion's own figures, the paper's Figures 4 and 5 among them:
//     [MaskingSweep] (error by share hidden), [ErrorViolins], [HiddenMaps] (what
//     was seen, what methods made of it, the truth), [TruthScatter];
//     [UncertaintyMap] and [Coverage] (how sure, and whether rightly);
//     [TwoAnswers] (the level if detected, and on average); [MoranChange] and
//     [InventedStructure] (what a completion does to patterns). They take plain
//     numbers or the data set, never a model.
//   - [CountsPerSpot], [GenesPerSpot], [DetectionFraction], [MissingMap],
//     [MoranRanking], [Histogram], [Ranking]: what curation kept, and why.
//   - [SpotHistograms], [SpotFilter], [GeneFilter], [DepthEffect],
//     [MoranExtremes], [Batches], [MissingBefore]: each step of the curation,
//     before and after. Those that show what the data set no longer has take
//     the slides that it was made from (spared.ReadInput). [Choices] and
//     [Recipes] are tables of what a user may choose and what it changed.
//   - [QC]: SpaRED's quality report, in sections with a [Heading] each, made of
//     [SlidePictures], [SpotPatches], [DataDistribution], [CountHistograms],
//     [ExpressionFractions], [GeneGrid], [MeanSpread], [MeanSpreadBySplit],
//     [Plane] and clusters ([ClusterGrid] has them on slides side by side).
//   - [Lines], [TrainingFigure], [Trainings]: curves. [NewTraining] and
//     [Progress] change in place while a cell runs.
//
// # How it works
//
// Charts are Apache ECharts 5.6.0, compiled into the program (assets/NOTICE
// has its licence), and their options are built with the types of
// github.com/go-echarts/go-echarts/v2. Its renderer is not used: it loads the
// library from a network and, as of v2.7.3, lets a title end the script
// element or become code (`__f__`). Here options are JSON of encoding/json,
// functions live in assets/figures.js alone, and text from data meets the page
// only as text nodes and canvas text. Gene symbols, barcodes, slide and layer
// names may thus hold anything; marks that turn the direction of text act on
// their own text only.
//
// A map's spots do not travel as items of a series but as columns: each value
// as one of 254 steps (Compare) or 65,534 steps (Map) between the least and
// the greatest. All spots of one colour are one path, so that two maps of
// 4,000 spots redraw in the time of a few frames. Still pictures are drawn in Go, at the same places.
//
// The same figure has the same bytes each time. Figures do not depend on the
// notebook's theme: colours mean values, so the ground stays white.
package widgets
