package spackle

import (
	"fmt"

	"github.com/spatialgo/spatialgo/spackle/baseline"
)

// Rule says how often the measured values of a gene are hidden; see
// [baseline.Rule].
type Rule = baseline.Rule

// The rules. The zero value is P30.
const (
	P30  = baseline.P30
	PMed = baseline.PMed
)

// ParseRule is the inverse of Rule.String.
func ParseRule(s string) (Rule, error) {
	r, err := baseline.ParseRule(s)
	if err != nil {
		return r, fmt.Errorf("spackle: %w", err)
	}
	return r, nil
}
