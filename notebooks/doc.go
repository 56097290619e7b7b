// Package notebooks holds the tutorials, executed by Jupyter with the GoNB
// kernel: 01_curation takes slides to a data set, 02_completion fills in its
// missing values and measures how well, 03_explore looks around. They are
// committed with their outputs (make notebooks) and executed afresh by the
// tests, which also open the pages made from them in a browser.
package notebooks
