package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/internal/load"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

type benchFlags struct {
	connection *connectionFlags
	options    load.Options
	style      string
	size       int
	json       bool
	serve      string
	idle       bool
}

func benchCommand(a *app) *cobra.Command {
	f := &benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put load on a message center and measure how it answers",
		Long: `bench sends submit_sm as fast as it can, or at --rate, and prints throughput,
percentiles of the time to the response, errors by status, and what became of
each request: accepted, refused, unknown (sent, and no answer came) or never sent.

With --rate, latency counts from the moment a request was due, so that a message
center that stalls cannot hide it by slowing the sender down; what was due and
could not be sent before the end is counted, too. --ramp raises the rate from 0;
--steps holds one rate after the other, each for its part of --duration, and
prints a line for each. What happens during --warmup is not counted.

With --receipts, each message asks for a receipt, and bench waits for them: the
rate and the latency from end to end are those of the receipts. A message center
may deliver to an address in order only, so use many --destinations then.

--style blocking has as many callers as the window is large, each waiting for its
response; async has one sender a connection and a callback for each response.

With --idle it binds --conns sessions and holds them for --duration without
sending anything but what keeps them alive.

With --serve it is the other end instead: a server of the library alone, which
lets everybody bind and answers every submission at once.`,
		Example: `  smpp bench -n 100000 --window 100
  smpp bench --duration 30s --conns 10 --rate 5000 --ramp 10s --json
  smpp bench --duration 40s --steps 1000,2000,4000,8000 --warmup 2s
  smpp bench -n 200000 --conns 8 --window 100 --receipts --destinations 10000
  smpp bench --idle --conns 10000 --duration 1m
  smpp bench --serve 127.0.0.1:3000
  smpp bench --url smpp://bench:bench@127.0.0.1:3000 --style async --window 1000`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd.Context(), f) },
	}
	f.connection = addConnectionFlags(cmd, "transceiver")
	fs := cmd.Flags()
	fs.IntVarP(&f.options.Messages, "messages", "n", 0, "messages in all; 100000 unless --duration is given (`number`)")
	fs.DurationVar(&f.options.Duration, "duration", 0, "how long to send (`duration`)")
	fs.DurationVar(&f.options.Warmup, "warmup", 0, "how long to send before anything is counted (`duration`)")
	fs.IntVar(&f.options.Conns, "conns", 1, "sessions (`number`)")
	fs.IntVar(&f.options.Window, "window", 10, "requests in flight on each session (`number`)")
	fs.Float64Var(&f.options.Rate, "rate", 0, "messages a second in all; 0 means as fast as it goes (`number`)")
	fs.DurationVar(&f.options.Ramp, "ramp", 0, "time in which --rate is reached (`duration`)")
	fs.Float64SliceVar(&f.options.Steps, "steps", nil, "instead of --rate, messages a second to hold one after the other (`numbers`)")
	fs.BoolVar(&f.options.Obey, "obey-load", false, "slow down when the message center is throttling or congested, as a client does")
	fs.BoolVar(&f.options.Receipts, "receipts", false, "ask for receipts and wait for them")
	fs.DurationVar(&f.options.ReceiptTimeout, "receipt-timeout", time.Minute, "longest wait for receipts after the last response (`duration`)")
	fs.IntVar(&f.options.Destinations, "destinations", 1, "addresses to send to in turn (`number`)")
	fs.IntVar(&f.size, "size", load.DefaultSize, "octets of each submit_sm (`number`)")
	fs.StringVar(&f.style, "style", string(load.Blocking), "blocking or async (`style`)")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	fs.BoolVar(&f.idle, "idle", false, "hold the sessions and send nothing")
	fs.StringVar(&f.serve, "serve", "", "serve on this `address` instead of sending")
	completeFlag(cmd, "style", string(load.Blocking), string(load.Async))
	return cmd
}

// collectLess has the garbage of a run collected less often, unless GOGC says how
// often.
func collectLess() (undo func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	was := debug.SetGCPercent(load.GCPercent)
	return func() { debug.SetGCPercent(was) }
}

func (a *app) bench(ctx context.Context, f *benchFlags) error {
	defer collectLess()()
	if f.serve != "" {
		return a.benchServe(ctx, f)
	}
	conn, err := f.connection.parse()
	if err != nil {
		return err
	}
	o := f.options
	switch {
	case o.Messages < 0:
		return usagef("-n %d: 0 or more is required", o.Messages)
	case o.Duration < 0:
		return usagef("--duration %v: 0 or more is required", o.Duration)
	case o.Conns < 1 || o.Conns > 60_000:
		return usagef("--conns %d: 1 to 60000 are possible", o.Conns)
	case o.Window < 1 || o.Window > 100_000:
		return usagef("--window %d: 1 to 100000 are possible", o.Window)
	case conn.Bind == pdu.IDBindReceiver && !f.idle:
		return usagef("--bind receiver: a receiver cannot send")
	case o.Rate < 0 || math.IsInf(o.Rate, 0) || math.IsNaN(o.Rate):
		return usagef("--rate %v: 0 or more is required", o.Rate)
	case o.Warmup < 0:
		return usagef("--warmup %v: 0 or more is required", o.Warmup)
	case o.Ramp < 0:
		return usagef("--ramp %v: 0 or more is required", o.Ramp)
	case o.Ramp > 0 && o.Rate == 0:
		return usagef("--ramp: it needs the --rate to reach")
	case len(o.Steps) > 0 && (o.Rate > 0 || o.Messages > 0):
		return usagef("--steps: it takes the place of --rate and -n")
	case len(o.Steps) > 0 && o.Duration < time.Duration(len(o.Steps))*time.Millisecond:
		return usagef("--steps: it needs a --duration to divide")
	case o.Destinations < 1 || o.Destinations > 1_000_000:
		return usagef("--destinations %d: 1 to 1000000 are possible", o.Destinations)
	case o.Receipts && conn.Bind != pdu.IDBindTransceiver:
		return usagef("--receipts: only a transceiver gets them, leave --bind out")
	case o.ReceiptTimeout <= 0:
		return usagef("--receipt-timeout %v: more than 0 is required", o.ReceiptTimeout)
	}
	for _, rate := range o.Steps {
		if !(rate > 0) || math.IsInf(rate, 0) {
			return usagef("--steps %v: more than 0 is required", rate)
		}
	}
	switch o.Style = load.Style(f.style); o.Style {
	case load.Blocking, load.Async:
	default:
		return usagef("--style %q: blocking or async is required", f.style)
	}
	if o.Message, err = load.Message(f.size); err != nil {
		return &usageError{err}
	}
	if o.Messages == 0 && o.Duration == 0 && !f.idle {
		o.Messages = 100_000
	}
	o.Dial = func(ctx context.Context, c smpp.Config) (*smpp.Session, error) { return conn.dial(ctx, c) }
	if f.idle {
		return load.Hold(ctx, o, func() { _, _ = fmt.Fprintf(a.stderr, "%d sessions bound\n", o.Conns) })
	}
	var answered atomic.Int64
	stop := a.showProgress(&answered, o)
	result, err := load.Run(ctx, o, &answered)
	stop()
	if err != nil {
		return err
	}
	if f.json {
		b, err := json.Marshal(result)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(a.stdout, "%s\n", b)
	} else {
		printBench(a.stdout, result)
	}
	switch {
	case result.Messages == 0:
		return errors.New("no message was accepted")
	case result.Receipts != nil && result.Receipts.Missing > 0 && ctx.Err() == nil:
		return fmt.Errorf("%d receipts did not come within %v (--receipt-timeout)", result.Receipts.Missing, o.ReceiptTimeout)
	}
	return nil
}

func printBench(w io.Writer, r *load.Result) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%d messages accepted in %.2f s: %.0f a second", r.Messages, r.Seconds, r.Rate)
	line("time to the response: %s", percentiles(r.Latency))
	if n := r.Refused + r.Unknown + r.NeverSent; n > 0 {
		line("%d refused (%d of them throttled), %d of unknown outcome, %d never sent", r.Refused, r.Throttled, r.Unknown, r.NeverSent)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Errors)) {
		line("%d failed: %s", r.Errors[reason], reason)
	}
	if r.Behind > 0 {
		line("%d more were due and could not be sent in time: the rate was too high", r.Behind)
	}
	for _, s := range r.Steps {
		line("at %.0f a second: %d accepted (%.0f a second), %d failed; %s", s.Target, s.Messages, s.Rate, s.Failed, percentiles(s.Latency))
	}
	if t := r.Receipts; t != nil {
		line("%d receipts: %.0f a second from end to end", t.Received, t.Rate)
		line("time to the receipt: %s", percentiles(t.Latency))
		for _, state := range slices.Sorted(maps.Keys(t.States)) {
			line("%d %s", t.States[state], state)
		}
		if t.Missing > 0 || t.Unexpected > 0 {
			line("%d receipts missing, %d of other messages or a second time", t.Missing, t.Unexpected)
		}
	}
}

func percentiles(l load.Latency) string {
	return fmt.Sprintf("min %v, median %v, 90%% %v, 99%% %v, 99.9%% %v, max %v", us(l.Min), us(l.P50), us(l.P90), us(l.P99), us(l.P999), us(l.Max))
}

func us(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// showProgress draws a bar where a person waits: of the messages, or of the time
// when it is not known how many they will be.
func (a *app) showProgress(answered *atomic.Int64, o load.Options) (stop func()) {
	if !isTerminal(a.stderr) {
		return func() {}
	}
	return drawProgress(a.stderr, answered, o)
}

func drawProgress(w io.Writer, answered *atomic.Int64, o load.Options) (stop func()) {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(w), progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetWidth(20),
	}
	begin, all := time.Now(), o.Warmup+o.Duration
	most := int64(o.Messages)
	if o.Messages == 0 {
		most = int64(all / time.Millisecond)
	} else {
		options = append(options, progressbar.OptionShowCount())
	}
	bar := progressbar.NewOptions64(most, options...)
	var before int64
	last := begin
	draw := func() {
		n, now := answered.Load(), time.Now()
		bar.Describe(fmt.Sprintf("%d messages, %.0f/s", n, float64(n-before)/max(now.Sub(last).Seconds(), 1e-3)))
		before, last = n, now
		at := n
		if o.Messages == 0 {
			at = now.Sub(begin).Milliseconds()
		}
		_ = bar.Set64(min(at, most)) // never fails within the bar
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(200 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				draw()
			case <-done:
				_ = bar.Finish()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func (a *app) benchServe(ctx context.Context, f *benchFlags) error {
	l, err := net.Listen("tcp", f.serve)
	if err != nil {
		return err
	}
	if f.json {
		_, _ = fmt.Fprintf(a.stdout, "{\"listening\":%q}\n", l.Addr())
	} else {
		_, _ = fmt.Fprintf(a.stdout, "answering on smpp://%v; interrupt to end\n", l.Addr())
	}
	srv := load.Server()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if f.json {
		_, _ = fmt.Fprintf(a.stdout, "{\"cpu_seconds\":%.6f}\n", load.CPU().Seconds())
	}
	return srv.Close()
}
