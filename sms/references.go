package sms

import (
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/godwit-sms/smpp/pdu"
)

// References hands out the reference numbers of long messages, which tell the messages between two addresses apart.
// Each pair of source and destination counts by itself, from a random start, so that a number comes back only after all
// others: 256 messages with a reference of 8 bits, 65,536 with one of 16 bits. Next fits into Options:
//
//	var references sms.References
//	options := &sms.Options{Reference: references.Next}
//
// The zero value is ready for use. It must not be copied after its first use. It may be used by several goroutines at
// once.
type References struct {
	// Pairs is how many pairs of addresses are remembered at least, the latest used ones; twice as many at most. 0 means
	// 32,768, which take some megabytes. A pair that was forgotten starts again at random. It must not be changed after the
	// first use.
	Pairs int

	mu         sync.Mutex
	young, old map[pair]uint16 // two generations: when young is full it becomes old, and what is in neither is forgotten
}

type pair struct{ source, dest pdu.Address }

// Next returns the next reference between two addresses. For a reference of 8 bits its low octet counts.
func (r *References) Next(source, dest pdu.Address) uint16 {
	most := r.Pairs
	if most <= 0 {
		most = 32768
	}
	k := pair{source, dest}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.young[k]; ok {
		r.young[k] = n + 1
		return n + 1
	}
	n, ok := r.old[k]
	if !ok {
		n = uint16(rand.Uint32())
	}
	if r.young == nil || len(r.young) >= most {
		r.old, r.young = r.young, make(map[pair]uint16)
	}
	// The addresses may alias a frame, which is not to be kept for their sake.
	k.source.Addr, k.dest.Addr = strings.Clone(source.Addr), strings.Clone(dest.Addr)
	r.young[k] = n + 1
	return n + 1
}
