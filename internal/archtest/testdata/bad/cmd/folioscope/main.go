package main // want: package main says nowhere what it owns

import (
	"example/internal/nowhere"  // want: internal/nowhere is in no table
	"example/internal/sqlstore" // want: cmd/folioscope must not import sqlstore
)

func main() { nowhere.Go(); sqlstore.Open() }
