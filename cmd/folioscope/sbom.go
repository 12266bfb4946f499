package main

import (
	"bytes"
	_ "embed" // the list of parts
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"
)

// carried lists what a release carries of others, with licences: scripts/notice writes it beside NOTICE.
//
//go:embed parts.txt
var carried string

// bill is a CycloneDX 1.6 document, as far as this one goes: https://cyclonedx.org/docs/1.6/json/.
type bill struct {
	Schema      string      `json:"$schema"`
	BOMFormat   string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    billOrigin  `json:"metadata"`
	Components  []component `json:"components"`
}

type billOrigin struct {
	Timestamp string    `json:"timestamp,omitempty"` // of the commit that was built
	Component component `json:"component"`
}

type component struct {
	Type     string         `json:"type"`
	Ref      string         `json:"bom-ref"`
	Name     string         `json:"name"`
	Version  string         `json:"version,omitempty"`
	Hashes   []partHash     `json:"hashes,omitempty"`
	Licenses []licenceEntry `json:"licenses,omitempty"`
	PURL     string         `json:"purl,omitempty"`
}

type partHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"` // hexadecimal
}

type licenceEntry struct {
	License struct {
		ID string `json:"id"` // SPDX
	} `json:"license"`
}

// part is a line of the list: an ecosystem (go, npm), a name, a version, an SPDX licence and, of npm, the package's hash.
type part struct{ ecosystem, name, version, licence, integrity string }

func parseParts(list string) ([]part, error) {
	const fields = 5
	var parts []part
	for line := range strings.Lines(list) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != fields {
			return nil, fmt.Errorf("the list of parts has a line of %d fields", len(f))
		}
		parts = append(parts, part{f[0], f[1], f[2], f[3], f[4]})
	}
	return parts, nil
}

// billOfMaterials tells of a binary: the modules that were linked into it, as it says itself, and the dashboard's packages, which
// it carries as files and so are as the list has them. Licences are those of the list.
func billOfMaterials(version string, built *debug.BuildInfo, list string) ([]byte, error) {
	parts, err := parseParts(list)
	if err != nil {
		return nil, err
	}
	b := bill{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1}
	b.Metadata.Component = component{Type: "application", Ref: "folioscope", Name: "folioscope", Version: version, Licenses: licenced("Apache-2.0")}
	for _, s := range built.Settings {
		if s.Key == "vcs.time" {
			b.Metadata.Timestamp = s.Value
		}
	}
	licences := make(map[string]string, len(parts))
	for _, p := range parts {
		licences[p.ecosystem+" "+p.name] = p.licence
	}
	b.Components = append(b.Components, library("golang", "std", strings.TrimPrefix(built.GoVersion, "go"), licences["go std"]))
	for _, module := range built.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		c := library("golang", module.Path, module.Version, licences["go "+module.Path])
		// A module's sum is SHA-256 over the hashes of its files.
		if c.Hashes, err = hashes("SHA-256", strings.TrimPrefix(module.Sum, "h1:")); err != nil {
			return nil, fmt.Errorf("the sum of %s: %w", module.Path, err)
		}
		b.Components = append(b.Components, c)
	}
	for _, p := range parts {
		if p.ecosystem != "npm" {
			continue
		}
		c := library("npm", p.name, p.version, p.licence)
		if c.Hashes, err = hashes("SHA-512", strings.TrimPrefix(p.integrity, "sha512-")); err != nil {
			return nil, fmt.Errorf("the hash of %s: %w", p.name, err)
		}
		b.Components = append(b.Components, c)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(b)
	return text.Bytes(), err
}

// library is a part under its package URL: https://github.com/package-url/purl-spec.
func library(kind, name, version, licence string) component {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "@", "%40")
	}
	purl := fmt.Sprintf("pkg:%s/%s@%s", kind, strings.Join(segments, "/"), url.QueryEscape(version))
	return component{Type: "library", Ref: purl, Name: name, Version: version, Licenses: licenced(licence), PURL: purl}
}

func licenced(spdx string) []licenceEntry {
	if spdx == "" {
		return nil
	}
	var l licenceEntry
	l.License.ID = spdx
	return []licenceEntry{l}
}

// hashes is a hash in base64 as CycloneDX writes it; none where there is none.
func hashes(algorithm, encoded string) ([]partHash, error) {
	if encoded == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return []partHash{{algorithm, hex.EncodeToString(sum)}}, nil
}
