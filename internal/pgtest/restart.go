package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartOwn starts a cluster for one test that may do to it what it likes. The test is skipped where no PostgreSQL is found, or fails when
// PGTEST_REQUIRED=1.
func StartOwn(t *testing.T) *Cluster {
	t.Helper()
	cluster, err := Start()
	var none *NotFoundError
	if errors.As(err, &none) && os.Getenv("PGTEST_REQUIRED") != "1" {
		t.Skipf("skipped: %v", none)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// Socket is where the server listens.
func (c *Cluster) Socket() string { return filepath.Join(c.base, ".s.PGSQL.5432") }

// Signal sends something to the server's first process, which starts all others.
func (c *Cluster) Signal(signal os.Signal) error { return c.server.Process.Signal(signal) }

// End ends the server by a signal, with which it can't be told to wait for anybody, and waits until it has ended.
func (c *Cluster) End(signal os.Signal) error {
	if err := c.Signal(signal); err != nil {
		return fmt.Errorf("signal postgres: %w", err)
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(startWaitMax):
		return errors.New("postgres did not end")
	}
}

// Begin starts a server that has ended again, over what it left.
func (c *Cluster) Begin() error {
	for until := time.Now().Add(startWaitMax); ; {
		c.exited = make(chan struct{})
		if err := c.again(); err != nil {
			return err
		}
		err := c.waitReady(filepath.Join(c.base, "log"))
		if err == nil || time.Now().After(until) {
			return err // what a killed server left running is in the way for a moment
		}
	}
}
