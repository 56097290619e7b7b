// Package browsertest opens a page in a headless Chromium inside a Go test
// and fails the test on whatever a careful reader of the page would not
// accept: an exception, an error on the console, or a request that leaves the
// machine.
//
//	page := browsertest.Open(t, "build/report.html")
//	page.Wait(`document.querySelectorAll("canvas").length >= 3`)
//	if n := page.CanvasPainted("canvas"); n == 0 {
//		t.Error("the chart is empty")
//	}
//	page.Screenshot("/tmp/report.png")
//
// The test is skipped where there is no browser. Errors need not be asked
// for: they are reported when the test ends, unless the test took them with
// Page.Errors. The browser runs with a fresh profile, with its background
// services off and with every host name unresolvable except those that
// AllowHosts names, so a page that needs the network fails here as it would
// on a machine without one.
package browsertest
