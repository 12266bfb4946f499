package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/fault"
)

// visit calls see for every key below a struct, in the order of its fields, with the field that holds the key's value.
func visit(structure reflect.Value, prefix string, see func(path string, field reflect.Value)) {
	for i := range structure.NumField() {
		field := structure.Field(i)
		path := prefix + structure.Type().Field(i).Tag.Get("key")
		switch field.Kind() {
		case reflect.Struct:
			visit(field, path+".", see)
		case reflect.Map:
			visitMap(field, path+".", see)
		default:
			see(path, field)
		}
	}
}

// visitMap goes through the names that a map holds: its values can't be changed in place, so each is copied out and back.
func visitMap(held reflect.Value, prefix string, see func(path string, field reflect.Value)) {
	names := held.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range names {
		value := reflect.New(held.Type().Elem()).Elem()
		value.Set(held.MapIndex(name))
		visit(value, prefix+name.String()+".", see)
		held.SetMapIndex(name, value)
	}
}

// keys lists every key of some settings, in the order of the struct.
func keys(c Config) []string {
	var all []string
	visit(reflect.ValueOf(&c).Elem(), "", func(path string, _ reflect.Value) { all = append(all, path) })
	return all
}

// EnvironmentName is the name of a key in the environment.
func EnvironmentName(key string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// assign puts a value from the file, the environment or a flag into a field; what is said of a bad one never repeats a secret.
func assign(path string, field reflect.Value, value any) error {
	switch field.Interface().(type) {
	case time.Duration:
		text, ok := value.(string)
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if !ok || err != nil {
			return fault.At(path, "needs a duration such as %q, got %.40q", "10m", fmt.Sprint(value))
		}
		field.SetInt(int64(d))
	case Secret, string:
		text, ok := value.(string)
		if !ok {
			return fault.At(path, "needs a text")
		}
		field.SetString(strings.TrimSpace(text))
	case bool:
		b, err := strconv.ParseBool(fmt.Sprint(value))
		if err != nil {
			return fault.At(path, "needs true or false, got %.40q", fmt.Sprint(value))
		}
		field.SetBool(b)
	case int:
		n, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		if err != nil || n > math.MaxInt32 || n < math.MinInt32 {
			return fault.At(path, "needs a whole number, got %.40q", fmt.Sprint(value))
		}
		field.SetInt(n)
	case []string:
		list, err := texts(value)
		if err != nil {
			return fault.At(path, "needs a list of texts")
		}
		field.Set(reflect.ValueOf(list))
	default:
		panic("config: no way to read " + field.Type().String()) // a new kind of field without a case here
	}
	return nil
}

// texts reads a list: an array, or one text with commas. An empty text is an empty list.
func texts(value any) ([]string, error) {
	list := []string{}
	switch v := value.(type) {
	case string:
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
	case []string:
		list = append(list, v...)
	case []any:
		for _, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("not a text: %T", item)
			}
			list = append(list, text)
		}
	default:
		return nil, fmt.Errorf("not a list: %T", value)
	}
	return list, nil
}
