package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// writeJSON encodes what the validator answers exactly as marshal does.
func writeJSON(w io.Writer, value any) error {
	_, err := w.Write(marshal(value))
	return err
}

// errTrailing says that something follows the JSON value.
var errTrailing = errors.New("something follows the JSON value")

// readJSON decodes one JSON value. Into any it keeps numbers as they are written, so that none passes for another.
func readJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}
