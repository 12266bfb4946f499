// Package util is in no table.
package util // want: internal/util is in no table
