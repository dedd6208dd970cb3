package sms

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// The keys of the records of a Correlator: what is known by a message id, and the messages in several parts.
const (
	idPrefix      = "i:"
	messagePrefix = "m:"
)

func idKey(id string) string       { return idPrefix + id }
func messageKey(key string) string { return messagePrefix + key }

// recordVersion is the first octet of a record.
const recordVersion = 1

// Bounds of a record, so that no peer can make it grow.
const (
	mostEntries = 8
	mostHeld    = 8
)

// An idRecord is what is known by a message id, as the rule writes it: the parts whose responses had it, or the receipts
// that came before.
type idRecord struct {
	entries []idEntry
	held    []*Receipt
}

// An idEntry is a part of a message; if that is the only one, the state is here too.
type idEntry struct {
	message     string
	part, total int
	state       PartState // only the ID if total > 1
}

func (e *idEntry) delivery(changed bool) *Delivery {
	m := messageRecord{parts: []PartState{e.state}}
	if e.state.failed() {
		m.failed = 1
	}
	d := m.delivery(e.message)
	d.Part, d.Changed = 1, changed
	return d
}

// track enters a part and returns its entry; fresh is false if it was there. given are those that gave way to it.
func (r *idRecord) track(t TrackedPart) (e *idEntry, fresh bool, given []idEntry) {
	for i := range r.entries {
		e := &r.entries[i]
		if e.state.ID != t.ID {
			continue
		}
		if e.message == t.Key && e.part == t.Part && e.total == t.Total {
			return e, false, nil
		}
		given = append(given, *e) // the message center uses the id again
		r.entries = slices.Delete(r.entries, i, i+1)
		break
	}
	if len(r.entries) == mostEntries {
		given = append(given, r.entries[0])
		r.entries = slices.Delete(r.entries, 0, 1)
	}
	r.entries = append(r.entries, idEntry{message: t.Key, part: t.Part, total: t.Total, state: PartState{ID: t.ID}})
	return &r.entries[len(r.entries)-1], true, given
}

// find returns the part that a receipt is about: the one with exactly its id, else the only one there is.
func (r *idRecord) find(id string) *idEntry {
	for i := range r.entries {
		if r.entries[i].state.ID == id {
			return &r.entries[i]
		}
	}
	if len(r.entries) == 1 {
		return &r.entries[0]
	}
	return nil
}

// matching returns the receipts that were held for the part.
func (r *idRecord) matching(e *idEntry) []*Receipt {
	var list []*Receipt
	for _, h := range r.held {
		if r.find(h.ID) == e {
			list = append(list, h)
		}
	}
	return list
}

// hold keeps a receipt and returns those that give way to it.
func (r *idRecord) hold(h *Receipt) (tooMany []*Receipt) {
	if n := len(r.held); n > 0 && alike(r.held[n-1], h) {
		return nil // repeated
	}
	if len(r.held) == mostHeld {
		tooMany = slices.Clone(r.held[:1])
		r.held = r.held[1:]
	}
	r.held = append(r.held, h)
	return tooMany
}

// drop forgets receipts that were held. They may have been read anew.
func (r *idRecord) drop(list []*Receipt) {
	r.held = slices.DeleteFunc(r.held, func(h *Receipt) bool {
		return slices.ContainsFunc(list, func(d *Receipt) bool {
			return alike(d, h)
		})
	})
}

// alike reports whether one receipt is a repetition of the other.
func alike(a, b *Receipt) bool {
	return a.ID == b.ID && a.Raw == b.Raw && a.Stat == b.Stat && a.State == b.State && a.HasState == b.HasState && a.Intermediate == b.Intermediate &&
		a.DoneDate.Equal(b.DoneDate)
}

func (r *idRecord) encode(key string) []byte {
	w := make(recordWriter, 0, 64)
	w.octet(recordVersion)
	w.uint(uint64(len(r.entries)))
	for i := range r.entries {
		e := &r.entries[i]
		w.uint(uint64(e.total))
		w.uint(uint64(e.part))
		w.string(e.message)
		if e.total == 1 {
			w.part(&e.state, key)
		} else {
			w.part(&PartState{ID: e.state.ID}, key)
		}
	}
	for _, h := range r.held {
		w.receipt(h)
	}
	return slices.Clip(w)
}

func (r *idRecord) decode(key string, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	d := recordReader{left: b}
	d.version()
	for n := d.count(mostEntries); n > 0; n-- {
		var e idEntry
		e.total, e.part, e.message = d.count(255), d.count(255), d.string()
		e.state = d.part(key)
		d.check(e.part >= 1 && e.part <= e.total)
		r.entries = append(r.entries, e)
	}
	for len(d.left) > 0 && !d.bad {
		r.held = append(r.held, d.receipt())
	}
	return d.finish(idKey(key))
}

// A messageRecord is a message in several parts.
type messageRecord struct {
	failed int // the part that failed first, from 1; 0 if none
	parts  []PartState
}

func (m *messageRecord) delivery(key string) *Delivery {
	d := &Delivery{Key: key, Parts: m.parts}
	d.sum(m.failed)
	return d
}

// track enters what the response says of a part.
func (m *messageRecord) track(t TrackedPart) {
	s := &m.parts[t.Part-1]
	if s.ID != t.ID || t.Refused != (s.failed() && s.ID == "") {
		*s = PartState{ID: t.ID} // sent once more
		if m.failed == t.Part {
			m.failed = 0
			for i := range m.parts {
				if m.parts[i].failed() {
					m.failed = i + 1
					break
				}
			}
		}
	}
	s.NoReceipt = t.NoReceipt
	if t.Refused {
		s.State, s.HasState, s.Final = pdu.StateRejected, true, true
		m.fail(t.Part)
	}
}

func (m *messageRecord) fail(part int) {
	if m.failed == 0 {
		m.failed = part
	}
}

// apply takes what a receipt says of a part and reports whether that is news.
func (m *messageRecord) apply(part int, r *Receipt) bool {
	s := &m.parts[part-1]
	if !s.apply(r) {
		return false
	}
	if s.failed() {
		m.fail(part)
	}
	return true
}

func (m *messageRecord) encode() []byte {
	w := make(recordWriter, 0, 32+32*len(m.parts))
	w.octet(recordVersion)
	w.uint(uint64(m.failed))
	for i := range m.parts {
		w.part(&m.parts[i], "")
	}
	return slices.Clip(w)
}

func (m *messageRecord) decode(key string, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	d := recordReader{left: b}
	d.version()
	m.failed = d.count(255)
	for len(d.left) > 0 && !d.bad {
		m.parts = append(m.parts, d.part(""))
	}
	d.check(len(m.parts) >= 2 && len(m.parts) <= 255 && m.failed <= len(m.parts))
	return d.finish(messageKey(key))
}

// A recordWriter appends the fields of a record.
type recordWriter []byte

func (w *recordWriter) octet(b byte)    { *w = append(*w, b) }
func (w *recordWriter) uint(n uint64)   { *w = binary.AppendUvarint(*w, n) }
func (w *recordWriter) string(s string) { w.uint(uint64(len(s))); *w = append(*w, s...) }

// What is there of a part or receipt.
const (
	hasState = 1 << iota
	isFinal
	noReceipt
	hasDone
	hasStat
	hasErr
	hasNetworkError
	isKey // the ID is the key of the record
)

// word returns the usual word of a state.
func word(state pdu.MessageState, has bool) string {
	r := Receipt{State: state, HasState: has}
	return r.stat()
}

func (w *recordWriter) part(s *PartState, key string) {
	flags := byte(0)
	set := func(is bool, flag byte) {
		if is {
			flags |= flag
		}
	}
	set(s.HasState, hasState)
	set(s.Final, isFinal)
	set(s.NoReceipt, noReceipt)
	set(!s.Done.IsZero(), hasDone)
	set(s.Stat != word(s.State, s.HasState), hasStat)
	set(s.Err != "", hasErr)
	set(s.NetworkError != nil, hasNetworkError)
	set(s.ID == key && key != "", isKey)
	w.octet(flags)
	if flags&isKey == 0 {
		w.string(s.ID)
	}
	if s.HasState {
		w.octet(byte(s.State))
	}
	if flags&hasDone != 0 {
		*w = binary.AppendVarint(*w, s.Done.Unix())
	}
	if flags&hasStat != 0 {
		w.string(s.Stat)
	}
	if s.Err != "" {
		w.string(s.Err)
	}
	w.networkError(s.NetworkError)
}

func (w *recordWriter) networkError(e *pdu.NetworkError) {
	if e != nil {
		w.octet(byte(e.Type))
		w.uint(uint64(e.Code))
	}
}

// More of a receipt.
const (
	hasSubmitted = 1 << iota
	hasDelivered
	hasSubmitDate
	hasText
	isIntermediate
)

func (w *recordWriter) receipt(r *Receipt) {
	flags, more := byte(0), byte(0)
	set := func(to *byte, is bool, flag byte) {
		if is {
			*to |= flag
		}
	}
	set(&flags, r.HasState, hasState)
	set(&flags, !r.DoneDate.IsZero(), hasDone)
	set(&flags, r.NetworkError != nil, hasNetworkError)
	set(&more, r.Submitted != nil, hasSubmitted)
	set(&more, r.Delivered != nil, hasDelivered)
	set(&more, !r.SubmitDate.IsZero(), hasSubmitDate)
	set(&more, r.HasText, hasText)
	set(&more, r.Intermediate, isIntermediate)
	w.octet(flags)
	w.octet(more)
	for _, a := range []pdu.Address{r.Source, r.Dest} {
		w.octet(byte(a.TON))
		w.octet(byte(a.NPI))
		w.string(a.Addr)
	}
	for _, s := range []string{r.ID, r.Stat, r.Err, r.Text, r.Raw} {
		w.string(s)
	}
	if r.HasState {
		w.octet(byte(r.State))
	}
	for _, n := range []*int{r.Submitted, r.Delivered} {
		if n != nil {
			*w = binary.AppendVarint(*w, int64(*n))
		}
	}
	for _, t := range []time.Time{r.SubmitDate, r.DoneDate} {
		if !t.IsZero() {
			_, offset := t.Zone()
			*w = binary.AppendVarint(binary.AppendVarint(*w, t.Unix()), int64(offset))
		}
	}
	w.networkError(r.NetworkError)
	w.uint(uint64(len(r.Unknown)))
	for _, f := range r.Unknown {
		w.string(f.Label)
		w.string(f.Value)
	}
}

// A recordReader reads the fields of a record. After the first fault, all are zero.
type recordReader struct {
	left []byte
	bad  bool
}

func (d *recordReader) check(ok bool) {
	if !ok {
		d.bad, d.left = true, nil
	}
}

func (d *recordReader) version() { d.check(d.octet() == recordVersion) }

func (d *recordReader) octet() byte {
	d.check(len(d.left) > 0)
	if d.bad {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return b
}

func (d *recordReader) uint() uint64 {
	v, n := binary.Uvarint(d.left)
	d.check(n > 0)
	if d.bad {
		return 0
	}
	d.left = d.left[n:]
	return v
}

func (d *recordReader) int() int64 {
	v, n := binary.Varint(d.left)
	d.check(n > 0)
	if d.bad {
		return 0
	}
	d.left = d.left[n:]
	return v
}

func (d *recordReader) count(most int) int {
	n := d.uint()
	d.check(n <= uint64(most))
	if d.bad {
		return 0
	}
	return int(n)
}

func (d *recordReader) string() string {
	n := d.count(len(d.left))
	d.check(n <= len(d.left))
	if d.bad {
		return ""
	}
	s := string(d.left[:n])
	d.left = d.left[n:]
	return s
}

func (d *recordReader) finish(key string) error {
	if d.bad || len(d.left) > 0 {
		return &Error{Field: "record of the correlator", Value: quote(key), Rule: "one that a Correlator wrote"}
	}
	return nil
}

func (d *recordReader) part(key string) (s PartState) {
	flags := d.octet()
	s.HasState, s.Final, s.NoReceipt = flags&hasState != 0, flags&isFinal != 0, flags&noReceipt != 0
	if flags&isKey != 0 {
		s.ID = strings.Clone(key)
	} else {
		s.ID = d.string()
	}
	if s.HasState {
		s.State = pdu.MessageState(d.octet())
	}
	if flags&hasDone != 0 {
		s.Done = time.Unix(d.int(), 0).UTC()
	}
	if flags&hasStat != 0 {
		s.Stat = d.string()
	} else {
		s.Stat = word(s.State, s.HasState)
	}
	if flags&hasErr != 0 {
		s.Err = d.string()
	}
	s.NetworkError = d.networkError(flags)
	return s
}

func (d *recordReader) networkError(flags byte) *pdu.NetworkError {
	if flags&hasNetworkError == 0 {
		return nil
	}
	return &pdu.NetworkError{Type: pdu.NetworkErrorType(d.octet()), Code: uint16(d.count(0xFFFF))}
}

func (d *recordReader) receipt() *Receipt {
	r := new(Receipt)
	flags, more := d.octet(), d.octet()
	r.HasState, r.HasText, r.Intermediate = flags&hasState != 0, more&hasText != 0, more&isIntermediate != 0
	for _, a := range []*pdu.Address{&r.Source, &r.Dest} {
		a.TON, a.NPI, a.Addr = pdu.TON(d.octet()), pdu.NPI(d.octet()), d.string()
	}
	for _, s := range []*string{&r.ID, &r.Stat, &r.Err, &r.Text, &r.Raw} {
		*s = d.string()
	}
	if r.HasState {
		r.State = pdu.MessageState(d.octet())
	}
	if more&hasSubmitted != 0 {
		r.Submitted = new(int(d.int()))
	}
	if more&hasDelivered != 0 {
		r.Delivered = new(int(d.int()))
	}
	if more&hasSubmitDate != 0 {
		r.SubmitDate = d.time()
	}
	if flags&hasDone != 0 {
		r.DoneDate = d.time()
	}
	r.NetworkError = d.networkError(flags)
	for n := d.count(len(d.left)); n > 0 && !d.bad; n-- {
		r.Unknown = append(r.Unknown, Field{d.string(), d.string()})
	}
	return r
}

func (d *recordReader) time() time.Time {
	sec, offset := d.int(), d.int()
	const day = 24 * 60 * 60
	d.check(-day < offset && offset < day)
	if offset == 0 || d.bad {
		return time.Unix(sec, 0).UTC()
	}
	return time.Unix(sec, 0).In(time.FixedZone("", int(offset)))
}
