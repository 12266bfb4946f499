// Command folioscope is the portfolio monitor: one binary that serves, demonstrates, imports and is looked after by its operators.
//
// It reads flags and calls app; it owns the words that operators see and the exit codes: 0 done, 1 failed, 2 wrong usage or input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // exchanges' zones, also where the machine has none

	"github.com/alecthomas/kong"

	"folioscope/internal/fault"
)

// version is set by the build.
var version = "development"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// console is where a command reads and writes; tests bring their own.
type console struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ []string
}

// commands is the whole command line.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run one production node."`
	Demo    demoCommand    `cmd:"" help:"Run one node with made-up people and a simulated market, for a look around."`
	Import  importCommand  `cmd:"" help:"Add activities from a file to a portfolio."`
	Keys    keysCommand    `cmd:"" help:"Make the keys that protect the data."`
	User    userCommand    `cmd:"" help:"Add people."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}))
}

// run is main without the process, so that tests can call it.
func run(ctx context.Context, args []string, at console) (code int) {
	var line commands
	exited := -1
	parser, err := kong.New(&line,
		kong.Name("folioscope"),
		kong.Description("Portfolio monitoring that is right to the last digit. Start with `folioscope demo`."),
		kong.Writers(at.out, at.err),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(at),
	)
	if err != nil {
		fmt.Fprintln(at.err, "folioscope:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help has answered
		return exited
	}
	if err != nil {
		fmt.Fprintf(at.err, "folioscope: %s; see folioscope --help\n", err)
		return exitUsage
	}
	return report(at, parsed.Run())
}

// report says on one line what went wrong, and picks the exit code.
func report(at console, err error) int {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return exitDone
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
		fmt.Fprintln(at.err, "folioscope:", oneLine(err))
		return exitUsage
	default:
		fmt.Fprintln(at.err, "folioscope:", oneLine(err))
		return exitFailed
	}
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// versionCommand is `folioscope version`.
type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(at console) error {
	_, err := fmt.Fprintln(at.out, "folioscope", version)
	return err
}
