package dispatch

import (
	"encoding/binary"
	"hash/maphash"
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

// An entry is what is known in memory of a message that waits. It has no
// pointers, see ref.
type entry struct {
	id       message.ID
	tag      uint64 // see Dispatcher.tag
	due      int64  // nanoseconds since 1970; 0: at once
	expires  int64
	deadline node
	queue    ref
	quota    ref
	attempts int32

	prev, next   ref // in the list that it is in
	older, newer ref // in its chain

	service  uint16 // tells most service_types apart
	where    where
	kind     message.Kind
	priority uint8
	lost     uint8
	late     bool // its validity ended while it was away
	volatile bool // it is not stored
}

// A once is what a message needs that is not stored.
type once struct {
	msg  *message.Message
	done func(Result)
}

// order is the place of an entry among those of the same priority: it queues up
// when it is submitted, or when its time comes. This depends on nothing but what
// the store has, so that the order is the same after a restart.
func (e *entry) order() uint64 {
	if e.due != 0 {
		return message.ClockOf(time.Unix(0, e.due))
	}
	return e.id.Clock()
}

// levels is how many priorities there are.
const levels = 5

func (e *entry) level() int { return min(int(e.priority), levels-1) }

func before(a, b *entry) bool {
	if x, y := a.order(), b.order(); x != y {
		return x < y
	}
	return a.id < b.id
}

// A list of entries.
type list struct {
	head, tail ref
	hint       ref // what was put between others last; 0: nothing
}

// A chain is what waits from one source of an account for one destination,
// wherever it waits, the oldest first.
type chain struct{ oldest, newest ref }

// A pauser is an entry that has caused a pause, and until when it wants it.
type pauser struct {
	until int64
	entry ref
	next  ref
}

// A queue holds what waits for one Key. It has no pointers, see ref.
type queue struct {
	pause     node // armed while nothing is to be tried
	self      ref
	account   ref    // of receipts and alerts, in book.quotas; 0: none
	born      uint32 // tells it from others that had its place
	plain     list   // what waits with priority 0
	scheduled list
	urgent    ref // lists of what waits with higher ones; 0: nothing ever did
	out       int32
	pausers   ref
	sulking   ref // the lane whose target asked for the pause, while it lasts

	lane          ref // that it waits in for its turn; 0: none
	before, after ref
	same          ref // the next queue whose key has the same hash

	ton    pdu.TON
	form   uint8 // octets in addr, or one of those below
	doomed bool  // all that waits in it is being ended
	addr   [17]byte
}

// The forms of the address of a queue other than its length.
const (
	longAddr = 255 - iota // it is in book.long
	castAddr              // the ID of a broadcast
)

// A quota counts the places that an account takes.
type quota struct {
	account string
	used    int
}

// A book has all that waits.
type book struct {
	seed    maphash.Seed
	entries slab[entry]
	queues  slab[queue]
	urgent  slab[[levels - 1]list]
	pausers slab[pauser]

	byID    map[message.ID]ref // entries
	byKey   map[uint64]ref     // queues, by the hash of their key
	chains  map[uint64]chain   // by tag
	walks   []*walk            // that are under way
	long    map[ref]string     // addresses of queues
	quotas  []quota            // the first is of nobody
	quotaOf map[string]ref
	born    uint32

	lastQueue ref // that was asked for
	lastKey   Key
}

func newBook() book {
	return book{
		seed: maphash.MakeSeed(), byID: make(map[message.ID]ref), byKey: make(map[uint64]ref), chains: make(map[uint64]chain),
		long: make(map[ref]string), quotas: make([]quota, 1), quotaOf: make(map[string]ref),
	}
}

func (b *book) quota(account string) ref {
	r, ok := b.quotaOf[account]
	if !ok {
		r = ref(len(b.quotas))
		b.quotas = append(b.quotas, quota{account: account})
		b.quotaOf[account] = r
	}
	return r
}

func (b *book) hash(k *Key) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	var fixed [9]byte
	fixed[0] = byte(k.TON)
	binary.LittleEndian.PutUint64(fixed[1:], uint64(k.Broadcast))
	_, _ = h.Write(fixed[:])
	_, _ = h.WriteString(k.Addr)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(k.Account)
	return h.Sum64()
}

// is reports whether a queue is the one of a key.
func (b *book) is(q *queue, k *Key) bool {
	if q.ton != k.TON || b.quotas[q.account].account != k.Account {
		return false
	}
	switch q.form {
	case castAddr:
		return binary.LittleEndian.Uint64(q.addr[:]) == uint64(k.Broadcast)
	case longAddr:
		return k.Broadcast == 0 && b.long[q.self] == k.Addr
	}
	return k.Broadcast == 0 && string(q.addr[:q.form]) == k.Addr
}

// find returns the queue of a key, or nil.
func (b *book) find(k *Key) *queue {
	if b.lastQueue != 0 && b.lastKey == *k {
		return b.queues.at(b.lastQueue)
	}
	return b.findIn(b.byKey[b.hash(k)], k)
}

func (b *book) findIn(r ref, k *Key) *queue {
	for r != 0 {
		q := b.queues.at(r)
		if b.is(q, k) {
			b.lastQueue, b.lastKey = r, *k
			return q
		}
		r = q.same
	}
	return nil
}

// open returns the queue of a key, and makes it if there is none.
func (b *book) open(k *Key) *queue {
	if b.lastQueue != 0 && b.lastKey == *k {
		return b.queues.at(b.lastQueue)
	}
	h := b.hash(k)
	first := b.byKey[h]
	if q := b.findIn(first, k); q != nil {
		return q
	}
	r, q := b.queues.take()
	b.born++
	q.self, q.born, q.ton, q.same = r, b.born, k.TON, first
	q.pause.self = nodeOfQueue(r)
	if k.Account != "" {
		q.account = b.quota(k.Account)
	}
	switch {
	case k.Broadcast != 0:
		q.form = castAddr
		binary.LittleEndian.PutUint64(q.addr[:], uint64(k.Broadcast))
	case len(k.Addr) > len(q.addr):
		q.form = longAddr
		b.long[r] = k.Addr
	default:
		q.form = uint8(copy(q.addr[:], k.Addr))
	}
	b.byKey[h] = r
	b.lastQueue, b.lastKey = r, *k
	return q
}

// key returns the key of a queue.
func (b *book) key(q *queue) Key {
	if q.self == b.lastQueue {
		return b.lastKey
	}
	k := Key{Account: b.quotas[q.account].account, TON: q.ton}
	switch q.form {
	case castAddr:
		k.Broadcast = message.ID(binary.LittleEndian.Uint64(q.addr[:]))
	case longAddr:
		k.Addr = b.long[q.self]
	default:
		k.Addr = string(q.addr[:q.form])
	}
	b.lastQueue, b.lastKey = q.self, k
	return k
}

// forget forgets a queue that has nothing.
func (b *book) forget(q *queue) {
	k := b.key(q)
	h := b.hash(&k)
	if first := b.byKey[h]; first != q.self {
		for p := b.queues.at(first); ; p = b.queues.at(p.same) {
			if p.same == q.self {
				p.same = q.same
				break
			}
		}
	} else if q.same != 0 {
		b.byKey[h] = q.same
	} else {
		delete(b.byKey, h)
	}
	if q.form == longAddr {
		delete(b.long, q.self)
	}
	if q.urgent != 0 {
		b.urgent.put(q.urgent)
	}
	b.lastQueue = 0
	b.queues.put(q.self)
}

func (b *book) queueOf(e *entry) *queue { return b.queues.at(e.queue) }

// insert puts e in its place. As a rule that is the end, or the very beginning
// for what comes back, or behind what was put between others last.
func (b *book) insert(l *list, e *entry) {
	if l.tail == 0 || !before(e, b.entries.at(l.tail)) {
		b.insertAfter(l, e, l.tail)
		return
	}
	if before(e, b.entries.at(l.head)) {
		b.insertAfter(l, e, 0)
		return
	}
	at := l.hint
	if at == 0 {
		at = l.tail
	}
	after := b.entries.at(at)
	for before(e, after) {
		at = after.prev
		after = b.entries.at(at)
	}
	for next := after.next; next != 0 && !before(e, b.entries.at(next)); next = b.entries.at(next).next {
		at = next
	}
	b.insertAfter(l, e, at)
	l.hint = e.self()
}

func (e *entry) self() ref { return ref(e.deadline.self >> 1) }

func (b *book) insertAfter(l *list, e *entry, after ref) {
	r := e.self()
	e.prev = after
	if after == 0 {
		e.next, l.head = l.head, r
	} else {
		a := b.entries.at(after)
		e.next, a.next = a.next, r
	}
	if e.next == 0 {
		l.tail = r
	} else {
		b.entries.at(e.next).prev = r
	}
}

func (b *book) push(l *list, e *entry) { b.insertAfter(l, e, l.tail) }

// sort puts all entries in their places.
func (b *book) sort(l *list) {
	var all []*entry
	sorted := true
	var last *entry
	for r := l.head; r != 0 && sorted; r = last.next {
		e := b.entries.at(r)
		sorted = last == nil || before(last, e)
		last = e
	}
	if sorted {
		return
	}
	for e := range b.all(l) {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	*l = list{}
	for _, e := range all {
		b.push(l, e)
	}
}

// all are the entries of a list, in order.
func (b *book) all(l *list) func(func(*entry) bool) {
	return func(yield func(*entry) bool) {
		for r := l.head; r != 0; {
			e := b.entries.at(r)
			r = e.next
			if !yield(e) {
				return
			}
		}
	}
}

func (b *book) remove(l *list, e *entry) {
	if l.hint == e.self() {
		l.hint = 0
		if e.prev != 0 && e.next != 0 {
			l.hint = e.prev
		}
	}
	if e.prev != 0 {
		b.entries.at(e.prev).next = e.next
	} else {
		l.head = e.next
	}
	if e.next != 0 {
		b.entries.at(e.next).prev = e.prev
	} else {
		l.tail = e.prev
	}
	e.prev, e.next = 0, 0
}

// list returns the list in which an entry waits.
func (b *book) list(e *entry) *list {
	q := b.queueOf(e)
	l := e.level()
	if l == 0 {
		return &q.plain
	}
	if q.urgent == 0 {
		q.urgent, _ = b.urgent.take()
	}
	return &b.urgent.at(q.urgent)[l-1]
}

// head returns what is to be tried next, or nil.
func (b *book) head(q *queue) *entry {
	if q.urgent != 0 {
		u := b.urgent.at(q.urgent)
		for i := levels - 2; i >= 0; i-- {
			if r := u[i].head; r != 0 {
				return b.entries.at(r)
			}
		}
	}
	if q.plain.head == 0 {
		return nil
	}
	return b.entries.at(q.plain.head)
}

// waits reports whether anything waits for its turn.
func (b *book) waits(q *queue) bool { return q.plain.head != 0 || q.urgent != 0 && b.head(q) != nil }

// lists calls fn with the lists that wait, the most urgent first.
func (b *book) lists(q *queue, fn func(*list)) {
	if q.urgent != 0 {
		u := b.urgent.at(q.urgent)
		for i := levels - 2; i >= 0; i-- {
			fn(&u[i])
		}
	}
	fn(&q.plain)
}

func (b *book) empty(q *queue) bool { return q.out == 0 && q.scheduled.head == 0 && !b.waits(q) }

// tag makes a number of an account and two addresses, to tell most others apart.
func (b *book) tag(account, source, dest string) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	_, _ = h.WriteString(account)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(source)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(dest)
	return h.Sum64()
}

func (b *book) serviceTag(service string) uint16 {
	if service == "" {
		return 0
	}
	return uint16(maphash.String(b.seed, service))
}

// link puts an entry in its chain.
func (b *book) link(e *entry) {
	c := b.chains[e.tag]
	r := e.self()
	at := c.newest
	for at != 0 && b.entries.at(at).id > e.id { // two were submitted at the same time
		at = b.entries.at(at).older
	}
	e.older, e.newer = at, c.oldest
	if at == 0 {
		c.oldest = r
	} else {
		a := b.entries.at(at)
		e.newer, a.newer = a.newer, r
	}
	if e.newer == 0 {
		c.newest = r
	} else {
		b.entries.at(e.newer).older = r
	}
	b.chains[e.tag] = c
}

// unlink takes an entry out of its chain.
func (b *book) unlink(e *entry) {
	for _, w := range b.walks {
		if w.next == e.self() {
			w.next = e.newer
		}
	}
	if e.older == 0 && e.newer == 0 {
		delete(b.chains, e.tag)
		return
	}
	if e.older != 0 && e.newer != 0 {
		b.entries.at(e.older).newer, b.entries.at(e.newer).older = e.newer, e.older
		return
	}
	c := b.chains[e.tag]
	if e.older == 0 {
		c.oldest = e.newer
		b.entries.at(e.newer).older = 0
	} else {
		c.newest = e.older
		b.entries.at(e.older).newer = 0
	}
	b.chains[e.tag] = c
}

// A walk goes along a chain, some entries at a time.
type walk struct {
	next  ref
	last  message.ID // what is newer is left out
	first bool       // nothing was looked at yet
}

// A lane is a target and the queues that have something for it, each of which
// takes its turn.
type lane struct {
	target     Target
	self       ref
	flying     int // attempts under way
	n          int // queues
	head, tail ref
	paused     map[ref]struct{} // queues that its target wants later
}

func (l *lane) idle() bool { return l.flying == 0 && l.head == 0 && len(l.paused) == 0 }

func (b *book) line(l *lane, q *queue) {
	q.lane, q.before, q.after = l.self, l.tail, 0
	if l.tail != 0 {
		b.queues.at(l.tail).after = q.self
	} else {
		l.head = q.self
	}
	l.tail = q.self
	l.n++
}

func (b *book) pop(l *lane) *queue {
	q := b.queues.at(l.head)
	b.leaveLane(l, q)
	return q
}

func (b *book) leaveLane(l *lane, q *queue) {
	if q.before != 0 {
		b.queues.at(q.before).after = q.after
	} else {
		l.head = q.after
	}
	if q.after != 0 {
		b.queues.at(q.after).before = q.before
	} else {
		l.tail = q.before
	}
	q.lane, q.before, q.after = 0, 0, 0
	l.n--
}
