package keyservicetest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	nameOfKey   = "projects/test-1/locations/europe-west3/keyRings/folioscope/cryptoKeys/kek"
	googleToken = "ya29.token-of-the-test"
	keyBits     = 2048 // of a service account's key, as Google makes them
)

// Google serves Cloud KMS by REST, https://cloud.google.com/kms/docs/reference/rest, and the tokens for it. The file holds the key
// of a service account; its path goes into GOOGLE_APPLICATION_CREDENTIALS.
func Google(t testing.TB) (s *Server, credentialsFile string) {
	t.Helper()
	account, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		t.Fatal(err)
	}
	s = newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			token(w, r, &account.PublicKey)
			return
		}
		s.google(w, r)
	})
	s.Reference = "gcp-kms://" + nameOfKey
	der, err := x509.MarshalPKCS8PrivateKey(account)
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "test-1", "private_key_id": "1", "client_email": "folioscope@test-1.iam.gserviceaccount.com", "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": s.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	credentialsFile = filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(credentialsFile, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, credentialsFile
}

// token gives one for an assertion that the service account signed (RFC 7523).
func token(w http.ResponseWriter, r *http.Request, account *rsa.PublicKey) {
	assertion := r.PostFormValue("assertion")
	cut := strings.LastIndexByte(assertion, '.')
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || cut < 0 {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	signature, err := base64.RawURLEncoding.DecodeString(assertion[cut+1:])
	sum := sha256.Sum256([]byte(assertion[:cut]))
	if err != nil || rsa.VerifyPKCS1v15(account, crypto.SHA256, sum[:], signature) != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": googleToken, "token_type": "Bearer", "expires_in": 3600})
}

func (s *Server) google(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, text string) {
		answer(w, status, map[string]any{"error": map[string]any{"code": status, "message": text, "status": "OF_THE_TEST"}})
	}
	var asked struct {
		Plaintext                   urlBytes `json:"plaintext"`
		Ciphertext                  urlBytes `json:"ciphertext"`
		AdditionalAuthenticatedData urlBytes `json:"additionalAuthenticatedData"`
		PlaintextCrc32c             string   `json:"plaintextCrc32c"`
		CiphertextCrc32c            string   `json:"ciphertextCrc32c"`
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+googleToken:
		refuse(http.StatusUnauthorized, "Request had invalid authentication credentials.")
		return
	case r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil:
		refuse(http.StatusBadRequest, "Invalid JSON payload received.")
		return
	}
	switch r.URL.Path {
	case "/v1/" + nameOfKey + ":encrypt":
		if asked.PlaintextCrc32c != checksum(asked.Plaintext) {
			refuse(http.StatusBadRequest, "The checksum does not match.")
			return
		}
		sealed := s.seal(asked.Plaintext, asked.AdditionalAuthenticatedData)
		answer(w, http.StatusOK, map[string]any{"name": nameOfKey + "/cryptoKeyVersions/1", "ciphertext": sealed, "ciphertextCrc32c": checksum(sealed),
			"verifiedPlaintextCrc32c": true, "verifiedAdditionalAuthenticatedDataCrc32c": true})
	case "/v1/" + nameOfKey + ":decrypt":
		plain, err := s.open(asked.Ciphertext, asked.AdditionalAuthenticatedData)
		if err != nil || asked.CiphertextCrc32c != checksum(asked.Ciphertext) {
			refuse(http.StatusBadRequest, "Decryption failed: the ciphertext is invalid.")
			return
		}
		answer(w, http.StatusOK, map[string]any{"plaintext": plain, "plaintextCrc32c": checksum(plain)})
	default:
		refuse(http.StatusNotFound, "CryptoKey not found.")
	}
}

// urlBytes are bytes as Google's clients send them; it answers in the other alphabet.
type urlBytes []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *urlBytes) UnmarshalText(text []byte) (err error) {
	*b, err = base64.URLEncoding.AppendDecode(nil, text)
	return err
}

func checksum(data []byte) string {
	return strconv.FormatUint(uint64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))), 10)
}
