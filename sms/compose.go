package sms

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Options says how to compose messages. The zero value and nil are right for plain text.
type Options struct {
	// Charsets are the character sets that may be used. The one that takes the fewest parts is chosen, of several GSM
	// alphabets the default one, of others the one that takes the fewest bits on the air, of several the first; all parts
	// have the same. National GSM alphabets are
	// announced in the user data header. Empty means the Alphabet of the Profile and coding.UTF16. A data_coding in the
	// template that is not 0 fixes the character set; then Charsets and Languages must be empty.
	Charsets []coding.Charset

	// Languages are the languages whose national GSM tables may be used beside Charsets, in any pairing of a locking
	// and a single shift table, AllLanguages for instance. They save parts, up to half of them, with handsets that know the
	// tables; others show wrong characters. Empty means none.
	Languages []coding.Language

	// Transliterate writes a text that only coding.UTF16 could carry, or no allowed character set at all, with similar
	// characters of a cheaper allowed one: straight for curly quotation marks, letters without their accents. It is given
	// up, and the text sent as it is, if a character has no likeness or if it would take more parts.
	Transliterate bool

	// Boundary returns how many bytes at the start of a text belong together, so that no part ends within them: the first
	// user-perceived character (grapheme cluster), such as an emoji with its skin tone. It is called with non-empty text.
	// Results that make no sense count as one character, and what is longer than a part is cut between characters. nil
	// keeps characters whole, escape sequences and surrogate pairs that is. With github.com/rivo/uniseg:
	//
	//	func(s string) int { c, _, _, _ := uniseg.FirstGraphemeClusterInString(s, -1); return len(c) }
	Boundary func(text string) int

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
// pair, nor where Options.Boundary says.
//
// Ports stand in Options.Header, or in template as the TLVs destination_port and source_port, with BySAR if the message may
// take several parts, as a user data header excludes them.
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
	return l.compose(template, opt)
}

// ComposeBinary returns the PDUs that carry octets which are no text, such as a ringtone for a port. It is as
// [Profile.Compose], but for the data_coding: the one of template, which must not announce text, or 4 if that is 0; with a
// class, that of binary data. Options.Charsets and Options.Languages must be empty; Options.Transliterate and
// Options.Boundary have no effect.
func (p Profile) ComposeBinary(template *pdu.SubmitSM, octets []byte, o *Options) ([]*pdu.SubmitSM, error) {
	opt, err := p.checkTemplate(template, o)
	if err != nil {
		return nil, err
	}
	l, err := p.planBinary(octets, template.DataCoding, opt)
	if err != nil {
		return nil, err
	}
	return l.compose(template, opt)
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
			cs = behind(orGSM7(o.Charsets[0]), 0)
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
	limit := userDataOctets
	if _, packed, _ := gsm(cs); !packed {
		limit = capacity(cs, userDataOctets)
	}
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
	return l.data(reference)
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

	// Forcing are the characters that forced the use of a costlier character set: those that one of the cheaper allowed
	// ones does not have, the one with the fewest such. Each stands once, in the order of the text.
	Forcing []rune

	// Text is what is sent. It differs from the text only if Options.Transliterate has changed it.
	Text string
}

// Estimate returns what [Profile.Compose] would make of text with a template that has neither data_coding nor TLVs. The
// errors are the same.
func (p Profile) Estimate(text string, o *Options) (Estimate, error) {
	return p.EstimateFor(new(pdu.SubmitSM), text, o)
}

// EstimateFor returns what [Profile.Compose] would make of text with the template, whose data_coding and port TLVs count.
// The errors are the same.
func (p Profile) EstimateFor(template *pdu.SubmitSM, text string, o *Options) (Estimate, error) {
	opt, err := p.checkTemplate(template, o)
	if err != nil {
		return Estimate{}, err
	}
	l, err := p.plan(text, template.DataCoding, opt)
	if err != nil {
		return Estimate{}, err
	}
	e, err := l.estimate(template, opt)
	if err == nil && template.DataCoding == 0 {
		e.Forcing = p.forcing(l, opt)
	}
	return e, err
}

// EstimateBinary returns what [Profile.ComposeBinary] would make of octets. Units are octets, and Text is empty. The errors
// are the same.
func (p Profile) EstimateBinary(template *pdu.SubmitSM, octets []byte, o *Options) (Estimate, error) {
	opt, err := p.checkTemplate(template, o)
	if err != nil {
		return Estimate{}, err
	}
	l, err := p.planBinary(octets, template.DataCoding, opt)
	if err != nil {
		return Estimate{}, err
	}
	e, err := l.estimate(template, opt)
	e.Text = ""
	return e, err
}

func (l *layout) estimate(template *pdu.SubmitSM, o settings) (Estimate, error) {
	if err := l.check(template, o); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Charset: l.cs, DataCoding: l.dc, Parts: l.parts, Units: l.units, UnitsPerPart: l.limit, UnitsLeft: l.limit - l.last, Text: l.text}
	if l.cs == coding.UTF16 {
		e.Units, e.UnitsPerPart, e.UnitsLeft = e.Units/2, e.UnitsPerPart/2, e.UnitsPerPart/2-l.last/2
	}
	return e, nil
}

// forcing returns the characters for which a cheaper kind of character set was not taken.
func (p Profile) forcing(l *layout, o settings) (least []rune) {
	rank := func(cs coding.Charset) int {
		switch g, _, ok := gsm(cs); {
		case ok && (g == coding.GSM7 || same(cs, p.alphabet())):
			return 0
		case ok:
			return 1
		case cs == coding.UTF16:
			return 3
		}
		return 2
	}
	own := rank(l.cs)
	if own == 0 {
		return nil
	}
	all := distinct(l.text)
	for _, cs := range slices.Concat(p.charsets(o), p.national(o)) {
		if cs = orGSM7(cs); rank(cs) < own {
			if m := missing(cs, all); len(m) > 0 && (least == nil || len(m) < len(least)) {
				least = m
			}
		}
	}
	return least
}

// distinct returns each character of text once.
func distinct(text string) string {
	seen := make(map[rune]bool)
	return strings.Map(func(r rune) rune {
		if seen[r] {
			return -1
		}
		seen[r] = true
		return r
	}, text)
}

// missing returns the characters of text that cs does not have.
func missing(cs coding.Charset, text string) (list []rune) {
	for {
		text = text[coding.Cut(cs, text, math.MaxInt):]
		if text == "" {
			return list
		}
		r, size := utf8.DecodeRuneInString(text)
		list = append(list, r)
		text = text[size:]
	}
}

// userDataOctets is what GSM carries in one message, headers included.
const userDataOctets = 140

// setLimit sets how much text fits into one message behind a header of so many octets. It is negative if the header does not
// fit.
func (l *layout) setLimit(header int) {
	l.room = userDataOctets - header
	l.limit = capacity(l.cs, l.room)
}

// capacity returns how many octets of cs, septets for a GSM alphabet, fit into so many octets on the air.
func capacity(cs coding.Charset, room int) int {
	if room < 0 {
		return -1
	}
	if _, _, ok := gsm(cs); ok {
		return room * 8 / 7
	}
	if cs == coding.UTF16 {
		return room &^ 1
	}
	return room
}

// A layout is how a text becomes messages.
type layout struct {
	text   string // as it is sent
	cs     coding.Charset
	octets bool // the text is octets, to be sent as they are
	dc     pdu.DataCoding
	header UDH // of each part, without the element for the parts
	method Method
	parts  int
	split  bool  // there are several
	ends   []int // of the parts in the text, if there are several
	units  int   // octets of all parts without headers
	last   int   // octets of the last part without headers
	limit  int   // octets that a part has room for, septets for a GSM alphabet
	room   int   // octets that a part has room for on the air
}

// Settings are options that were checked.
type settings struct {
	*Options
	portTLVs int // octets of the header element that the message center makes of the port TLVs in the template
}

// national returns the alphabets that Options.Languages allows.
func (p Profile) national(o settings) (list []coding.Charset) {
	if len(o.Languages) == 0 {
		return nil
	}
	languages := append([]coding.Language{coding.DefaultLanguage}, o.Languages...)
	for _, locking := range languages {
		for _, single := range languages {
			g := coding.National(locking, single)
			if g.Locking() == locking && g.Single() == single && g != coding.GSM7 {
				list = append(list, likePacked(p.alphabet(), g))
			}
		}
	}
	return list
}

// AllLanguages returns the languages that have national tables, for Options.Languages.
func AllLanguages() []coding.Language {
	var list []coding.Language
	for l := coding.DefaultLanguage; l.HasLocking() || l.HasSingle(); l++ {
		if l != coding.DefaultLanguage {
			list = append(list, l)
		}
	}
	return list
}

// check returns the options, which are never nil.
func (o *Options) check() (s settings, err error) {
	if o == nil {
		return settings{Options: new(Options)}, nil
	}
	switch {
	case o.Method > ByPayload:
		return s, &Error{Field: "Options.Method", Value: fmt.Sprint(uint8(o.Method)), Rule: "one of ByUDH, ByUDH16, BySAR and ByPayload"}
	case o.MaxParts < 0 || o.MaxParts > 255:
		return s, &Error{Field: "Options.MaxParts", Value: fmt.Sprint(o.MaxParts), Rule: "1 to 255, or 0 for 255"}
	case o.Class != nil && *o.Class > coding.ClassTE:
		return s, &Error{Field: "Options.Class", Value: fmt.Sprint(uint8(*o.Class)), Rule: "0 to 3"}
	}
	for _, l := range o.Languages {
		if !l.HasLocking() && !l.HasSingle() {
			return s, &Error{Field: "Options.Languages", Value: l.String(), Rule: "one that has national tables"}
		}
	}
	if err := o.Header.check(); err != nil {
		return s, err
	}
	return settings{Options: o}, nil
}

// checkTemplate returns the options, unless they or the template are no good.
func (p Profile) checkTemplate(m *pdu.SubmitSM, o *Options) (opt settings, err error) {
	opt, err = o.check()
	switch {
	case err != nil:
		return opt, err
	case m == nil:
		return opt, &Error{Field: "template", Rule: "it is missing"}
	case len(m.ShortMessage) > 0:
		return opt, &Error{Field: "short_message of the template", Value: fmt.Sprintf("of %d octets", len(m.ShortMessage)),
			Rule: "it is empty, since the content is given apart"}
	}
	for _, k := range []tlv.Definer{pdu.TLVMessagePayload, pdu.TLVSARMsgRefNum, pdu.TLVSARTotalSegments, pdu.TLVSARSegmentSeqnum} {
		if d := k.Definition(); m.TLVs.Has(d.Tag) {
			return opt, &Error{Field: d.Name + " of the template", Rule: "composing sets it"}
		}
	}
	if err := m.ScheduleDeliveryTime.Check(); err != nil {
		return opt, &Error{Field: "schedule_delivery_time of the template", Err: err}
	}
	if err := m.ValidityPeriod.Check(); err != nil {
		return opt, &Error{Field: "validity_period of the template", Err: err}
	}
	if m.TLVs.Has(pdu.TLVDestPort.Tag()) || m.TLVs.Has(pdu.TLVSourcePort.Tag()) {
		opt.portTLVs = 6
	}
	return opt, nil
}

// plan chooses the character set of a text and lays it out.
func (p Profile) plan(text string, dc pdu.DataCoding, o settings) (*layout, error) {
	if dc != 0 {
		if len(o.Charsets) > 0 || len(o.Languages) > 0 || o.Class != nil {
			return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)),
				Rule: "0 if Options has Charsets, Languages or a Class, which choose it"}
		}
		cs, ok := p.charset(dc, o.Header)
		if !ok {
			return nil, &Error{Field: "data_coding of the template", Value: fmt.Sprintf("%#02x", uint8(dc)),
				Rule: "a value with a known character set; ComposeBinary sends octets with any"}
		}
		if o.Transliterate {
			text = coding.Transliterate(cs, text)
		}
		return p.lay(&layout{text: text, cs: cs, dc: dc, header: o.Header}, o)
	}
	charsets := p.charsets(o)
	l, err := p.choose(text, charsets, o, false)
	if !o.Transliterate || err == nil && l.cs != coding.UTF16 {
		return l, err
	}
	if len(o.Charsets) > 0 {
		charsets = slices.DeleteFunc(slices.Clone(charsets), func(cs coding.Charset) bool { return cs == coding.UTF16 })
	} else {
		charsets = charsets[:1]
	}
	if _, e := p.choose(text, charsets, o, false); e == nil {
		return l, err // a cheaper kind carries the text, only it takes no less
	}
	if similar, e := p.choose(text, charsets, o, true); e == nil && (err != nil || similar.parts <= l.parts) {
		return similar, nil
	}
	return l, err
}

// charsets returns the allowed character sets without the national ones of Options.Languages.
func (p Profile) charsets(o settings) []coding.Charset {
	if len(o.Charsets) > 0 {
		return o.Charsets
	}
	return []coding.Charset{p.alphabet(), coding.UTF16}
}

// choose lays a text out in the character set that takes the least, with similar characters if those of the text may be
// changed.
func (p Profile) choose(text string, charsets []coding.Charset, o settings, similar bool) (best *layout, reason error) {
	try := func(cs coding.Charset) error {
		text := text
		if similar {
			text = coding.Transliterate(cs, text)
		}
		l, err := p.try(cs, text, o)
		if err == nil && (best == nil || l.cheaper(best)) {
			best = l
		}
		return err
	}
	var other *coding.EncodeError
	for _, cs := range charsets {
		cs = orGSM7(cs)
		if best != nil && cs == coding.UTF16 && len(best.header) == len(o.Header) {
			if _, _, ok := gsm(best.cs); ok {
				continue // 16 bits a character at least, where the other takes 14 at most
			}
		}
		// A text that is too long says more than one that has other characters, and of these the last character set is the
		// widest as a rule.
		if err := try(cs); err != nil && (reason == nil || errors.As(reason, &other)) {
			reason = err
		}
	}
	if len(o.Languages) > 0 && (best == nil || !best.least()) {
		// Most tables lack some character of most texts: the distinct ones tell cheaply.
		all := distinct(text)
		for _, cs := range p.national(o) {
			if !similar && !coding.Encodable(cs, all) {
				continue
			}
			if err := try(cs); err != nil && reason != nil && errors.As(reason, &other) && !errors.As(err, &other) {
				reason = err
			}
		}
	}
	if best == nil {
		return nil, reason
	}
	return best, nil
}

// cheaper reports whether a layout is to be preferred to another.
func (l *layout) cheaper(than *layout) bool {
	if l.parts != than.parts {
		return l.parts < than.parts
	}
	// Tables that save no part are not worth a handset that lacks them.
	a, _, isGSM := gsm(l.cs)
	b, _, other := gsm(than.cs)
	if isGSM && other && (a == coding.GSM7) != (b == coding.GSM7) {
		return a == coding.GSM7
	}
	return l.bits() < than.bits()
}

// least reports whether nothing can take less: 7 bits a character and no header for a table.
func (l *layout) least() bool {
	g, _, ok := gsm(l.cs)
	return ok && g == coding.GSM7 && l.units == utf8.RuneCountInString(l.text)
}

// bits returns what the message takes on the air, the element for the parts aside.
func (l *layout) bits() int {
	if _, _, ok := gsm(l.cs); ok {
		return 7*l.units + 8*l.parts*l.header.Len()
	}
	return 8 * (l.units + l.parts*l.header.Len())
}

// try lays a text out in one character set.
func (p Profile) try(cs coding.Charset, text string, o settings) (*layout, error) {
	l := &layout{text: text, cs: cs, header: o.Header}
	if g, _, ok := gsm(cs); ok && g != coding.GSM7 && !same(cs, p.alphabet()) {
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
	return p.lay(l, o)
}

// lay fills in the parts. Taking as much as fits into each part makes the fewest parts.
func (p Profile) lay(l *layout, o settings) (*layout, error) {
	l.setLimit(withTLVs(l.header.Len(), o.portTLVs))
	if err := l.measure(); err != nil {
		return nil, err
	}
	if l.limit >= 0 && l.units <= l.limit && l.reach(0, len(l.text)) == len(l.text) {
		l.parts, l.last = 1, l.units
		return l, nil
	}
	if o.Method == ByPayload {
		octets := l.units
		l.limit = 0xFFFF - l.header.Len()
		if _, packed, _ := gsm(l.cs); packed {
			l.limit = l.limit * 8 / 7
			octets, _ = coding.Len(behind(l.cs, l.header.Len()), l.text)
		}
		if err := checkPayload(octets + l.header.Len()); err != nil {
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
	l.method, l.split = o.Method, true
	l.setLimit(withTLVs(l.partHeader(), o.portTLVs))
	if err := l.cut(o); err != nil {
		return nil, err
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

// withTLVs adds the octets of elements that the message center makes of TLVs to the length of a header.
func withTLVs(header, octets int) int {
	if header == 0 && octets > 0 {
		header = 1 // the length octet
	}
	return header + octets
}

func checkPayload(octets int) error {
	if octets > 0xFFFF {
		return &Error{Field: "message_payload", Value: fmt.Sprintf("of %d octets", octets), Rule: "65535 octets at most"}
	}
	return nil
}

// measure sets units. All of the text must be in the character set.
func (l *layout) measure() error {
	if l.octets {
		l.units = len(l.text)
		return nil
	}
	units, ok := coding.Len(unpacked(l.cs), l.text)
	if !ok {
		_, err := coding.Encode(l.cs, l.text)
		return &Error{Field: "text", Rule: "every character is in an allowed character set", Err: err}
	}
	l.units = units
	return nil
}

// cut cuts the text into parts, each as long as it can be.
func (l *layout) cut(o settings) error {
	loose := 0 // the end of what is longer than a part, and so is cut between characters
	for at := 0; at < len(l.text) || l.limit < 0; l.parts++ {
		end := at
		switch {
		case l.limit < 0:
		case l.octets || o.Boundary == nil:
			end = l.reach(at, len(l.text))
		default:
			for whole := true; whole && end < len(l.text); {
				to := loose
				if end >= loose {
					to = end + together(l.text[end:], o.Boundary)
				}
				n := l.reach(at, to)
				if whole = n == to; !whole && end >= loose {
					if l.reach(end, to) == to {
						break // it fits into the next part
					}
					loose = to
				}
				end = n
			}
		}
		if end == at {
			return &Error{Field: "user data header", Value: fmt.Sprintf("of %d octets", l.partHeader()),
				Rule: fmt.Sprintf("it leaves room for text in the %d octets of a message", userDataOctets)}
		}
		l.ends = append(l.ends, end)
		l.last = end - at
		if !l.octets {
			l.last, _ = coding.Len(unpacked(l.cs), l.text[at:end])
		}
		at = end
	}
	return nil
}

// reach returns the end of the longest part that starts at one place of the text and ends before or at another.
func (l *layout) reach(start, end int) int {
	if l.octets {
		return min(start+l.limit, end)
	}
	cs, limit := l.cs, l.limit
	if _, packed, _ := gsm(cs); packed {
		cs, limit = behind(l.cs, l.wireHeader()), l.room
	}
	_, n := cs.Units(l.text[start:end], limit)
	return start + n
}

// together returns how many bytes at the start of text a boundary function wants in one part, at least a character.
func together(text string, boundary func(string) int) int {
	n := boundary(text)
	_, least := utf8.DecodeRuneInString(text)
	if n < least || n > len(text) {
		return least
	}
	for n < len(text) && !utf8.RuneStart(text[n]) {
		n++
	}
	return n
}

// wireHeader returns the octets of the header in front of the text in each PDU.
func (l *layout) wireHeader() int {
	if l.split && l.method != BySAR {
		return l.partHeader()
	}
	return l.header.Len()
}

// partHeader returns the octets of the header of a part of several.
func (l *layout) partHeader() int {
	if l.method == ByUDH {
		return max(l.header.Len(), 1) + 5
	}
	return max(l.header.Len(), 1) + 6 // BySAR: what the message center makes of the TLVs
}

func (p Profile) planBinary(octets []byte, dc pdu.DataCoding, o settings) (*layout, error) {
	if len(o.Charsets) > 0 || len(o.Languages) > 0 {
		return nil, &Error{Field: "Options.Charsets and Languages", Rule: "empty for octets, which have no character set"}
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
	return p.lay(&layout{text: string(octets), cs: coding.Binary, octets: true, dc: dc, header: o.Header}, o)
}

// append appends the user data of a part, counted from 0, to dst.
func (l *layout) append(dst []byte, reference uint16, i int) (_ []byte, err error) {
	text := l.text
	if l.parts > 1 {
		start := 0
		if i > 0 {
			start = l.ends[i-1]
		}
		text = text[start:l.ends[i]]
	}
	if l.parts > 1 || l.header != nil {
		if dst, err = l.appendHeader(dst, reference, i+1); err != nil {
			return dst, err
		}
	}
	if l.octets {
		return append(dst, text...), nil
	}
	if dst, err = behind(l.cs, l.wireHeader()).AppendEncode(dst, text); err != nil {
		return dst, &Error{Field: "text", Err: err}
	}
	return dst, nil
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

// check reports what of the template does not go with the layout.
func (l *layout) check(template *pdu.SubmitSM, o settings) error {
	if l.parts > 1 && template.ReplaceIfPresent != 0 {
		return &Error{Field: "replace_if_present_flag of the template", Value: fmt.Sprint(template.ReplaceIfPresent),
			Rule: fmt.Sprintf("0, since the %d parts of the message would replace each other", l.parts)}
	}
	if o.portTLVs > 0 && l.esmClass() != 0 {
		return &Error{Field: "destination_port and source_port of the template",
			Rule: "none together with a user data header; Ports in Options.Header, or the Method BySAR for a message in parts"}
	}
	return nil
}

// compose makes the PDUs.
func (l *layout) compose(template *pdu.SubmitSM, o settings) ([]*pdu.SubmitSM, error) {
	if err := l.check(template, o); err != nil {
		return nil, err
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
		octets, err = l.append(octets, reference, i)
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
func (l *layout) data(reference uint16) ([]Data, error) {
	reference = l.reference(reference)
	list := make([]Data, l.parts)
	octets := make([]byte, 0, l.units+l.parts*(l.header.Len()+7))
	for i := range list {
		start := len(octets)
		var err error
		octets, err = l.append(octets, reference, i)
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
