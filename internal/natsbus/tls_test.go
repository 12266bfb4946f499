package natsbus

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/natsbus/natstest"
)

// Servers elsewhere are spoken to over TLS where the settings say so: theirs is checked, ours is shown, and nothing goes out without.
func TestRemoteOverTLS(t *testing.T) {
	authority, stranger := certificatetest.NewAuthority(t), certificatetest.NewAuthority(t)
	believes := func(issued, believed *certificatetest.Authority) *tls.Config { return mutual(t, issued, believed) }
	encrypted := natstest.Start(t, func(o *server.Options) { o.TLSConfig, o.TLSVerify = believes(authority, authority), true })
	plain := natstest.Start(t)
	nameless := &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		url    string
		config *tls.Config
		ok     bool
	}{
		"both certificates":                {"tls://" + encrypted.Address, believes(authority, authority), true},
		"no certificate of ours":           {"tls://" + encrypted.Address, nameless, false},
		"ours of another authority":        {"tls://" + encrypted.Address, believes(stranger, authority), false},
		"theirs of another authority":      {"tls://" + encrypted.Address, believes(authority, stranger), false},
		"theirs of nobody that is trusted": {"tls://" + encrypted.Address, nil, false},
		"a server without TLS":             {"tls://" + plain.Address, believes(authority, authority), false},
		"a server without TLS, as nats:":   {"nats://" + plain.Address, believes(authority, authority), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, Options{URLs: []string{c.url}, TLS: c.config, Name: "test"})
			defer b.Close()
			if c.ok {
				eventually(t, "a connection", b.Connected)
				return
			}
			for range 20 { // it tries four times a second
				if b.Connected() {
					t.Fatal("connected")
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}
