package sms

import (
	"bytes"
	"container/list"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A Joiner puts the parts of long messages together, whatever way they are marked: user data header with a reference of 8
// or 16 bits, or SAR TLVs. Parts belong together if source, destination, kind of reference, reference and total agree,
// and may come in any order. It starts no goroutine and reads no clock, and the memory it takes is bounded.
//
// The zero value is ready for use; it must not be copied after its first use, and its fields must not be changed then. It
// may be used by several goroutines at once.
type Joiner struct {
	// Profile reads the text.
	Profile Profile

	// Expiry is how long the first part that came waits for the others; 0 means an hour.
	Expiry time.Duration

	// MaxMessages is the most messages that may be incomplete at a time; 0 means 10,000. The oldest gives way. It has no
	// effect with a Store.
	MaxMessages int

	// MaxOctets is the most octets that the parts kept may take at a time, beside their user data 256 for each part and 32 for
	// each element of its header; 0 means 16 MiB. The oldest messages give way. With a Store, it is the most that the parts of one message may take.
	MaxOctets int

	// Hold keeps a complete message until Done is called with it. Without, it is forgotten as soon as Add has returned it,
	// and the parts that the message center has been told to forget are lost if the program cannot handle the message. With
	// Hold, such a program has the last part refused: when the message center sends it again, the message is complete again.
	// So it is if a Store reports an error for what it has done in truth.
	Hold bool

	// Store keeps the parts. nil is the memory of the Joiner. Joiners that share a store, on several machines for
	// instance, join what comes to any of them; after a restart nothing is missing.
	Store JoinerStore

	// Lost, if set, is called with each message that is given up: the parts that came in order, their text, and the
	// numbers of those that are missing. It is called by Add and Expire, without any lock held.
	Lost func(*Message)

	mu      sync.Mutex
	waiting map[joinKey]*list.Element // of order
	order   list.List                 // of *partial, the oldest first
	octets  int
}

// joinKey is what the parts of a message have in common.
type joinKey struct {
	source, dest pdu.Address
	others       string // destinations of a submit_multi
	method       Method
	reference    uint16
	total        uint8
}

// partial is a message of which parts are missing.
type partial struct {
	key    joinKey
	since  time.Time
	parts  []Data // as they came
	octets int    // of memory, about
}

// What a part and an element of its header take in memory beside their octets, about.
const (
	partOverhead    = 256
	elementOverhead = 32
)

func newPartial(k joinKey, since time.Time) *partial {
	return &partial{key: k, since: since, octets: len(k.others)}
}

// part returns the part with the index, nil if it is missing.
func (p *partial) part(index uint8) *Data {
	for i := range p.parts {
		if p.parts[i].Concat.Index == index {
			return &p.parts[i]
		}
	}
	return nil
}

// add adds a part, which must not be there.
func (p *partial) add(d Data) {
	p.parts = append(p.parts, d)
	p.octets += len(d.Raw) + partOverhead + len(d.Header)*elementOverhead
}

// completedBy returns all the parts in order if d is the only one missing, nil otherwise.
func (p *partial) completedBy(d Data) []Data {
	if len(p.parts)+1 < int(p.key.total) {
		return nil
	}
	parts := append(slices.Clone(p.parts), d)
	sortParts(parts)
	return parts
}

func sortParts(parts []Data) {
	slices.SortFunc(parts, func(a, b Data) int { return int(a.Concat.Index) - int(b.Concat.Index) })
}

// samePart reports whether the second of two parts with the same place only repeats the first.
func samePart(a, b *Data) bool { return a.DataCoding == b.DataCoding && bytes.Equal(a.Raw, b.Raw) }

// held is what Done needs to know of a complete message.
type held struct {
	partial *partial
	value   []byte // in the store
}

// Add takes a PDU that came at the time now and returns the message that it completes, nil if parts are still missing or
// if b carries no message. A message in one piece is complete by itself, and so is a receipt: ask [Profile.ReadReceipt]
// first to tell receipts from messages.
//
// A part that came before is dropped. One with the same number but other content starts a new message, and the old one is
// lost: its sender has used the reference again. One that comes again after its message was complete starts a new message too,
// as if that had been sent twice. What is kept is copied, so that b stays the caller's.
//
// An error is one of the Store, or of ctx if that ends while others change the same message: the part is not kept then, and
// is to be refused so that it comes again. Without a Store there is none, and ctx has no effect.
func (j *Joiner) Add(ctx context.Context, now time.Time, b pdu.Body) (*Message, error) {
	d, ok := UserData(b)
	if !ok {
		return nil, nil
	}
	source, dest, others := addresses(b)
	if d.Concat.Total < 2 || d.ESMClass.IsReceipt() {
		whole := j.Profile.message(source, dest, []Data{d})
		return &whole, nil
	}
	k := joinKey{source, dest, others, d.Method, d.Concat.Reference, d.Concat.Total}
	if j.Store != nil {
		return j.addToStore(ctx, now, k, d)
	}
	j.mu.Lock()
	lost := j.expire(now)
	done, parts := j.add(now, k, d, &lost)
	j.mu.Unlock()
	j.report(lost)
	if parts == nil {
		return nil, nil
	}
	return j.whole(parts, &held{partial: done}), nil
}

// whole returns a complete message.
func (j *Joiner) whole(parts []Data, h *held) *Message {
	k := h.partial.key
	m := j.Profile.message(k.source, k.dest, parts)
	if j.Hold {
		m.held = h
	}
	return &m
}

// add keeps a part, or returns the message and all its parts if that was the last one missing.
func (j *Joiner) add(now time.Time, k joinKey, d Data, lost *[]*partial) (*partial, []Data) {
	e := j.waiting[k]
	if e != nil {
		if old := e.Value.(*partial).part(d.Concat.Index); old != nil {
			if samePart(old, &d) {
				return nil, nil
			}
			*lost = append(*lost, j.remove(e))
			e = nil
		}
	}
	d = d.clone()
	if e != nil {
		p := e.Value.(*partial)
		if parts := p.completedBy(d); parts != nil {
			if !j.Hold {
				j.remove(e)
			}
			return p, parts
		}
	} else {
		k.source.Addr, k.dest.Addr = strings.Clone(k.source.Addr), strings.Clone(k.dest.Addr) // they alias the PDU
		if j.waiting == nil {
			j.waiting = make(map[joinKey]*list.Element)
		}
		e = j.order.PushBack(newPartial(k, now))
		j.octets += len(k.others)
		j.waiting[k] = e
	}
	p := e.Value.(*partial)
	before := p.octets
	p.add(d)
	j.octets += p.octets - before
	mostMessages := j.MaxMessages
	if mostMessages <= 0 {
		mostMessages = 10000
	}
	for j.order.Len() > mostMessages || j.octets > j.mostOctets() {
		*lost = append(*lost, j.remove(j.order.Front()))
	}
	return nil, nil
}

func (j *Joiner) mostOctets() int {
	if j.MaxOctets <= 0 {
		return 16 << 20
	}
	return j.MaxOctets
}

func (j *Joiner) remove(e *list.Element) *partial {
	p := j.order.Remove(e).(*partial)
	delete(j.waiting, p.key)
	j.octets -= p.octets
	return p
}

// Done forgets a message that Add has returned, which Hold has kept until now. It does nothing with any other message. An
// error is one of the Store: the message may come again then.
func (j *Joiner) Done(ctx context.Context, m *Message) error {
	if m == nil || m.held == nil {
		return nil
	}
	h := m.held
	if j.Store != nil {
		// If something else is there by now, another message has begun or another Joiner was faster.
		_, err := j.Store.Swap(ctx, h.partial.key.String(), h.value, nil, time.Time{})
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.waiting[h.partial.key]; e != nil && e.Value.(*partial) == h.partial {
		j.remove(e)
	}
	return nil
}

// Expire gives up the messages whose first part came Expiry or longer before now. Without a Store, Add does so too; call
// Expire when nothing comes. An error is one of the Store.
func (j *Joiner) Expire(ctx context.Context, now time.Time) error {
	if j.Store != nil {
		return j.expireStore(ctx, now)
	}
	j.mu.Lock()
	lost := j.expire(now)
	j.mu.Unlock()
	j.report(lost)
	return nil
}

func (j *Joiner) expiry() time.Duration {
	if j.Expiry <= 0 {
		return time.Hour
	}
	return j.Expiry
}

func (j *Joiner) expire(now time.Time) (lost []*partial) {
	after := j.expiry()
	for e := j.order.Front(); e != nil && now.Sub(e.Value.(*partial).since) >= after; e = j.order.Front() {
		lost = append(lost, j.remove(e))
	}
	return lost
}

// Waiting returns the number of messages of which parts are missing, or which are held. It does not count what is in a
// Store.
func (j *Joiner) Waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.order.Len()
}

func (j *Joiner) report(lost []*partial) {
	if j.Lost == nil {
		return
	}
	for _, p := range lost {
		var missing []int
		for i := range int(p.key.total) {
			if p.part(uint8(i+1)) == nil {
				missing = append(missing, i+1)
			}
		}
		sortParts(p.parts)
		m := j.Profile.message(p.key.source, p.key.dest, p.parts)
		m.Missing = missing
		j.Lost(&m)
	}
}
