package sms

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Options says how to compose messages. The zero value and nil are right for plain text.
type Options struct {
	// Charsets are the character sets that may be used. The one that takes the fewest parts is chosen, of several the one
	// that takes the fewest bits on the air, of several the first. National GSM alphabets are announced in the user data
	// header. Empty means the Alphabet of the Profile and coding.UTF16. A data_coding in the template that is not 0 fixes
	// the character set; then Charsets must be empty.
	Charsets []coding.Charset

	// Class is the message class, new(coding.ClassDisplay) for a flash message; nil is none. It goes into data_coding,
	// which must be 0 in the template, and restricts the character sets to the GSM alphabets, coding.Binary and
	// coding.UTF16.
	Class *coding.MessageClass

	// Method is how a text beyond one message is carried. The zero value is ByUDH.
	Method Method

	// Header goes in front of the user data of each part, such as UDH{Ports(2948, 9200)}. Elements for the parts and for
	// national tables are added to it.
	Header UDH

	// Reference gives the reference number of a message in parts; of 8 bits, its low octet is used. References.Next is
	// one that does not repeat itself soon. nil means a random number, which is good for occasional messages only.
	Reference func(source, dest pdu.Address) uint16

	// ReceiptOnLast asks for receipts and acknowledgements for the last part only. Otherwise registered_delivery of the
	// template is for each part, as it takes all of them for a message to arrive.
	ReceiptOnLast bool

	// MaxParts is the most parts that a message may take, 1 to 255; 0 means 255.
	MaxParts int
}

// Compose returns the PDUs that carry text, one for each part. Each is a copy of template with its user data, data_coding
// and UDHI bit: addresses, registered_delivery, times, priority and TLVs are as in template, which is not changed. nil
// options are the zero Options.
//
// A message has 140 octets on the air, headers included: 160 septets of a GSM alphabet, 70 units of UTF-16, 140 octets of
// others. In parts with a reference of 8 bits it is 153, 67 and 134; of 16 bits, and by SAR TLVs, which the message center
// turns into such a header, 152, 66 and 133. Parts are cut neither within an escape sequence nor within a surrogate
// pair.
//
// The error is an [*Error]. It wraps a *coding.EncodeError if the text has a character that none of the allowed
// character sets has.
func (p Profile) Compose(template *pdu.SubmitSM, text string, o *Options) ([]*pdu.SubmitSM, error) {
	opt, err := p.checkTemplate(template, o)
	if err != nil {
		return nil, err
	}
	l, err := p.plan(text, template.DataCoding, opt)
	if err != nil {
		return nil, err
	}
	return l.compose(template, text, opt)
}

// ComposeBinary returns the PDUs that carry octets which are no text, such as a ringtone for a port. It is as
// [Profile.Compose], but for the data_coding: the one of template, which must not announce text, or 4 if that is 0; with a
// class, that of binary data. Options.Charsets must be empty.
func (p Profile) ComposeBinary(template *pdu.SubmitSM, octets []byte, o *Options) ([]*pdu.SubmitSM, error) {
	opt, err := p.checkTemplate(template, o)
	if err != nil {
		return nil, err
	}
	l, err := p.planBinary(octets, template.DataCoding, opt)
	if err != nil {
		return nil, err
	}
	return l.compose(template, string(octets), opt)
}

// ComposeReplace returns a copy of template with text as its short_message. There is no data_coding in replace_sm: the
// message keeps the one it was submitted with. Without options the text is in the Alphabet of the Profile; a text in
// another character set needs the one of the submission as the only one of Options.Charsets. A text beyond one message
// is an error, or goes into message_payload if Options.Method is ByPayload (v5.0). The other options have no effect.
func (p Profile) ComposeReplace(template *pdu.ReplaceSM, text string, o *Options) (*pdu.ReplaceSM, error) {
	if template == nil {
		return nil, &Error{Field: "template", Rule: "it is missing"}
	}
	if len(template.ShortMessage) > 0 || template.TLVs.Has(pdu.TLVMessagePayload.Tag()) {
		return nil, &Error{Field: "short_message of the template", Rule: "it is empty, since the text is given apart"}
	}
	cs, method := p.alphabet(), ByUDH
	if o != nil {
		method = o.Method
		switch len(o.Charsets) {
		case 0:
		case 1:
			cs = orGSM7(o.Charsets[0])
		default:
			return nil, &Error{Field: "Options.Charsets", Value: fmt.Sprintf("with %d character sets", len(o.Charsets)),
				Rule: "one at most for replace_sm, that of the submission"}
		}
	}
	octets, err := coding.Encode(cs, text)
	if err != nil {
		return nil, &Error{Field: "text", Rule: "replace_sm has no data_coding and is written in " + cs.String(), Err: err}
	}
	m := *template
	m.TLVs = template.TLVs.Clone()
	limit := capacity(cs, 0)
	switch {
	case len(octets) <= limit:
		m.ShortMessage = octets
	case method == ByPayload:
		if err := checkPayload(len(octets)); err != nil {
			return nil, err
		}
		m.TLVs.Add(pdu.TLVMessagePayload.Tag(), octets)
	default:
		return nil, &Error{Field: "text", Value: fmt.Sprintf("of %d octets", len(octets)),
			Rule: fmt.Sprintf("%d octets at most, as replace_sm replaces one message", limit)}
	}
	return &m, nil
}

// Split returns the user data of each part that carries text, for PDUs other than submit_sm: Raw goes into short_message,
// or into message_payload if Method is ByPayload; ESMClass, which is UDHI or 0, is to be added to esm_class; DataCoding
// goes into data_coding; and with BySAR, Concat goes into the three TLVs. dataCoding is as in the template of
// [Profile.Compose]; Options.Reference and Options.ReceiptOnLast have no effect.
func (p Profile) Split(text string, dataCoding pdu.DataCoding, reference uint16, o *Options) ([]Data, error) {
	opt, err := o.check()
	if err != nil {
		return nil, err
	}
	l, err := p.plan(text, dataCoding, opt)
	if err != nil {
		return nil, err
	}
	return l.data(text, reference)
}

// An Estimate tells what a text takes, before anything is sent.
type Estimate struct {
	Charset    coding.Charset
	DataCoding pdu.DataCoding
	Parts      int

	// Units are septets of a GSM alphabet, code units of UTF-16, octets of others; headers are not counted.
	Units        int // of all parts
	UnitsPerPart int // room in each part
	UnitsLeft    int // room left in the last part

	// Forcing are the characters that forced the use of a costlier character set: those that the cheapest allowed one, a
	// GSM alphabet if there is one, does not have. Each stands once, in the order of the text.
	Forcing []rune
}

// Estimate returns what [Profile.Compose] would make of text, with data_coding 0 in the template. The errors are the
// same.
func (p Profile) Estimate(text string, o *Options) (Estimate, error) {
	opt, err := o.check()
	if err != nil {
		return Estimate{}, err
	}
	l, err := p.plan(text, 0, opt)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Charset: l.cs, DataCoding: l.dc, Parts: l.parts, Units: l.units, UnitsPerPart: l.limit, UnitsLeft: l.limit - l.last}
	if l.cs == coding.UTF16 {
		e.Units, e.UnitsPerPart, e.UnitsLeft = e.Units/2, e.UnitsPerPart/2, e.UnitsPerPart/2-l.last/2
	}
	if first := p.cheapest(opt); !same(first, l.cs) {
		e.Forcing = missing(first, text)
	}
	return e, nil
}

// cheapest returns the first of the allowed character sets of the cheapest kind.
func (p Profile) cheapest(o *Options) coding.Charset {
	if len(o.Charsets) == 0 {
		return p.alphabet()
	}
	rank := func(cs coding.Charset) int {
		if cs == coding.UTF16 {
			return 2
		}
		if _, ok := cs.(coding.GSM); ok {
			return 0
		}
		return 1
	}
	best := orGSM7(o.Charsets[0])
	for _, cs := range o.Charsets[1:] {
		if cs = orGSM7(cs); rank(cs) < rank(best) {
			best = cs
		}
	}
	return best
}

// missing returns the characters of text that cs does not have.
func missing(cs coding.Charset, text string) (list []rune) {
	seen := make(map[rune]bool)
	for {
		text = text[coding.Cut(cs, text, math.MaxInt):]
		if text == "" {
			return list
		}
		r, size := utf8.DecodeRuneInString(text)
		if !seen[r] {
			seen[r] = true
			list = append(list, r)
		}
		text = text[size:]
	}
}

// userDataOctets is what GSM carries in one message, headers included.
const userDataOctets = 140

// capacity returns how many octets of cs, septets for a GSM alphabet, fit into one message behind a header. It is negative
// if the header does not fit.
func capacity(cs coding.Charset, header int) int {
	if header > userDataOctets {
		return -1
	}
	if _, ok := cs.(coding.GSM); ok {
		return (userDataOctets - header) * 8 / 7
	}
	if cs == coding.UTF16 {
		return (userDataOctets - header) &^ 1
	}
	return userDataOctets - header
}

// A layout is how a text becomes messages.
type layout struct {
	cs     coding.Charset
	octets bool // the text is octets, to be sent as they are
	dc     pdu.DataCoding
	header UDH // of each part, without the element for the parts
	method Method
	parts  int
	units  int // octets of all parts without headers
	last   int // octets of the last part without headers
	limit  int // octets that a part has room for
}

// check returns the options, never nil.
func (o *Options) check() (*Options, error) {
	if o == nil {
		return new(Options), nil
	}
	switch {
	case o.Method > ByPayload:
		return nil, &Error{Field: "Options.Method", Value: fmt.Sprint(uint8(o.Method)), Rule: "one of ByUDH, ByUDH16, BySAR and ByPayload"}
	case o.MaxParts < 0 || o.MaxParts > 255:
		return nil, &Error{Field: "Options.MaxParts", Value: fmt.Sprint(o.MaxParts), Rule: "1 to 255, or 0 for 255"}
	case o.Class != nil && *o.Class > coding.ClassTE:
		return nil, &Error{Field: "Options.Class", Value: fmt.Sprint(uint8(*o.Class)), Rule: "0 to 3"}
	}
	if err := o.Header.check(); err != nil {
		return nil, err
	}
	return o, nil
}

// checkTemplate returns the options, never nil, unless they or the template are no good.
func (p Profile) checkTemplate(m *pdu.SubmitSM, o *Options) (*Options, error) {
	opt, err := o.check()
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, &Error{Field: "template", Rule: "it is missing"}
	case len(m.ShortMessage) > 0:
		return nil, &Error{Field: "short_message of the template", Value: fmt.Sprintf("of %d octets", len(m.ShortMessage)),
			Rule: "it is empty, since the content is given apart"}
	}
	for _, k := range []tlv.Definer{pdu.TLVMessagePayload, pdu.TLVSARMsgRefNum, pdu.TLVSARTotalSegments, pdu.TLVSARSegmentSeqnum} {
		if d := k.Definition(); m.TLVs.Has(d.Tag) {
			return nil, &Error{Field: d.Name + " of the template", Rule: "composing sets it"}
		}
	}
	if err := m.ScheduleDeliveryTime.Check(); err != nil {
		return nil, &Error{Field: "schedule_delivery_time of the template", Err: err}
	}
	if err := m.ValidityPeriod.Check(); err != nil {
		return nil, &Error{Field: "validity_period of the template", Err: err}
	}
	return opt, nil
}

// plan chooses the character set of a text and lays it out.
func (p Profile) plan(text string, dc pdu.DataCoding, o *Options) (*layout, error) {
	if dc != 0 {
		if len(o.Charsets) > 0 || o.Class != nil {
			return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)),
				Rule: "0 if Options has Charsets or a Class, which choose it"}
		}
		cs, ok := p.charset(dc, o.Header)
		if !ok {
			return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)),
				Rule: "a value with a known character set; ComposeBinary sends octets with any"}
		}
		return lay(&layout{cs: cs, dc: dc, header: o.Header}, text, o)
	}
	var pair [2]coding.Charset
	charsets := o.Charsets
	if len(charsets) == 0 {
		pair = [2]coding.Charset{p.alphabet(), coding.UTF16}
		charsets = pair[:]
	}
	var best *layout
	var reason error
	for _, cs := range charsets {
		cs = orGSM7(cs)
		if best != nil && cs == coding.UTF16 && len(best.header) == len(o.Header) {
			if _, ok := best.cs.(coding.GSM); ok {
				continue // 16 bits a character at least, where the other takes 14 at most
			}
		}
		l, err := p.try(cs, text, o)
		if err != nil {
			// A text that is too long says more than one that has other characters, and of these the last character set
			// is the widest as a rule.
			var missing *coding.EncodeError
			if reason == nil || errors.As(reason, &missing) {
				reason = err
			}
			continue
		}
		if best == nil || l.parts < best.parts || l.parts == best.parts && l.bits() < best.bits() {
			best = l
		}
	}
	if best == nil {
		return nil, reason
	}
	return best, nil
}

// bits returns what the message takes on the air, the element for the parts aside.
func (l *layout) bits() int {
	if _, ok := l.cs.(coding.GSM); ok {
		return 7*l.units + 8*l.parts*l.header.Len()
	}
	return 8 * (l.units + l.parts*l.header.Len())
}

// try lays a text out in one character set.
func (p Profile) try(cs coding.Charset, text string, o *Options) (*layout, error) {
	l := &layout{cs: cs, header: o.Header}
	if g, ok := cs.(coding.GSM); ok && g != coding.GSM7 && !same(g, p.alphabet()) {
		l.header = slices.Clip(l.header)
		if g.Locking() != coding.DefaultLanguage {
			l.header = append(l.header, LockingShift(g.Locking()))
		}
		if g.Single() != coding.DefaultLanguage {
			l.header = append(l.header, SingleShift(g.Single()))
		}
	}
	var ok bool
	if l.dc, ok = p.dataCoding(cs, o.Class, l.header); !ok {
		rule := "a character set that a data_coding of the Profile announces"
		if o.Class != nil {
			rule = "one that a data_coding with a message class announces"
		}
		return nil, &Error{Field: "character set", Value: cs.String(), Rule: rule}
	}
	return lay(l, text, o)
}

// lay fills in the parts. Taking as much as fits into each part makes the fewest parts.
func lay(l *layout, text string, o *Options) (*layout, error) {
	l.limit = capacity(l.cs, l.header.Len())
	if err := l.measure(text); err != nil {
		return nil, err
	}
	if l.limit >= 0 && l.units <= l.limit {
		l.parts, l.last = 1, l.units
		return l, nil
	}
	if o.Method == ByPayload {
		l.limit = 0xFFFF - l.header.Len()
		if err := checkPayload(l.units + l.header.Len()); err != nil {
			return nil, err
		}
		l.parts, l.last, l.method = 1, l.units, ByPayload
		return l, nil
	}
	if _, ok := o.Header.Concat(); ok {
		return nil, &Error{Field: "Options.Header", Value: o.Header.String(), Rule: "without an element for parts, as the text takes several"}
	}
	if o.Method == BySAR && l.header != nil {
		return nil, &Error{Field: "Options.Header", Value: l.header.String(), Rule: "none together with BySAR: a user data header excludes the SAR TLVs"}
	}
	l.method = o.Method
	l.limit = capacity(l.cs, l.partHeader())
	if l.method == BySAR {
		l.limit = capacity(l.cs, 7) // the header that the message center makes of the TLVs
	}
	for rest := text; rest != "" || l.limit < 0; l.parts++ {
		units, n := l.cut(rest)
		if n == 0 {
			return nil, &Error{Field: "user data header", Value: fmt.Sprintf("of %d octets", l.partHeader()),
				Rule: fmt.Sprintf("it leaves room for text in the %d octets of a message", userDataOctets)}
		}
		l.last, rest = units, rest[n:]
	}
	most := o.MaxParts
	if most == 0 {
		most = 255
	}
	if l.parts > most {
		return nil, &Error{Field: "text", Value: fmt.Sprintf("of %d octets in %v", l.units, l.cs),
			Rule: fmt.Sprintf("it takes %d parts, %d at most are allowed", l.parts, most)}
	}
	return l, nil
}

func checkPayload(octets int) error {
	if octets > 0xFFFF {
		return &Error{Field: "message_payload", Value: fmt.Sprintf("of %d octets", octets), Rule: "65535 octets at most"}
	}
	return nil
}

// measure sets units. All of the text must be in the character set.
func (l *layout) measure(text string) error {
	if l.octets {
		l.units = len(text)
		return nil
	}
	units, ok := coding.Len(l.cs, text)
	if !ok {
		_, err := coding.Encode(l.cs, text)
		return &Error{Field: "text", Rule: "every character is in an allowed character set", Err: err}
	}
	l.units = units
	return nil
}

// cut returns the longest beginning of text that fits into a part: its octets in the character set and in text.
func (l *layout) cut(text string) (units, n int) {
	if l.limit < 0 {
		return 0, 0
	}
	if l.octets {
		n = min(len(text), l.limit)
		return n, n
	}
	return l.cs.Units(text, l.limit)
}

// partHeader returns the octets of the header of a part of several.
func (l *layout) partHeader() int {
	switch l.method {
	case ByUDH:
		return max(l.header.Len(), 1) + 5
	case ByUDH16:
		return max(l.header.Len(), 1) + 6
	}
	return l.header.Len()
}

func (p Profile) planBinary(octets []byte, dc pdu.DataCoding, o *Options) (*layout, error) {
	if len(o.Charsets) > 0 {
		return nil, &Error{Field: "Options.Charsets", Rule: "empty for octets, which have no character set"}
	}
	switch {
	case o.Class != nil && dc != 0:
		return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)), Rule: "0 if Options has a Class, which chooses it"}
	case o.Class != nil:
		dc = 0xF4 | pdu.DataCoding(*o.Class)
	case dc == 0:
		dc = pdu.CodingOctets
	}
	if cs, ok := p.charset(dc, nil); ok && cs != coding.Binary {
		return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)),
			Rule: "one for octets, such as 4; this one announces text in " + cs.String()}
	}
	return lay(&layout{cs: coding.Binary, octets: true, dc: dc, header: o.Header}, string(octets), o)
}

// append appends the user data of the next part to dst and returns what is left of text.
func (l *layout) append(dst []byte, text string, reference uint16, index int) (_ []byte, rest string, err error) {
	n := len(text)
	switch {
	case l.parts > 1:
		_, n = l.cut(text)
		fallthrough
	case l.header != nil:
		dst, err = l.appendHeader(dst, reference, index)
		if err != nil {
			return dst, text, err
		}
	}
	if l.octets {
		return append(dst, text[:n]...), text[n:], nil
	}
	dst, err = l.cs.AppendEncode(dst, text[:n])
	if err != nil {
		return dst, text, &Error{Field: "text", Err: err}
	}
	return dst, text[n:], nil
}

func (l *layout) appendHeader(dst []byte, reference uint16, index int) ([]byte, error) {
	start := len(dst)
	dst, err := l.header.Append(dst)
	if err != nil || l.parts == 1 || l.method == BySAR {
		return dst, err
	}
	if l.header == nil {
		dst = append(dst, 0)
	}
	if l.method == ByUDH16 {
		dst = append(dst, ElementConcat16, 4, byte(reference>>8))
	} else {
		dst = append(dst, ElementConcat8, 3)
	}
	dst = append(dst, byte(reference), byte(l.parts), byte(index))
	dst[start] = byte(len(dst) - start - 1)
	return dst, nil
}

// reference returns the number to be written: of 8 bits or 16.
func (l *layout) reference(n uint16) uint16 {
	if l.method == ByUDH {
		return n & 0xFF
	}
	return n
}

// esmClass returns the UDHI bit if there is a header.
func (l *layout) esmClass() pdu.ESMClass {
	if l.header != nil || l.parts > 1 && l.method != BySAR {
		return pdu.UDHI
	}
	return 0
}

// compose makes the PDUs.
func (l *layout) compose(template *pdu.SubmitSM, text string, o *Options) ([]*pdu.SubmitSM, error) {
	if l.parts > 1 && template.ReplaceIfPresent != 0 {
		return nil, &Error{Field: "replace_if_present_flag of the template", Value: fmt.Sprint(template.ReplaceIfPresent),
			Rule: fmt.Sprintf("0, since the %d parts of the message would replace each other", l.parts)}
	}
	var reference uint16
	if l.parts > 1 {
		if o.Reference != nil {
			reference = o.Reference(template.Source, template.Dest)
		} else {
			reference = uint16(rand.Uint32())
		}
		reference = l.reference(reference)
	}
	messages := make([]pdu.SubmitSM, l.parts)
	list := make([]*pdu.SubmitSM, l.parts)
	octets := make([]byte, 0, l.units+l.parts*(l.header.Len()+7))
	for i := range messages {
		m := &messages[i]
		list[i] = m
		*m = *template
		m.TLVs = template.TLVs.Clone()
		m.ESMClass = m.ESMClass&^pdu.UDHI | l.esmClass()
		m.DataCoding = l.dc
		if o.ReceiptOnLast && i < l.parts-1 {
			m.RegisteredDelivery = pdu.NoReceipt
		}
		start := len(octets)
		var err error
		octets, text, err = l.append(octets, text, reference, i+1)
		if err != nil {
			return nil, err
		}
		part := octets[start:len(octets):len(octets)]
		switch {
		case l.method == ByPayload:
			m.ShortMessage = nil
			m.TLVs.Add(pdu.TLVMessagePayload.Tag(), part)
			continue
		case l.method == BySAR && l.parts > 1:
			pdu.TLVSARMsgRefNum.Set(&m.TLVs, reference)
			pdu.TLVSARTotalSegments.Set(&m.TLVs, uint8(l.parts))
			pdu.TLVSARSegmentSeqnum.Set(&m.TLVs, uint8(i+1))
		}
		m.ShortMessage = part
	}
	return list, nil
}

// data makes the user data of the parts.
func (l *layout) data(text string, reference uint16) ([]Data, error) {
	reference = l.reference(reference)
	list := make([]Data, l.parts)
	octets := make([]byte, 0, l.units+l.parts*(l.header.Len()+7))
	for i := range list {
		start := len(octets)
		var err error
		octets, text, err = l.append(octets, text, reference, i+1)
		if err != nil {
			return nil, err
		}
		d := &list[i]
		*d = Data{Raw: octets[start:len(octets):len(octets)], DataCoding: l.dc, ESMClass: l.esmClass()}
		if l.method == ByPayload {
			d.Method = ByPayload
		}
		d.read(nil)
		if l.method == BySAR && l.parts > 1 {
			d.Concat, d.Method = Concat{reference, uint8(l.parts), uint8(i + 1)}, BySAR
		}
	}
	return list, nil
}
