// Package simulate makes up tissue: slides as a Visium instrument would write
// them, of a breast carcinoma that never was, with everything that is true of
// it. It is the data set of the demo and the ground truth of tests, where real
// data can tell how well a method agrees with a noisy measurement, but not how
// well it agrees with what is there.
//
// The same options give the same bytes. Nothing here is fitted to a patient's
// data: genes, marker genes and stains are real, every level is made up, and
// no number measured on these slides says anything about real tissue.
//
// # Tissue and picture
//
// A section is planned from the coarse to the fine (lengths in µm, one
// full-resolution pixel each): an outline; an invasive tumour off its centre,
// adipose tissue on the far side; ducts with carcinoma in situ (solid,
// cribriform, or with a dead middle) near the tumour's front, lymphoid
// aggregates on it, normal lobules beyond; vessels, tears, a fold. Cells are
// then placed one by one: epithelium in rings, all others by random sequential
// adsorption at the density of their place. The picture shows each cell's
// nucleus, stained with haematoxylin, on eosin-stained cytoplasm, collagen,
// fat and blood, by the Beer-Lambert law; colour and strength of the stains
// vary between slides, and more between subjects.
//
// # Expression
//
// The RNA of spot i is a mixture of the cells whose nuclei lie on its disc of
// 55 µm or, less, around it: cell type t has the share w_it. With P_tg the
// level of gene g in the type (markers by rank, a fiftieth of that elsewhere),
// F_ik the activity of program k at the spot, a smooth random field, and L_gk
// the load of the gene on it,
//
//	ln λ_ig  = ln Σ_t w_it P_tg + Σ_k L_gk F_ik
//	ln λ'_ig = m_g + a_sg (ln λ_ig - m_g) + b_sg      (batch effect of slide s)
//	rate_ig  = λ'_ig / Σ_h λ'_ih
//
// Four programs show: proliferation crowds and swells tumour nuclei, matrix
// makes collagen dense, interferon draws lymphocytes, hypoxia rises where cells
// are dead. Three more have a name but no look (early response, lipid
// synthesis, unfolded protein response), and twelve neither. So neighbours and
// co-expressed genes tell of a gene, and the picture tells of some.
//
// # Counts
//
// Spot i yields D_i transcripts: a power of the RNA that lies there, times a
// smooth and a rough log-normal factor, less towards the tissue's edge. Counts
// are negative binomial with mean D_i rate_ig and shape r_g (variance
// mean + mean²/r), and then lost altogether with a chance that falls with that
// mean and with the spot's depth. Means span more than four decades.
//
// [Truth] holds rate (with and without batch effect), D, region, cell types
// and programs; [Truth.Log2TPM] states it in the unit in which methods are
// evaluated.
//
// # What is not like real data
//
// Slides are small (about 900 spots) and have no fiducial frame; genes are 2,000,
// so TPM are relative to these; sections of a subject are different places of
// a tumour, not neighbours; transcripts do not diffuse beyond 90 µm; and
// expression within a cell type varies only by the programs.
package simulate
