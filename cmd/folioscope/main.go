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
	"slices"
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
	Demo     demoCommand     `cmd:"" help:"Look around: a node with made-up people and a simulated market."`
	Keys     keysCommand     `cmd:"" help:"The keys that protect the data: make them first, rotate them later."`
	User     userCommand     `cmd:"" help:"People who may sign in."`
	Token    tokenCommand    `cmd:"" help:"API tokens, with which programs sign in."`
	Mail     mailCommand     `cmd:"" help:"Mail that the server sends."`
	Serve    serveCommand    `cmd:"" help:"Run a node for real use: dashboard, price polls, live values."`
	Doctor   doctorCommand   `cmd:"" help:"Look whether everything is as it should be, and say what mends it."`
	Import   importCommand   `cmd:"" help:"Add the activities of a file to a portfolio."`
	Audit    auditCommand    `cmd:"" help:"What was done by whom: check the log, write it out."`
	Evaluate evaluateCommand `cmd:"" help:"Work out every figure of one portfolio from one file, with no server and no database."`
	Version  versionCommand  `cmd:"" help:"Print the version, or what this binary is made of."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever asks a second time doesn't want to wait
	os.Exit(run(ctx, os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()}))
}

// run is main without the process, so that tests can call it.
func run(ctx context.Context, args []string, at console) (code int) {
	var line commands
	exited := -1
	parser, err := kong.New(&line,
		kong.Name("folioscope"),
		kong.Description("Watches investment portfolios. For a look around: folioscope demo. For real use: folioscope keys init, then folioscope user add, then folioscope serve."),
		kong.Writers(at.out, at.err),
		kong.Exit(func(code int) { exited = code }),
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
		fmt.Fprintf(at.err, "folioscope: %s; see %s --help\n", oneLine(err), commandOf(err))
		return exitUsage
	}
	return report(at, parsed.Run())
}

// commandOf is the command whose help tells more about a wrong line.
func commandOf(err error) string {
	if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context.Selected() != nil {
		return wrong.Context.Selected().FullPath()
	}
	return "folioscope"
}

// report says what went wrong, one line for each place of the input that is wrong and one line in all else, and picks the exit
// code.
func report(at console, err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitDone
	}
	known, _ := errors.AsType[*fault.Error](err)
	if known != nil && len(known.Places) > 1 {
		for _, place := range known.Places {
			fmt.Fprintf(at.err, "folioscope: %s: %s\n", place.Location, place.Message)
		}
	} else {
		fmt.Fprintln(at.err, "folioscope:", oneLine(err))
	}
	if known != nil && (known.Kind == fault.Invalid || known.Kind == fault.TooLarge) {
		return exitUsage
	}
	return exitFailed
}

// oneLine is what an operator reads of an error: what they can act on without what caused it, else the whole chain.
func oneLine(err error) string {
	text := err.Error()
	if known, ok := errors.AsType[*fault.Error](err); ok && known.Cause != nil && known.Kind != fault.Unavailable {
		text = strings.TrimSuffix(text, ": "+known.Cause.Error())
	}
	parts := slices.Compact(strings.Split(strings.Join(strings.Fields(text), " "), ": ")) // an operation that two layers named
	return strings.Join(parts, ": ")
}
