// Package bustest is made for tests, so it may import testing.
package bustest

import "testing"

// Run is a suite.
func Run(t *testing.T) {}
