package main

import (
	"fmt"
	"sort"
	"strings"

	"github.com/godwit-sms/smpp/pdu"
)

// parseHex reads hexadecimal digits as people have them: with or without
// spaces, line breaks, colons, commas, dashes, 0x and \x between octets. starts
// are the offsets of the octets that stand first in a line.
func parseHex(text string) (octets []byte, starts []int, err error) {
	octets = make([]byte, 0, len(text)/2)
	text = strings.TrimPrefix(text, "\uFEFF")
	line, column, fresh := 1, 0, true
	half := -1 // the first digit of an octet
	for i := 0; i < len(text); i++ {
		c := text[i]
		column++
		digit := -1
		switch {
		case c >= '0' && c <= '9':
			digit = int(c - '0')
		case c >= 'a' && c <= 'f':
			digit = int(c-'a') + 10
		case c >= 'A' && c <= 'F':
			digit = int(c-'A') + 10
		}
		if half < 0 && (c == '0' || c == '\\') && i+1 < len(text) && (text[i+1] == 'x' || c == '0' && text[i+1] == 'X') {
			i++
			column++
			continue
		}
		switch {
		case digit >= 0 && half < 0:
			half = digit
			continue
		case digit >= 0:
			if fresh {
				starts, fresh = append(starts, len(octets)), false
			}
			octets = append(octets, byte(half<<4|digit))
			half = -1
			continue
		case half >= 0:
			return nil, nil, fmt.Errorf("line %d, column %d: a hexadecimal digit without its partner: an octet is two digits", line, column-1)
		}
		switch c {
		case '\n':
			line, column, fresh = line+1, 0, true
		case ' ', '\t', '\r', '\v', '\f', ':', ',', ';', '-':
		default:
			r := []rune(text[i:min(len(text), i+4)])[0]
			return nil, nil, fmt.Errorf("line %d, column %d: %q is no hexadecimal digit", line, column, r)
		}
	}
	if half >= 0 {
		return nil, nil, fmt.Errorf("line %d, column %d: a hexadecimal digit without its partner: an octet is two digits", line, column)
	}
	return octets, starts, nil
}

// looksHex reports whether an argument is meant as hexadecimal digits.
func looksHex(arg string) bool {
	octets, _, err := parseHex(arg)
	return err == nil && (len(octets) > 0 || strings.TrimSpace(arg) == "")
}

// isText reports whether octets are characters rather than PDUs, which have
// NULs.
func isText(octets []byte) bool {
	for _, c := range octets[:min(len(octets), 1024)] {
		if c < ' ' && (c < '\t' || c > '\r') || c == 0x7F {
			return false
		}
	}
	return true
}

// A piece is some octets of a stream: a PDU, or what stands where one should.
type piece struct {
	octets []byte
	kind   pieceKind
	reason string // unless whole
}

type pieceKind uint8

const (
	whole  pieceKind = iota // as many octets as command_length says
	broken                  // a PDU starts here, but does not end as it says
	stray                   // no PDU starts here
)

// cut cuts octets into PDUs and what stands between them. No octet is lost.
// starts are offsets where a PDU may be expected to start, such as those of
// lines, beside where the one before ends.
func cut(octets []byte, starts []int) []piece {
	var pieces []piece
	for at := 0; at < len(octets); {
		frame, _, err := pdu.Split(octets[at:], 0)
		limit := len(octets)
		if len(frame) > 0 {
			limit = at + len(frame)
		}
		if next := nextStart(octets, starts, at, limit); next > 0 {
			pieces = append(pieces, piece{octets[at:next:next], broken, reasonFor(octets[at:next], err)})
			at = next
			continue
		}
		if len(frame) > 0 {
			pieces = append(pieces, piece{octets: frame})
			at += len(frame)
			continue
		}
		next := at + 1
		for next < len(octets) && !startsWhole(octets[next:]) {
			next++
		}
		pieces = append(pieces, piece{octets[at:next:next], broken, reasonFor(octets[at:next], err)})
		at = next
	}
	return pieces
}

func reasonFor(octets []byte, err error) string {
	switch {
	case len(octets) < pdu.HeaderLen:
		return fmt.Sprintf("%d octets, a PDU starts with %d octets of header", len(octets), pdu.HeaderLen)
	case err != nil:
		return err.Error()
	}
	_, n, _ := pdu.ParseHeader(octets) // it has a header: see above
	return fmt.Sprintf("command_length %d, but %d octets", n, len(octets))
}

// nextStart returns the first of starts between at and limit, both excluded, at
// which a PDU starts without doubt, or 0. A line of as many octets as it
// announces is one, and the header of a known command too.
func nextStart(octets []byte, starts []int, at, limit int) int {
	for i := sort.SearchInts(starts, at+1); i < len(starts) && starts[i] < limit; i++ {
		end := len(octets)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		if frame, _, _ := pdu.Split(octets[starts[i]:end], 0); len(frame) == end-starts[i] || startsHeader(octets[starts[i]:]) {
			return starts[i]
		}
	}
	return 0
}

// startsHeader reports whether octets start with the header of a command that
// some version of SMPP knows.
func startsHeader(octets []byte) bool {
	h, n, err := pdu.ParseHeader(octets)
	if err != nil || n < pdu.HeaderLen || n > pdu.DefaultMaxLen || pdu.Standard().Name(h.Command) == "" {
		return false
	}
	return h.Command.IsResponse() || h.Status == 0
}

// startsWhole reports whether octets start with a well-formed PDU of a known
// command, all of it.
func startsWhole(octets []byte) bool {
	if !startsHeader(octets) {
		return false
	}
	frame, _, err := pdu.Split(octets, 0)
	if err != nil || len(frame) == 0 {
		return false
	}
	_, _, err = pdu.Decode(frame)
	return err == nil
}
