package dispatch

import (
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// A Key is what messages queue up for: an address or, of receipts, an account
// and the address that they are about. What has the same Key is delivered in
// order.
type Key struct {
	Account string // of receipts; empty for messages
	TON     pdu.TON
	Addr    string
}

// KeyOf returns the key of a message.
func KeyOf(m *message.Message) Key {
	if m.Kind == message.Normal {
		return Key{TON: m.Dest.TON, Addr: m.Dest.Addr}
	}
	return Key{Account: m.Account, TON: m.Source.TON, Addr: m.Source.Addr}
}

// where an entry is.
type where uint8

const (
	waiting   where = iota // in its queue
	scheduled              // for its time to come
	away                   // handed to a target
	held                   // taken out while something is committed
)

// An entry is what is known in memory of a message that waits.
type entry struct {
	id       message.ID
	queue    *queue
	where    where
	priority uint8
	late     bool // its validity ended while it was away
	lost     uint8
	attempts int
	cost     int // places reserved, one of them for its receipt if it wants one
	order    uint64
	tag      uint64 // of account and source
	due      int64  // nanoseconds since 1970
	expires  int64
	quota    *quota
	msg      *message.Message // until its first attempt; nil: ask the store
	deadline node

	prev, next *entry // in the list that it is in
}

// A list of entries.
type list struct{ head, tail *entry }

// insert puts e in its place: by priority, then by order. As a rule that is the
// end, or the very beginning for what comes back.
func (l *list) insert(e *entry) {
	after := l.tail
	if l.head != nil && before(e, l.head) {
		after = nil
	}
	for after != nil && before(e, after) {
		after = after.prev
	}
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

func before(a, b *entry) bool {
	if a.priority != b.priority {
		return a.priority > b.priority
	}
	return a.order < b.order
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
	waiting   list
	scheduled list
	out       int   // entries that are away or held
	pause     node  // armed while nothing is to be tried
	sulking   *lane // whose target asked for the pause, while it lasts

	lane          *lane // that it waits in for its turn; nil: in none
	before, after *queue
}

func (q *queue) empty() bool {
	return q.waiting.head == nil && q.scheduled.head == nil && q.out == 0
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
