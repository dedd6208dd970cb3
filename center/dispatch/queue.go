package dispatch

import (
	"slices"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// A Key is what messages queue up for: an address or, of receipts and alerts, an
// account and the address that they are about. What has the same Key is delivered
// in order. A broadcast has a queue of its own.
type Key struct {
	Account   string // of receipts and alerts; empty for messages
	TON       pdu.TON
	Addr      string
	Broadcast message.ID // 0: none
}

// KeyOf returns the key of a message.
func KeyOf(m *message.Message) Key {
	switch m.Kind {
	case message.Normal:
		return Key{TON: m.Dest.TON, Addr: m.Dest.Addr}
	case message.Broadcast:
		return Key{Broadcast: m.ID}
	}
	return Key{Account: m.Account, TON: m.Source.TON, Addr: m.Source.Addr}
}

// where an entry is.
type where uint8

const (
	waiting   where = iota // in its queue
	scheduled              // for its time to come, or for the word to come if it is an alert
	away                   // handed to a target
	held                   // taken out while something is committed
	limbo                  // nobody knows what became of it
)

// An entry is what is known in memory of a message that waits.
type entry struct {
	id       message.ID
	queue    *queue
	where    where
	kind     message.Kind
	priority uint8
	late     bool // its validity ended while it was away
	lost     uint8
	attempts int32
	order    uint64 // its place among those of the same priority
	tag      uint64 // of account and source, or of account and ESME of an alert
	due      int64  // nanoseconds since 1970; 0: at once
	expires  int64
	quota    *quota
	msg      *message.Message // until its first attempt; nil: ask the store
	once     *once            // of a message that is not stored
	deadline node

	prev, next *entry // in the list that it is in
}

// once is what a message needs that is not stored.
type once struct{ done func(Result) }

// setOrder gives the entry its place: it queues up when it is submitted, or when
// its time comes. This depends on nothing but what the store has, so that the
// order is the same after a restart.
func (e *entry) setOrder() {
	e.order = e.id.Clock()
	if e.due != 0 {
		e.order = message.ClockOf(time.Unix(0, e.due))
	}
}

// levels is how many priorities there are.
const levels = 5

func (e *entry) level() int { return min(int(e.priority), levels-1) }

// A list of entries.
type list struct{ head, tail *entry }

// insert puts e in its place. As a rule that is the end, or the very beginning
// for what comes back.
func (l *list) insert(e *entry) {
	after := l.tail
	if l.head != nil && before(e, l.head) {
		after = nil
	}
	for after != nil && before(e, after) {
		after = after.prev
	}
	l.insertAfter(e, after)
}

func (l *list) insertAfter(e, after *entry) {
	e.prev = after
	if after == nil {
		e.next, l.head = l.head, e
	} else {
		e.next, after.next = after.next, e
	}
	if e.next == nil {
		l.tail = e
	} else {
		e.next.prev = e
	}
}

func (l *list) push(e *entry) { l.insertAfter(e, l.tail) }

// sort puts all entries in their places.
func (l *list) sort() {
	var all []*entry
	sorted := true
	for e := l.head; e != nil; e = e.next {
		sorted = sorted && (e.prev == nil || before(e.prev, e))
		if !sorted && all == nil {
			for x := l.head; x != e; x = x.next {
				all = append(all, x)
			}
		}
		if all != nil {
			all = append(all, e)
		}
	}
	if sorted {
		return
	}
	slices.SortFunc(all, func(a, b *entry) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	*l = list{}
	for _, e := range all {
		l.push(e)
	}
}

func before(a, b *entry) bool {
	if a.order != b.order {
		return a.order < b.order
	}
	return a.id < b.id
}

func (l *list) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.head = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.tail = e.prev
	}
	e.prev, e.next = nil, nil
}

// A queue holds what waits for one Key.
type queue struct {
	key       Key
	plain     list              // what waits with priority 0
	urgent    *[levels - 1]list // with higher ones; nil: nothing ever did
	scheduled list
	out       int   // entries that are away, held or in limbo
	pause     node  // armed while nothing is to be tried
	sulking   *lane // whose target asked for the pause, while it lasts
	pausers   []pauser

	lane          *lane // that it waits in for its turn; nil: in none
	before, after *queue
}

// A pauser is what has caused a pause, and until when it wants it.
type pauser struct {
	e     *entry
	until int64
}

// list returns the list in which an entry waits.
func (q *queue) list(e *entry) *list {
	l := e.level()
	if l == 0 {
		return &q.plain
	}
	if q.urgent == nil {
		q.urgent = new([levels - 1]list)
	}
	return &q.urgent[l-1]
}

// head returns what is to be tried next, or nil.
func (q *queue) head() *entry {
	if q.urgent != nil {
		for i := levels - 2; i >= 0; i-- {
			if e := q.urgent[i].head; e != nil {
				return e
			}
		}
	}
	return q.plain.head
}

// waiting calls fn with the lists that wait, the most urgent first.
func (q *queue) waiting(fn func(*list)) {
	if q.urgent != nil {
		for i := levels - 2; i >= 0; i-- {
			fn(&q.urgent[i])
		}
	}
	fn(&q.plain)
}

func (q *queue) empty() bool {
	return q.head() == nil && q.scheduled.head == nil && q.out == 0
}

// A lane is a target and the queues that have something for it, each of which
// takes its turn.
type lane struct {
	target     Target
	flying     int // attempts under way
	head, tail *queue
	paused     map[*queue]struct{} // queues that its target wants later
}

func (l *lane) idle() bool { return l.flying == 0 && l.head == nil && len(l.paused) == 0 }

func (l *lane) push(q *queue) {
	q.lane, q.before, q.after = l, l.tail, nil
	if l.tail != nil {
		l.tail.after = q
	} else {
		l.head = q
	}
	l.tail = q
}

func (l *lane) pop() *queue {
	q := l.head
	l.remove(q)
	return q
}

func (l *lane) remove(q *queue) {
	if q.before != nil {
		q.before.after = q.after
	} else {
		l.head = q.after
	}
	if q.after != nil {
		q.after.before = q.before
	} else {
		l.tail = q.before
	}
	q.lane, q.before, q.after = nil, nil, nil
}

// A quota counts the places that an account takes.
type quota struct{ used int }
