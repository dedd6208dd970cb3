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
	const step = 1000
	found := make(map[Key]*Queue)
	oldest := make(map[Key]message.ID)
	seen := 0
	d.mu.Lock()
	for id, e := range d.entries {
		key := e.queue.key
		q := found[key]
		if q == nil {
			q = &Queue{Key: key}
			found[key] = q
		}
		switch e.where {
		case waiting:
			q.Waiting++
		case scheduled:
			q.Scheduled++
		default:
			q.Away++
		}
		if o, ok := oldest[key]; !ok || id < o {
			oldest[key] = id
		}
		if seen++; seen%step == 0 {
			d.mu.Unlock()
			d.mu.Lock()
		}
	}
	d.mu.Unlock()
	all := make([]Queue, 0, len(found))
	for key, q := range found {
		q.Oldest = oldest[key].Time()
		all = append(all, *q)
	}
	slices.SortFunc(all, func(a, b Queue) int {
		return cmp.Or(cmp.Compare(b.Waiting+b.Scheduled+b.Away, a.Waiting+a.Scheduled+a.Away), cmp.Compare(a.Key.Account, b.Key.Account), cmp.Compare(a.Key.Addr, b.Key.Addr))
	})
	return all[:min(n, len(all))]
}
