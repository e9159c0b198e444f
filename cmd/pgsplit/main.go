// Command pgsplit helps to get to know and to run applications that use the driver of the same name.
//
//	pgsplit demo    shows on real PostgreSQL servers what the driver does
//	pgsplit route   shows where statements would go, and why
//	pgsplit check   says how the servers of a DSN are, and what is wrong with them
//	pgsplit verify  puts read-your-writes to the test
//
// "pgsplit help" lists the commands, "pgsplit help <command>" the flags of one.
//
// Exit status: 0 if all went well, 1 if something failed, 2 if the command line is wrong, 128 plus the number of the
// signal that ended it (130 for Ctrl-C).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

// The exit statuses.
const (
	statusOK    = 0
	statusError = 1
	statusUsage = 2
)

// command is one of pgsplit's commands.
type command struct {
	name    string
	summary string // for the list of commands
	about   string // for its own usage text
	// prepare adds the command's flags, and returns what runs it once they are parsed, with the arguments that are left.
	prepare func(*flag.FlagSet) func(ctx context.Context, out io.Writer, args []string) error
}

// commands are all of them, in the order of the list.
var commands = []command{demoCommand, routeCommand, checkCommand, verifyCommand}

// errUsage, wrapped, says that the command line is wrong.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := withSignals(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the arguments say and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return statusUsage
	}
	name, args := args[0], args[1:]
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, name) {
		if len(args) == 0 {
			usage(stdout)
			return statusOK
		}
		name, args = args[0], []string{"-help"}
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		fmt.Fprintf(stderr, "pgsplit: there is no command %q\n\n", name)
		usage(stderr)
		return statusUsage
	}
	return commands[i].run(ctx, args, stdout, stderr)
}

func (c command) run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error and the usage go to different places
	do := c.prepare(flags)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		c.usage(stdout, flags)
		return statusOK
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errUsage, err)
	} else {
		err = do(ctx, stdout, flags.Args())
	}
	if signal, ok := signalOf(ctx); ok {
		fmt.Fprintf(stderr, "pgsplit %s: ended by signal: %v\n", c.name, signal)
		return signalStatus + int(signal)
	}
	switch {
	case err == nil:
		return statusOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "pgsplit %s: %v\n\n", c.name, err)
		c.usage(stderr, flags)
		return statusUsage
	default:
		fmt.Fprintf(stderr, "pgsplit %s: %v\n", c.name, err)
		return statusError
	}
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Usage: pgsplit <command> [flags]\n\nCommands:\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n\"pgsplit help <command>\" tells more about one.\n")
}

func (c command) usage(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: pgsplit %s [flags]\n\n%s\nFlags:\n", c.name, c.about)
	flags.SetOutput(w)
	flags.PrintDefaults()
}
