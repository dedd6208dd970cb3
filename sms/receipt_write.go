package sms

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
)

// excerpt is how many characters of a message its receipt repeats.
const excerpt = 20

// String returns the text of the receipt in the standard layout, as well as it can be written.
func (r *Receipt) String() string { return string(standardReceipt.append(nil, r)) }

// AppendText appends the text of the receipt in the standard layout to b:
//
//	id:4711 sub:001 dlvrd:001 submit date:2403011230 done date:2403011231 stat:DELIVRD err:000 text:Hello
//
// Counts that are nil are 001, and 000 for a message that was not delivered. Dates are in the zone that they have, and
// zeros if zero. Stat is the word of State unless it is set, and err is 000 or the code of NetworkError. The text is cut
// after 20 characters, and is empty if there is none.
//
// The error is an [*Error]: ID or the state is missing, or a field has white space or a label in it, so that it could not be
// read back. Then b is returned as it was.
func (r *Receipt) AppendText(b []byte) ([]byte, error) {
	return standardReceipt.Append(b, r)
}

func (r *Receipt) check() error {
	if r.ID == "" {
		return &Error{Field: "id of the receipt", Rule: "it is not empty"}
	}
	if len(r.ID) > 64 {
		return &Error{Field: "id of the receipt", Value: quote(r.ID), Rule: "64 octets at most"}
	}
	if r.stat() == "" {
		return &Error{Field: "stat of the receipt", Rule: "Stat or a State that has a word is set"}
	}
	for _, f := range []Field{{"id", r.ID}, {"stat", r.Stat}, {"err", r.Err}} {
		if strings.ContainsFunc(f.Value, func(c rune) bool { return c <= ' ' || c == 0x7F }) {
			return &Error{Field: f.Label + " of the receipt", Value: quote(f.Value), Rule: "no white space or control characters"}
		}
	}
	if len(r.Err) > 8 {
		return &Error{Field: "err of the receipt", Value: quote(r.Err), Rule: "8 characters at most"}
	}
	if len(r.Stat) > 16 {
		return &Error{Field: "stat of the receipt", Value: quote(r.Stat), Rule: "16 characters at most"}
	}
	for _, n := range []*int{r.Submitted, r.Delivered} {
		if n != nil && (*n < 0 || *n > 999) {
			return &Error{Field: "count of the receipt", Value: strconv.Itoa(*n), Rule: "0 to 999"}
		}
	}
	return r.checkDates()
}

func (r *Receipt) checkDates() error {
	for _, t := range []time.Time{r.SubmitDate, r.DoneDate} {
		if y := t.Year(); !t.IsZero() && (y < 1900+pdu.DefaultPivot || y >= 2000+pdu.DefaultPivot) {
			return &Error{Field: "date of the receipt", Value: t.Format(time.RFC3339),
				Rule: fmt.Sprintf("years %d to %d can be written", 1900+pdu.DefaultPivot, 1999+pdu.DefaultPivot)}
		}
	}
	return nil
}

// state returns the state by HasState or by the word.
func (r *Receipt) state() (pdu.MessageState, bool) {
	if r.HasState {
		return r.State, true
	}
	return (&receiptParser{}).state(r.Stat)
}

// stat returns the word of the state; empty if there is none.
func (r *Receipt) stat() string {
	if r.Stat != "" || !r.HasState {
		return r.Stat
	}
	words := [...]string{"SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED"}
	if int(r.State) < len(words) {
		return words[r.State]
	}
	return ""
}

func (r *Receipt) err() string {
	switch {
	case r.Err != "":
		return r.Err
	case r.NetworkError != nil:
		return fmt.Sprintf("%03d", r.NetworkError.Code)
	}
	return "000"
}

// firstChars returns at most n characters from the beginning of s.
func firstChars(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// WriteReceipt returns the deliver_sm that tells the sender of m what r says: the addresses are swapped, esm_class is that of a
// receipt or, if r.Intermediate, a notification, and it has both the text and the TLVs receipted_message_id, message_state
// and network_error_code. user_message_reference is repeated if m has one. m may be a submit_sm that was made up of a data_sm or
// of one destination of a submit_multi. r needs an ID and a state; its dates are written in the Zone of the
// Profile, and without HasText it repeats the text of m, if it is text. Its text is in the layout of ReceiptTemplate of the
// Profile. The receipt shares no memory with m.
//
// The receipt is in the Alphabet of the Profile, data_coding 0, whatever the coding of m. Characters of the message
// that this alphabet does not have become question marks. If the ID, Stat or Err cannot be written in it, the receipt is
// in ASCII, Latin 1 or UTF-16, and data_coding says so; a receipt that is too long for short_message is in message_payload.
//
// The error is an [*Error] as of [Receipt.AppendText]. SMPP v3.4, appendix B; v5.0, 4.3.5.
func (p Profile) WriteReceipt(m *pdu.SubmitSM, r Receipt) (*pdu.DeliverSM, error) {
	if m == nil {
		return nil, &Error{Field: "submit_sm of the receipt", Rule: "it is missing"}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if !r.HasState {
		r.State, r.HasState = (&receiptParser{words: p.StatWords}).state(r.Stat)
	}
	id := r.ID
	if !utf8.ValidString(r.ID) {
		r.ID = coding.Decode(coding.Latin1, []byte(r.ID)) // octets of no known character set
	}
	for _, t := range []*time.Time{&r.SubmitDate, &r.DoneDate} {
		if !t.IsZero() {
			*t = t.In(p.zone())
		}
	}
	if err := r.checkDates(); err != nil {
		return nil, err // the zone may have moved one out of range
	}
	if original, _ := p.Read(m); !r.HasText && original.Known && original.Charset != coding.Binary {
		r.Text = original.Text
	}
	r.Source, r.Dest = m.Source, m.Dest
	d := &pdu.DeliverSM{
		ServiceType: strings.Clone(m.ServiceType), // the receipt is sent later, when m may be gone
		Source:      m.Dest,
		Dest:        m.Source,
		ESMClass:    pdu.TypeDeliveryReceipt,
	}
	d.Source.Addr, d.Dest.Addr = strings.Clone(m.Dest.Addr), strings.Clone(m.Source.Addr)
	if r.Intermediate {
		d.ESMClass = pdu.TypeIntermediateNotification
	}
	octets, err := p.encodeReceipt(d, r)
	if err != nil {
		return nil, err
	}
	pdu.TLVReceiptedMessageID.Set(&d.TLVs, id)
	if r.HasState {
		pdu.TLVMessageState.Set(&d.TLVs, r.State)
	}
	if r.NetworkError != nil {
		pdu.TLVNetworkErrorCode.Set(&d.TLVs, *r.NetworkError)
	}
	if n, ok := pdu.TLVUserMessageReference.Get(m.TLVs); ok {
		pdu.TLVUserMessageReference.Set(&d.TLVs, n)
	}
	const most = 254 // of short_message in v3.4
	if len(octets) <= most {
		d.ShortMessage = octets
	} else {
		pdu.TLVMessagePayload.Set(&d.TLVs, octets)
	}
	return d, nil
}

// encodeReceipt sets data_coding and returns the text of the receipt in it.
func (p Profile) encodeReceipt(d *pdu.DeliverSM, r Receipt) ([]byte, error) {
	t := p.ReceiptTemplate
	if t == nil {
		t = standardReceipt
	}
	text := firstChars(r.Text, t.excerpt())
	var last error
	for _, cs := range []coding.Charset{p.alphabet(), coding.ASCII, coding.Latin1, coding.UTF16} {
		dc, ok := p.dataCoding(cs, nil, nil)
		if !ok {
			continue
		}
		var b strings.Builder
		for _, c := range text {
			if s := string(c); coding.Encodable(cs, s) {
				b.WriteString(s)
			} else {
				b.WriteByte('?')
			}
		}
		r.Text = b.String()
		octets, err := coding.Encode(cs, string(t.append(nil, &r)))
		if err == nil {
			d.DataCoding = dc
			return octets, nil
		}
		last = err
	}
	return nil, &Error{Field: "receipt", Rule: "a character set of the Profile has all characters of the id", Err: last}
}
