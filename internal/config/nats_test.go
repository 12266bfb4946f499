package config

import (
	"slices"
	"strings"
	"testing"
)

func TestTheBusIsEncryptedBetweenMachines(t *testing.T) {
	const (
		certificates = "\n[nats.tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\nca = \"a.pem\"\n"
		cluster      = "[nats.cluster]\nlisten = \"10.0.0.1:6222\"\nroutes = [\"10.0.0.1:6222\", \"node2.internal:6222\"]\n"
		local        = "[nats.cluster]\nlisten = \"127.0.0.1:6222\"\nroutes = [\"localhost:6223\", \"[::1]:6224\"]\n"
	)
	for _, test := range []struct{ name, file, want string }{
		{name: "a server elsewhere", file: `nats.urls = ["nats://u:hunter2@bus.internal:4222"]`, want: "nats.urls: bus.internal:4222 is on another machine"},
		{name: "one of several", file: `nats.urls = ["tls://bus.internal:4222", "nats://10.0.0.2:4222"]`, want: "nats.urls: 10.0.0.2:4222 is on another machine"},
		{name: "over WebSocket", file: `nats.urls = ["ws://bus.internal"]`, want: "nats.urls: bus.internal is on another machine"},
		{name: "no server", file: `nats.urls = ["bus.internal:4222"]`, want: "nats.urls: needs addresses"},
		{name: "over TLS", file: `nats.urls = ["tls://bus.internal:4222", "wss://bus.internal"]`},
		{name: "over TLS with certificates", file: `nats.urls = ["tls://bus.internal:4222"]` + certificates},
		{name: "on this machine", file: `nats.urls = ["nats://127.0.0.1:4222", "nats://localhost:4223", "nats://[::1]"]`},
		{name: "as the operator says", file: "nats.insecure = true\nnats.urls = [\"nats://bus.internal:4222\"]"},
		{name: "half a certificate", file: "[nats.tls]\ncert = \"c.pem\"", want: "nats.tls.cert: and nats.tls.key go together"},
		{name: "nodes elsewhere", file: cluster, want: "nats.cluster.listen: is for nodes on other machines"},
		{name: "one node elsewhere", file: strings.Replace(cluster, "10.0.0.1:6222", "127.0.0.1:6222", 2), want: "nats.cluster.listen: is for nodes on other machines"},
		{name: "everywhere", file: strings.Replace(local, "127.0.0.1", "", 1), want: "nats.cluster.listen: is for nodes on other machines"},
		{name: "nodes elsewhere with certificates", file: cluster + certificates},
		{name: "nodes elsewhere, whoever they are", file: cluster + strings.Replace(certificates, "ca", "#", 1), want: "nats.tls.ca: goes together"},
		{name: "nodes elsewhere without a certificate", file: cluster + "[nats.tls]\nca = \"a.pem\"\n", want: "nats.tls.ca: goes together"},
		{name: "nodes elsewhere as the operator says", file: "nats.insecure = true\n" + cluster},
		{name: "nodes on this machine", file: local},
		{name: "no address", file: "[nats.cluster]\nlisten = \"6222\"", want: "nats.cluster.listen: needs HOST:PORT"},
		{name: "no route", file: strings.Replace(local, "localhost:6223", "nats://localhost:6223", 1), want: "nats.cluster.routes: needs HOST:PORT"},
		{name: "both", file: `nats.urls = ["tls://bus.internal:4222"]` + "\n" + local, want: "nats.cluster.listen: is for the embedded server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(Sources{File: write(t, test.file), Environ: slices.Clone(home)})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Error("the error repeats a password")
			}
		})
	}
}
