package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-sms/smpp/center/message"
)

// A Queue is what waits for one Key.
type Queue struct {
	Key       Key
	Waiting   int // for its turn, for somebody to bind, or for the next attempt
	Scheduled int // for the time that it was scheduled for
	Away      int // being delivered
	Oldest    time.Time
}

// Queues returns the n longest queues, longest first. It goes through all that
// waits, a little at a time, so that deliveries go on.
func (d *Dispatcher) Queues(n int) []Queue {
	type which struct { // another queue may come to stand in the place of one
		place ref
		born  uint32
	}
	type found struct {
		which
		waiting, scheduled, away int
		oldest                   message.ID
	}
	at := make(map[which]int)
	var all []found
	d.mu.Lock()
	for i := 0; i < len(d.book.entries.chunks); i++ {
		for _, e := range d.book.entries.chunk(i) {
			w := which{e.queue, d.book.queueOf(e).born}
			x, ok := at[w]
			if !ok {
				x = len(all)
				at[w] = x
				all = append(all, found{which: w, oldest: e.id})
			}
			q := &all[x]
			switch e.where {
			case waiting:
				q.waiting++
			case scheduled:
				q.scheduled++
			default:
				q.away++
			}
			q.oldest = min(q.oldest, e.id)
		}
		d.mu.Unlock()
		d.mu.Lock()
	}
	d.mu.Unlock()
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Compare(b.waiting+b.scheduled+b.away, a.waiting+a.scheduled+a.away)
	})
	var longest []Queue
	least := 0 // messages of the last that is wanted
	for step := range slices.Chunk(all, maxSteps) {
		d.mu.Lock()
		for _, q := range step {
			length := q.waiting + q.scheduled + q.away
			if len(longest) >= n && length < least {
				break // equally long ones are put in order below
			}
			if is := d.book.queues.find(q.place); is != nil && is.born == q.born {
				longest = append(longest, Queue{Key: d.book.key(is), Waiting: q.waiting, Scheduled: q.scheduled, Away: q.away, Oldest: q.oldest.Time()})
				least = length
			}
		}
		d.mu.Unlock()
	}
	slices.SortFunc(longest, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(b.Waiting+b.Scheduled+b.Away, a.Waiting+a.Scheduled+a.Away), cmp.Compare(a.Key.Account, b.Key.Account), cmp.Compare(a.Key.Addr, b.Key.Addr))
	})
	return longest[:min(n, len(longest))]
}
