package live_test

import (
	"testing"

	"example/internal/bus/bustest"
	"example/internal/sqlstore"
	"pgregory.net/rapid"
)

// TestRefresh uses what tests may use.
func TestRefresh(t *testing.T) { bustest.Run(t); sqlstore.Open(); rapid.Check(t, nil) }
