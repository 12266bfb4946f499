// Package kube holds the chart against a Kubernetes of Kubernetes' own modules: an API server, its store and its controllers, without machines
// that would run anything. Whatever the chart renders is sent there, and its autoscaler decides over made-up metrics.
//
// It owns the processes and the little of the API that this takes. It is a module of its own, and scripts/kube.sh builds the servers from what
// its go.mod names; that takes ten minutes or so, once.
package kube
