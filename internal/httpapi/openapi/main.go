// Command openapi writes the API's description to standard output: go run ./internal/httpapi/openapi > web/openapi.json
//
// It owns nothing: the description is httpapi's, made from the routes themselves.
package main

import (
	"fmt"
	"os"

	"folioscope/internal/httpapi"
)

func main() {
	description, err := httpapi.Description()
	if err == nil {
		_, err = os.Stdout.Write(description)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}
