package main

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// versionCommand is `folioscope version`.
type versionCommand struct {
	SBOM bool `name:"sbom" help:"Print the bill of materials instead: every part of others that this binary carries, as CycloneDX 1.6."`
}

// Run prints the version, or the bill of materials.
func (c versionCommand) Run(at console) error {
	if !c.SBOM {
		_, err := fmt.Fprintln(at.out, "folioscope", version)
		return err
	}
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary doesn't know what it was built from")
	}
	text, err := billOfMaterials(version, built, carried)
	if err != nil {
		return err
	}
	_, err = at.out.Write(text)
	return err
}
