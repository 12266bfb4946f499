package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"folioscope/internal/fault"
)

const (
	environmentPrefix = "FOLIOSCOPE_"
	// referenceVariable is read by tests alone; a binary that they start inherits it.
	referenceVariable = "FOLIOSCOPE_REFERENCE"
	fileBytesMax      = 1 << 20 // far more than a file with every key and its comments
)

// Sources is where settings come from. Later fields win over earlier ones.
type Sources struct {
	File    string            // TOML file; empty: none
	Environ []string          // NAME=value as os.Environ gives them
	Flags   map[string]string // key → value, only of flags that were given
}

// Load reads all sources over the defaults and checks the whole. Its errors are of kind Invalid and name the key.
func Load(from Sources) (Config, error) {
	c := Default()
	held := koanf.New(".")
	if from.File != "" {
		if err := readFile(held, from.File); err != nil {
			return Config{}, err
		}
	}
	c.OIDC = namedServices(held, from)
	known := keys(c)
	if err := checkFile(held, from.File, known); err != nil {
		return Config{}, err
	}
	if err := loadEnvironment(held, from.Environ, known); err != nil {
		return Config{}, err
	}
	for _, key := range slices.Sorted(maps.Keys(from.Flags)) {
		if !slices.Contains(known, key) {
			return Config{}, fault.At(key, "unknown key")
		}
		if err := held.Set(key, from.Flags[key]); err != nil {
			return Config{}, fmt.Errorf("set %s: %w", key, err)
		}
	}
	var wrong []error
	visit(reflect.ValueOf(&c).Elem(), "", func(path string, field reflect.Value) {
		if held.Exists(path) {
			wrong = append(wrong, assign(path, field, held.Get(path)))
		}
	})
	if c.DataDir == "" {
		c.DataDir = defaultDataDir(from.Environ)
	}
	if err := joined(wrong); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

// readFile reads the settings file.
func readFile(held *koanf.Koanf, path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return fault.Wrap(fault.Invalid, err, "the settings file can't be read")
	case info.IsDir():
		return fault.New(fault.Invalid, "the settings file %s is a directory", path)
	case info.Size() > fileBytesMax:
		return fault.New(fault.TooLarge, "the settings file %s has more than %d bytes", path, fileBytesMax)
	}
	if err := held.Load(file.Provider(path), toml.Parser()); err != nil {
		var at interface{ Position() (row, column int) }
		if errors.As(err, &at) {
			row, column := at.Position()
			return fault.At(fmt.Sprintf("%s, line %d, column %d", path, row, column), "not TOML")
		}
		return fault.Wrap(fault.Invalid, err, "the settings file can't be read")
	}
	return nil
}

// checkFile refuses keys of the settings file that nobody knows.
func checkFile(held *koanf.Koanf, path string, known []string) error {
	for _, key := range held.Keys() {
		if slices.Contains(known, key) {
			continue
		}
		inside := func(k string) bool { return strings.HasPrefix(k, key+".") }
		if group, isTable := held.Get(key).(map[string]any); isTable && len(group) == 0 && slices.ContainsFunc(known, inside) {
			continue // a table that was left empty
		}
		return fault.At(key, "unknown key in %s", path)
	}
	return nil
}

// loadEnvironment reads the variables whose names are known and refuses others with the prefix.
func loadEnvironment(held *koanf.Koanf, environ, known []string) error {
	byName := map[string]string{}
	for _, key := range known {
		byName[EnvironmentName(key)] = key
	}
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			values[name] = value
		}
	}
	// The key itself may come in a variable that keys.kek names, and that may bear the prefix.
	kek := values[EnvironmentName("keys.kek")]
	if kek == "" {
		kek = held.String("keys.kek")
	}
	keyVariable, _ := strings.CutPrefix(kek, "env:")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := byName[name]; ok || !strings.HasPrefix(name, environmentPrefix) || name == keyVariable || name == referenceVariable {
			continue
		}
		return fault.At(name, "unknown variable: no key is called so")
	}
	err := held.Load(env.Provider(".", env.Opt{
		Prefix:      environmentPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			return byName[name], value // an empty key is left out
		},
	}), nil)
	if err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	return nil
}

// defaultDataDir is where programs of this machine keep their data; empty where the environment doesn't say.
func defaultDataDir(environ []string) string {
	value := func(name string) string {
		for _, entry := range slices.Backward(environ) {
			if text, ok := strings.CutPrefix(entry, name+"="); ok {
				return text
			}
		}
		return ""
	}
	switch {
	case value("STATE_DIRECTORY") != "": // systemd's StateDirectory=
		return value("STATE_DIRECTORY")
	case runtime.GOOS == "windows":
		return under(value("LOCALAPPDATA"), "folioscope")
	case runtime.GOOS == "darwin":
		return under(value("HOME"), "Library", "Application Support", "folioscope")
	case value("XDG_DATA_HOME") != "":
		return under(value("XDG_DATA_HOME"), "folioscope")
	default:
		return under(value("HOME"), ".local", "share", "folioscope")
	}
}

func under(base string, below ...string) string {
	if base == "" {
		return ""
	}
	return filepath.Join(append([]string{base}, below...)...)
}

// joined makes one Invalid error of several, nil where there is none.
func joined(wrong []error) error {
	var places []fault.Place
	var texts []string
	for _, err := range wrong {
		if e, ok := errors.AsType[*fault.Error](err); ok {
			places = append(places, e.Places...)
			texts = append(texts, e.Error())
		}
	}
	if len(places) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Message: strings.Join(texts, "; "), Places: places}
}
