package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/spf13/cobra"
)

type requestFlags struct {
	connection   *connectionFlags
	pcap         *pcapFlags
	files        []string
	json         bool
	addressRange string
	stay         time.Duration
}

func requestCommand(a *app) *cobra.Command {
	f := new(requestFlags)
	cmd := &cobra.Command{
		Use:   "request [flags] [JSON | FILE]...",
		Short: "Send any PDU and print the response",
		Long: `request binds, sends PDUs one after the other, each as soon as the one before is
answered, and prints the responses. It is for what has no subcommand of its own:
submit_multi, data_sm, commands of a vendor, a single field of a submit_sm.

PDUs are JSON as "smpp decode --json" prints it, objects or arrays of them. An
argument that starts with { or [ is JSON, any other is a file; without any,
standard input is read. Fields that are left out are zero or empty. The
sequence_number is that of the session, whatever the JSON says; all else goes
out as it is.

With --stay, it then waits that long and prints the requests that come in, which
it accepts, so that they do not come again.

Exit status: 1 if a response has another status than 0.`,
		Example: `  smpp request '{"command":"data_sm","body":{"source_addr":"8080","destination_addr":"491701234567"},"tlvs":[{"name":"message_payload","value":"6869"}]}'
  smpp request '{"command":"submit_multi","body":{"source_addr":"8080","short_message":"6869","dest_address":[
      {"dest_flag":1,"dest_addr_ton":1,"dest_addr_npi":1,"destination_addr":"491701234567"},{"dest_flag":2,"dl_name":"family"}]}}'
  smpp request --smpp-version 5.0 '{"command":"submit_sm","body":{"destination_addr":"491701234567","esm_class":2,"short_message":"6869"}}'
  smpp decode --json capture.pcap | jq -c 'select(.command=="submit_sm")' | smpp request --json
  smpp request --stay 1m '{"command":"enquire_link"}'`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.request(cmd, f, args) },
	}
	f.connection, f.pcap = addConnectionFlags(cmd, "transceiver"), addPcapFlags(cmd, false)
	fs := cmd.Flags()
	fs.StringArrayVarP(&f.files, "file", "f", nil, "read `file`, - for standard input; can be repeated")
	fs.BoolVar(&f.json, "json", false, "print JSON, an object a line")
	fs.StringVar(&f.addressRange, "address-range", "", "addresses to receive for, with --stay: an address or a regular expression (`range`)")
	fs.DurationVar(&f.stay, "stay", 0, "how long to wait for requests after the last response (`duration`)")
	oneOff(fs, "file")
	return cmd
}

// A requester prints what comes of requests.
type requester struct {
	a   *app
	f   *requestFlags
	reg *pdu.Registry

	mu      sync.Mutex
	printed bool
	sent    int
	refused int
}

func (a *app) request(cmd *cobra.Command, f *requestFlags, args []string) error {
	conn, err := f.connection.parse()
	if err != nil {
		return err
	}
	if f.stay < 0 {
		return usagef("--stay %v: 0 or more is required", f.stay)
	}
	if err := cString(f.addressRange, 40); err != nil {
		return usagef("--address-range: %w", err)
	}
	r := &requester{a: a, f: f, reg: pdu.Standard()}
	trace, logged, err := f.pcap.open(a, cmd)
	if err != nil {
		return err
	}
	defer logged()
	ctx := cmd.Context()
	s, err := conn.dial(ctx, smpp.Config{
		Handler: smpp.Inline(smpp.AnyCommand(r)), AddressRange: pdu.Address{Addr: f.addressRange}, InboundWindow: 100, Trace: trace,
	})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	e := &encoder{app: a, reg: r.reg, emit: func(octets []byte) error { return r.send(ctx, s, octets, conn.Timeout) }}
	for _, from := range a.sources(cmd, args, f.files, isJSON) {
		if err := e.source(ctx, from); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return err
		}
	}
	if r.sent == 0 && f.stay == 0 {
		return usagef("nothing to send: the input is empty")
	}
	if f.stay > 0 {
		t := time.NewTimer(f.stay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.Done():
			return s.Err()
		case <-ctx.Done():
		}
	}
	if r.refused > 0 {
		return fmt.Errorf("%d of %d requests were refused", r.refused, r.sent)
	}
	return nil
}

// send sends a PDU and prints its response.
func (r *requester) send(ctx context.Context, s *smpp.Session, octets []byte, timeout time.Duration) error {
	r.sent++
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := s.Forward(ctx, octets)
	if err != nil || resp == nil { // some have no response
		return err
	}
	if h, _, err := pdu.ParseHeader(resp); err == nil && h.Status != pdu.StatusOK {
		r.refused++
	}
	r.print(resp)
	return nil
}

// ServeSMPP prints a request of the message center, and accepts it.
func (r *requester) ServeSMPP(w smpp.ResponseWriter, in *smpp.Incoming) {
	r.print(in.Raw)
	_ = w.Respond(pdu.StatusOK, nil) // some have no response
}

func (r *requester) print(octets []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b []byte
	if r.f.json {
		b = append(r.reg.AppendJSON(b, octets, textOf), '\n')
	} else {
		if r.printed {
			b = append(b, '\n')
		}
		b = appendPDU(b, r.reg, octets)
	}
	r.printed = true
	_, _ = r.a.stdout.Write(b)
}
