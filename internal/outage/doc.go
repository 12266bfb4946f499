// Package outage breaks installations of several nodes and holds what they promise against what their clients saw.
//
// It owns, for tests alone, three nodes of the real binary behind the HAProxy of deploy/haproxy, on PostgreSQL, their servers of NATS joined over
// TLS; clients that read, write, watch and retry as clients do; and a checker that knows nothing of how the product works. Nodes are
// killed, stopped, restarted and raced; what was answered is then looked for:
//
//	clients ── record of every request ─▶ checker ◀─ what the nodes say afterwards
//	   │  HTTPS                                          ▲
//	HAProxy ── node 1, node 2, node 3 ── PostgreSQL ─────┘
//
// The product's own packages are not imported: what counts is what crosses its wires.
package outage
