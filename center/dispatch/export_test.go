package dispatch

import (
	"slices"
	"time"

	"github.com/godwit-sms/smpp/center/message"
)

// EntryState is what a dispatcher knows of a message.
type EntryState struct {
	ID           message.ID
	Kind         message.Kind
	Priority     uint8
	Attempts     int
	Due, Expires int64
	Deadline     int64 // when the wheel looks at it
}

// QueueState is what a dispatcher knows of a Key. Waiting is in order.
type QueueState struct {
	Waiting, Scheduled, Limbo []EntryState
	Pause                     time.Time // zero: none
}

// Snapshot returns all that a dispatcher knows of what waits.
func (d *Dispatcher) Snapshot() (queues map[Key]QueueState, places map[string]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queues, places = make(map[Key]QueueState), make(map[string]int)
	of := func(e *entry) EntryState {
		return EntryState{e.id, e.kind, e.priority, int(e.attempts), e.due, e.expires, e.deadline.at}
	}
	for _, q := range d.book.queues.all() {
		var s QueueState
		d.book.lists(q, func(l *list) {
			for e := range d.book.all(l) {
				s.Waiting = append(s.Waiting, of(e))
			}
		})
		for e := range d.book.all(&q.scheduled) {
			s.Scheduled = append(s.Scheduled, of(e))
		}
		if q.pause.armed() {
			s.Pause = time.Unix(0, q.pause.at)
		}
		queues[d.book.key(q)] = s
	}
	for _, e := range d.book.entries.all() {
		if e.where == limbo {
			k := d.book.key(d.book.queueOf(e))
			s := queues[k]
			s.Limbo = append(s.Limbo, of(e))
			queues[k] = s
		}
	}
	byID := func(a, b EntryState) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	}
	for _, s := range queues {
		slices.SortFunc(s.Scheduled, byID)
		slices.SortFunc(s.Limbo, byID)
	}
	for _, q := range d.book.quotas {
		if q.used > 0 {
			places[q.account] = q.used
		}
	}
	return queues, places
}
