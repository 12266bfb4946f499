package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Encryption is what a cluster needs to speak TLS.
type Encryption struct {
	Cert, Key []byte // PEM, of the server
	ClientCA  []byte // PEM, of the authority that issues certificates of clients
	Certified string // the role that signs in with its certificate; others need none
}

// StartEncrypted starts a cluster for one test that listens on 127.0.0.1 too, with TLS alone. The test is skipped where no PostgreSQL is
// found, or fails when PGTEST_REQUIRED=1.
func StartEncrypted(t *testing.T, e Encryption) *Cluster {
	t.Helper()
	cluster, err := start(&e)
	var none *NotFoundError
	if errors.As(err, &none) && os.Getenv("PGTEST_REQUIRED") != "1" {
		t.Skipf("skipped: %v", none)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL with TLS: %v", err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// encrypt writes what the server reads and gives the arguments that make it listen.
func (c *Cluster) encrypt(e *Encryption, account runAs, data string) ([]string, error) {
	const certFile, keyFile, caFile = "server.crt", "server.key", "ca.crt" // beside the data
	const anyone = "all"
	access := fmt.Sprintf("local all %[1]s trust\nhostssl all %[2]s 127.0.0.1/32 cert\nhostssl all %[1]s 127.0.0.1/32 trust\n", anyone, e.Certified)
	for name, text := range map[string][]byte{certFile: e.Cert, keyFile: e.Key, caFile: e.ClientCA, "pg_hba.conf": []byte(access)} {
		if err := os.WriteFile(filepath.Join(data, name), text, 0o600); err != nil {
			return nil, fmt.Errorf("write what TLS needs: %w", err)
		}
	}
	if err := account.own(data); err != nil {
		return nil, fmt.Errorf("give certificates to the server's account: %w", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	_, port, _ := strings.Cut(free.Addr().String(), ":")
	if err := free.Close(); err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	if c.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	return []string{
		"-c", "listen_addresses=127.0.0.1", "-c", "port=" + port, "-c", "ssl=on", "-c", "ssl_cert_file=" + certFile, "-c", "ssl_key_file=" + keyFile,
		"-c", "ssl_ca_file=" + caFile,
	}, nil
}
