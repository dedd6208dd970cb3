package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
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
percentiles of the time to the response and errors by status.

--style blocking has as many callers as the window is large, each waiting for its
response; async has one sender a connection and a callback for each response.

With --idle it binds --conns sessions and holds them for --duration without
sending anything but what keeps them alive.

With --serve it is the other end instead: a server of the library alone, which
lets everybody bind and answers every submission at once.`,
		Example: `  smpp bench -n 100000 --window 100
  smpp bench --duration 30s --conns 10 --rate 5000 --json
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
	fs.IntVar(&f.options.Conns, "conns", 1, "sessions (`number`)")
	fs.IntVar(&f.options.Window, "window", 10, "requests in flight on each session (`number`)")
	fs.Float64Var(&f.options.Rate, "rate", 0, "messages a second in all; 0 means as fast as it goes (`number`)")
	fs.IntVar(&f.size, "size", load.DefaultSize, "octets of each submit_sm (`number`)")
	fs.StringVar(&f.style, "style", string(load.Blocking), "blocking or async (`style`)")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	fs.BoolVar(&f.idle, "idle", false, "hold the sessions and send nothing")
	fs.StringVar(&f.serve, "serve", "", "serve on this `address` instead of sending")
	completeFlag(cmd, "style", string(load.Blocking), string(load.Async))
	return cmd
}

type benchReport struct {
	*load.Result
	CPU float64 `json:"cpu_seconds"` // of this process
}

func (a *app) bench(ctx context.Context, f *benchFlags) error {
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
	case o.Rate < 0:
		return usagef("--rate %v: 0 or more is required", o.Rate)
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
	before := load.CPU()
	result, err := load.Run(ctx, o, &answered)
	stop()
	if err != nil {
		return err
	}
	report := benchReport{result, (load.CPU() - before).Seconds()}
	if f.json {
		b, err := json.Marshal(report)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(a.stdout, "%s\n", b)
	} else {
		printBench(a.stdout, report)
	}
	if result.Messages == 0 {
		return errors.New("no message was accepted")
	}
	return nil
}

func printBench(w io.Writer, r benchReport) {
	_, _ = fmt.Fprintf(w, "%d messages accepted in %.2f s: %.0f a second\n", r.Messages, r.Seconds, r.Rate)
	l := r.Latency
	_, _ = fmt.Fprintf(w, "time to the response: min %v, median %v, 90%% %v, 99%% %v, 99.9%% %v, max %v\n",
		us(l.Min), us(l.P50), us(l.P90), us(l.P99), us(l.P999), us(l.Max))
	for _, reason := range slices.Sorted(maps.Keys(r.Errors)) {
		_, _ = fmt.Fprintf(w, "%d failed: %s\n", r.Errors[reason], reason)
	}
}

func us(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// showProgress draws a bar where a person waits.
func (a *app) showProgress(answered *atomic.Int64, o load.Options) (stop func()) {
	if !isTerminal(a.stderr) {
		return func() {}
	}
	most := int64(o.Messages)
	if most == 0 {
		most = -1
	}
	bar := progressbar.NewOptions64(most, progressbar.OptionSetWriter(a.stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("messages"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				_ = bar.Set64(answered.Load())
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
