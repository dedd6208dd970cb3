package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/spf13/cobra"
)

func encodeCommand(a *app) *cobra.Command {
	e := &encoder{app: a, reg: pdu.Standard()}
	var files []string
	cmd := &cobra.Command{
		Use:   "encode [flags] [JSON | FILE]...",
		Short: "Turn the JSON that decode prints back into octets",
		Long: `encode reads PDUs in the JSON that "smpp decode --json" prints, one object after
the other or in arrays, and prints the octets of each in hexadecimal digits, one
PDU a line, or raw.

An argument that starts with { or [ is JSON, any other is a file. Fields that are
left out are zero or empty; lengths, counts, decoded and text are ignored, and so
are members that encode does not know. A PDU that has raw is just that.`,
		Example: `  smpp encode '{"command":"enquire_link","sequence_number":1}'
  smpp decode --json capture.pcap | sed s/4711/1234/ | smpp encode
  smpp encode --raw pdus.json | nc 127.0.0.1 2775
  smpp encode '{"command":"submit_sm","sequence_number":2,"body":{"destination_addr":"491701234567","short_message":"6869"},
    "tlvs":[{"name":"user_message_reference","value":"1234"}]}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.raw && isTerminal(a.stdout) {
				return usagef("--raw: standard output is a terminal; redirect it to a file or another command")
			}
			e.out = bufio.NewWriterSize(a.stdout, 64<<10)
			e.count = 0
			e.emit = e.print
			for _, s := range a.sources(cmd, args, files, isJSON) {
				if err := e.source(cmd.Context(), s); err != nil {
					e.flush()
					if cmd.Context().Err() != nil {
						return errors.New("interrupted")
					}
					return err
				}
			}
			e.flush()
			if e.outErr == nil && e.count == 0 {
				return errors.New("nothing to encode: the input is empty")
			}
			return e.outErr
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&files, "file", "f", nil, "read `file`, - for standard input; can be repeated")
	flags.BoolVar(&e.raw, "raw", false, "print octets instead of hexadecimal digits")
	oneOff(flags, "file", "raw")
	return cmd
}

// isJSON tells arguments that are PDUs from those that are files.
func isJSON(arg string) bool {
	arg = strings.TrimSpace(arg)
	return strings.HasPrefix(arg, "{") || strings.HasPrefix(arg, "[")
}

// An encoder makes octets of PDUs in JSON, and prints them or does what else emit
// says.
type encoder struct {
	app    *app
	reg    *pdu.Registry
	emit   func(octets []byte) error
	raw    bool
	out    *bufio.Writer // nil if they are not printed
	outErr error
	count  int
}

func (e *encoder) flush() {
	if e.out == nil {
		return
	}
	if err := e.out.Flush(); err != nil && e.outErr == nil {
		e.outErr = err
	}
}

func (e *encoder) source(ctx context.Context, s source) error {
	r, done, err := e.app.open(ctx, s, e.flush)
	if err != nil {
		return err
	}
	defer done()
	lines := &lineReader{r: r}
	d := json.NewDecoder(lines)
	for {
		var value json.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s:%d: %w", s.name, lines.at(syntaxOffset(err, d.InputOffset(), lines.total)), clean(err))
		}
		start := d.InputOffset() - int64(len(value))
		if err := e.value(s.name, value, lines.at(start)); err != nil {
			return err
		}
		if e.outErr != nil {
			return e.outErr
		}
		lines.forget(d.InputOffset())
	}
}

// syntaxOffset returns where in a stream an error of a json.Decoder is.
func syntaxOffset(err error, at, total int64) int64 {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return max(at, syntax.Offset-1)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return total
	}
	return at
}

func clean(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends inside an object")
	}
	return err
}

// value encodes an object, or an array of them. line is the one it starts in.
func (e *encoder) value(name string, value []byte, line int) error {
	if value[0] != '[' {
		return e.object(name, value, line)
	}
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, line, err)
	}
	for d.More() {
		var element json.RawMessage
		if err := d.Decode(&element); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
		start := int(d.InputOffset()) - len(element)
		if err := e.object(name, element, line+bytes.Count(value[:start], []byte("\n"))); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) object(name string, object []byte, line int) error {
	if object[0] != '{' {
		return fmt.Errorf("%s:%d: a PDU is an object, or an array of objects", name, line)
	}
	octets, err := e.reg.ParseJSON(object)
	if err != nil {
		var member *pdu.JSONError
		if errors.As(err, &member) {
			if at := memberOffset(object, member.Member); at >= 0 {
				line += bytes.Count(object[:at], []byte("\n"))
			}
		}
		return fmt.Errorf("%s:%d: %w", name, line, err)
	}
	return e.emit(octets)
}

func (e *encoder) print(octets []byte) error {
	e.count++
	if !e.raw {
		octets = append(hex.AppendEncode(nil, octets), '\n')
	}
	if _, err := e.out.Write(octets); err != nil && e.outErr == nil {
		e.outErr = err
	}
	return nil
}

// memberOffset returns where in an object the member with a path such as
// body.dest_address[1].dl_name stands, or -1.
func memberOffset(object []byte, path string) int {
	d := json.NewDecoder(bytes.NewReader(object))
	var find func(prefix string) int
	find = func(prefix string) int {
		token, err := d.Token()
		if err != nil {
			return -1
		}
		for i := 0; (token == json.Delim('{') || token == json.Delim('[')) && d.More(); i++ {
			child := fmt.Sprintf("%s[%d]", prefix, i)
			if token == json.Delim('{') {
				key, err := d.Token()
				if err != nil {
					return -1
				}
				child = strings.TrimPrefix(fmt.Sprintf("%s.%v", prefix, key), ".")
			}
			at := int(d.InputOffset())
			if child == path {
				if object[at] != ':' { // of an array, the element is yet to come
					at += len(object[at:]) - len(bytes.TrimLeft(object[at:], ", \t\r\n"))
				}
				return at
			}
			if at = find(child); at >= 0 {
				return at
			}
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			if _, err := d.Token(); err != nil {
				return -1
			}
		}
		return -1
	}
	return find("")
}

// A lineReader remembers where lines end.
type lineReader struct {
	r         io.Reader
	total     int64   // octets read
	ends      []int64 // offsets of line breaks
	forgotten int     // line breaks before those in ends
}

func (l *lineReader) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	for i, c := range b[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.total+int64(i))
		}
	}
	l.total += int64(n)
	return n, err
}

// at returns the number of the line, from 1, that holds the octet at offset.
func (l *lineReader) at(offset int64) int {
	return 1 + l.forgotten + sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
}

// forget drops what is only of use before offset.
func (l *lineReader) forget(offset int64) {
	n := sort.Search(len(l.ends), func(i int) bool { return l.ends[i] >= offset })
	l.ends = slices.Delete(l.ends, 0, n)
	l.forgotten += n
}
