package smpp

import (
	"math/bits"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

const maxSequence = 0x7FFFFFFF

// A window holds the requests that wait for their responses, in an array
// indexed by the low bits of the sequence number. It is pure: no lock, no clock.
type window struct {
	slots []slot // a power of two of them, at least size; nil while nothing was sent
	size  int    // requests that may wait at once
	used  int
	last  uint32 // sequence number given out last

	allowed int // of size, what the load of the peer leaves
}

type slot struct {
	seq  uint32 // 0: free
	want pdu.CommandID
	due  time.Duration // since the session began
	call completer
}

// A completer is told the outcome of a request, once and without any lock held.
type completer interface {
	complete(h pdu.Header, body pdu.Body, err error)
}

func (w *window) full() bool { return w.used >= w.size }

// next returns the sequence number after seq. 0 is never one.
func next(seq uint32) uint32 {
	if seq >= maxSequence {
		return 1
	}
	return seq + 1
}

// add takes a slot for a request and returns its sequence number. The window
// must not be full.
func (w *window) add(want pdu.CommandID, due time.Duration, call completer) uint32 {
	if w.slots == nil {
		w.slots = make([]slot, 1<<bits.Len(uint(max(w.size, 1)-1)))
	}
	mask := uint32(len(w.slots) - 1)
	seq := next(w.last)
	// A number whose slot is still taken by an older request is skipped. There
	// are at least as many slots as requests, so a free one is near.
	for w.slots[seq&mask].seq != 0 {
		seq = next(seq)
	}
	w.slots[seq&mask] = slot{seq, want, due, call}
	w.used++
	w.last = seq
	return seq
}

// take frees the slot of a request and returns what it held.
func (w *window) take(seq uint32) (slot, bool) {
	if len(w.slots) == 0 || seq == 0 {
		return slot{}, false
	}
	p := &w.slots[seq&uint32(len(w.slots)-1)]
	if p.seq != seq {
		return slot{}, false
	}
	s := *p
	*p = slot{}
	w.used--
	return s, true
}

// expire frees the slots that are due and returns what they held.
func (w *window) expire(now time.Duration) []slot {
	if w.used == 0 {
		return nil
	}
	var out []slot
	for i := range w.slots {
		if p := &w.slots[i]; p.seq != 0 && now >= p.due {
			out = append(out, *p)
			*p = slot{}
			w.used--
		}
	}
	return out
}

// drain frees every slot and returns what they held.
func (w *window) drain() []slot {
	var out []slot
	for i := range w.slots {
		if p := &w.slots[i]; p.seq != 0 {
			out = append(out, *p)
			*p = slot{}
		}
	}
	w.used = 0
	return out
}

// resize changes how many requests may wait. Requests that wait stay.
func (w *window) resize(size int) {
	w.size, w.allowed = size, size
	n := 1 << bits.Len(uint(max(size, 1)-1))
	if w.slots == nil || n <= len(w.slots) {
		return
	}
	old := w.slots
	w.slots = make([]slot, n)
	for _, s := range old {
		if s.seq != 0 {
			w.slots[s.seq&uint32(n-1)] = s
		}
	}
}
