package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n                 Version 2.0, January 2004":                                                            "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person\n…\nThe above copyright notice and this permission notice": "MIT",
		"Redistributions in binary form must reproduce … Neither the name of":                                                   "BSD-3-Clause",
		"Redistributions in binary form must reproduce the above":                                                               "BSD-2-Clause",
		"Mozilla Public License Version 2.0\n==================":                                                                "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991":                                                                    "GPL-3.0",
		"all rights reserved": "",
	} {
		if got := identify(text); got != want {
			t.Errorf("identify(%.40q) = %q, want %q", text, got, want)
		}
	}
}

func TestReadRefusesWhatAReleaseMayNotCarry(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"permissive": {"Permission is hereby granted, free of charge, to any person. The above copyright notice and this permission notice", true},
		"copyleft":   {"GNU AFFERO GENERAL PUBLIC LICENSE Version 3", false},
		"none":       {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := piece{name: "example", dir: t.TempDir()}
			if test.text != "" {
				if err := os.WriteFile(filepath.Join(p.dir, "LICENSE.md"), []byte(test.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.read(); (err == nil) != test.ok {
				t.Errorf("read says %v", err)
			}
		})
	}
}
