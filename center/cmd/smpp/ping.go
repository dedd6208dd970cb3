package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/spf13/cobra"
)

type pingFlags struct {
	connection *connectionFlags
	count      int
	interval   time.Duration
	json       bool
}

func pingCommand(a *app) *cobra.Command {
	f := &pingFlags{}
	cmd := &cobra.Command{
		Use:   "ping",
		Short: "Bind and measure how quickly the message center answers",
		Long: `ping binds, sends enquire_link and prints how long the answers take. When it
cannot bind it says what is likely to be wrong.`,
		Example: `  smpp ping
  smpp ping --url ssmpp://acme:secret@smsc.example.com --count 10 --interval 200ms
  smpp ping --json --count 1`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ping(cmd.Context(), f) },
	}
	f.connection = addConnectionFlags(cmd, "transceiver")
	cmd.Flags().IntVarP(&f.count, "count", "n", 4, "how many times to ask; 0 means until interrupted (`number`)")
	cmd.Flags().DurationVar(&f.interval, "interval", time.Second, "time between them (`duration`)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object at the end")
	return cmd
}

type pingReport struct {
	Target   string  `json:"target"`
	SystemID string  `json:"system_id"` // of the message center
	Version  string  `json:"version"`
	BindMS   float64 `json:"bind_ms"`
	Count    int     `json:"count"`
	MinMS    float64 `json:"min_ms"`
	MedianMS float64 `json:"median_ms"`
	MaxMS    float64 `json:"max_ms"`
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (a *app) ping(ctx context.Context, f *pingFlags) error {
	conn, err := f.connection.parse()
	if err != nil {
		return err
	}
	if f.count < 0 {
		return usagef("--count %d: 0 or more is required", f.count)
	}
	if f.interval < 0 {
		return usagef("--interval %v: 0 or more is required", f.interval)
	}
	begin := time.Now()
	s, err := conn.dial(ctx, smpp.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	report := pingReport{Target: conn.String(), SystemID: s.SystemID(), Version: s.Version().String(), BindMS: milliseconds(time.Since(begin))}
	if !f.json {
		_, _ = fmt.Fprintf(a.stdout, "bound to %v as %s: %q, v%s, %.1f ms\n", conn, f.connection.bind, report.SystemID, report.Version, report.BindMS)
	}
	var took []time.Duration
	for i := 0; f.count == 0 || i < f.count; i++ {
		if i > 0 {
			t := time.NewTimer(f.interval)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
		}
		if ctx.Err() != nil {
			break
		}
		one, cancel := context.WithTimeout(ctx, conn.Timeout)
		begin := time.Now()
		err := s.EnquireLink(one)
		cancel()
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("enquire_link %d: %w", i+1, err)
		}
		took = append(took, time.Since(begin))
		if !f.json {
			_, _ = fmt.Fprintf(a.stdout, "enquire_link %d: %.3f ms\n", i+1, milliseconds(took[i]))
		}
	}
	if len(took) > 0 {
		slices.Sort(took)
		report.Count, report.MinMS, report.MedianMS, report.MaxMS = len(took), milliseconds(took[0]), milliseconds((took[(len(took)-1)/2]+took[len(took)/2])/2), milliseconds(took[len(took)-1])
	}
	if f.json {
		b, err := json.Marshal(report)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(a.stdout, "%s\n", b)
		return nil
	}
	_, _ = fmt.Fprintf(a.stdout, "%d answered, min %.3f ms, median %.3f ms, max %.3f ms\n", report.Count, report.MinMS, report.MedianMS, report.MaxMS)
	return nil
}
