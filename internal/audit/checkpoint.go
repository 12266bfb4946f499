package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"folioscope/internal/fault"
)

// Checkpoint is what is signed of a tree: C2SP's checkpoint, with the time in a line of its own.
type Checkpoint struct {
	Origin string // which log: the name of the key that signs it
	Size   int64
	Root   Hash
	At     time.Time
}

const (
	checkpointBytesMax = 4 << 10 // one has about 250
	timePrefix         = "time "
	signerPrefix       = "folioscope/" // and the keyring's fingerprint
	algorithmEd25519   = 1             // of note's keys
)

// text is what is signed.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n%s%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), timePrefix, c.At.UTC().Format(time.RFC3339Nano))
}

// parseCheckpoint reads what was signed.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	const count = 5 // four, each ended
	if len(lines) != count || lines[count-1] != "" {
		return Checkpoint{}, fault.New(fault.Invalid, "a checkpoint has four lines")
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 {
		return Checkpoint{}, fault.New(fault.Invalid, "the checkpoint's second line is no size")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, fault.New(fault.Invalid, "the checkpoint's third line is no hash")
	}
	c.Root = Hash(root)
	if c.At, err = time.Parse(timePrefix+time.RFC3339Nano, lines[3]); err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "the checkpoint's fourth line is no time")
	}
	if c.text() != text {
		return Checkpoint{}, fault.New(fault.Invalid, "the checkpoint is not written the one way")
	}
	return c, nil
}

// Signer signs the checkpoints of one installation.
type Signer struct {
	name     string
	signer   note.Signer
	verifier string
}

// NewSigner makes the signer of the installation with this fingerprint from 32 secret bytes.
func NewSigner(fingerprint string, seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("audit key: %d bytes", len(seed))
	}
	name := signerPrefix + fingerprint
	verifier, err := note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	parts := strings.SplitN(verifier, "+", 3) // name, hash, key
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + parts[1] + "+" + base64.StdEncoding.EncodeToString(append([]byte{algorithmEd25519}, seed...)))
	if err != nil {
		return nil, fmt.Errorf("audit key: %w", err)
	}
	return &Signer{name: name, signer: signer, verifier: verifier}, nil
}

// VerifierKey is what anybody can check checkpoints with, as one line.
func (s *Signer) VerifierKey() string { return s.verifier }

// Verifier checks what this signer signs.
func (s *Signer) Verifier() *Verifier {
	v, err := NewVerifier(s.verifier)
	if err != nil {
		panic("audit: a key of our own is not read: " + err.Error())
	}
	return v
}

// sign gives a checkpoint as a signed note.
func (s *Signer) sign(size int64, root Hash, at time.Time) (Checkpoint, []byte, error) {
	c := Checkpoint{Origin: s.name, Size: size, Root: root, At: at.UTC().Truncate(time.Microsecond)}
	signed, err := note.Sign(&note.Note{Text: c.text()}, s.signer)
	if err != nil {
		return Checkpoint{}, nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return c, signed, nil
}

// Verifier checks the checkpoints of one installation.
type Verifier struct{ verifier note.Verifier }

// NewVerifier reads a verifier key, as VerifierKey prints it; what is none gives fault.Invalid.
func NewVerifier(key string) (*Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return nil, fault.New(fault.Invalid, "this is no verifier key: folioscope audit key prints it")
	}
	return &Verifier{v}, nil
}

// Open reads a signed checkpoint; one that this key didn't sign gives fault.Denied, one that can't be read fault.Invalid.
func (v *Verifier) Open(signed []byte) (Checkpoint, error) {
	if len(signed) > checkpointBytesMax {
		return Checkpoint{}, fault.New(fault.Invalid, "a checkpoint has at most %d bytes", checkpointBytesMax)
	}
	opened, err := note.Open(signed, note.VerifierList(v.verifier))
	if err != nil {
		return Checkpoint{}, fault.Wrap(fault.Denied, err, "the checkpoint is not signed with this installation's key")
	}
	c, err := parseCheckpoint(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.verifier.Name() {
		return Checkpoint{}, fault.New(fault.Denied, "the checkpoint is of another log")
	}
	return c, nil
}
