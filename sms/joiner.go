package sms

import (
	"bytes"
	"container/list"
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

	// MaxMessages is the most messages that may be incomplete at a time; 0 means 10,000. The oldest gives way.
	MaxMessages int

	// MaxOctets is the most octets that the parts kept may take at a time, 256 for each part beside its user data; 0 means
	// 16 MiB. The oldest messages give way.
	MaxOctets int

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

// partOverhead is about what a part takes in memory beside its octets.
const partOverhead = 256

// part returns the part with the index, nil if it is missing.
func (p *partial) part(index uint8) *Data {
	for i := range p.parts {
		if p.parts[i].Concat.Index == index {
			return &p.parts[i]
		}
	}
	return nil
}

func (p *partial) sort() {
	slices.SortFunc(p.parts, func(a, b Data) int { return int(a.Concat.Index) - int(b.Concat.Index) })
}

// Add takes a PDU that came at the time now and returns the message that it completes. A message in one piece is complete
// by itself, and so is a receipt: ask [Profile.ReadReceipt] first to tell receipts from messages. ok is false if parts
// are still missing or if b carries no message.
//
// A part that came before is dropped. One with the same number but other content starts a new message, and the old one is
// lost: its sender has used the reference again. What is kept is copied, so that b stays the caller's.
func (j *Joiner) Add(now time.Time, b pdu.Body) (m *Message, ok bool) {
	d, ok := UserData(b)
	if !ok {
		return nil, false
	}
	source, dest, others := addresses(b)
	if d.Concat.Total < 2 || d.ESMClass.IsReceipt() {
		whole := j.Profile.message(source, dest, []Data{d})
		return &whole, true
	}
	k := joinKey{source, dest, others, d.Method, d.Concat.Reference, d.Concat.Total}
	j.mu.Lock()
	lost := j.expire(now, nil)
	done := j.add(now, k, d, &lost)
	j.mu.Unlock()
	j.report(lost)
	if done == nil {
		return nil, false
	}
	done.sort()
	whole := j.Profile.message(done.key.source, done.key.dest, done.parts)
	return &whole, true
}

// add keeps a part and returns the message if that was the last one missing.
func (j *Joiner) add(now time.Time, k joinKey, d Data, lost *[]*partial) *partial {
	e := j.waiting[k]
	if e != nil {
		if old := e.Value.(*partial).part(d.Concat.Index); old != nil {
			if old.DataCoding == d.DataCoding && bytes.Equal(old.Raw, d.Raw) {
				return nil
			}
			*lost = append(*lost, j.remove(e))
			e = nil
		}
	}
	if e == nil {
		k.source.Addr, k.dest.Addr = strings.Clone(k.source.Addr), strings.Clone(k.dest.Addr) // they alias the PDU
		if j.waiting == nil {
			j.waiting = make(map[joinKey]*list.Element)
		}
		e = j.order.PushBack(&partial{key: k, since: now, octets: len(k.others)})
		j.octets += len(k.others)
		j.waiting[k] = e
	}
	p := e.Value.(*partial)
	p.parts = append(p.parts, d.clone())
	p.octets += len(d.Raw) + partOverhead
	j.octets += len(d.Raw) + partOverhead
	if len(p.parts) == int(k.total) {
		return j.remove(e)
	}
	mostMessages, mostOctets := j.MaxMessages, j.MaxOctets
	if mostMessages <= 0 {
		mostMessages = 10000
	}
	if mostOctets <= 0 {
		mostOctets = 16 << 20
	}
	for j.order.Len() > mostMessages || j.octets > mostOctets {
		*lost = append(*lost, j.remove(j.order.Front()))
	}
	return nil
}

func (j *Joiner) remove(e *list.Element) *partial {
	p := j.order.Remove(e).(*partial)
	delete(j.waiting, p.key)
	j.octets -= p.octets
	return p
}

// Expire gives up the messages whose first part came Expiry or longer before now. Add does so too; call Expire when nothing
// comes.
func (j *Joiner) Expire(now time.Time) {
	j.mu.Lock()
	lost := j.expire(now, nil)
	j.mu.Unlock()
	j.report(lost)
}

func (j *Joiner) expire(now time.Time, lost []*partial) []*partial {
	after := j.Expiry
	if after <= 0 {
		after = time.Hour
	}
	for e := j.order.Front(); e != nil && now.Sub(e.Value.(*partial).since) >= after; e = j.order.Front() {
		lost = append(lost, j.remove(e))
	}
	return lost
}

// Waiting returns the number of messages of which parts are missing.
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
		p.sort()
		m := j.Profile.message(p.key.source, p.key.dest, p.parts)
		m.Missing = missing
		j.Lost(&m)
	}
}
