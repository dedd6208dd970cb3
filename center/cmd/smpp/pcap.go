package main

import (
	"log/slog"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/config"
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

// over puts what the flags say over what a file does. Nil for changed: all of
// them say something.
func (f *pcapFlags) over(p *config.Pcap, changed func(flag string) bool) error {
	says := func(flag string) bool { return changed == nil || changed(flag) }
	switch {
	case f.size < 1 || f.size > 1<<20:
		return usagef("--pcap-size %d: 1 to %d are possible", f.size, 1<<20)
	case f.keep < 0 || f.keep > 1000:
		return usagef("--pcap-keep %d: 0 to 1000 are possible", f.keep)
	}
	if says("pcap") {
		p.File = f.path
	}
	if says("pcap-session") {
		p.Session = f.session
	}
	if says("pcap-size") {
		p.Size = int64(f.size) << 20
	}
	if says("pcap-keep") {
		p.Keep = f.keep
	}
	if says("pcap-texts") {
		p.Texts = f.texts
	}
	if says("pcap-passwords") {
		p.Passwords = f.passwords
	}
	if p.File == "" && (f.session != "" || f.texts || f.passwords) {
		return usagef("--pcap: a file is required with the other flags of the log")
	}
	return nil
}

// open begins the log that the flags ask for; see openPcap.
func (f *pcapFlags) open(a *app, cmd *cobra.Command) (trace *smpp.Trace, done func(), err error) {
	var p config.Pcap
	if err := f.over(&p, nil); err != nil {
		return nil, nil, err
	}
	return a.openPcap(cmd, p, nil)
}

// openPcap begins a log, if there is to be one, and returns the hooks for it. done
// ends it, and warns when it is not whole.
func (a *app) openPcap(cmd *cobra.Command, p config.Pcap, logger *slog.Logger) (trace *smpp.Trace, done func(), err error) {
	if p.File == "" {
		return nil, func() {}, nil
	}
	if p.Keep == 0 {
		p.Keep = -1
	}
	log, err := pdulog.Open(p.File, pdulog.Config{SystemID: p.Session, Passwords: p.Passwords, Texts: p.Texts, MaxSize: p.Size, Keep: p.Keep, Logger: logger})
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
