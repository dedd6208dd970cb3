package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/spf13/cobra"
)

func decodeCommand(a *app) *cobra.Command {
	d := &decoder{app: a, reg: pdu.Standard()}
	var files []string
	var format string
	cmd := &cobra.Command{
		Use:   "decode [flags] [HEX | FILE]...",
		Short: "Show what octets of SMPP mean: hex, raw octets or a capture",
		Long: `decode shows PDUs field by field, or as JSON that "smpp encode" takes back.

It reads hexadecimal digits (spaces, line breaks, colons, commas, 0x and \x do
not matter), raw octets, and pcap or pcapng captures, also compressed with gzip,
from its arguments, files or standard input, and tells them apart by itself. An
argument that is all hexadecimal digits is data, any other is a file.

In a capture, TCP streams are put together and those that carry SMPP are found
by what is in them, whatever the port. A PDU has the time of the packet that
completes it. What is encrypted cannot be read.

Octets that are no PDU are shown as well. The password of a bind is hidden in
the dump; --json has it, so that encode can give back the same octets.

Exit status: 0 if a well-formed PDU was found, 1 if none was.`,
		Example: `  smpp decode 00000010 00000015 00000000 00000001
  smpp decode --json capture.pcapng | jq .text
  smpp decode --port 2775 -f capture.pcap.gz
  tcpdump -i any -U -w - port 2775 | smpp decode
  xxd -p octets.bin | smpp decode
  smpp decode --json 0000001000000015000000000000000a | smpp encode`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d.cmd = cmd
			d.out = bufio.NewWriterSize(a.stdout, 64<<10)
			d.seen = counts{}
			switch format {
			case "auto", "hex", "raw", "capture":
			default:
				return usagef("--format %q: auto, hex, raw or capture is required", format)
			}
			for _, p := range d.ports {
				if p < 1 || p > 65535 {
					return usagef("--port %d: 1 to 65535 is required", p)
				}
			}
			for _, s := range a.sources(cmd, args, files, looksHex) {
				if err := d.source(cmd.Context(), s, format); err != nil {
					d.flush()
					return err
				}
			}
			d.flush()
			return d.report()
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&files, "file", "f", nil, "read `file`, - for standard input; can be repeated")
	flags.BoolVar(&d.json, "json", false, "print a JSON object for each PDU, one a line")
	flags.StringVar(&format, "format", "auto", "what the input is: auto, hex, raw or capture (`form`)")
	flags.IntSliceVar(&d.ports, "port", nil, "of a capture, read this TCP `port` only, whatever it carries; can be repeated")
	oneOff(flags, "file", "format", "port")
	completeFlag(cmd, "format", "auto", "hex", "raw", "capture")
	return cmd
}

// A decoder prints PDUs.
type decoder struct {
	app   *app
	cmd   *cobra.Command
	reg   *pdu.Registry
	json  bool
	ports []int

	out    *bufio.Writer
	outErr error
	buf    []byte
	seen   counts
}

type counts struct {
	wellFormed, malformed int
	pieces, octets        int // what is no PDU
	otherTCP, tls         int // connections without SMPP
}

// A packet tells where a PDU in a capture comes from.
type packet struct {
	time     time.Time
	from, to string
}

func (d *decoder) flush() {
	if err := d.out.Flush(); err != nil && d.outErr == nil {
		d.outErr = err
	}
}

func (d *decoder) source(ctx context.Context, s source, format string) error {
	r, done, err := d.app.open(ctx, s, d.flush)
	if err != nil {
		return explainPath(s.path, err)
	}
	defer done()
	if format == "auto" || format == "capture" {
		if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1F, 0x8B}) {
			z, err := gzip.NewReader(r)
			if err != nil {
				return fmt.Errorf("%s: gzip: %w", s.name, err)
			}
			r = bufio.NewReaderSize(z, 64<<10)
		}
		magic, _ := r.Peek(4)
		if kind := captureKind(magic); kind != noCapture || format == "capture" {
			if err := d.capture(ctx, r, kind); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return d.outErr
		}
	}
	octets, err := io.ReadAll(r)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return fmt.Errorf("%s: %w", s.name, err)
	}
	var starts []int
	if format == "hex" || format == "auto" && isText(octets) {
		if octets, starts, err = parseHex(string(octets)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for _, p := range cut(octets, starts) {
		d.print(p, nil)
	}
	return d.outErr
}

// explainPath tells what a mistyped argument may have been.
func explainPath(path string, err error) error {
	if _, _, hexErr := parseHex(path); hexErr != nil && strings.HasPrefix(path, "00") {
		return fmt.Errorf("%w; nor is it hexadecimal: %v", err, hexErr) //nolint:errorlint // one cause is enough
	}
	return err
}

// print prints a piece of a stream; from is nil outside captures.
func (d *decoder) print(p piece, from *packet) {
	_, _, err := pdu.Decode(p.octets)
	switch {
	case p.kind != whole:
		d.seen.pieces++
		d.seen.octets += len(p.octets)
	case err != nil:
		d.seen.malformed++
	default:
		d.seen.wellFormed++
	}
	b := d.buf[:0]
	if d.json {
		b = d.appendJSON(b, p, from)
	} else {
		b = d.appendDump(b, p, from)
	}
	d.buf = b
	if _, err := d.out.Write(b); err != nil && d.outErr == nil {
		d.outErr = err
	}
}

func (d *decoder) appendJSON(b []byte, p piece, from *packet) []byte {
	if p.kind == stray {
		reason, _ := json.Marshal(p.reason) // a string: cannot fail
		b = fmt.Appendf(b, `{"command":null,"error":{"field":"command_length","offset":0,"status":%d,"status_name":%q,"reason":%s},"raw":"%x"}`,
			uint32(pdu.StatusInvalidCommandLength), pdu.StatusInvalidCommandLength.String(), reason, p.octets)
	} else {
		b = d.reg.AppendJSON(b, p.octets, textOf)
	}
	if from != nil {
		b = fmt.Appendf(b[:len(b)-1], `,"time":%q,"source":%q,"destination":%q}`, from.time.UTC().Format(time.RFC3339Nano), from.from, from.to)
	}
	return append(b, '\n')
}

func (d *decoder) appendDump(b []byte, p piece, from *packet) []byte {
	if d.seen.wellFormed+d.seen.malformed+d.seen.pieces > 1 {
		b = append(b, '\n')
	}
	if from != nil {
		b = fmt.Appendf(b, "%s  %s > %s\n", from.time.UTC().Format("2006-01-02T15:04:05.000000Z"), from.from, from.to)
	}
	if p.kind == stray {
		b = fmt.Appendf(b, "%d octets, no PDU: %s\n", len(p.octets), p.reason)
		for at := 0; at < len(p.octets); at += 16 {
			row := p.octets[at:min(at+16, len(p.octets))]
			b = fmt.Appendf(b, "%6d  %-47s  %s\n", at, spaced(row), printable(row))
		}
		return b
	}
	return appendPDU(b, d.reg, p.octets)
}

// appendPDU appends the dump of a PDU, and its text if it has one.
func appendPDU(b []byte, reg *pdu.Registry, octets []byte) []byte {
	b = reg.AppendDump(b, octets)
	if h, body, err := pdu.Decode(octets); err == nil && body != nil {
		if text, ok := textOf(h, body); ok {
			b = fmt.Appendf(b, "%6s  %-47s  text: %s\n", "", "", strconv.Quote(text))
		}
	}
	return b
}

func spaced(octets []byte) string {
	digits := make([]byte, 0, 3*len(octets))
	for _, o := range octets {
		digits = hex.AppendEncode(append(digits, ' '), []byte{o})
	}
	return string(bytes.TrimPrefix(digits, []byte(" ")))
}

func printable(octets []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(octets))
}

// report says on standard error what was not well-formed, and fails if nothing
// was.
func (d *decoder) report() error {
	if d.outErr != nil {
		return d.outErr
	}
	var notes []string
	note := func(n int, one, many string) {
		if n == 1 {
			notes = append(notes, one)
		} else if n > 1 {
			notes = append(notes, fmt.Sprintf(many, n))
		}
	}
	s := d.seen
	note(s.malformed, "1 malformed PDU", "%d malformed PDUs")
	if s.pieces > 0 {
		note(s.octets, "1 octet that is no PDU", "%d octets that are no PDU")
	}
	if s.wellFormed == 0 {
		note(s.otherTCP, "1 TCP connection without SMPP", "%d TCP connections without SMPP")
	}
	note(s.tls, "1 TLS connection, which cannot be read", "%d TLS connections, which cannot be read")
	if s.wellFormed == 0 {
		if len(notes) == 0 {
			return errors.New("nothing to decode: the input is empty")
		}
		return fmt.Errorf("no well-formed PDU: %s", strings.Join(notes, ", "))
	}
	if len(notes) > 0 {
		if s.wellFormed == 1 {
			d.app.warn(d.cmd, "1 well-formed PDU, %s", strings.Join(notes, ", "))
		} else {
			d.app.warn(d.cmd, "%d well-formed PDUs, %s", s.wellFormed, strings.Join(notes, ", "))
		}
	}
	return nil
}
