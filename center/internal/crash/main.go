// Crash runs the real smpp serve on a real directory, under load, kills it with
// SIGKILL at random instants, starts it again on the same data, and holds what
// the clients were told against what became of their messages:
//
//	go run ./center/internal/crash -crashes 100 -report crash.txt
//
// Every message whose submission was answered comes to a final state, which
// query_sm tells, and if a receipt was asked for it arrives; a second time only
// when it was not acknowledged at a kill, and then with the same message_id and
// state. What was answered to cancel_sm and replace_sm holds, too, and messages for
// an ESME arrive there by the same rule as receipts; with -once, at most once: they
// end as delivered, which they were, or as expired when at a kill it was open
// whether they had arrived. The exit status is 1 if any of this does not hold.
//
// Whether something was acknowledged at a kill is known from the order: the
// message center carries acknowledgements out in the order in which they are
// written on a connection. What comes again was not acknowledged, or after all that
// does not come again.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	os.Exit(run())
}

func run() int {
	var c config
	flag.IntVar(&c.crashes, "crashes", 100, "how often the message center is killed")
	flag.IntVar(&c.rate, "rate", 2000, "messages a second while it runs")
	flag.IntVar(&c.senders, "senders", 64, "requests under way at a time")
	flag.Uint64Var(&c.seed, "seed", uint64(time.Now().UnixNano()), "of the traffic and the instants; default: the time")
	flag.StringVar(&c.program, "program", "", "smpp `program` to run; default: it is built")
	flag.StringVar(&c.dir, "dir", "", "`directory` for data and logs, which stay there; default: one that goes away")
	flag.BoolVar(&c.once, "once", false, "messages to the ESME are delivered at most once (at_most_once)")
	file := flag.String("report", "", "`file` to write the report to as well")
	flag.Parse()
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "crash:", err)
		return 2
	}
	if flag.NArg() > 0 || c.crashes < 1 || c.rate < 1 || c.senders < 1 {
		return fail(fmt.Errorf("-crashes, -rate and -senders are at least 1, and there are no arguments"))
	}
	temporary, err := os.MkdirTemp("", "smpp-crash-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	ctx := context.Background()
	if c.dir == "" {
		c.dir = temporary
	}
	if c.program == "" {
		if c.program, err = build(ctx, temporary); err != nil {
			return fail(err)
		}
	}
	rep, err := crash(ctx, c)
	if err != nil {
		return fail(err)
	}
	out := io.Writer(os.Stdout)
	if *file != "" {
		f, err := os.Create(*file)
		if err != nil {
			return fail(err)
		}
		defer func() { _ = f.Close() }()
		out = io.MultiWriter(out, f)
	}
	if err := rep.write(out); err != nil {
		return fail(err)
	}
	if len(rep.Wrong) > 0 {
		return 1
	}
	return 0
}

// build makes the program that is killed, without the race detector, and returns
// its path.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "smpp")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/godwit-sms/smpp/center/cmd/smpp").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
}
