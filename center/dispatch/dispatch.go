// Package dispatch brings messages to their targets: in order for each
// destination, at their time, again after temporary failures, until their
// validity ends. A Dispatcher is the owner of a shard: the only one that changes
// its messages.
package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// The errors of a Dispatcher, beside those of its store.
var (
	ErrFull     = errors.New("dispatch: too many messages wait")
	ErrStopping = errors.New("dispatch: the message center is shutting down")
	ErrFinal    = errors.New("dispatch: the message does not wait any more")
	ErrAway     = errors.New("dispatch: the message is being delivered")
	ErrNoWay    = errors.New("dispatch: there is no way to the destination now")
)

// An Outcome is what an attempt came to.
type Outcome uint8

// The outcomes.
const (
	Delivered Outcome = iota + 1
	Accepted          // somebody has it who answers for it from now on
	Later             // not now: it is tried again after a pause, in which nothing else of its Key is tried
	Lost              // the way there broke: it is tried again at once, or when there is a way again
	Failed            // never
	FailedAll         // never, nor anything else that waits for the same Key
	Rejected          // the destination does not want it
	Skipped           // it was left out on purpose
	Again             // it went well, and is to go out once more: a broadcast
	Over              // its time is over: a broadcast that has gone out for the last time
	Deleted           // somebody on the way deleted it
	Untracked         // nobody knows what became of it
)

// A Result is an Outcome and the error that goes with it.
type Result struct {
	Outcome Outcome
	Error   message.Error
	// Unsure says of Later and Lost that the message may have arrived all the same.
	// One that is tried at most once is not tried again then.
	Unsure bool
	// Message is, of Again and Over, what the message has become; its Attempts
	// count, and its Next is when it goes out again.
	Message *message.Message
}

// A Target takes messages. Its methods are called concurrently and must not
// block, nor call the dispatcher but through Attempt.Done.
type Target interface {
	// Window returns how many attempts may be under way at a time. When it has
	// grown, Dispatcher.Wake has to be called.
	Window() int
	// Attempt starts an attempt and has a.Done called with what comes of it, once,
	// at any time, perhaps before Attempt returns.
	Attempt(a *Attempt)
}

// A OnceTarget is a target that may want messages at most once: an attempt is
// committed before it begins. AtMostOnce is called concurrently.
type OnceTarget interface {
	Target
	AtMostOnce() bool
}

// A CallableTarget is a target that may be called to take what waits for it.
// Starve says that there is something while the window is zero. It is called with
// locks held, perhaps again and again: it must be quick and must not call the
// dispatcher.
type CallableTarget interface {
	Target
	Starve()
}

// A Router finds the target of what waits. Route is called with locks held: it
// must be quick and must not call the dispatcher.
type Router interface{ Route(Key) Target }

// An Attempt is a message on its way to a target.
type Attempt struct {
	Message *message.Message
	Number  int // 1 for the first

	d    *Dispatcher
	e    *entry
	lane *lane
	done atomic.Bool
	once bool // it was committed that it begins
}

// Config says how a Dispatcher works. Store and Router are required.
type Config struct {
	Store  store.Store
	Router Router

	Shard int    // 0 to message.MaxShard
	Epoch uint64 // of the ownership of the shard

	// Retry is how long to wait after the first, the second and further failed
	// attempts; the last stands for all after it. Empty: DefaultRetry.
	Retry []time.Duration
	// MaxAttempts is how many attempts are made; zero: as many as fit into the
	// validity.
	MaxAttempts int

	// MaxWaiting is how many messages and receipts may wait. A receipt takes the
	// place of its message. Each takes 130 to 300 octets of memory, beside what the
	// store takes: the more, the fewer wait for the same destination. Zero:
	// DefaultMaxWaiting.
	MaxWaiting int
	// MaxPerAccount is the same for a single account. Zero: half of MaxWaiting.
	MaxPerAccount int

	// Receipt makes the receipt or notification (by its Kind) that tells of m in
	// its state, or nil for none. It sets everything but the ID, and must not keep
	// m. A dpf_result is added when the delivery pending flag of m is set. Nil:
	// there are none.
	Receipt func(m *message.Message, kind message.Kind, at time.Time) *message.Message
	// Alert makes the delivery pending flag of m, a message of kind Alert in state
	// scheduled, or nil for none. It sets everything but the ID. Nil: there are
	// none.
	Alert func(m *message.Message, at time.Time) *message.Message

	Logger *slog.Logger // nil: slog.Default()
}

// DefaultMaxWaiting is how many messages wait at most when not told otherwise.
const DefaultMaxWaiting = 2_000_000

// DefaultRetry returns the pauses between attempts when not told otherwise.
func DefaultRetry() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

// A Dispatcher delivers the messages of a shard. Its methods may be called
// concurrently.
type Dispatcher struct {
	cfg Config
	ids *message.IDSource
	log *slog.Logger

	send, commit, begin, clock chan struct{} // something to do
	stop                       chan struct{}
	stopped                    sync.WaitGroup
	once                       sync.Once

	mu       sync.Mutex
	book     book
	lanes    map[Target]*lane
	laneAt   []*lane // by their ref; the first is none
	used     int     // places taken
	busy     int     // entries that are away or held
	wheel    wheel
	alarm    int64 // when the wheel is looked at next; 0: not set
	crowded  bool  // deadlines wait until there is less to commit
	outbox   []*Attempt
	begins   []*Attempt       // to be committed before they begin
	alerts   map[Key][]*entry // that wait for the destination of the Key
	volatile map[ref]*once    // what is not stored
	casts    map[message.ID]struct{}
	fresh    *message.Message // of the entry that is being entered
	kept     kept
	endings  []ending
	updates  []update
	notes    []note
	dooms    []doom
	answers  []func() // to be called without the lock
	refusing bool
	idle     []chan struct{}
	dropped  uint64 // receipts that nobody took in time
}

// An ending is a message that has come to its end.
type ending struct {
	e     *entry
	msg   *message.Message // nil: ask the store
	event message.Event
	err   message.Error
	last  *message.Message // what it has become just before; nil: nothing new
	done  Result           // for whoever waits for a message that is not stored
}

// An update is to be committed, and then its entry is put back to where it waits.
type update struct {
	e    *entry
	op   store.Op
	back where
}

// A doom is a queue all of whose entries of now come to their end.
type doom struct {
	q    *queue
	last message.ID // of those
	r    Result
}

// A note is a failed attempt that somebody may want to be told of.
type note struct {
	id           message.ID
	notify, flag bool
}

// New returns a dispatcher that works on what its store holds, and starts it.
func New(ctx context.Context, cfg Config) (*Dispatcher, error) {
	if cfg.Store == nil || cfg.Router == nil {
		return nil, errors.New("dispatch: a store and a router are required")
	}
	if cfg.Shard < 0 || cfg.Shard > message.MaxShard {
		return nil, fmt.Errorf("dispatch: shard %d: 0 to %d are allowed", cfg.Shard, message.MaxShard)
	}
	s := Settings{cfg.Retry, cfg.MaxWaiting, cfg.MaxPerAccount}.withDefaults()
	cfg.Retry, cfg.MaxWaiting, cfg.MaxPerAccount = s.Retry, s.MaxWaiting, s.MaxPerAccount
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	d := &Dispatcher{
		cfg: cfg, ids: &message.IDSource{Shard: cfg.Shard}, log: cfg.Logger, book: newBook(), lanes: make(map[Target]*lane), laneAt: make([]*lane, 1),
		send: make(chan struct{}, 1), commit: make(chan struct{}, 1), begin: make(chan struct{}, 1), clock: make(chan struct{}, 1), stop: make(chan struct{}),
		alerts: make(map[Key][]*entry), volatile: make(map[ref]*once), casts: make(map[message.ID]struct{}),
	}
	d.wheel.book = &d.book
	if err := d.load(ctx); err != nil {
		return nil, fmt.Errorf("dispatch: load: %w", err)
	}
	d.stopped.Add(4)
	go d.sendLoop()
	go d.clockLoop()
	go d.commitLoop()
	go d.beginLoop()
	d.signal(d.send)
	d.signal(d.clock)
	d.signal(d.commit)
	return d, nil
}

// load takes up what the store holds.
func (d *Dispatcher) load(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	high, err := d.cfg.Store.Highest(ctx, d.cfg.Shard)
	if err != nil {
		return err
	}
	d.ids.Skip(high) // even if the clock was set back
	now := time.Now().UnixNano()
	type blocked struct {
		e     *entry
		until int64
	}
	pauses := make(map[ref][]blocked)
	err = d.cfg.Store.Load(ctx, d.cfg.Shard, func(m *message.Message) error {
		e := d.newEntry(m)
		switch {
		case m.State == pdu.StateUnknown:
			d.place(e, limbo, now)
		case m.Sent: // the attempt may have arrived
			d.place(e, limbo, now)
			d.hold(e)
			d.updates = append(d.updates, update{e, store.Op{Kind: store.Lose, ID: e.id}, limbo})
		case m.State == pdu.StateScheduled:
			d.place(e, scheduled, now)
		default:
			e.where = waiting
			d.book.push(d.book.list(e), e) // sorted below
			d.arm(e, now)
			if next := m.Next; !next.IsZero() && next.UnixNano() > now {
				pauses[e.queue] = append(pauses[e.queue], blocked{e, next.UnixNano()})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, q := range d.book.queues.all() {
		d.book.lists(q, d.book.sort)
		held := pauses[q.self]
		slices.SortFunc(held, func(a, b blocked) int { return cmp.Compare(a.until, b.until) })
		for _, p := range held {
			d.pause(q, p.e, d.laneOf(d.route(q)), p.until, now)
		}
	}
	for _, q := range d.book.queues.all() {
		d.ready(q)
	}
	return nil
}

// route returns the target of a queue.
func (d *Dispatcher) route(q *queue) Target { return d.cfg.Router.Route(d.book.key(q)) }

// NextID returns the first of n consecutive IDs for messages to be submitted.
func (d *Dispatcher) NextID(now time.Time, n int) message.ID { return d.ids.Next(now, n) }

// take reserves places of an account, or reports that there are not enough.
func (d *Dispatcher) take(account ref, n int) bool {
	q := &d.book.quotas[account]
	if d.used+n > d.cfg.MaxWaiting || q.used+n > d.cfg.MaxPerAccount {
		return false
	}
	d.used += n
	q.used += n
	return true
}

func (d *Dispatcher) giveBack(account ref, n int) {
	d.used -= n
	d.book.quotas[account].used -= n
}

// Submit accepts messages, all or none, whose IDs are from NextID and whose
// state is scheduled or enroute. They belong to the dispatcher then. When it
// returns nil, they are committed.
func (d *Dispatcher) Submit(ctx context.Context, msgs ...*message.Message) error {
	need := len(msgs)
	d.mu.Lock()
	quota := d.book.quota(msgs[0].Account)
	var err error
	switch {
	case d.refusing:
		err = ErrStopping
	case !d.take(quota, need):
		err = ErrFull
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	var few [1]store.Op
	ops := few[:0]
	if need > 1 {
		ops = make([]store.Op, 0, need)
	}
	for _, m := range msgs {
		ops = append(ops, store.Op{Kind: store.Accept, Message: m})
	}
	err = d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, ops)
	now := time.Now().UnixNano()
	d.mu.Lock()
	d.giveBack(quota, need) // enter takes them
	if err == nil {
		for _, m := range msgs {
			d.enter(m, now)
		}
	}
	d.unlock()
	return err
}

// Try delivers a message once and now, without storing it; see
// message.Message.Volatile. It belongs to the dispatcher then. done, which may be
// nil, is called with what comes of it, once: with Later when its validity has
// ended before that is known. It must not block. ErrNoWay means that nothing can
// reach the destination now.
func (d *Dispatcher) Try(m *message.Message, done func(Result)) error {
	d.mu.Lock()
	defer d.unlock()
	quota := d.book.quota(m.Account)
	switch {
	case d.refusing:
		return ErrStopping
	case !d.take(quota, 1):
		return ErrFull
	}
	d.giveBack(quota, 1) // newEntry takes it
	k := KeyOf(m)
	if d.cfg.Router.Route(k).Window() <= 0 {
		return ErrNoWay
	}
	if q := d.book.find(&k); q != nil && q.blocked() {
		return ErrNoWay
	}
	e := d.newEntry(m)
	e.volatile = true
	d.volatile[e.self()] = &once{m, done}
	d.place(e, waiting, time.Now().UnixNano())
	d.ready(d.book.queueOf(e))
	return nil
}

// unlock lets go of the lock, and wakes whoever has something to do now.
func (d *Dispatcher) unlock() {
	at, ok := d.wheel.next()
	clock := !d.crowded && (ok && (d.alarm == 0 || at < d.alarm) || len(d.dooms) > 0)
	send := len(d.outbox) > 0
	commit := len(d.endings)+len(d.updates)+len(d.notes)+len(d.answers) > 0
	begin := len(d.begins) > 0
	if d.busy == 0 && len(d.idle) > 0 && !commit {
		for _, ch := range d.idle {
			close(ch)
		}
		d.idle = nil
	}
	d.mu.Unlock()
	if clock {
		d.signal(d.clock)
	}
	if send {
		d.signal(d.send)
	}
	if commit {
		d.signal(d.commit)
	}
	if begin {
		d.signal(d.begin)
	}
}

func (d *Dispatcher) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// newEntry makes the entry of a message that is in the store, or not stored at
// all. It is in no list yet.
func (d *Dispatcher) newEntry(m *message.Message) *entry {
	r, e := d.book.entries.take()
	e.id, e.kind, e.priority, e.attempts, e.quota = m.ID, m.Kind, m.Priority, int32(m.Attempts), d.book.quota(m.Account)
	e.deadline.self = nodeOfEntry(r)
	e.tag = d.tagOf(m)
	e.setTimes(m)
	d.used++
	d.book.quotas[e.quota].used++
	d.book.byID[e.id] = r
	switch m.Kind {
	case message.Normal:
		e.service = d.book.serviceTag(m.ServiceType)
		d.book.link(e)
	case message.Broadcast:
		d.casts[e.id] = struct{}{}
	}
	k := KeyOf(m)
	e.queue = d.book.open(&k).self
	return e
}

// tagOf makes a number of what stands in an entry for the account and the
// addresses of its message.
func (d *Dispatcher) tagOf(m *message.Message) uint64 {
	if m.Kind == message.Alert {
		return d.book.tag(m.Account, m.Dest.Addr, m.Source.Addr)
	}
	return d.book.tag(m.Account, m.Source.Addr, m.Dest.Addr)
}

func (e *entry) setTimes(m *message.Message) {
	e.due, e.expires = 0, m.Expires.UnixNano()
	if !m.Due.IsZero() {
		e.due = m.Due.UnixNano()
	}
}

// enter takes up a message that was just committed.
func (d *Dispatcher) enter(m *message.Message, now int64) {
	e := d.newEntry(m)
	to := waiting
	if m.State == pdu.StateScheduled {
		to = scheduled
	}
	d.place(e, to, now)
	d.fresh = m
	q := d.book.queueOf(e)
	d.ready(q)
	d.fresh = nil
	if e.where == waiting && q.lane != 0 && d.laneAt[q.lane].target.Window() > 0 {
		d.kept.add(m)
	}
}

// place puts an entry where it waits: waiting, scheduled or limbo.
func (d *Dispatcher) place(e *entry, to where, now int64) {
	e.where = to
	switch to {
	case scheduled:
		d.book.push(&d.book.queueOf(e).scheduled, e)
		if e.kind == message.Alert {
			k := d.alertKey(e)
			d.alerts[k] = append(d.alerts[k], e)
		}
	case limbo:
		d.book.queueOf(e).out++
	default:
		d.book.insert(d.book.list(e), e)
	}
	d.arm(e, now)
}

// arm sets the deadline of an entry.
func (d *Dispatcher) arm(e *entry, now int64) {
	deadline := e.expires
	if e.where == scheduled && e.due != 0 {
		deadline = min(deadline, e.due)
	}
	if !e.deadline.armed() || e.deadline.at != deadline {
		d.wheel.add(&e.deadline, deadline, now)
	}
}

// alertKey is the key of the destination that an alert waits for.
func (d *Dispatcher) alertKey(e *entry) Key {
	k := d.book.key(d.book.queueOf(e))
	return Key{TON: k.TON, Addr: k.Addr}
}

// unlist takes an entry out of where it waits.
func (d *Dispatcher) unlist(e *entry) {
	switch e.where {
	case scheduled:
		d.book.remove(&d.book.queueOf(e).scheduled, e)
		if e.kind == message.Alert {
			k := d.alertKey(e)
			if rest := slices.DeleteFunc(d.alerts[k], func(x *entry) bool { return x == e }); len(rest) > 0 {
				d.alerts[k] = rest
			} else {
				delete(d.alerts, k)
			}
		}
	case limbo:
		d.book.queueOf(e).out--
	default:
		d.book.remove(d.book.list(e), e)
	}
}

// hold takes an entry out of where it waits, while something is committed.
func (d *Dispatcher) hold(e *entry) {
	d.kept.take(e.id) // it may be changed
	d.unlist(e)
	e.where = held
	d.book.queueOf(e).out++
	d.busy++
}

// leave forgets an entry that is away or held.
func (d *Dispatcher) leave(e *entry) {
	q := d.book.queueOf(e)
	d.unblock(e)
	d.wheel.remove(&e.deadline)
	delete(d.book.byID, e.id)
	switch e.kind {
	case message.Normal:
		d.book.unlink(e)
	case message.Broadcast:
		delete(d.casts, e.id)
	}
	if e.volatile {
		delete(d.volatile, e.self())
	}
	d.giveBack(e.quota, 1)
	q.out--
	d.busy--
	d.book.entries.put(e.self())
	d.tidy(q)
}

// back puts an entry that is away or held to where it waits again.
func (d *Dispatcher) back(e *entry, to where, now int64) {
	q := d.book.queueOf(e)
	q.out--
	d.busy--
	e.late = false // a deadline that came meanwhile comes again
	d.place(e, to, now)
	d.ready(q)
}

// tidy forgets a queue that has nothing.
func (d *Dispatcher) tidy(q *queue) {
	if q.self == 0 || d.book.waits(q) { // forgotten already, or with something to do
		return
	}
	if q.lane != 0 {
		d.book.leaveLane(d.laneAt[q.lane], q)
	}
	if d.book.empty(q) {
		d.unpause(q)
		d.book.forget(q)
	}
}

// blocked reports whether nothing of a queue is to be tried now.
func (q *queue) blocked() bool { return q.pause.armed() || q.doomed }

// pause lets nothing of a queue be tried for a while, or until the target of l,
// which may be nil, is woken, or e, which has caused it, is gone.
func (d *Dispatcher) pause(q *queue, e *entry, l *lane, until, now int64) {
	r, p := d.book.pausers.take()
	p.until, p.entry, p.next = until, e.self(), q.pausers
	q.pausers = r
	if q.pause.armed() {
		if until < q.pause.at { // the earliest counts: when it works, it works for all
			d.wheel.add(&q.pause, until, now)
		}
		return
	}
	d.wheel.add(&q.pause, until, now)
	if l != nil {
		l = d.laneOf(l.target) // there may be another one by now
		if l.paused == nil {
			l.paused = make(map[ref]struct{})
		}
		l.paused[q.self] = struct{}{}
		q.sulking = l.self
	}
}

// unblock ends the pause that an entry has caused, or leaves it to the next one.
func (d *Dispatcher) unblock(e *entry) {
	q := d.book.queueOf(e)
	if !q.pause.armed() {
		return
	}
	found, until := false, int64(0)
	for at := &q.pausers; *at != 0; {
		r := *at
		p := d.book.pausers.at(r)
		if !found && p.entry == e.self() {
			found = true
			*at = p.next
			d.book.pausers.put(r)
			continue
		}
		if until == 0 || p.until < until {
			until = p.until
		}
		at = &p.next
	}
	switch {
	case !found:
	case q.pausers == 0:
		d.unpause(q)
		d.ready(q)
	case until > q.pause.at:
		d.wheel.add(&q.pause, until, time.Now().UnixNano())
	}
}

func (d *Dispatcher) unpause(q *queue) {
	d.wheel.remove(&q.pause)
	for q.pausers != 0 {
		r := q.pausers
		q.pausers = d.book.pausers.at(r).next
		d.book.pausers.put(r)
	}
	if q.sulking != 0 {
		l := d.laneAt[q.sulking]
		q.sulking = 0
		delete(l.paused, q.self)
		d.drop(l)
	}
}

// ready looks for something to do in a queue.
func (d *Dispatcher) ready(q *queue) {
	if q.lane != 0 || q.blocked() || !d.book.waits(q) {
		return
	}
	l := d.laneOf(d.route(q))
	d.book.line(l, q)
	d.run(l)
}

func (d *Dispatcher) laneOf(t Target) *lane {
	l := d.lanes[t]
	if l == nil {
		l = &lane{target: t}
		if i := slices.Index(d.laneAt[1:], nil); i >= 0 {
			l.self = ref(i + 1)
			d.laneAt[l.self] = l
		} else {
			l.self = ref(len(d.laneAt))
			d.laneAt = append(d.laneAt, l)
		}
		d.lanes[t] = l
	}
	return l
}

// drop forgets a lane that has nothing.
func (d *Dispatcher) drop(l *lane) {
	if l.idle() && d.laneAt[l.self] == l {
		delete(d.lanes, l.target)
		d.laneAt[l.self] = nil
	}
}

// run starts as many attempts as the window of a lane allows, one of each queue
// in turn.
func (d *Dispatcher) run(l *lane) {
	for l.head != 0 && l.flying < l.target.Window() {
		q := d.book.pop(l)
		e := d.book.head(q)
		if e == nil || q.blocked() {
			d.tidy(q)
			continue
		}
		if t := d.route(q); t != l.target {
			other := d.laneOf(t)
			d.book.line(other, q)
			if w := other.target.Window(); w <= 0 || other.flying < w {
				d.run(other)
			}
			continue
		}
		d.unlist(e)
		e.where = away
		q.out++
		d.busy++
		l.flying++
		a := &Attempt{Number: int(e.attempts) + 1, d: d, e: e, lane: l}
		switch {
		case d.fresh != nil && d.fresh.ID == e.id:
			a.Message = d.fresh
		case e.volatile:
			a.Message = d.volatile[e.self()].msg
		default:
			a.Message = d.kept.take(e.id)
		}
		d.outbox = append(d.outbox, a)
		if d.book.waits(q) {
			d.book.line(l, q)
		}
	}
	if l.head != 0 && l.flying == 0 {
		if t, ok := l.target.(CallableTarget); ok && t.Window() <= 0 {
			t.Starve()
		}
	}
	d.drop(l)
}

// maxSteps is how many things are done without letting go of the lock, where
// there may be very many.
const maxSteps = 500

// yield lets others have the lock after each maxSteps.
func (d *Dispatcher) yield(steps int) {
	if steps%maxSteps == 0 {
		d.unlock()
		d.mu.Lock()
	}
}

// Wake tells that a target can take more than before. What it wanted later is
// tried now.
func (d *Dispatcher) Wake(t Target) {
	d.mu.Lock()
	defer d.unlock()
	steps := 0
	if l := d.lanes[t]; l != nil {
		for left := len(l.paused); left > 0 && l != nil && len(l.paused) > 0; l = d.lanes[t] {
			for r := range l.paused {
				q := d.book.queues.at(r)
				d.unpause(q)
				d.ready(q)
				left--
				if steps++; steps%maxSteps == 0 || left == 0 {
					break
				}
			}
			d.yield(steps)
		}
		if l = d.lanes[t]; l != nil {
			d.run(l)
		}
	}
	if len(d.alerts) > 0 && t.Window() > 0 {
		for k := range d.alerts {
			if d.cfg.Router.Route(k) == t {
				d.available(k)
			}
			steps++
			d.yield(steps)
		}
	}
}

// available sends the alerts that wait for a destination on their way.
func (d *Dispatcher) available(k Key) {
	for _, e := range slices.Clone(d.alerts[k]) {
		d.release(e)
	}
}

// release lets a scheduled entry wait for its turn once that is committed.
func (d *Dispatcher) release(e *entry) {
	d.hold(e)
	d.updates = append(d.updates, update{e, store.Op{Kind: store.Release, ID: e.id}, waiting})
}

// Reroute tells that a target may not be the right one any more for what waits
// for it.
func (d *Dispatcher) Reroute(t Target) {
	d.mu.Lock()
	defer d.unlock()
	l := d.lanes[t]
	if l == nil {
		return
	}
	n := 0
	for r := range l.paused {
		if q := d.book.queues.at(r); d.route(q) != t { // the pause was for this target
			d.unpause(q)
			d.ready(q)
		}
		n++
		d.yield(n)
	}
	if l = d.lanes[t]; l == nil {
		return
	}
	for left := l.n; left > 0 && l != nil && l.head != 0; left-- { // those that stay queue up again behind
		d.ready(d.book.pop(l))
		n++
		d.yield(n)
		l = d.lanes[t]
	}
	if l != nil {
		d.run(l)
	}
}

// sendLoop hands out attempts, one after the other.
func (d *Dispatcher) sendLoop() {
	defer d.stopped.Done()
	var out []*Attempt
	for {
		select {
		case <-d.stop:
			return
		case <-d.send:
		}
		for {
			d.mu.Lock()
			out, d.outbox = d.outbox, out[:0]
			d.mu.Unlock()
			if len(out) == 0 {
				break
			}
			later := false
			for i, a := range out {
				out[i] = nil
				if t, ok := a.lane.target.(OnceTarget); ok && a.e.kind == message.Normal && !a.e.volatile && t.AtMostOnce() {
					a.once = true
					d.mu.Lock()
					d.begins = append(d.begins, a)
					d.mu.Unlock()
					later = true
					continue
				}
				d.start(a)
			}
			if later {
				d.signal(d.begin)
			}
		}
	}
}

// clockLoop watches the clock.
func (d *Dispatcher) clockLoop() {
	defer d.stopped.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-d.clock:
		case <-timer.C:
			d.mu.Lock()
			d.alarm = 0
			d.mu.Unlock()
		}
		for d.tick(timer) {
			select {
			case <-d.stop:
				return
			default:
			}
		}
	}
}

// tick handles some of the deadlines that have come and of what is doomed, as
// long as there is not very much to commit, and reports whether there is more.
func (d *Dispatcher) tick(timer *time.Timer) (more bool) {
	now := time.Now().UnixNano()
	d.mu.Lock()
	if d.crowded = len(d.endings)+len(d.updates) >= maxCommit; d.crowded {
		d.unlock()
		return false
	}
	if len(d.dooms) > 0 {
		d.doom()
		d.unlock()
		return true
	}
	next := d.wheel.step(now, maxSteps, func(n nodeRef) { d.due(n, now) })
	if next == stepDone {
		if at, ok := d.wheel.next(); ok && at != d.alarm {
			d.alarm = at
			timer.Reset(time.Duration(at - now))
		} else if !ok {
			d.alarm = 0
		}
	}
	d.unlock()
	if next == stepSort {
		d.wheel.sort()
	}
	return next != stepDone
}

// doom brings some of what is doomed to its end.
func (d *Dispatcher) doom() {
	x := d.dooms[0]
	n := 0
	d.book.lists(x.q, func(l *list) {
		for ; n < maxSteps && l.head != 0; n++ {
			e := d.book.entries.at(l.head)
			if e.id > x.last {
				return
			}
			d.hold(e)
			d.endings = append(d.endings, ending{e: e, event: message.Fail, err: x.r.Error, done: x.r})
		}
	})
	if n == maxSteps {
		return
	}
	d.dooms = slices.Delete(d.dooms, 0, 1)
	x.q.doomed = false
	x.q.out--
	d.busy--
	d.ready(x.q)
	d.tidy(x.q)
}

func (d *Dispatcher) start(a *Attempt) {
	if a.Message == nil {
		m, err := d.cfg.Store.Get(context.Background(), a.e.id)
		if err != nil {
			d.log.Error("a message cannot be read", "id", a.e.id, "error", err)
			a.Done(Result{Outcome: Later})
			return
		}
		a.Message = m
	}
	a.lane.target.Attempt(a)
}

// beginLoop commits that attempts begin which must not happen twice, and begins
// them.
func (d *Dispatcher) beginLoop() {
	defer d.stopped.Done()
	var ops []store.Op
	for {
		select {
		case <-d.stop:
			return
		case <-d.begin:
		}
		for {
			d.mu.Lock()
			begins := d.begins
			d.begins = nil
			d.mu.Unlock()
			if len(begins) == 0 {
				break
			}
			ops = ops[:0]
			for _, a := range begins {
				ops = append(ops, store.Op{Kind: store.Begin, ID: a.e.id})
			}
			err := d.cfg.Store.Commit(context.Background(), d.cfg.Shard, d.cfg.Epoch, ops)
			if err != nil {
				d.log.Error("attempts cannot be committed", "error", err)
			}
			for _, a := range begins {
				if err != nil { // it did not begin
					a.once = false
					a.Done(Result{Outcome: Later})
					continue
				}
				d.start(a)
			}
		}
	}
}

// due handles a deadline that has come.
func (d *Dispatcher) due(n nodeRef, now int64) {
	if n.ofQueue() {
		q := d.book.queues.at(ref(n >> 1))
		d.unpause(q)
		d.ready(q)
		d.tidy(q)
		return
	}
	e := d.book.entries.at(ref(n >> 1))
	if e.where == away || e.where == held {
		e.late = true
		if e.volatile {
			d.answer(e, Result{Outcome: Later})
		}
		return
	}
	if now >= e.expires {
		d.hold(e)
		d.endings = append(d.endings, ending{e: e, event: message.Expire, done: Result{Outcome: Later}})
		return
	}
	d.release(e) // the time that it was scheduled for
}

// answer tells whoever waits for a message that is not stored what came of it.
func (d *Dispatcher) answer(e *entry, r Result) {
	o := d.volatile[e.self()]
	if done := o.done; done != nil {
		o.done = nil
		d.answers = append(d.answers, func() { done(r) })
	}
}

// Done tells what came of an attempt. It does not block. Only the first call
// counts.
func (a *Attempt) Done(r Result) {
	if a.done.Swap(true) {
		return
	}
	d, e := a.d, a.e
	now := time.Now().UnixNano()
	d.mu.Lock()
	a.lane.flying--
	lost := r.Outcome == Lost || r.Outcome == Later
	switch {
	case lost && e.volatile:
		d.end(e, a.Message, Result{Outcome: Failed, Error: r.Error}, r)
	case lost && r.Unsure && a.once:
		d.update(e, store.Op{Kind: store.Lose, ID: e.id}, limbo)
	case r.Outcome == Lost && e.lost < 3 && !e.late:
		e.lost++
		if a.once { // it did not begin after all
			op := store.Op{Kind: store.Attempt, ID: e.id, Attempts: int(e.attempts)}
			if a.Message != nil {
				op.Error = a.Message.Error
			}
			d.update(e, op, waiting)
		} else {
			d.back(e, waiting, now)
		}
	case lost:
		d.failed(e, a.lane, a.Message, r, now)
	case r.Outcome == Again && r.Message != nil && !e.late:
		e.attempts = int32(r.Message.Attempts)
		d.pause(d.book.queueOf(e), e, nil, r.Message.Next.UnixNano(), now)
		d.update(e, store.Op{Kind: store.Replace, Message: r.Message}, waiting)
	default:
		if len(d.alerts) > 0 && (r.Outcome == Delivered || r.Outcome == Accepted) {
			d.available(d.book.key(d.book.queueOf(e)))
		}
		d.end(e, a.Message, r, r)
		if r.Outcome == FailedAll {
			if q := d.book.queueOf(e); d.book.waits(q) && !q.doomed {
				q.doomed = true
				q.out++
				d.busy++
				d.dooms = append(d.dooms, doom{q, d.ids.Next(time.Now(), 1), r})
			}
		}
	}
	d.run(a.lane)
	d.unlock()
}

var events = map[Outcome]message.Event{
	Delivered: message.Deliver, Accepted: message.Accept, Failed: message.Fail, FailedAll: message.Fail, Rejected: message.Reject,
	Skipped: message.Skip, Over: message.Expire, Again: message.Expire, Deleted: message.Cancel, Untracked: message.LoseTrackOf,
}

// end queues the end of an entry that was away.
func (d *Dispatcher) end(e *entry, m *message.Message, r, done Result) {
	event, ok := events[r.Outcome]
	if !ok {
		event = message.Fail
	}
	e.where = held
	d.endings = append(d.endings, ending{e: e, msg: m, event: event, err: r.Error, last: r.Message, done: done})
}

// update queues a change of an entry that is away, after which it waits again.
func (d *Dispatcher) update(e *entry, op store.Op, back where) {
	e.where = held
	d.updates = append(d.updates, update{e, op, back})
}

// failed handles a temporary failure.
func (d *Dispatcher) failed(e *entry, l *lane, m *message.Message, r Result, now int64) {
	e.attempts++
	e.lost = 0
	if e.late || now >= e.expires {
		e.where = held
		d.endings = append(d.endings, ending{e: e, msg: m, event: message.Expire, err: r.Error})
		d.flag(e, m)
		return
	}
	if d.cfg.MaxAttempts > 0 && int(e.attempts) >= d.cfg.MaxAttempts {
		e.where = held
		d.endings = append(d.endings, ending{e: e, msg: m, event: message.Fail, err: r.Error})
		d.flag(e, m)
		return
	}
	next := now + int64(d.cfg.Retry[min(int(e.attempts), len(d.cfg.Retry))-1])
	d.pause(d.book.queueOf(e), e, l, next, now)
	d.update(e, store.Op{Kind: store.Attempt, ID: e.id, Attempts: int(e.attempts), Next: time.Unix(0, next), Error: r.Error}, waiting)
	if e.attempts == 1 && m != nil && m.Kind == message.Normal && m.RegisteredDelivery&pdu.IntermediateNotification != 0 {
		d.notes = append(d.notes, note{id: e.id, notify: true})
	}
	d.flag(e, m)
}

// flag sets the delivery pending flag if the message asks for it.
func (d *Dispatcher) flag(e *entry, m *message.Message) {
	if m == nil || m.Kind != message.Normal || d.cfg.Alert == nil {
		return
	}
	if set, _ := pdu.TLVSetDPF.Get(m.TLVs); set == 1 {
		d.notes = append(d.notes, note{id: e.id, flag: true})
	}
}

// maxCommit is how many messages are committed at once, so that those who submit
// are not held up when very many come to their time together.
const maxCommit = 1000

// commitLoop commits what attempts and deadlines have brought, many at a time.
func (d *Dispatcher) commitLoop() {
	defer d.stopped.Done()
	for {
		select {
		case <-d.stop:
			return
		case <-d.commit:
		}
		for d.commitAll() {
		}
	}
}

func (d *Dispatcher) commitAll() (more bool) {
	d.mu.Lock()
	endings, updates, notes, answers := d.endings, d.updates, d.notes, d.answers
	d.endings, d.updates, d.notes, d.answers = nil, nil, nil, nil
	d.busy++ // nobody may take this for idle
	crowded := d.crowded
	d.crowded = false
	d.mu.Unlock()
	if crowded {
		d.signal(d.clock)
	}
	more = len(endings)+len(updates)+len(notes)+len(answers) > 0
	for piece := range slices.Chunk(updates, maxCommit) {
		d.commitUpdates(piece)
	}
	for _, n := range notes {
		d.tell(n)
	}
	for _, fn := range answers {
		fn()
	}
	d.insist(endings)
	d.mu.Lock()
	d.busy--
	d.unlock()
	return more
}

// commitUpdates commits what is good to know after a restart, and puts the
// entries back to where they wait. When it cannot be committed they go on all the
// same: a restart would make an attempt too many, or one too early.
func (d *Dispatcher) commitUpdates(updates []update) {
	ops := make([]store.Op, len(updates))
	for i := range updates {
		ops[i] = updates[i].op
	}
	if err := d.cfg.Store.Commit(context.Background(), d.cfg.Shard, d.cfg.Epoch, ops); err != nil {
		d.log.Error("attempts cannot be committed", "error", err)
	}
	now := time.Now().UnixNano()
	d.mu.Lock()
	for i := range updates {
		d.back(updates[i].e, updates[i].back, now)
	}
	d.unlock()
}

// tell lets the submitter know of a failed attempt: by an intermediate
// notification, or later, by an alert.
func (d *Dispatcher) tell(n note) {
	if n.notify {
		d.notify(n.id)
	}
	if n.flag {
		m, err := d.cfg.Store.Get(context.Background(), n.id)
		if err == nil {
			_, err = d.Flag(context.Background(), m)
		}
		if err != nil {
			d.log.Warn("a delivery pending flag is not set", "id", n.id, "error", err)
		}
	}
}

// Flag sets the delivery pending flag of a message: when something can be
// delivered to its destination again, or somebody has bound for it, its submitter
// is alerted, once. It reports whether the flag is set, and since when does not
// matter. SMPP v5.0, section 4.8.4.54.
func (d *Dispatcher) Flag(ctx context.Context, m *message.Message) (bool, error) {
	alert, set := d.newAlert(m, time.Now())
	if alert == nil {
		return set, nil
	}
	if err := d.Submit(ctx, alert); err != nil {
		return false, err
	}
	return true, nil
}

// newAlert makes the delivery pending flag of a message, or returns nil and
// whether it is set already.
func (d *Dispatcher) newAlert(m *message.Message, now time.Time) (alert *message.Message, set bool) {
	if d.cfg.Alert == nil {
		return nil, false
	}
	if alert = d.cfg.Alert(m, now); alert == nil {
		return nil, false
	}
	tag := d.tagOf(alert)
	d.mu.Lock()
	set = slices.ContainsFunc(d.alerts[Key{TON: alert.Source.TON, Addr: alert.Source.Addr}], func(e *entry) bool { return e.tag == tag })
	d.mu.Unlock()
	if set {
		return nil, true
	}
	alert.ID = d.ids.Next(now, 1)
	return alert, false
}

// pend sets the delivery pending flag of a message that comes to its end, if it
// asks for it: it reports whether the flag is set by then, and returns the flag
// if it has to be committed for that. made has those of the same commit.
func (d *Dispatcher) pend(m *message.Message, event message.Event, now time.Time, made *map[uint64]struct{}) (alert *message.Message, set bool) {
	if m.Kind != message.Normal || event == message.Deliver || event == message.Accept {
		return nil, false
	}
	if asked, _ := pdu.TLVSetDPF.Get(m.TLVs); asked != 1 {
		return nil, false
	}
	if alert, set = d.newAlert(m, now); alert == nil || event != message.Expire || m.State == pdu.StateUnknown {
		return nil, set
	}
	tag := d.tagOf(alert)
	if _, twice := (*made)[tag]; twice {
		return nil, true
	}
	if *made == nil {
		*made = make(map[uint64]struct{})
	}
	(*made)[tag] = struct{}{}
	return alert, true
}

// notify makes an intermediate notification, if there is room for one.
func (d *Dispatcher) notify(id message.ID) {
	m, err := d.cfg.Store.Get(context.Background(), id)
	if err != nil || m.State.Final() || d.cfg.Receipt == nil {
		return
	}
	now := time.Now()
	n := d.cfg.Receipt(m, message.Notification, now)
	if n == nil {
		return
	}
	n.ID = d.ids.Next(now, 1)
	if err := d.Submit(context.Background(), n); err != nil {
		d.log.Warn("an intermediate notification is left out", "id", id, "error", err)
	}
}

// insist commits endings until the store takes them. What is not stored does not
// wait for that.
func (d *Dispatcher) insist(endings []ending) {
	kept := endings[:0]
	var passing []ending
	for _, x := range endings {
		if x.e.volatile {
			passing = append(passing, x)
		} else {
			kept = append(kept, x)
		}
	}
	if len(passing) > 0 {
		_ = d.finish(context.Background(), passing) // cannot fail: there is nothing to commit
	}
	for piece := range slices.Chunk(kept, maxCommit) {
		for {
			err := d.finish(context.Background(), piece)
			if err == nil {
				break
			}
			d.log.Error("final states cannot be committed", "messages", len(piece), "error", err)
			t := time.NewTimer(time.Second)
			select {
			case <-t.C:
			case <-d.stop:
				t.Stop()
				return
			}
		}
	}
}

// finish commits the ends of messages that are away or held, and their receipts.
func (d *Dispatcher) finish(ctx context.Context, endings []ending) error {
	now := time.Now()
	ops := make([]store.Op, 0, 2*len(endings))
	news := make([]*message.Message, 0, len(endings)) // receipts and delivery pending flags, in the places of what has ended
	var ended message.Message                         // that a receipt tells of
	var flags map[uint64]struct{}                     // among the news
	for i := range endings {
		x := &endings[i]
		if x.e.volatile {
			continue // nothing of it is stored
		}
		m := x.msg
		if m == nil {
			var err error
			if m, err = d.cfg.Store.Get(ctx, x.e.id); errors.Is(err, store.ErrNotFound) {
				d.log.Error("a message is not in the store any more", "id", x.e.id) // somebody else had a hand in it
				continue
			} else if err != nil {
				return err
			}
			x.msg = m
		}
		if m.Kind != message.Normal && m.Kind != message.Broadcast {
			if x.event != message.Deliver && x.event != message.Accept && (m.Kind != message.Alert || m.State != pdu.StateScheduled) {
				d.dropReceipt(m, x.event, x.err)
			}
			ops = append(ops, store.Op{Kind: store.Remove, ID: m.ID, Known: m})
			continue
		}
		known := m
		if x.last != nil {
			ops = append(ops, store.Op{Kind: store.Replace, Message: x.last})
			known = nil
		}
		from := m.State
		state, err := message.Next(from, x.event)
		if err != nil { // cannot be: a target that takes what is final
			d.log.Error("impossible transition", "id", m.ID, "error", err)
			state = pdu.StateUnknown
		}
		if x.event == message.Expire && x.err == (message.Error{}) {
			x.err = m.Error // why it was not delivered in time
		}
		alert, flagged := d.pend(m, x.event, now, &flags)
		if alert != nil {
			ops = append(ops, store.Op{Kind: store.Accept, Message: alert})
			news = append(news, alert)
		}
		ops = append(ops, store.Op{Kind: store.Final, ID: m.ID, Known: known, State: state, At: now, Error: x.err})
		if d.cfg.Receipt == nil || !m.WantsReceipt(state) {
			continue
		}
		ended = *m
		ended.State, ended.Final, ended.Error = state, now, x.err
		if r := d.cfg.Receipt(&ended, message.Receipt, now); r != nil {
			r.ID = d.ids.Next(now, 1)
			if flagged {
				r.TLVs = r.TLVs.Clone()
				pdu.TLVDPFResult.Set(&r.TLVs, 1)
			}
			ops = append(ops, store.Op{Kind: store.Accept, Message: r})
			news = append(news, r)
		}
	}
	if len(ops) > 0 {
		if err := d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, ops); err != nil {
			return err
		}
	}
	d.mu.Lock()
	for i := range endings {
		if e := endings[i].e; e.volatile {
			d.answer(e, endings[i].done)
		}
		d.leave(endings[i].e)
	}
	for _, m := range news {
		d.enter(m, now.UnixNano())
	}
	d.unlock()
	return nil
}

func (d *Dispatcher) dropReceipt(m *message.Message, event message.Event, why message.Error) {
	d.mu.Lock()
	d.dropped++
	d.mu.Unlock()
	d.log.Warn("a receipt was not taken", "account", m.Account, "event", event.String(), "error_code", why.Code, "of", m.Group)
}

// Cancel deletes a message that waits. ErrAway means that it is being delivered,
// ErrFinal that it does not wait any more.
func (d *Dispatcher) Cancel(ctx context.Context, id message.ID) error {
	_, refused, err := d.cancel(ctx, []message.ID{id})
	return cmp.Or(err, refused)
}

// CancelAll deletes those messages that wait, and returns how many they were. It
// commits many at once. After an error those that are counted are deleted.
func (d *Dispatcher) CancelAll(ctx context.Context, ids []message.ID) (n int, err error) {
	for piece := range slices.Chunk(ids, maxCommit) {
		cancelled, _, err := d.cancel(ctx, piece)
		if n += cancelled; err != nil {
			return n, err
		}
	}
	return n, nil
}

// cancel deletes those messages that wait, in one commit, and returns how many
// they were and why the last of the others is not among them.
func (d *Dispatcher) cancel(ctx context.Context, ids []message.ID) (n int, refused, err error) {
	endings := make([]ending, 0, len(ids))
	were := make([]where, 0, len(ids))
	d.mu.Lock()
	for _, id := range ids {
		e, err := d.waitingEntry(id)
		if err != nil {
			refused = err
			continue
		}
		were = append(were, e.where)
		d.hold(e)
		endings = append(endings, ending{e: e, event: message.Cancel})
	}
	d.mu.Unlock()
	if err = d.finish(ctx, endings); err == nil {
		return len(endings), refused, nil
	}
	now := time.Now().UnixNano()
	d.mu.Lock()
	for i := range endings {
		d.back(endings[i].e, were[i], now)
	}
	d.unlock()
	return 0, refused, err
}

func (d *Dispatcher) waitingEntry(id message.ID) (*entry, error) {
	r := d.book.byID[id]
	if r == 0 {
		return nil, ErrFinal
	}
	e := d.book.entries.at(r)
	switch {
	case e.volatile:
		return nil, ErrFinal
	case e.where == away || e.where == held:
		return nil, ErrAway
	}
	return e, nil
}

// Replace changes a message that waits: change is called with a copy of it,
// which it may alter but for its ID, account and destination. Nothing is changed
// when it returns an error. The other errors are those of Cancel.
func (d *Dispatcher) Replace(ctx context.Context, id message.ID, change func(*message.Message) error) error {
	d.mu.Lock()
	e, err := d.waitingEntry(id)
	if err != nil {
		d.mu.Unlock()
		return err
	}
	was := e.where
	if was == limbo {
		d.mu.Unlock()
		return ErrAway // it may have arrived as it was
	}
	d.hold(e)
	d.mu.Unlock()

	to := was
	m, err := d.cfg.Store.Get(ctx, id)
	if err == nil {
		c := *m
		if err = change(&c); err == nil {
			event := message.Release
			if to = waiting; c.Due.After(time.Now()) {
				event, to = message.Schedule, scheduled
				c.Next = time.Time{}
			}
			c.State, err = message.Next(c.State, event)
		}
		m = &c
	}
	if err == nil {
		err = d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, []store.Op{{Kind: store.Replace, Message: m}})
	}
	now := time.Now().UnixNano()
	d.mu.Lock()
	defer d.unlock()
	if err != nil {
		d.back(e, was, now)
		return err
	}
	e.priority = m.Priority
	e.service = d.book.serviceTag(m.ServiceType)
	e.attempts = int32(m.Attempts)
	e.setTimes(m)
	if to == scheduled || m.Next.IsZero() {
		d.unblock(e)
	}
	d.back(e, to, now)
	return nil
}

// A Group is what waits from a source of an account for a destination. With TON
// and NPI zero an address means any with its digits.
type Group struct {
	Account      string
	Source, Dest pdu.Address
	ServiceType  string
	AnyService   bool // whatever the service_type
}

func (g *Group) has(m *message.Message) bool {
	return m.Account == g.Account && message.SameAddress(g.Source, m.Source) && message.SameAddress(g.Dest, m.Dest) && (g.AnyService || m.ServiceType == g.ServiceType)
}

// Waiting returns the messages of a group that wait, the oldest first. They are
// read as they are asked for; an error ends them. What is submitted meanwhile may
// be among them or not.
func (d *Dispatcher) Waiting(ctx context.Context, g Group) iter.Seq2[*message.Message, error] {
	return func(yield func(*message.Message, error) bool) {
		w := d.walk(&g)
		defer d.endWalk(w)
		var ids []message.ID
		for more := true; more; {
			if ids, more = d.stride(w, &g, ids[:0]); ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			for _, id := range ids {
				m, err := d.cfg.Store.Get(ctx, id)
				switch {
				case errors.Is(err, store.ErrNotFound):
					continue // it ended in the meantime
				case err != nil:
					yield(nil, err)
					return
				case !g.has(m) || m.State.Final():
					continue
				}
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// walk begins to go along the chain of a group.
func (d *Dispatcher) walk(g *Group) *walk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.book.chains[d.book.tag(g.Account, g.Source.Addr, g.Dest.Addr)]
	w := &walk{next: c.oldest, first: true}
	if c.newest != 0 {
		w.last = d.book.entries.at(c.newest).id
	}
	d.book.walks = append(d.book.walks, w)
	return w
}

func (d *Dispatcher) endWalk(w *walk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.book.walks = slices.DeleteFunc(d.book.walks, func(x *walk) bool { return x == w })
}

// stride goes some entries on and adds those that wait to ids, as far as can be
// told without the store. It reports whether there are more.
func (d *Dispatcher) stride(w *walk, g *Group, ids []message.ID) (_ []message.ID, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	service := d.book.serviceTag(g.ServiceType)
	most := maxSteps
	if w.first { // who looks for one has found it, as a rule
		most = 1
	}
	w.first = false
	for n := 0; n < most; n++ {
		if w.next == 0 {
			return ids, false
		}
		e := d.book.entries.at(w.next)
		if e.id > w.last {
			return ids, false
		}
		if !e.volatile && (e.where == waiting || e.where == scheduled) && (g.AnyService || e.service == service) {
			ids = append(ids, e.id)
		}
		w.next = e.newer
	}
	return ids, true
}

// Broadcasts returns the broadcasts that are not over, in order.
func (d *Dispatcher) Broadcasts() []message.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.casts))
}

// Stats are numbers about a Dispatcher.
type Stats struct {
	Live    int    // messages and receipts that are not final
	Away    int    // of them, being delivered
	Places  int    // taken, of Config.MaxWaiting
	Alerts  int    // delivery pending flags, for as many destinations
	Dropped uint64 // receipts that nobody took
}

// Stats returns the numbers of now.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{Live: len(d.book.byID), Away: d.busy, Places: d.used, Alerts: len(d.alerts), Dropped: d.dropped}
}

// Drain refuses new messages and waits until nothing is being delivered, and
// nothing that waits could be at once. What waits for a time or for somebody to
// bind stays. The error is that of ctx.
func (d *Dispatcher) Drain(ctx context.Context) error {
	ch := make(chan struct{})
	d.mu.Lock()
	d.refusing = true
	d.idle = append(d.idle, ch)
	d.unlock()
	select {
	case <-ch:
		return nil
	case <-d.stop:
		return ErrStopping
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close stops the dispatcher. What is not committed is as if it had not been
// tried.
func (d *Dispatcher) Close() {
	d.once.Do(func() {
		d.mu.Lock()
		d.refusing = true
		d.mu.Unlock()
		close(d.stop)
	})
	d.stopped.Wait()
}
