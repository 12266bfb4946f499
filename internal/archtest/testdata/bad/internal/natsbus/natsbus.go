// Package natsbus is an adapter as it should be.
package natsbus

import "github.com/nats-io/nats.go"

// Connect is the door.
func Connect() { _ = nats.DefaultURL }
