// Package bus is the contract of publish and subscribe between nodes.
//
// What travels is a hint: it may be lost, doubled or late. Whoever listens keeps a cursor of their own, looks at the store
// above it, and polls slowly. Nothing personal is ever published: ids, sequences and public quotes only.
package bus

import "context"

// Bounds of every implementation.
const (
	PayloadBytesMax = 64 << 10 // a batch of public quotes; more is split by the publisher
	PendingMax      = 1000     // messages waiting for one slow subscriber before the oldest are dropped and Gap is called
)

// Bus carries hints.
type Bus interface {
	// Publish sends to everybody who listens now, this process included. It never waits for them.
	Publish(ctx context.Context, subject string, payload []byte) error
	// Subscribe calls handle for each message, one at a time and in order per subscription, until the returned function is called.
	// A subject may end in ".>" to take all below it. Gap, if not nil, is called after messages may have been lost
	// (a reconnect, a slow subscriber): then the subscriber looks at the store.
	Subscribe(subject string, handle func(subject string, payload []byte), gap func()) (stop func(), err error)
	// Close stops all subscriptions and gives back all resources.
	Close() error
}
