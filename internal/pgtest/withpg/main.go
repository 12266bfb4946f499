// Command withpg runs another command with one PostgreSQL cluster for everything in it:
//
//	go run ./internal/pgtest/withpg go test ./...
//
// It owns the cluster from start to end and hands its URL on as PGTEST_URL. Where there is no PostgreSQL, the command runs
// without one and its tests decide: they skip, or fail when PGTEST_REQUIRED=1. With -find it only prints where PostgreSQL's
// binaries are, and exits 1 where there are none.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"folioscope/internal/pgtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run returns the command's exit code, and an error of its own.
func run(arguments []string) (code int, err error) {
	if len(arguments) == 0 {
		return 2, errors.New("usage: withpg COMMAND [ARGUMENT...], or withpg -find")
	}
	if arguments[0] == "-find" {
		dir, err := pgtest.Find()
		if err == nil {
			fmt.Println(dir)
		}
		return 0, err
	}
	// A key press reaches the command too. It ends first, and then the cluster is taken down.
	interrupts := make(chan os.Signal, 4)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)

	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Env = os.Environ()
	if os.Getenv("PGTEST_URL") == "" {
		cluster, startErr := pgtest.Start()
		none, isNone := errors.AsType[*pgtest.NotFoundError](startErr)
		switch {
		case startErr == nil:
			defer func() { err = errors.Join(err, cluster.Stop()) }()
			command.Env = append(command.Env, "PGTEST_URL="+cluster.URL)
		case isNone && os.Getenv("PGTEST_REQUIRED") != "1":
			fmt.Fprintln(os.Stderr, "withpg:", none)
		default:
			return 1, startErr
		}
	}
	if err := command.Start(); err != nil {
		return 1, fmt.Errorf("start %s: %w", arguments[0], err)
	}
	go func() {
		for range interrupts {
			_ = command.Process.Signal(syscall.SIGTERM) // it may have ended already
		}
	}()
	err = command.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
