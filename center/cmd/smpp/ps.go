package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/godwit-sms/smpp/center/admin"
	"github.com/godwit-sms/smpp/center/config"
	"github.com/spf13/cobra"
)

// adminFlags tell which message center is meant.
type adminFlags struct{ data, socket string }

func addAdminFlags(cmd *cobra.Command) *adminFlags {
	f := new(adminFlags)
	cmd.Flags().StringVar(&f.data, "data", config.DefaultData, "`directory` of the message center's messages")
	cmd.Flags().StringVar(&f.socket, "admin", "", "`path` of its socket, if that is not in --data")
	return f
}

func (f *adminFlags) client() *admin.Client {
	if f.socket != "" {
		return &admin.Client{Path: f.socket}
	}
	return &admin.Client{Path: filepath.Join(f.data, admin.SocketName)}
}

// explainAdmin adds to an error what most often is behind it.
func explainAdmin(err error) error {
	if errors.Is(err, admin.ErrNotRunning) {
		return fmt.Errorf("%w: name its directory with --data, or its socket with --admin", err)
	}
	return err
}

func psCommand(a *app) *cobra.Command {
	var f *adminFlags
	var queues int
	var end uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the sessions and queues of a message center that runs on this machine",
		Long: `ps asks a message center that smpp serve runs, over the socket in its data
directory, for its sessions and for the longest of its queues. It has to be the
same user. --end ends a session: what it has begun is finished, then it is unbound.`,
		Example: `  smpp ps
  smpp ps --data /var/lib/smpp --queues 50
  smpp ps --end 17
  smpp ps --json | jq '.sessions[] | select(.account == "acme")'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if queues < 0 {
				return usagef("--queues %d: 0 or more is required", queues)
			}
			if cmd.Flags().Changed("end") {
				ctx, cancel := context.WithTimeout(cmd.Context(), 30*time.Second)
				defer cancel()
				if err := f.client().End(ctx, end); err != nil {
					return fmt.Errorf("session %d: %w", end, explainAdmin(err))
				}
				_, _ = fmt.Fprintf(a.stdout, "session %d is ended\n", end)
				return nil
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			s, err := f.client().Status(ctx, queues)
			if err != nil {
				return explainAdmin(err)
			}
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(s)
			}
			return a.printStatus(s)
		},
	}
	f = addAdminFlags(cmd)
	cmd.Flags().IntVar(&queues, "queues", 10, "how many queues to list, longest first (`number`)")
	cmd.Flags().Uint64Var(&end, "end", 0, "end the session with this `id`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	oneOff(cmd.Flags(), "end", "queues")
	if err := cmd.RegisterFlagCompletionFunc("end", func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeSession(cmd, f)
	}); err != nil {
		panic(err) // a mistake of the program: no such flag
	}
	return cmd
}

func (a *app) printStatus(s admin.Status) error {
	state := "ready"
	if !s.Ready {
		state = "NOT READY: " + s.Problem
	}
	_, _ = fmt.Fprintf(a.stdout, "%s on %s, process %d, up %v, %s\n", s.SystemID, strings.Join(s.Listen, ", "), s.PID, time.Since(s.Since).Round(time.Second), state)
	waiting := "messages wait"
	if s.Waiting == 1 {
		waiting = "message waits"
	}
	_, _ = fmt.Fprintf(a.stdout, "%d %s, %d for their time, %d receipts; %d being delivered; the oldest for %v\n", s.Waiting, waiting, s.Scheduled, s.Receipts, s.Away,
		time.Duration(s.OldestSeconds*float64(time.Second)).Round(time.Second))
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	if len(s.Sessions) == 0 {
		_, _ = fmt.Fprintln(w, "\nno sessions")
	} else {
		_, _ = fmt.Fprintln(w, "\nSESSION\tACCOUNT\tBIND\tVERSION\tFROM\tUP\tSUBMITTED\tDELIVERED\tUNANSWERED")
	}
	for _, x := range s.Sessions {
		id, account, bind, version := fmt.Sprint(x.ID), x.Account, x.Bind, x.Version
		if x.ID == 0 {
			id, account, bind, version = "-", "-", "not bound", "-"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%v\t%d\t%d\t%d\n", id, account, bind, version, x.Remote, time.Since(x.Since).Round(time.Second), x.Submitted, x.Delivered, x.Outstanding)
	}
	if len(s.Queues) > 0 {
		_, _ = fmt.Fprintln(w, "\nQUEUE\tWAITING\tSCHEDULED\tAWAY\tOLDEST")
	}
	for _, q := range s.Queues {
		name := cmp.Or(q.Address, "(a broadcast)")
		if q.Account != "" {
			name = "receipts of " + q.Account + " about " + q.Address
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%v\n", name, q.Waiting, q.Scheduled, q.Away, time.Since(q.Oldest).Round(time.Second))
	}
	return w.Flush()
}

func reloadCommand(a *app) *cobra.Command {
	var f *adminFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have a message center read its configuration and certificates again",
		Long: `reload has a message center that smpp serve runs read its configuration and its
certificates again, and tells which keys have changed, and which of them wait for
a restart: those that docs/center.md does not mark. Sessions live on, but those of
accounts that are gone. When the file is wrong, nothing changes, and reload says
what is wrong.`,
		Example: `  smpp reload
  smpp reload --data /var/lib/smpp --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			r, err := f.client().Reload(ctx)
			switch {
			case err != nil:
				return explainAdmin(err)
			case asJSON:
				return json.NewEncoder(a.stdout).Encode(r)
			}
			_, _ = fmt.Fprintf(a.stdout, "changed: %s\n", listOf(r.Changed))
			if len(r.Restart) > 0 {
				_, _ = fmt.Fprintf(a.stdout, "changed in the file, but takes a restart: %s\n", listOf(r.Restart))
			}
			return nil
		},
	}
	f = addAdminFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
