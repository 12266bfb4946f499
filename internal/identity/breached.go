package identity

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" // as the lists of breached passwords have it; nothing is kept under it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// Bounds of a list of breached passwords.
const (
	breachedLineMax    = 64       // bytes: 40 of the hash, a colon, the count, the line's end
	breachedReadMax    = 64 << 20 // bytes that are read whole at the start; of larger ones places all over
	breachedPlaces     = 4096     // of a larger one that are looked at first
	breachedHashLength = 2 * sha1.Size
)

// Breached is a list of passwords that came to light in breaches: one HASH:COUNT a line, SHA-1 in hexadecimal, ordered by hash, as the
// downloader of Have I Been Pwned writes it. It stays in its file, of which a lookup reads some thirty places. It is safe for
// concurrent use.
type Breached struct {
	file io.ReaderAt
	size int64
}

// NewBreached looks the list over. It gives fault.Invalid, with the line, for one that is damaged or not in order: all of its lines
// where it is small, thousands of places where it is large.
func NewBreached(file io.ReaderAt, size int64) (*Breached, error) {
	b := &Breached{file, size}
	if size == 0 {
		return nil, fault.New(fault.Invalid, "it is empty")
	}
	if size <= breachedReadMax {
		return b, b.readWhole()
	}
	return b, b.readPlaces()
}

func (b *Breached) readWhole() error {
	lines := bufio.NewScanner(io.NewSectionReader(b.file, 0, b.size))
	lines.Buffer(nil, breachedLineMax)
	last := ""
	for number := 1; lines.Scan(); number++ {
		hash, ok := breachedHash(lines.Bytes())
		switch {
		case !ok:
			return fault.New(fault.Invalid, "line %d is no HASH:COUNT", number)
		case hash <= last:
			return fault.New(fault.Invalid, "line %d is not in the order of hashes", number)
		}
		last = hash
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fault.New(fault.Invalid, "the line after %s is no HASH:COUNT", last)
	}
	return lines.Err()
}

func (b *Breached) readPlaces() error {
	last := ""
	for place := range int64(breachedPlaces) {
		at := b.size / breachedPlaces * place
		start, _, hash, err := b.lineFrom(at)
		if err != nil {
			return err
		}
		if hash <= last {
			return fault.New(fault.Invalid, "the line at byte %d is not in the order of hashes", start)
		}
		last = hash
	}
	return nil
}

// Has says whether a password is in the list. A damaged place gives an error, never "no".
func (b *Breached) Has(password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	want := strings.ToUpper(hex.EncodeToString(sum[:]))
	low, high := int64(0), b.size // the line, if there is one, begins at low or after it, and before high
	for low < high {
		middle := low + (high-low)/2
		start, next, hash, err := b.lineFrom(middle)
		switch {
		case err != nil:
			return false, err
		case start < high && hash == want:
			return true, nil
		case start < high && hash < want:
			low = next
		default:
			high = middle
		}
	}
	return false, nil
}

// lineFrom is the first line that begins at a place or after it: where it begins, where the next one does, and its hash. Past the last
// line it gives the list's size.
func (b *Breached) lineFrom(at int64) (start, next int64, hash string, err error) {
	from := max(at-1, 0) // a line begins here where the byte before ends another
	var window [2*breachedLineMax + 1]byte
	n, err := b.file.ReadAt(window[:min(int64(len(window)), b.size-from)], from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, "", fmt.Errorf("read list of breached passwords: %w", err)
	}
	read, start := window[:n], from
	if at > 0 {
		end := bytes.IndexByte(read, '\n')
		if end < 0 {
			if from+int64(n) == b.size && n <= breachedLineMax {
				return b.size, b.size, "", nil
			}
			return 0, 0, "", damagedAt(from)
		}
		read, start = read[end+1:], from+int64(end)+1
	}
	if start == b.size {
		return b.size, b.size, "", nil
	}
	line, _, ended := bytes.Cut(read, []byte("\n"))
	hash, ok := breachedHash(line)
	if !ok || !ended && start+int64(len(line)) != b.size {
		return 0, 0, "", damagedAt(start)
	}
	return start, min(start+int64(len(line))+1, b.size), hash, nil
}

func damagedAt(at int64) error {
	return fault.New(fault.Invalid, "the line at byte %d is no HASH:COUNT", at)
}

// breachedHash is the hash of a line in capitals; ok is false for what is no line of such a list.
func breachedHash(line []byte) (hash string, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) < breachedHashLength+2 || len(line) > breachedLineMax || line[breachedHashLength] != ':' {
		return "", false
	}
	for i, c := range line {
		digit := c >= '0' && c <= '9'
		letter := c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
		if i != breachedHashLength && !digit && (i > breachedHashLength || !letter) {
			return "", false
		}
	}
	return strings.ToUpper(string(line[:breachedHashLength])), true
}

// breachStore is what breached passwords want of the store.
type breachStore interface {
	NoteBreach(ctx context.Context, owner ledger.OwnerID, at time.Time, write audit.Write) error
}

// checkPassword is CheckPassword, and the list of breached ones where there is one.
func (s *Service) checkPassword(password string, of User) error {
	if err := CheckPassword(password, of); err != nil {
		return err
	}
	if s.breached == nil {
		return nil
	}
	found, err := s.breached.Has(password)
	if err != nil {
		return fmt.Errorf("look password up: %w", err)
	}
	if found {
		return fault.At("password", "This password came to light in a breach somewhere, so it is tried. Choose another.")
	}
	return nil
}

// noteBreach looks the right password of somebody up who has just signed in, and says since when it is known to be breached; zero where
// it isn't. They stay signed in whatever comes of it: it is theirs to change.
func (s *Service) noteBreach(ctx context.Context, user User, password string, from Request) time.Time {
	if s.breached == nil || !user.BreachedAt.IsZero() {
		return user.BreachedAt
	}
	found, err := s.breached.Has(password)
	if err == nil && found {
		now := s.now()
		entry := audit.Entry{Owner: user.ID, Action: audit.PasswordBreached, Object: string(user.ID), RequestID: from.ID, Result: "ok"}
		w := audit.Write{Audit: entry, Mail: s.mailTo(user, audit.MailPasswordBreached, "")}
		if err = s.store.NoteBreach(ctx, user.ID, now, w); err == nil {
			return now
		}
	}
	if err != nil {
		s.log.WarnContext(ctx, "whether a password was breached is not known; the next sign-in asks again", "request_id", from.ID, "error", err)
	}
	return time.Time{}
}
