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
	for k, q := range d.queues {
		var s QueueState
		q.waiting(func(l *list) {
			for e := l.head; e != nil; e = e.next {
				s.Waiting = append(s.Waiting, of(e))
			}
		})
		for e := q.scheduled.head; e != nil; e = e.next {
			s.Scheduled = append(s.Scheduled, of(e))
		}
		if q.pause.armed() {
			s.Pause = time.Unix(0, q.pause.at)
		}
		queues[k] = s
	}
	for _, e := range d.entries {
		if e.where == limbo {
			s := queues[e.queue.key]
			s.Limbo = append(s.Limbo, of(e))
			queues[e.queue.key] = s
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
	for account, q := range d.quotas {
		if q.used > 0 {
			places[account] = q.used
		}
	}
	return queues, places
}
