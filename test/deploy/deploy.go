// Package deploy holds what deploy/ ships against what it is made for: every file is read by the library of the tool that will read it, as
// strictly as that can be, and then against what such a library can't know: Folioscope's own settings, and that the parts fit together.
//
// It is a module of its own, so that Kubernetes, Helm and Compose stay out of the product's dependencies. Each kind of file has a check, and
// each check a table of spoilt files that it must refuse.
package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// root is the checkout, seen from this package's directory, where tests run.
const root = "../.."

// faults collects everything that is wrong with a file, so that one run names it all.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f *faults) take(err error) {
	if err != nil {
		*f = append(*f, err)
	}
}

// says tells whether one of the faults holds a text.
func (f *faults) says(text string) bool {
	for _, err := range *f {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// exists refuses paths of the checkout that aren't there.
func (f *faults) exists(what, path string) {
	if _, err := os.Stat(path); err != nil {
		f.add("%s: %s isn't there", what, filepath.ToSlash(path))
	}
}
