package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"folioscope/internal/fault"
)

const (
	copyInterval  = time.Second
	copyFileMode  = 0o600
	copyBytesMax  = 4 << 30 // more than a century of a busy installation
	copyWaitMax   = 20 * time.Second
	copyLineBytes = 2 * checkpointBytesMax // a note as JSON text
)

// CopyStore is where checkpoints are copied from.
type CopyStore interface {
	TileStore
	// LatestCheckpoint is the newest that was signed, none where there is none.
	LatestCheckpoint(ctx context.Context) ([]byte, error)
}

// Copy keeps checkpoints in a file outside of the database, one line of JSON each, only ever added to. A checkpoint that doesn't
// continue the last one of the file is refused: whoever changes the database alone is found out.
type Copy struct {
	path     string
	store    CopyStore
	verifier *Verifier
	log      *slog.Logger
	last     Checkpoint
	quietTo  time.Time

	newest  atomic.Pointer[[]byte] // the last line as it was signed, nil before there is one
	trouble atomic.Pointer[error]  // why the file could not be written when that was tried last, nil where it could
}

// copied is one line of the file.
type copied struct {
	Checkpoint string `json:"checkpoint"`
}

// NewCopy reads what was copied before. A file that holds what this key didn't sign gives fault.Conflict.
func NewCopy(path string, store CopyStore, verifier *Verifier, log *slog.Logger) (*Copy, error) {
	c := &Copy{path: path, store: store, verifier: verifier, log: log}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("audit checkpoints: %w", err)
	}
	lines, err := ReadCopy(path)
	if err != nil || len(lines) == 0 {
		return c, err
	}
	newest := []byte(lines[len(lines)-1])
	if c.last, err = verifier.Open(newest); err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "the last checkpoint in %s is not of this installation: if that is meant to be, move the file away", path)
	}
	c.newest.Store(&newest)
	return c, nil
}

// ReadCopy reads the signed checkpoints of a file; none where there is no file. A last line without its end, as a loss of power
// leaves it, doesn't count.
func ReadCopy(path string) ([]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the copied checkpoints can't be read")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, copyBytesMax))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the copied checkpoints can't be read")
	}
	end := bytes.LastIndexByte(data, '\n')
	var lines []string
	for line := range bytes.SplitSeq(data[:end+1], []byte{'\n'}) {
		if len(line) == 0 {
			continue
		}
		var c copied
		if len(line) > copyLineBytes || json.Unmarshal(line, &c) != nil {
			return nil, fault.New(fault.Invalid, "%s: line %d is no checkpoint", path, len(lines)+1)
		}
		lines = append(lines, c.Checkpoint)
	}
	return lines, nil
}

// Check refuses a database that isn't a continuation of what was copied last: an old one that was put back, one whose end was
// cut off, or one with another history. The error is of kind fault.Conflict.
func (c *Copy) Check(ctx context.Context) error {
	if c.last.Size == 0 {
		return nil
	}
	signed, err := c.store.LatestCheckpoint(ctx)
	if err != nil {
		return err
	}
	var newest Checkpoint
	if signed != nil {
		if newest, err = c.verifier.Open(signed); err != nil {
			return fault.Wrap(fault.Conflict, err, "the database's audit checkpoint is not of this installation: run folioscope audit verify")
		}
	}
	err = continues(ctx, c.store, c.last, newest)
	if errors.Is(err, ErrInconsistent) {
		return fault.Wrap(fault.Conflict, err, "the database is not a continuation of the audit checkpoints in %s: an older one was put back, or it was tampered with; "+
			"run folioscope audit verify, and if an older one was put back on purpose, folioscope audit accept", c.path)
	}
	return err
}

// Run copies each new checkpoint until ctx ends. A file that can't be written is tried again: the next checkpoint that is copied proves what
// was signed meanwhile, and Trouble tells operators that nothing outside of the database does until then.
func (c *Copy) Run(ctx context.Context) error {
	timer := time.NewTicker(copyInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := c.bounded(ctx); err != nil && ctx.Err() == nil {
			switch {
			case errors.Is(err, errNotWritten):
				c.complain(ctx, "an audit checkpoint was not copied; it is tried again", err)
			case fault.Is(err, fault.Unavailable): // the database is away; others say so
			case errors.Is(err, ErrInconsistent), fault.Is(err, fault.Denied):
				c.complain(ctx, "an audit checkpoint is not a continuation of the copied ones and is not copied: run folioscope audit verify", err)
			default:
				return err
			}
		}
	}
}

var errNotWritten = errors.New("the copy of an audit checkpoint could not be written")

func (c *Copy) complain(ctx context.Context, what string, err error) {
	if now := time.Now(); now.After(c.quietTo) {
		c.quietTo = now.Add(complainEvery)
		c.log.ErrorContext(ctx, what, "error", err)
	}
}

// Trouble is why checkpoints are not copied at this moment, nil where they are. It may be asked while Run works.
func (c *Copy) Trouble() error {
	if trouble := c.trouble.Load(); trouble != nil {
		return *trouble
	}
	return nil
}

func (c *Copy) bounded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, copyWaitMax)
	defer cancel()
	return c.Step(ctx)
}

// Step copies the newest checkpoint, if it isn't there yet.
func (c *Copy) Step(ctx context.Context) error {
	signed, err := c.store.LatestCheckpoint(ctx)
	if err != nil || signed == nil {
		return err
	}
	newest, err := c.verifier.Open(signed)
	if err != nil || newest == c.last {
		return err
	}
	if err := continues(ctx, c.store, c.last, newest); err != nil {
		return err
	}
	if newest.At.Before(c.last.At) {
		return ErrInconsistent
	}
	line, err := json.Marshal(copied{string(signed)})
	if err != nil {
		return fmt.Errorf("encode a checkpoint: %w", err)
	}
	if err := appendLine(c.path, line); err != nil {
		err = fmt.Errorf("%w: %w", errNotWritten, err)
		c.trouble.Store(&err)
		return err
	}
	c.trouble.Store(nil)
	c.last = newest
	c.newest.Store(&signed)
	return nil
}

// Newest is the checkpoint that was copied last, none before there is one. It may be asked while Run works.
func (c *Copy) Newest() (signed []byte) {
	if newest := c.newest.Load(); newest != nil {
		signed = *newest
	}
	return signed
}

// appendLine adds a line for good, after cutting off one that a loss of power left unfinished.
func appendLine(path string, line []byte) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, copyFileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(end, copyLineBytes))
	if _, err := file.ReadAt(tail, end-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if torn := len(tail) - 1 - bytes.LastIndexByte(tail, '\n'); torn > 0 {
		end -= int64(torn)
		if err := file.Truncate(end); err != nil {
			return err
		}
	}
	if _, err := file.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return file.Sync()
}
