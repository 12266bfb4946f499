package figures

import (
	"testing"

	"example/internal/sqlstore" // want: figures must not import sqlstore
)

func TestValue(t *testing.T) { sqlstore.Open() }
