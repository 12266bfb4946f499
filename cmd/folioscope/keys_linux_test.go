package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"folioscope/internal/seal/keyservicetest"
)

// The binary, as it is shipped, opens its keyring by a key that Vault keeps, and by nothing else. SSL_CERT_FILE is of Linux.
func TestKeysAtVault(t *testing.T) {
	vault := keyservicetest.Vault(t)
	in := newInstallation(t, "FOLIOSCOPE_KEYS_KEK="+vault.Reference, "VAULT_TOKEN="+keyservicetest.VaultToken, "SSL_CERT_FILE="+vault.CertificateFile(t))
	in.command(testSecret+"\n", "user", "add", testEmail)
	if status := in.command("", "keys", "status"); !strings.Contains(status, "key-encryption key: Vault, "+vault.Reference) {
		t.Errorf("status: %s", status)
	}
	in.command("", "keys", "rotate")
	in.start()
	in.signIn(testEmail, testSecret)
	in.stop()

	refused := func(want string, settings ...string) {
		t.Helper()
		for _, line := range []string{"serve", "keys rotate", "keys init"} {
			cmd := exec.Command(in.binary, strings.Fields(line)...)
			cmd.Env = slices.Concat(in.env, settings)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), keyservicetest.VaultToken) {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	refused("doesn't let this machine use the key", "VAULT_TOKEN=hvs.other")
	refused("no token for Vault", "VAULT_TOKEN=")
	refused("doesn't trust the certificate of Vault", "SSL_CERT_FILE=/dev/null")
	refused("has no such key", "FOLIOSCOPE_KEYS_KEK="+vault.Reference+"-other")
	vault.Break(1_000)
	refused("sealed or starting")
	vault.Close()
	refused("can't be reached")
}
