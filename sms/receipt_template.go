package sms

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/pdu"
)

// StandardReceipt is the template of the standard layout, SMPP v3.4, appendix B.
const StandardReceipt = "id:{id} sub:{sub} dlvrd:{dlvrd} submit date:{submit_date} done date:{done_date} stat:{stat} err:{err} text:{text}"

// A ReceiptTemplate is a layout for the text of receipts, for clients that expect that of some other message center. It
// is text with placeholders:
//
//	{id}           the message id; {id:10} fills it up to 10 characters with zeros in front
//	{sub}          the messages submitted, of 3 digits; {sub:1} of 1 digit at least
//	{dlvrd}        the messages delivered, likewise
//	{submit_date}  YYMMDDhhmm; {submit_date:YYYYMMDDhhmmss} says otherwise, of YYYY or YY, MM, DD, hh, mm, ss, and signs
//	{done_date}    likewise; a date that is zero is written with zeros for digits
//	{stat}         the word of the state, such as DELIVRD
//	{state}        the number of the state, message_state of SMPP; empty if there is none
//	{err}          the error, 000 if there is none; {err:4} fills it up to 4 characters with zeros in front
//	{source_addr}  the sender of the message
//	{dest_addr}    its recipient
//	{text}         20 characters of the message; {text:60} says otherwise, 1 to 255. It must be the last of the template, as
//	               nothing that stands behind what a subscriber writes can be trusted.
//
// Braces themselves are {{ and }}. The empty template writes no text: the receipt is in TLVs alone. A text that [ParseReceipt]
// is to read has id:{id} and stat:{stat}, in any order and case.
//
// A ReceiptTemplate may be used by several goroutines at once. The zero value is the empty template.
type ReceiptTemplate struct {
	source string
	pieces []templatePiece
}

// A templatePiece is a placeholder and the text in front of it.
type templatePiece struct {
	before string
	field  templateField
	width  int    // characters: at least, for text at most
	layout string // of a date
}

type templateField uint8

const (
	fieldNone templateField = iota // the end of the template
	fieldID
	fieldSub
	fieldDlvrd
	fieldSubmitDate
	fieldDoneDate
	fieldStat
	fieldState
	fieldErr
	fieldSource
	fieldDest
	fieldText
)

// templateFields are the names of the fields, and the least and most width that may be given; without, none may.
var templateFields = [...]struct {
	name           string
	least, most    int
	standard       int
	standardLayout string
}{
	fieldID:         {name: "id", least: 1, most: 64},
	fieldSub:        {name: "sub", least: 1, most: 9, standard: 3},
	fieldDlvrd:      {name: "dlvrd", least: 1, most: 9, standard: 3},
	fieldSubmitDate: {name: "submit_date", standardLayout: "YYMMDDhhmm"},
	fieldDoneDate:   {name: "done_date", standardLayout: "YYMMDDhhmm"},
	fieldStat:       {name: "stat"},
	fieldState:      {name: "state"},
	fieldErr:        {name: "err", least: 1, most: 8},
	fieldSource:     {name: "source_addr"},
	fieldDest:       {name: "dest_addr"},
	fieldText:       {name: "text", least: 1, most: 255, standard: excerpt},
}

// standardReceipt is StandardReceipt.
var standardReceipt = &ReceiptTemplate{source: StandardReceipt, pieces: []templatePiece{
	{before: "id:", field: fieldID},
	{before: " sub:", field: fieldSub, width: 3},
	{before: " dlvrd:", field: fieldDlvrd, width: 3},
	{before: " submit date:", field: fieldSubmitDate, layout: "YYMMDDhhmm"},
	{before: " done date:", field: fieldDoneDate, layout: "YYMMDDhhmm"},
	{before: " stat:", field: fieldStat},
	{before: " err:", field: fieldErr},
	{before: " text:", field: fieldText, width: excerpt},
}}

// ParseReceiptTemplate reads a template. The error is an [*Error] that says what is wrong, and where.
func ParseReceiptTemplate(s string) (*ReceiptTemplate, error) {
	const most = 1024
	if len(s) > most {
		return nil, &Error{Field: "receipt template", Value: fmt.Sprintf("of %d octets", len(s)), Rule: fmt.Sprintf("%d octets at most", most)}
	}
	if !utf8.ValidString(s) {
		return nil, &Error{Field: "receipt template", Value: quote(s), Rule: "UTF-8"}
	}
	t := &ReceiptTemplate{source: s}
	var before strings.Builder
	for at := 0; at < len(s); {
		fault := func(value, rule string) (*ReceiptTemplate, error) {
			return nil, &Error{Field: fmt.Sprintf("receipt template, octet %d:", at), Value: quote(value), Rule: rule}
		}
		c := s[at]
		switch {
		case c == '{' && strings.HasPrefix(s[at:], "{{") || c == '}' && strings.HasPrefix(s[at:], "}}"):
			before.WriteByte(c)
			at += 2
			continue
		case c == '}':
			return fault(s[at:], "no placeholder is open; the brace itself is }}")
		case c < 0x20 && c != '\n' && c != '\r' || c == 0x7F:
			return fault(s[at:at+1], "no control characters")
		case c != '{':
			before.WriteByte(c)
			at++
			continue
		}
		name, _, ok := strings.Cut(s[at+1:], "}")
		if !ok || strings.Contains(name, "{") {
			return fault(s[at:], "a placeholder ends with }; the brace itself is {{")
		}
		if n := len(t.pieces); n > 0 && t.pieces[n-1].field == fieldText {
			return fault(s[at:], "nothing behind {text}, as what a subscriber writes could be taken for it")
		}
		p, rule := parsePlaceholder(name)
		if rule != "" {
			return fault("{"+name+"}", rule)
		}
		p.before = before.String()
		before.Reset()
		t.pieces = append(t.pieces, p)
		at += len(name) + 2
	}
	if before.Len() > 0 {
		if n := len(t.pieces); n > 0 && t.pieces[n-1].field == fieldText {
			return nil, &Error{Field: "receipt template", Value: quote(before.String()),
				Rule: "nothing behind {text}, as what a subscriber writes could be taken for it"}
		}
		t.pieces = append(t.pieces, templatePiece{before: before.String()})
	}
	return t, nil
}

// parsePlaceholder reads what stands between the braces. rule is the one that it breaks.
func parsePlaceholder(s string) (p templatePiece, rule string) {
	name, argument, has := strings.Cut(s, ":")
	for i, f := range templateFields {
		if f.name == name && f.name != "" {
			p.field, p.width, p.layout = templateField(i), f.standard, f.standardLayout
		}
	}
	f := templateFields[p.field]
	switch {
	case p.field == fieldNone:
		var names []string
		for _, f := range templateFields[fieldID:] {
			names = append(names, "{"+f.name+"}")
		}
		return p, "one of " + strings.Join(names, ", ")
	case !has:
	case f.standardLayout != "":
		p.layout = argument
		rule = checkDateLayout(argument)
	case f.most == 0:
		return p, "{" + name + "} alone"
	default:
		n, ok := 0, len(argument) <= 3
		if ok {
			n, ok = digits(argument)
		}
		if !ok || n < f.least || n > f.most {
			return p, fmt.Sprintf("a number from %d to %d behind the colon", f.least, f.most)
		}
		p.width = n
	}
	return p, rule
}

// dateElements are the parts of a date layout.
var dateElements = [...]struct {
	name  string
	value func(time.Time) int
}{
	{"YYYY", time.Time.Year},
	{"YY", func(t time.Time) int { return t.Year() % 100 }},
	{"MM", func(t time.Time) int { return int(t.Month()) }},
	{"DD", time.Time.Day},
	{"hh", time.Time.Hour},
	{"mm", time.Time.Minute},
	{"ss", time.Time.Second},
}

// checkDateLayout returns the rule that a layout breaks, empty if none.
func checkDateLayout(s string) string {
	const most = 40
	if s == "" || len(s) > most {
		return fmt.Sprintf("a layout of 1 to %d characters for the date", most)
	}
next:
	for s != "" {
		for _, e := range dateElements {
			if strings.HasPrefix(s, e.name) {
				s = s[len(e.name):]
				continue next
			}
		}
		if c := s[0]; isLetter(c) || '0' <= c && c <= '9' || c < ' ' || c > '~' {
			return "a date of YYYY or YY, MM, DD, hh, mm, ss, and signs between them"
		}
		s = s[1:]
	}
	return ""
}

// String returns the template as it was parsed.
func (t *ReceiptTemplate) String() string { return t.source }

// Append appends the text of the receipt in this layout to b. The addresses are Source and Dest of r. Errors are those of
// [Receipt.AppendText]; then b is returned as it was. [Profile.ReceiptTemplate] is for receipts in PDUs.
func (t *ReceiptTemplate) Append(b []byte, r *Receipt) ([]byte, error) {
	if err := r.check(); err != nil {
		return b, err
	}
	return t.append(b, r), nil
}

// excerpt returns how many characters of the message are written.
func (t *ReceiptTemplate) excerpt() int {
	if n := len(t.pieces); n > 0 && t.pieces[n-1].field == fieldText {
		return t.pieces[n-1].width
	}
	return 0
}

func (t *ReceiptTemplate) append(b []byte, r *Receipt) []byte {
	for i := range t.pieces {
		p := &t.pieces[i]
		b = append(b, p.before...)
		switch p.field {
		case fieldID:
			b = appendFilled(b, r.ID, p.width)
		case fieldSub:
			b = appendCount(b, r.Submitted, 1, p.width)
		case fieldDlvrd:
			n := 0
			if state, ok := r.state(); ok && state == pdu.StateDelivered {
				n = 1
			}
			b = appendCount(b, r.Delivered, n, p.width)
		case fieldSubmitDate:
			b = appendDate(b, r.SubmitDate, p.layout)
		case fieldDoneDate:
			b = appendDate(b, r.DoneDate, p.layout)
		case fieldStat:
			b = append(b, r.stat()...)
		case fieldState:
			if state, ok := r.state(); ok {
				b = strconv.AppendUint(b, uint64(state), 10)
			}
		case fieldErr:
			b = appendFilled(b, r.err(), p.width)
		case fieldSource:
			b = append(b, r.Source.Addr...)
		case fieldDest:
			b = append(b, r.Dest.Addr...)
		case fieldText:
			b = append(b, firstChars(r.Text, p.width)...)
		}
	}
	return b
}

// appendFilled appends s with zeros in front up to width.
func appendFilled(b []byte, s string, width int) []byte {
	for range width - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}

func appendCount(b []byte, n *int, otherwise, width int) []byte {
	if n != nil {
		otherwise = *n
	}
	var buf [20]byte
	return appendFilled(b, string(strconv.AppendInt(buf[:0], int64(otherwise), 10)), width)
}

func appendDate(b []byte, t time.Time, layout string) []byte {
next:
	for layout != "" {
		for _, e := range dateElements {
			if strings.HasPrefix(layout, e.name) {
				n := 0
				if !t.IsZero() {
					n = e.value(t)
				}
				layout = layout[len(e.name):]
				b = appendCount(b, &n, 0, len(e.name))
				continue next
			}
		}
		b, layout = append(b, layout[0]), layout[1:]
	}
	return b
}
