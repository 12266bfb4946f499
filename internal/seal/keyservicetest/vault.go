package keyservicetest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// VaultToken is the one that Vault takes.
const VaultToken = "hvs.token-of-the-test"

// Vault serves a transit engine: https://developer.hashicorp.com/vault/api-docs/secret/transit.
func Vault(t testing.TB) *Server {
	t.Helper()
	var s *Server
	s = newServer(t, func(w http.ResponseWriter, r *http.Request) { s.vault(w, r) })
	s.Reference = "hcvault://" + s.Listener.Addr().String() + "/transit/keys/folioscope"
	return s
}

func (s *Server) vault(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, text string) {
		answer(w, status, map[string]any{"errors": []string{text}})
	}
	var asked struct {
		Plaintext      []byte `json:"plaintext"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData []byte `json:"associated_data"`
	}
	switch {
	case r.Header.Get("X-Vault-Request") != "true" || r.Method != http.MethodPut && r.Method != http.MethodPost:
		refuse(http.StatusBadRequest, "missing client token")
		return
	case r.Header.Get("X-Vault-Token") != VaultToken:
		refuse(http.StatusForbidden, "permission denied")
		return
	case json.NewDecoder(r.Body).Decode(&asked) != nil:
		refuse(http.StatusBadRequest, "error parsing JSON")
		return
	}
	switch r.URL.Path {
	case "/v1/transit/encrypt/folioscope":
		sealed := base64.StdEncoding.EncodeToString(s.seal(asked.Plaintext, asked.AssociatedData))
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"ciphertext": "vault:v1:" + sealed, "key_version": 1}})
	case "/v1/transit/decrypt/folioscope":
		text, ok := strings.CutPrefix(asked.Ciphertext, "vault:v1:")
		sealed, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			refuse(http.StatusBadRequest, "invalid ciphertext: no prefix")
			return
		}
		plain, err := s.open(sealed, asked.AssociatedData)
		if err != nil {
			refuse(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"plaintext": plain}})
	default:
		refuse(http.StatusNotFound, "no handler for route")
	}
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document)
}
