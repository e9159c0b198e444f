package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgsplit/pgsplit/internal/verify"
	"github.com/pgsplit/pgsplit/pgsplittest"
)

var verifyModes = []string{verify.On, verify.Strict, verify.Session, verify.Off}

var verifyCommand = command{
	name:    "verify",
	summary: "put read-your-writes to the test, on servers that are hurt meanwhile",
	about: `Workers write increasing values to their rows of several tables (statements, transactions, INSERT … RETURNING,
prepared statements, pgx itself) and read them back through the pool (directly, through views, joins, functions,
read-only transactions, in another process with a session's token). It counts the reads that missed a write, those that
were older than an earlier one of their session, tokens that were refused, and the reads that replicas served.

Without -dsn it starts a primary with replicas in a temporary folder, and pauses, delays, kills and restarts the replicas
meanwhile, with synchronous_commit=on the primary, too; with -promote one takes the primary's place halfway. With -dsn the
servers are left alone; tables are made in a schema "pgsplit_verify", which is dropped at the end.

The status is 1 if anything that was promised did not hold. Mode "off" promises nothing and shows what there is to see.
`,
	prepare: func(flags *flag.FlagSet) func(context.Context, io.Writer, []string) error {
		opts := verify.Options{Workers: 16, Think: 4 * time.Millisecond, Duration: 30 * time.Second}
		replicas, modes, commits, promote := 2, "on,strict,session", "on,off", false
		flags.StringVar(&opts.DSN, "dsn", "", "the `DSN` of all servers, a URL (default: start some)")
		flags.StringVar(&modes, "mode", modes, "what to promise, one after the other: `modes` of "+strings.Join(verifyModes, ", "))
		flags.StringVar(&commits, "synchronous-commit", commits, "`values` of that setting, one after the other")
		flags.DurationVar(&opts.Duration, "duration", opts.Duration, "how `long` each mode with each setting goes on")
		flags.Int64Var(&opts.Reads, "reads", 0, "or until so `many` reads (default: no limit)")
		flags.IntVar(&opts.Workers, "workers", opts.Workers, "how `many` workers")
		flags.DurationVar(&opts.Think, "think", opts.Think, "the `time` between two operations of a worker")
		flags.IntVar(&replicas, "replicas", replicas, "how `many` replicas to start")
		flags.BoolVar(&promote, "promote", false, "promote a replica halfway, each time on servers of its own")
		return func(ctx context.Context, out io.Writer, args []string) error {
			switch {
			case len(args) > 0:
				return fmt.Errorf("%w: %q is not a flag", errUsage, args[0])
			case replicas < 1 || replicas > maxReplicas:
				return fmt.Errorf("%w: -replicas is %d, and can be 1 to %d", errUsage, replicas, maxReplicas)
			case opts.Duration <= 0 || opts.Workers < 1 || opts.Think < 0 || opts.Reads < 0:
				return fmt.Errorf("%w: -duration and -workers have to be more than 0, -think and -reads not less", errUsage)
			case promote && opts.DSN != "":
				return fmt.Errorf("%w: -promote is for servers that are started, not for those of -dsn", errUsage)
			}
			if opts.DSN != "" && !strings.Contains(opts.DSN, "?") {
				opts.DSN += "?"
			}
			for _, m := range strings.Split(modes, ",") {
				if !slices.Contains(verifyModes, m) {
					return fmt.Errorf("%w: -mode %q: it can be %s", errUsage, m, strings.Join(verifyModes, ", "))
				}
			}
			return runVerify(ctx, out, opts, strings.Split(modes, ","), strings.Split(commits, ","), replicas, promote)
		}
	},
}

// happened lists what was done to the servers, and how often.
func happened(counts map[string]int) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d× %s", counts[what], what))
	}
	return strings.Join(list, ", ")
}

func runVerify(ctx context.Context, out io.Writer, opts verify.Options, modes, commits []string, replicas int, promote bool) error {
	var cluster *pgsplittest.Cluster
	defer func() {
		if cluster != nil {
			cluster.Close()
		}
	}()
	var reads, replica, violations int64
	for _, mode := range modes {
		for _, commit := range commits {
			o := opts
			o.Mode, o.Params = mode, "&synchronous_commit="+commit
			if opts.DSN == "" {
				if cluster == nil {
					var err error
					if cluster, err = pgsplittest.Run(ctx, pgsplittest.Options{
						Replicas: replicas, Parameters: map[string]string{"wal_writer_delay": "10ms"}, // for synchronous_commit=off
					}); err != nil {
						return err
					}
				}
				o.DSN, o.Disturb = cluster.DSN(), &verify.Disturber{Cluster: cluster, Promote: promote, Crash: commit == "on"}
			}
			report, err := verify.Run(ctx, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "synchronous_commit=%-4s %v\n", commit, report)
			if o.Disturb != nil {
				fmt.Fprintf(out, "  %s\n", happened(o.Disturb.Happened))
			}
			if report.Example != "" {
				fmt.Fprintf(out, "  %s\n", report.Example)
			}
			reads, replica = reads+report.Reads, replica+report.Replica
			if mode != verify.Off {
				violations += report.Violations()
			}
			if promote && cluster != nil {
				cluster.Close()
				cluster = nil
			}
		}
	}
	fmt.Fprintf(out, "%d reads, %d of them by replicas, %d violations of what was promised\n", reads, replica, violations)
	if violations > 0 {
		return fmt.Errorf("%d reads violated what was promised", violations)
	}
	return nil
}
