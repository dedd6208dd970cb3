package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A dryRunReport is what send --dry-run --json prints.
type dryRunReport struct {
	Coding       string            `json:"coding"`
	DataCoding   uint8             `json:"data_coding"`
	Parts        int               `json:"parts"`
	Units        int               `json:"units"`
	UnitsPerPart int               `json:"units_per_part"`
	UnitsLeft    int               `json:"units_left"`
	Forcing      []string          `json:"forcing,omitempty"`
	Text         string            `json:"text,omitempty"`
	PDUs         []json.RawMessage `json:"pdus"`
}

// dryRun prints what would be sent.
func (a *app) dryRun(f *sendFlags, v pdu.Version, parts []*pdu.SubmitSM, e sms.Estimate) error {
	reg := pdu.Standard()
	codec := pdu.NewCodec(reg, v)
	frames := make([][]byte, len(parts))
	for i, m := range parts {
		var err error
		if frames[i], err = codec.Append(nil, pdu.Header{Command: m.Command(), Sequence: uint32(i + 1)}, m); err != nil {
			return err
		}
	}
	if f.json {
		r := dryRunReport{Coding: codingName(e.Charset), DataCoding: uint8(e.DataCoding), Parts: e.Parts, Units: e.Units,
			UnitsPerPart: e.UnitsPerPart, UnitsLeft: e.UnitsLeft, Text: e.Text}
		for _, c := range e.Forcing {
			r.Forcing = append(r.Forcing, string(c))
		}
		for _, frame := range frames {
			r.PDUs = append(r.PDUs, reg.AppendJSON(nil, frame, f.textOf))
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return err
		}
		_, err := a.stdout.Write(b.Bytes())
		return err
	}
	var b []byte
	b = fmt.Appendf(b, "%s\n", summary(e))
	b = fmt.Appendf(b, "data_coding %#02x, %d units a part, %d left in the last part\n", uint8(e.DataCoding), e.UnitsPerPart, e.UnitsLeft)
	if len(e.Forcing) > 0 {
		var list []string
		for _, c := range e.Forcing {
			list = append(list, fmt.Sprintf("%q %U", c, c))
		}
		b = fmt.Appendf(b, "not in a cheaper coding: %s\n", strings.Join(list, ", "))
	}
	for _, frame := range frames {
		b = reg.AppendDump(append(b, '\n'), frame)
		if h, body, err := pdu.Decode(frame); err == nil {
			if text, ok := f.textOf(h, body); ok {
				b = fmt.Appendf(b, "%6s  %-47s  text: %s\n", "", "", strconv.Quote(text))
			}
		}
	}
	_, err := a.stdout.Write(b)
	return err
}

// textOf is textOf with the alphabet that the message is written in.
func (f *sendFlags) textOf(h pdu.Header, b pdu.Body) (string, bool) {
	if !f.packed {
		return textOf(h, b)
	}
	m, ok := sms.Profile{Alphabet: coding.Packed{}}.Read(b)
	return m.Text, ok && m.Known && len(m.Octets()) > 0
}

// summary says how many parts a message takes.
func summary(e sms.Estimate) string {
	parts, kind := "1 part", "octets"
	if e.Parts != 1 {
		parts = fmt.Sprintf("%d parts", e.Parts)
	}
	switch e.Charset.(type) {
	case coding.GSM, coding.Packed:
		kind = "septets"
	}
	if e.Charset == coding.UTF16 {
		kind = "UTF-16 units"
	}
	return fmt.Sprintf("%s, %s, %d %s", parts, codingName(e.Charset), e.Units, kind)
}
