package notify

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// browser is one that has subscribed.
type browser struct {
	key          *ecdh.PrivateKey
	auth         []byte
	subscription string
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := bytes.Repeat([]byte{7}, authBytes)
	encode := base64.RawURLEncoding.EncodeToString
	text := `{"endpoint":"https://push.example/sub/secret-of-it","expirationTime":null,"keys":{"p256dh":"` + encode(key.PublicKey().Bytes()) + `","auth":"` + encode(auth) + `"}}`
	kept, err := ParseTarget(ChannelPush, text)
	if err != nil {
		t.Fatal(err)
	}
	return browser{key, auth, kept}
}

// open decrypts a body as RFC 8188 and RFC 8291 say.
func (b browser) open(t *testing.T, body []byte) []byte {
	t.Helper()
	const saltBytes, recordBytes = 16, 4
	salt := body[:saltBytes]
	size := int(body[saltBytes+recordBytes])
	if binary.BigEndian.Uint32(body[saltBytes:]) < uint32(len(body)-saltBytes-recordBytes-1-size) {
		t.Fatal("more than one record")
	}
	sender := body[saltBytes+recordBytes+1:][:size]
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := b.key.ECDH(from)
	if err != nil {
		t.Fatal(err)
	}
	derive := func(secret, salt []byte, info string, length int) []byte {
		out, err := hkdf.Key(sha256.New, secret, salt, info, length)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	secret := derive(shared, b.auth, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(sender), 32)
	block, err := aes.NewCipher(derive(secret, salt, "Content-Encoding: aes128gcm\x00", 16))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, derive(secret, salt, "Content-Encoding: nonce\x00", 12), body[saltBytes+recordBytes+1+size:], nil)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(bytes.TrimRight(plain, "\x00"), "\x02")
}

func TestPushIsForTheBrowserAloneAndFromUs(t *testing.T) {
	b := newBrowser(t)
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	store := &memory{messages: map[NoticeJob]Message{}}
	job := store.add("anna", "n1", ChannelPush, b.subscription, testNow)
	m := messengerOf(store, to(server), func() time.Time { return testNow }, slog.New(slog.DiscardHandler))
	if again, err := runOnce(m, job); err != nil || again != 0 || store.state(job) != Sent {
		t.Fatalf("%v, %v, %s", again, err, store.state(job))
	}
	var got pushMessage
	if err := json.Unmarshal(b.open(t, body), &got); err != nil || got.ID != "n1" || got.Title != "Pension" || got.Link != "https://folio.example/alerts" {
		t.Errorf("%+v, %v", got, err)
	}
	if header.Get("Content-Encoding") != "aes128gcm" || header.Get("TTL") == "" {
		t.Errorf("header: %v", header)
	}
	verifyVAPID(t, header.Get("Authorization"), m.o.Push.Public())
}

// verifyVAPID checks what RFC 8292 wants: signed with the installation's key, for the push service, not for long.
func verifyVAPID(t *testing.T, authorization, public string) {
	t.Helper()
	rest, ok := strings.CutPrefix(authorization, "vapid t=")
	token, key, both := strings.Cut(rest, ", k=")
	if !ok || !both || key != public {
		t.Fatalf("authorization: %s", authorization)
	}
	decode := func(text string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	point, parts := decode(key), strings.Split(token, ".")
	by, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	sum, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
	if !ecdsa.Verify(by, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the signature doesn't hold")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(decode(parts[1]), &claims); err != nil || !strings.HasPrefix(claims.Aud, "https://push.example") || claims.Sub != "https://folio.example" {
		t.Errorf("claims: %+v, %v", claims, err)
	}
	if left := time.Until(time.Unix(claims.Exp, 0)); left <= 0 || left > 24*time.Hour {
		t.Errorf("it holds for %v", left)
	}
}

// The same secret makes the same key, or every browser would have to subscribe again after a start.
func TestThePushKeyStays(t *testing.T) {
	derived := func(count int) []byte { return bytes.Repeat([]byte{byte(count + 1)}, 32) }
	first, err := NewPushKey(derived)
	second, again := NewPushKey(derived)
	if err != nil || again != nil || first != second || first.String() != "(hidden)" || len(first.Public()) != 87 {
		t.Errorf("%v, %v, %q", err, again, first.Public())
	}
	skipped, err := NewPushKey(func(count int) []byte {
		if count == 0 {
			return bytes.Repeat([]byte{0xff}, 32) // more than the curve has points
		}
		return derived(0)
	})
	if err != nil || skipped != first {
		t.Errorf("%v", err)
	}
}
