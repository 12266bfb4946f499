package identity

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"folioscope/internal/fault"
)

// The cost of a password hash: OWASP's argon2id with 19 MiB.
const (
	hashMemoryKiB  = 19 << 10
	hashPasses     = 2
	hashLanes      = 1
	hashSaltBytes  = 16
	hashBytes      = 32
	hashesAtOnce   = 2   // 38 MiB: what a small machine has to spare
	hashWaitingMax = 256 // requests that wait for their turn; more are told to come back
)

// Bounds on a stored hash, so that a broken row can't take all memory.
const (
	storedMemoryKiBMax = 64 << 10
	storedPassesMax    = 10
	storedLanesMax     = 4
	storedBytesMax     = 64
)

// errHash says that a stored password hash can't be read.
var errHash = errors.New("unreadable password hash")

// Hasher makes and checks password hashes, few at once. It is safe for concurrent use.
type Hasher struct {
	random  io.Reader
	turns   chan struct{}
	waiting atomic.Int32
	dummy   phc // checked for users that don't exist, so that they take as long as those that do
}

// phc is a hash in its parts.
type phc struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, sum         []byte
}

// NewHasher makes a Hasher that draws salts from random.
func NewHasher(random io.Reader) (*Hasher, error) {
	h := &Hasher{random: random, turns: make(chan struct{}, hashesAtOnce)}
	h.dummy = phc{memoryKiB: hashMemoryKiB, passes: hashPasses, lanes: hashLanes, salt: make([]byte, hashSaltBytes), sum: make([]byte, hashBytes)}
	if _, err := io.ReadFull(random, h.dummy.salt); err != nil {
		return nil, fmt.Errorf("draw salt: %w", err)
	}
	if _, err := io.ReadFull(random, h.dummy.sum); err != nil {
		return nil, fmt.Errorf("draw sum: %w", err)
	}
	return h, nil
}

// Hash gives the hash of a password in PHC form. It waits for its turn; fault.Unavailable where too many wait already.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	parts := phc{memoryKiB: hashMemoryKiB, passes: hashPasses, lanes: hashLanes, salt: make([]byte, hashSaltBytes)}
	if _, err := io.ReadFull(h.random, parts.salt); err != nil {
		return "", fmt.Errorf("draw salt: %w", err)
	}
	sum, err := h.derive(ctx, password, parts, hashBytes)
	if err != nil {
		return "", err
	}
	parts.sum = sum
	return parts.String(), nil
}

// Verify says whether a password has this hash. An empty hash stands for a user that doesn't exist or has no password yet:
// it takes as long as any other and is never right.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	parts, known := h.dummy, hash != ""
	if known {
		var err error
		if parts, err = parsePHC(hash); err != nil {
			return false, err
		}
	}
	sum, err := h.derive(ctx, password, parts, len(parts.sum))
	if err != nil {
		return false, err
	}
	same := subtle.ConstantTimeCompare(sum, parts.sum) == 1
	return same && known, nil
}

func (h *Hasher) derive(ctx context.Context, password string, p phc, length int) ([]byte, error) {
	if h.waiting.Add(1) > hashWaitingMax {
		h.waiting.Add(-1)
		return nil, fault.New(fault.Unavailable, "Too many people sign in at this moment. Try again in a few seconds.")
	}
	defer h.waiting.Add(-1)
	select {
	case h.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "Signing in took too long. Try again in a few seconds.")
	}
	defer func() { <-h.turns }()
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memoryKiB, p.lanes, uint32(length)), nil // length ≤ storedBytesMax
}

// String is the PHC form: $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memoryKiB, p.passes, p.lanes, b64.EncodeToString(p.salt), b64.EncodeToString(p.sum))
}

func parsePHC(text string) (phc, error) {
	var p phc
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memoryKiB, &p.passes, &p.lanes); err != nil || n != 3 {
		return p, errHash
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return p, errHash
	}
	if p.sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil {
		return p, errHash
	}
	sane := p.memoryKiB >= 8*uint32(p.lanes) && p.memoryKiB <= storedMemoryKiBMax && p.passes >= 1 && p.passes <= storedPassesMax &&
		p.lanes >= 1 && p.lanes <= storedLanesMax && len(p.salt) >= 8 && len(p.salt) <= storedBytesMax && len(p.sum) >= 16 && len(p.sum) <= storedBytesMax
	if !sane {
		return p, errHash
	}
	return p, nil
}
