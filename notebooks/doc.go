// Package notebooks is the folder of the notebooks: 01_curation, 02_completion
// and 03_explore, from counts as a slide gives them to completed maps.
//
// They run in JupyterLab (`make lab`) with the Go kernel GoNB, on made-up
// tissue or, after one line is edited, on a reader's own Space Ranger folders.
// What they make lies in build/demo; they pass it on as files, so each can be
// run again alone. They are committed with their outputs (`make notebooks`),
// for those who read them on the web.
//
// The package has no code of its own. Its tests check the committed notebooks
// and, in a browser, the pages that were exported from executed ones.
package notebooks
