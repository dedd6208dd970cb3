package main

import (
	"log/slog"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/pdulog"
	"github.com/spf13/cobra"
)

// pcapFlags are the flags of the subcommands that can log their PDUs.
type pcapFlags struct {
	path, session    string
	size, keep       int
	texts, passwords bool
}

func addPcapFlags(cmd *cobra.Command, serves bool) *pcapFlags {
	f := &pcapFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.path, "pcap", "", "log the PDUs to this pcapng `file`, for Wireshark or \"smpp decode\"; passwords and texts are masked")
	if serves {
		fs.StringVar(&f.session, "pcap-session", "", "only those of sessions that bind with this `system_id`")
	}
	fs.IntVar(&f.size, "pcap-size", 100, "begin another file at this many `megabytes`")
	fs.IntVar(&f.keep, "pcap-keep", pdulog.DefaultKeep, "full files to keep beside it, FILE.1 the youngest (`number`)")
	fs.BoolVar(&f.texts, "pcap-texts", false, "log the texts of messages, too")
	fs.BoolVar(&f.passwords, "pcap-passwords", false, "log passwords, too")
	return f
}

// open begins the log, if there is to be one, and returns the hooks for it. done
// ends it, and warns when it is not whole.
func (f *pcapFlags) open(a *app, cmd *cobra.Command, logger *slog.Logger) (trace *smpp.Trace, done func(), err error) {
	switch {
	case f.size < 1 || f.size > 1<<20:
		return nil, nil, usagef("--pcap-size %d: 1 to %d are possible", f.size, 1<<20)
	case f.keep < 0 || f.keep > 1000:
		return nil, nil, usagef("--pcap-keep %d: 0 to 1000 are possible", f.keep)
	case f.path == "" && (f.session != "" || f.texts || f.passwords):
		return nil, nil, usagef("--pcap: a file is required with the other flags of the log")
	case f.path == "":
		return nil, func() {}, nil
	}
	keep := f.keep
	if keep == 0 {
		keep = -1
	}
	log, err := pdulog.Open(f.path, pdulog.Config{
		SystemID: f.session, Passwords: f.passwords, Texts: f.texts, MaxSize: int64(f.size) << 20, Keep: keep, Logger: logger,
	})
	if err != nil {
		return nil, nil, err
	}
	return log.Trace(nil), func() {
		if err := log.Close(); err != nil {
			a.warn(cmd, "--pcap: %w", err)
		}
		if n := log.Dropped(); n > 0 {
			a.warn(cmd, "--pcap: %d PDUs are missing in the log", n)
		}
	}, nil
}
