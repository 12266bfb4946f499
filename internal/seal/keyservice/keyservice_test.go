package keyservice

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/seal"
	"folioscope/internal/seal/keyservicetest"
)

// each is a key service of the test's own, with credentials in the environment, and what takes them away.
type each struct {
	*keyservicetest.Server
	parse   func(reference string) (*Service, error)
	other   string             // a reference to a key that isn't there
	strange func(t *testing.T) // sets credentials that the service doesn't take
	none    func(t *testing.T) // takes them away
}

func onEach(t *testing.T, test func(t *testing.T, s *each)) {
	t.Helper()
	home := t.TempDir() // where nobody has credentials
	for _, name := range []string{"HOME", "VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_NAMESPACE", "AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Run("Vault", func(t *testing.T) {
		t.Setenv(vaultToken, keyservicetest.VaultToken)
		s := &each{Server: keyservicetest.Vault(t), parse: Parse}
		s.other = strings.Replace(s.Reference, "folioscope", "other", 1)
		s.strange = func(t *testing.T) { t.Setenv(vaultToken, "hvs.other") }
		s.none = func(t *testing.T) { t.Setenv(vaultToken, "") }
		test(t, s)
	})
	t.Run("AWS", func(t *testing.T) {
		s := &each{Server: keyservicetest.AWS(t), parse: Parse}
		for name, value := range map[string]string{
			"AWS_ACCESS_KEY_ID": keyservicetest.AWSAccessKey, "AWS_SECRET_ACCESS_KEY": keyservicetest.AWSSecretKey, "AWS_ENDPOINT_URL_KMS": s.URL, "AWS_EC2_METADATA_DISABLED": "true",
		} {
			t.Setenv(name, value)
		}
		s.other = strings.Replace(s.Reference, "1234abcd", "00000000", 1)
		s.strange = func(t *testing.T) { t.Setenv("AWS_SECRET_ACCESS_KEY", "other") }
		s.none = func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		}
		test(t, s)
	})
	t.Run("Google", func(t *testing.T) {
		served, file := keyservicetest.Google(t)
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
		s := &each{Server: served}
		s.parse = func(reference string) (*Service, error) {
			parsed, err := newGoogle(strings.TrimPrefix(reference, schemeGoogle), served.URL+"/")
			if err == nil {
				parsed.answerWait = answerWaitMax
			}
			return parsed, err
		}
		s.other = s.Reference + "-other"
		s.strange = func(t *testing.T) { t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", accountOfAnother(t, file)) }
		s.none = func(t *testing.T) { t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(home, "none.json")) }
		test(t, s)
	})
}

// accountOfAnother is an account's file whose key isn't the one that the server knows.
func accountOfAnother(t *testing.T, file string) string {
	t.Helper()
	_, another := keyservicetest.Google(t)
	var mixed, theirs map[string]string
	for path, into := range map[string]*map[string]string{file: &mixed, another: &theirs} {
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	mixed["private_key"] = theirs["private_key"]
	data, err := json.Marshal(mixed)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mixed.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kek opens the key of a reference, with a wait for each answer.
func (s *each) kek(t *testing.T, reference string, wait time.Duration) (*seal.KEK, error) {
	t.Helper()
	service, err := s.parse(reference)
	if err != nil {
		t.Fatal(err)
	}
	service.answerWait = wait
	return service.Open(t.Context(), s.Client())
}

func (s *each) must(t *testing.T) *seal.KEK {
	t.Helper()
	kek, err := s.kek(t, s.Reference, answerWaitMax)
	if err != nil {
		t.Fatal(err)
	}
	return kek
}

// memory keeps a keyring.
type memory struct{ data []byte }

func (m *memory) Load(context.Context) ([]byte, error)            { return m.data, nil }
func (m *memory) Create(_ context.Context, data []byte) error     { m.data = data; return nil }
func (m *memory) Replace(_ context.Context, _, data []byte) error { m.data = data; return nil }

// A keyring is made, opened, changed and locked with another key, all by the service's key.
func TestKeyringUnderAKeyService(t *testing.T) {
	onEach(t, func(t *testing.T, s *each) {
		place := &memory{}
		root, err := seal.Init(t.Context(), s.must(t), place)
		if err != nil {
			t.Fatal(err)
		}
		again, err := seal.Open(t.Context(), s.must(t), place)
		if err != nil || again.Fingerprint() != root.Fingerprint() {
			t.Fatalf("open: %v", err)
		}
		change, key, err := root.AddRootKey(t.Context())
		if err == nil {
			err = change.Apply(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Reload(t.Context()); err != nil || again.RootKeys()[1] != key {
			t.Errorf("reload: %v", err)
		}
		local, err := seal.NewKEK(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if change, err = root.Rewrap(t.Context(), local); err == nil {
			err = change.Apply(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Open(t.Context(), s.must(t), place); !fault.Is(err, fault.Denied) {
			t.Errorf("the key of before: %v", err)
		}
	})
}

// Whatever is wrong with the service, its key or the credentials: a sentence says it, nothing is made, and nothing that exists is lost.
func TestServiceThatRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, s *each) {
		place := &memory{}
		if _, err := seal.Init(t.Context(), s.must(t), place); err != nil {
			t.Fatal(err)
		}
		whole := string(place.data)
		for _, c := range []struct {
			name      string
			set       func(t *testing.T)
			reference string
			want      fault.Kind
			word      string
		}{
			{"no credentials", s.none, s.Reference, fault.Denied, "this machine has no"},
			{"strange credentials", s.strange, s.Reference, fault.Denied, "wrong or ha"},
			{"no such key", func(*testing.T) {}, s.other, fault.Invalid, "no such key"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.set(t)
				made := &memory{}
				kek, err := s.kek(t, c.reference, answerWaitMax)
				if err == nil {
					_, err = seal.Init(t.Context(), kek, made)
				}
				if !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.word) {
					t.Errorf("init: %v", err)
				}
				if made.data != nil {
					t.Error("a keyring was made")
				}
				if kek != nil {
					if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, c.want) {
						t.Errorf("open: %v", err)
					}
				}
			})
		}
		if string(place.data) != whole {
			t.Error("the keyring changed")
		}
	})
}

// A service that can't answer is asked three times, and no longer than it takes.
func TestServiceThatCannotAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, s *each) {
		place := &memory{}
		kek := s.must(t)
		if _, err := seal.Init(t.Context(), kek, place); err != nil {
			t.Fatal(err)
		}
		before := s.Asked()
		s.Break(triesMax - 1)
		if _, err := seal.Open(t.Context(), kek, place); err != nil || s.Asked() != before+triesMax {
			t.Errorf("%d tries: %v", s.Asked()-before, err)
		}
		before = s.Asked()
		s.Break(100)
		if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, fault.Unavailable) || s.Asked() != before+triesMax {
			t.Errorf("%d tries: %v", s.Asked()-before, err)
		}
		s.Break(0)

		hurried, err := s.kek(t, s.Reference, 150*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		s.Slow(500 * time.Millisecond)
		if _, err := seal.Open(t.Context(), hurried, place); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "can't be reached") {
			t.Errorf("slow: %v", err)
		}
		s.Slow(0)
		s.Close()
		if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "can't be reached") {
			t.Errorf("gone: %v", err)
		}
	})
}

// What the service encrypted wrongly is never stored, and what was changed since doesn't open.
func TestFlippedCiphertext(t *testing.T) {
	onEach(t, func(t *testing.T, s *each) {
		kek, place := s.must(t), &memory{}
		s.Flip(true)
		if _, err := seal.Init(t.Context(), kek, place); !fault.Is(err, fault.Denied) || place.data != nil {
			t.Errorf("a wrong answer: %v, %d bytes stored", err, len(place.data))
		}
		s.Flip(false)
		if _, err := seal.Init(t.Context(), kek, place); err != nil {
			t.Fatal(err)
		}
		var ring map[string]any
		if err := json.Unmarshal(place.data, &ring); err != nil {
			t.Fatal(err)
		}
		keyset := []byte(ring["keyset"].(string))
		if at := len(keyset) / 2; keyset[at] == 'A' { // base64
			keyset[at] = 'B'
		} else {
			keyset[at] = 'A'
		}
		ring["keyset"] = string(keyset)
		place.data, _ = json.Marshal(ring)
		if _, err := seal.Open(t.Context(), kek, place); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "does not open the keyring") {
			t.Errorf("a flipped keyring: %v", err)
		}
	})
}

// Nothing is asked by a client that doesn't trust the server.
func TestServiceThatIsNotTrusted(t *testing.T) {
	onEach(t, func(t *testing.T, s *each) {
		service, err := s.parse(s.Reference)
		if err != nil {
			t.Fatal(err)
		}
		kek, err := service.Open(t.Context(), &http.Client{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Init(t.Context(), kek, &memory{}); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "doesn't trust the certificate") {
			t.Errorf("%v", err)
		}
		if s.Asked() != 0 {
			t.Error("it was asked")
		}
	})
}

// A token that the agent of Vault renews is taken as it is by then.
func TestVaultTokenFile(t *testing.T) {
	s := keyservicetest.Vault(t)
	path := filepath.Join(t.TempDir(), "token")
	t.Setenv(vaultTokenFile, path)
	t.Setenv(vaultToken, "hvs.not-this-one")
	service, err := Parse(s.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Open(t.Context(), s.Client()); !fault.Is(err, fault.Denied) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("hvs.ended")
	kek, err := service.Open(t.Context(), s.Client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Init(t.Context(), kek, &memory{}); !fault.Is(err, fault.Denied) {
		t.Errorf("a token that ended: %v", err)
	}
	write(keyservicetest.VaultToken)
	if _, err := seal.Init(t.Context(), kek, &memory{}); err != nil {
		t.Errorf("the renewed token: %v", err)
	}
}

// What a client has to reach besides the public internet is named, and only that.
func TestReach(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_KMS", "https://kms.inside.example")
	for reference, want := range map[string]string{
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/folioscope": "https://kms.eu-central-1.amazonaws.com https://sts.eu-central-1.amazonaws.com https://kms.inside.example",
		"hcvault://[::1]:8200/transit/keys/folioscope":                     "https://[::1]:8200",
	} {
		s, err := Parse(reference)
		if err != nil {
			t.Fatal(err)
		}
		addresses, networks := s.Reach()
		if got := strings.Join(addresses, " "); got != want {
			t.Errorf("%s: %s", reference, got)
		}
		for _, network := range networks {
			if prefix, err := netip.ParsePrefix(network); err != nil || !prefix.IsSingleIP() {
				t.Errorf("%s opens %s", reference, network)
			}
		}
	}
}

func TestParse(t *testing.T) {
	good := map[string]string{
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab": kindAWS,
		"aws-kms://arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/folioscope":                 kindAWS,
		"gcp-kms://projects/p-1/locations/global/keyRings/r/cryptoKeys/k":                          kindGoogle,
		"hcvault://vault.example/transit/keys/folioscope":                                          kindVault,
		"hcvault://[::1]:8200/team/transit/keys/folioscope":                                        kindVault,
	}
	for reference, want := range good {
		if s, err := Parse(reference); err != nil || s.Kind() != want || !Is(reference) {
			t.Errorf("%s: %v", reference, err)
		}
	}
	for _, reference := range []string{
		"aws-kms://", "aws-kms://alias/folioscope", "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/a b", "aws-kms://arn:aws:s3:eu-central-1:111122223333:key/a",
		"gcp-kms://", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "gcp-kms://projects/../locations/l/keyRings/r/cryptoKeys/k?x",
		"hcvault://", "hcvault://vault.example", "hcvault://vault.example/transit/encrypt/k", "hcvault://user:word@vault.example/transit/keys/k",
		"hcvault://vault.example/transit/keys/k?x=1", "hcvault://vault.example/tran%2fsit/keys/k", "azure-kv://vault/key", "://", "hcvault://vault.example/" + strings.Repeat("a", 600) + "/keys/k",
	} {
		if s, err := Parse(reference); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %+v, %v", reference, s, err)
		}
	}
	for _, reference := range []string{"", "/a/file", "env:NAME", "credential:name"} {
		if Is(reference) {
			t.Errorf("%s is none", reference)
		}
	}
}
