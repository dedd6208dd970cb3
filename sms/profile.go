package sms

import (
	"reflect"
	"time"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
)

// A Profile holds what the two ends of a connection have agreed on outside the protocol. The zero value is right for
// most message centers. A Profile may be used by several goroutines at once as long as nobody changes it.
type Profile struct {
	// Alphabet is the character set behind data_coding 0, and of replace_sm, which has no data_coding. nil is
	// coding.GSM7. coding.Packed{} is the GSM alphabet with eight septets in seven octets, which some message centers want;
	// its Header is filled in.
	Alphabet coding.Charset

	// GSMDataCoding tells that data_coding is a GSM data coding scheme (3GPP TS 23.038), as in SMPP v3.3, rather than
	// SMPP's own reading with Latin 1, Cyrillic and others. They differ for most values below 0x10.
	GSMDataCoding bool

	// Charsets gives data_coding values a meaning of their own, in reading and composing, and beats the rules above.
	// {1: coding.GSM7} is for peers that take 1 for the GSM alphabet; {0x0F: coding.FromEncoding("Big5",
	// traditionalchinese.Big5)} adds Chinese. A nil value is coding.GSM7.
	Charsets map[pdu.DataCoding]coding.Charset

	// AddressCharset is the character set of names, which are alphanumeric addresses. nil is coding.ASCII, as SMPP has it;
	// message centers that take others mostly take coding.GSM7 or coding.Latin1.
	AddressCharset coding.Charset

	// Zone is the time zone of the dates in the text of receipts, read and written. nil is UTC.
	Zone *time.Location

	// MessageID says how message ids in receipts differ from those in responses. The zero value is MessageIDExact. It is kept
	// here for whoever compares ids: no method of Profile does. A Correlator has a Rule of its own.
	MessageID MessageIDRule

	// ReceiptText takes a deliver_sm or data_sm for a receipt if its text is one, although neither esm_class nor TLVs say
	// so, as from some peers of v3.3. It lets any subscriber write receipts: set it only where it is needed.
	ReceiptText bool

	// StatWords gives states to words in the stat field of receipts beyond the usual ones, or other states to these. The keys
	// are in upper case; the case of the field does not count.
	StatWords map[string]pdu.MessageState

	// ReceiptTemplate is the layout of the text of receipts that WriteReceipt writes. nil is the standard one.
	ReceiptTemplate *ReceiptTemplate
}

// Text returns the text of a submit_sm, deliver_sm, data_sm, submit_multi, replace_sm or broadcast_sm with the zero
// Profile. See [Profile.Text].
func Text(b pdu.Body) string { return Profile{}.Text(b) }

// Text returns the text of a submit_sm, deliver_sm, data_sm, submit_multi, replace_sm or broadcast_sm, and the empty
// string for all other bodies. It is valid UTF-8 and without the user data header.
//
// The character set is the one of data_coding, with the national tables that the header announces. Octets without
// meaning in it become U+FFFD. If data_coding announces no known character set, the text shows octet n as U+0000 + n;
// [Profile.Read] tells the difference, and [UserData] has the octets.
func (p Profile) Text(b pdu.Body) string {
	d, ok := UserData(b)
	if !ok {
		return ""
	}
	return p.Decode(d)
}

// Decode returns the text of user data, as [Profile.Text] does.
func (p Profile) Decode(d Data) string {
	cs, _ := p.charset(d.DataCoding, d.Header)
	return coding.Decode(behind(cs, len(d.Raw)-len(d.Octets)), d.Octets)
}

// A Message is a short message as its recipient sees it.
type Message struct {
	Source pdu.Address
	Dest   pdu.Address // zero for replace_sm, broadcast_sm, and submit_multi unless it has a single destination
	Text   string

	// Charset is the character set of Text. Known is false if data_coding announces none that is known here; then Text
	// shows octet n as U+0000 + n. For a message in parts they are those of its first part.
	Charset coding.Charset
	Known   bool

	HasClass bool
	Class    coding.MessageClass // if HasClass: coding.ClassDisplay is a flash message

	// Parts is the user data of each part in order, only one for a message in one piece.
	Parts []Data

	// Missing holds the numbers of the parts that never came. It is empty but for a message that a Joiner gave up.
	Missing []int

	held *held // of a Joiner that keeps it
}

// Header returns the user data header of the first part, nil if there is none.
func (m *Message) Header() UDH {
	if len(m.Parts) == 0 {
		return nil
	}
	return m.Parts[0].Header
}

// Octets returns the user data of all parts without their headers, which is the content of a binary message. It aliases
// the PDU if there is only one part.
func (m *Message) Octets() []byte {
	if len(m.Parts) == 1 {
		return m.Parts[0].Octets
	}
	var b []byte
	for i := range m.Parts {
		b = append(b, m.Parts[i].Octets...)
	}
	return b
}

// Read returns what a submit_sm, deliver_sm, data_sm, submit_multi, replace_sm or broadcast_sm says; ok is false for all
// other bodies. A part of a long message is read by itself; a [Joiner] puts them together. The message aliases the PDU.
func (p Profile) Read(b pdu.Body) (m Message, ok bool) {
	d, ok := UserData(b)
	if !ok {
		return m, false
	}
	source, dest, _ := addresses(b)
	return p.message(source, dest, []Data{d}), true
}

// message returns the message that the parts make.
func (p Profile) message(source, dest pdu.Address, parts []Data) Message {
	m := Message{Source: source, Dest: dest, Parts: parts, Text: p.join(parts)}
	m.Charset, m.Known = p.charset(parts[0].DataCoding, parts[0].Header)
	if dc := uint8(parts[0].DataCoding); dc >= 0x10 || p.GSMDataCoding {
		if g := coding.ParseGSM(dc); g.HasClass {
			m.HasClass, m.Class = true, g.Class
		}
	}
	return m
}

// join returns the text of the parts. Neighbours of the same character set are decoded in one piece, since some peers cut
// a text within a character.
func (p Profile) join(parts []Data) string {
	if len(parts) == 1 {
		return p.Decode(parts[0])
	}
	var text, octets []byte
	for i := 0; i < len(parts); {
		cs, _ := p.charset(parts[i].DataCoding, parts[i].Header)
		octets = octets[:0]
		j := i
		for ; j < len(parts); j++ {
			if next, _ := p.charset(parts[j].DataCoding, parts[j].Header); !same(cs, next) {
				break
			}
			if j > i && parts[j].Concat.Index != parts[j-1].Concat.Index+1 {
				break // a part is missing in between
			}
			octets = append(octets, parts[j].Octets...)
		}
		if _, packed, _ := gsm(cs); packed || cs == coding.UTF16 && len(octets)%2 != 0 {
			// Packed text has fill bits in each part. In UTF-16, an octet is lost or too many: one part is garbled at its
			// end, the others need not be.
			for _, d := range parts[i:j] {
				text = append(text, p.Decode(d)...)
			}
		} else {
			text = cs.AppendDecode(text, octets)
		}
		i = j
	}
	return string(text)
}

// alphabet returns the character set behind data_coding 0.
func (p Profile) alphabet() coding.Charset {
	cs, ok := p.Charsets[0]
	if !ok {
		cs = p.Alphabet
	}
	return behind(orGSM7(cs), 0)
}

func (p Profile) zone() *time.Location {
	if p.Zone == nil {
		return time.UTC
	}
	return p.Zone
}

// charset returns the character set of user data with the national tables of its header, and whether it is known.
func (p Profile) charset(dc pdu.DataCoding, h UDH) (coding.Charset, bool) {
	cs, ok := p.announced(dc)
	cs = behind(cs, h.Len())
	if len(h) == 0 {
		return cs, ok
	}
	g, _, isGSM := gsm(cs)
	if !isGSM {
		return cs, ok // tables mean nothing to other character sets
	}
	locking, single := g.Locking(), g.Single()
	if l, ok := h.LockingShift(); ok {
		locking = l
	}
	if l, ok := h.SingleShift(); ok {
		single = l
	}
	return behind(likePacked(cs, coding.National(locking, single)), h.Len()), ok
}

// announced returns the character set of a data_coding value.
func (p Profile) announced(dc pdu.DataCoding) (coding.Charset, bool) {
	if cs, ok := p.Charsets[dc]; ok {
		return orGSM7(cs), true
	}
	if !p.GSMDataCoding || dc == 0 {
		return coding.ForDataCoding(uint8(dc), p.Alphabet)
	}
	switch d := coding.ParseGSM(uint8(dc)); {
	case d.Compressed:
		return coding.Binary, false
	case d.Charset == coding.GSM7:
		if _, _, ok := gsm(p.alphabet()); ok {
			return p.alphabet(), true
		}
		return coding.GSM7, true
	default:
		return d.Charset, true
	}
}

// dataCoding returns the data_coding that announces cs, together with the header h, and the message class if there is
// one. ok is false if a reader with this profile would take it for something else.
func (p Profile) dataCoding(cs coding.Charset, class *coding.MessageClass, h UDH) (pdu.DataCoding, bool) {
	announces := func(dc pdu.DataCoding) bool {
		back, ok := p.charset(dc, h)
		return ok && same(behind(back, 0), behind(cs, 0))
	}
	if class != nil {
		g := coding.GSMDataCoding{Charset: cs, HasClass: true, Class: *class}
		dc, err := g.DataCoding()
		return pdu.DataCoding(dc), err == nil && announces(pdu.DataCoding(dc))
	}
	if announces(0) {
		return 0, true
	}
	if dc, ok := coding.DataCodingOf(cs); ok && announces(pdu.DataCoding(dc)) {
		return pdu.DataCoding(dc), true
	}
	best, found := pdu.DataCoding(0), false
	for dc := range p.Charsets {
		if (!found || dc < best) && announces(dc) {
			best, found = dc, true
		}
	}
	return best, found
}

func orGSM7(cs coding.Charset) coding.Charset {
	if cs == nil {
		return coding.GSM7
	}
	return cs
}

// same compares character sets, also such as Go cannot compare, which are never the same.
func same(a, b coding.Charset) bool {
	if t := reflect.TypeOf(a); t != reflect.TypeOf(b) || !t.Comparable() {
		return false
	}
	return a == b
}
