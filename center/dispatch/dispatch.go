// Package dispatch brings messages to their targets: in order for each
// destination, at their time, again after temporary failures, until their
// validity ends. A Dispatcher is the owner of a shard: the only one that changes
// its messages.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
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
)

// A Result is an Outcome and the error that goes with it.
type Result struct {
	Outcome Outcome
	Error   message.Error
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

	// MaxWaiting is how many messages may wait, receipts that are still to come
	// included. Zero: DefaultMaxWaiting.
	MaxWaiting int
	// MaxPerAccount is the same for a single account. Zero: half of MaxWaiting.
	MaxPerAccount int

	// Receipt makes the receipt or notification (by its Kind) that tells of m in
	// its state, or nil for none. It sets everything but the ID. Nil: there are
	// none.
	Receipt func(m *message.Message, kind message.Kind, at time.Time) *message.Message

	Logger *slog.Logger // nil: slog.Default()
}

// DefaultMaxWaiting is how many messages wait at most when not told otherwise.
const DefaultMaxWaiting = 400_000

// DefaultRetry returns the pauses between attempts when not told otherwise.
func DefaultRetry() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
}

// A Dispatcher delivers the messages of a shard. Its methods may be called
// concurrently.
type Dispatcher struct {
	cfg  Config
	ids  *message.IDSource
	seed maphash.Seed
	log  *slog.Logger

	send, commit chan struct{} // something to do
	stop         chan struct{}
	stopped      sync.WaitGroup
	once         sync.Once

	mu       sync.Mutex
	entries  map[message.ID]*entry
	queues   map[Key]*queue
	lanes    map[Target]*lane
	quotas   map[string]*quota
	used     int // places taken
	busy     int // entries that are away or held
	order    uint64
	wheel    wheel
	alarm    int64 // when the sender looks at the wheel; 0: not set
	outbox   []*Attempt
	endings  []ending
	updates  []store.Op // to be committed, nobody waits
	notes    []*entry   // whose failed attempt is to be notified
	refusing bool
	idle     []chan struct{}
	dropped  uint64 // receipts that nobody took in time
}

// An ending is a message that has come to its end.
type ending struct {
	e     *entry
	event message.Event
	err   message.Error
}

// New returns a dispatcher that works on what its store holds, and starts it.
func New(ctx context.Context, cfg Config) (*Dispatcher, error) {
	if cfg.Store == nil || cfg.Router == nil {
		return nil, errors.New("dispatch: a store and a router are required")
	}
	if cfg.Shard < 0 || cfg.Shard > message.MaxShard {
		return nil, fmt.Errorf("dispatch: shard %d: 0 to %d are allowed", cfg.Shard, message.MaxShard)
	}
	if len(cfg.Retry) == 0 {
		cfg.Retry = DefaultRetry()
	}
	if cfg.MaxWaiting <= 0 {
		cfg.MaxWaiting = DefaultMaxWaiting
	}
	if cfg.MaxPerAccount <= 0 {
		cfg.MaxPerAccount = max(cfg.MaxWaiting/2, 1)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	d := &Dispatcher{
		cfg: cfg, ids: &message.IDSource{Shard: cfg.Shard}, seed: maphash.MakeSeed(), log: cfg.Logger,
		send: make(chan struct{}, 1), commit: make(chan struct{}, 1), stop: make(chan struct{}),
		entries: make(map[message.ID]*entry), queues: make(map[Key]*queue), lanes: make(map[Target]*lane), quotas: make(map[string]*quota),
	}
	now := time.Now().UnixNano()
	err := cfg.Store.Load(ctx, cfg.Shard, func(m *message.Message) error {
		d.ids.Skip(m.ID)
		d.mu.Lock()
		defer d.mu.Unlock()
		e := d.enter(m, now)
		e.msg = nil
		if next := m.Next; !next.IsZero() && next.UnixNano() > now && e.queue.waiting.head == e {
			d.pause(e.queue, nil, next.UnixNano(), now)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dispatch: load: %w", err)
	}
	d.mu.Lock()
	for _, q := range d.queues {
		d.ready(q)
	}
	d.mu.Unlock()
	d.stopped.Add(2)
	go d.sendLoop()
	go d.commitLoop()
	d.signal(d.send)
	return d, nil
}

// NextID returns the first of n consecutive IDs for messages to be submitted.
func (d *Dispatcher) NextID(now time.Time, n int) message.ID { return d.ids.Next(now, n) }

// cost is how many places a message takes.
func cost(m *message.Message) int {
	if m.MayWantReceipt() {
		return 2
	}
	return 1
}

func (d *Dispatcher) quota(account string) *quota {
	q := d.quotas[account]
	if q == nil {
		q = new(quota)
		d.quotas[account] = q
	}
	return q
}

// take reserves places, or reports that there are not enough.
func (d *Dispatcher) take(q *quota, n int) bool {
	if d.used+n > d.cfg.MaxWaiting || q.used+n > d.cfg.MaxPerAccount {
		return false
	}
	d.used += n
	q.used += n
	return true
}

func (d *Dispatcher) giveBack(q *quota, n int) {
	d.used -= n
	q.used -= n
}

// Submit accepts messages, all or none, whose IDs are from NextID and whose
// state is scheduled or enroute. They belong to the dispatcher then. When it
// returns nil, they are committed.
func (d *Dispatcher) Submit(ctx context.Context, msgs ...*message.Message) error {
	need := 0
	for _, m := range msgs {
		need += cost(m)
	}
	d.mu.Lock()
	quota := d.quota(msgs[0].Account)
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
	for _, m := range msgs {
		ops = append(ops, store.Op{Kind: store.Accept, Message: m})
	}
	err = d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, ops)
	now := time.Now().UnixNano()
	d.mu.Lock()
	d.giveBack(quota, need) // enter takes them
	if err == nil {
		for _, m := range msgs {
			e := d.enter(m, now)
			d.ready(e.queue)
			if e.where != away {
				e.msg = nil
			}
		}
	}
	d.unlock()
	return err
}

// unlock lets go of the lock, and wakes whoever has something to do now.
func (d *Dispatcher) unlock() {
	at, ok := d.wheel.next()
	send := len(d.outbox) > 0 || ok && (d.alarm == 0 || at < d.alarm)
	commit := len(d.endings)+len(d.updates)+len(d.notes) > 0
	if d.busy == 0 && len(d.idle) > 0 && !commit {
		for _, ch := range d.idle {
			close(ch)
		}
		d.idle = nil
	}
	d.mu.Unlock()
	if send {
		d.signal(d.send)
	}
	if commit {
		d.signal(d.commit)
	}
}

func (d *Dispatcher) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// enter makes the entry of a message that is in the store.
func (d *Dispatcher) enter(m *message.Message, now int64) *entry {
	e := &entry{id: m.ID, priority: m.Priority, attempts: m.Attempts, cost: cost(m), tag: d.tag(m.Account, m.Source), quota: d.quota(m.Account), msg: m}
	e.deadline.entry = e
	if !m.Due.IsZero() {
		e.due = m.Due.UnixNano()
	}
	e.expires = m.Expires.UnixNano()
	d.used += e.cost
	e.quota.used += e.cost
	d.entries[e.id] = e
	key := KeyOf(m)
	e.queue = d.queues[key]
	if e.queue == nil {
		e.queue = &queue{key: key}
		e.queue.pause.queue = e.queue
		d.queues[key] = e.queue
	}
	d.place(e, m.State == pdu.StateScheduled, now)
	return e
}

// place puts an entry where it waits.
func (d *Dispatcher) place(e *entry, isScheduled bool, now int64) {
	deadline := e.expires
	if isScheduled {
		e.where = scheduled
		e.queue.scheduled.insert(e)
		deadline = min(deadline, e.due)
	} else {
		if e.order == 0 {
			d.order++
			e.order = d.order
		}
		e.where = waiting
		e.queue.waiting.insert(e)
	}
	if !e.deadline.armed() || e.deadline.at != deadline {
		d.wheel.add(&e.deadline, deadline, now)
	}
}

// hold takes a waiting entry out of its list.
func (d *Dispatcher) hold(e *entry) {
	if e.where == scheduled {
		e.queue.scheduled.remove(e)
	} else {
		e.queue.waiting.remove(e)
	}
	e.where = held
	e.queue.out++
	d.busy++
}

// leave forgets an entry that is away or held.
func (d *Dispatcher) leave(e *entry) {
	d.wheel.remove(&e.deadline)
	delete(d.entries, e.id)
	d.giveBack(e.quota, e.cost)
	e.queue.out--
	d.busy--
	d.tidy(e.queue)
}

// back puts an entry that is away or held into its queue again.
func (d *Dispatcher) back(e *entry, isScheduled bool, now int64) {
	e.queue.out--
	d.busy--
	e.msg = nil
	d.place(e, isScheduled, now)
	d.ready(e.queue)
}

// tidy forgets a queue that has nothing.
func (d *Dispatcher) tidy(q *queue) {
	if q.waiting.head == nil && q.lane != nil {
		q.lane.remove(q)
	}
	if q.empty() {
		d.unpause(q)
		delete(d.queues, q.key)
	}
}

// pause lets nothing of a queue be tried for a while, or until the target of l,
// which may be nil, is woken.
func (d *Dispatcher) pause(q *queue, l *lane, until, now int64) {
	if q.pause.armed() {
		return
	}
	d.wheel.add(&q.pause, until, now)
	if l != nil {
		if l.paused == nil {
			l.paused = make(map[*queue]struct{})
		}
		l.paused[q] = struct{}{}
		q.sulking = l
	}
}

func (d *Dispatcher) unpause(q *queue) {
	d.wheel.remove(&q.pause)
	if l := q.sulking; l != nil {
		q.sulking = nil
		delete(l.paused, q)
		if l.idle() {
			delete(d.lanes, l.target)
		}
	}
}

// ready looks for something to do in a queue.
func (d *Dispatcher) ready(q *queue) {
	if q.waiting.head == nil || q.lane != nil || q.pause.armed() {
		return
	}
	l := d.laneOf(d.cfg.Router.Route(q.key))
	l.push(q)
	d.run(l)
}

func (d *Dispatcher) laneOf(t Target) *lane {
	l := d.lanes[t]
	if l == nil {
		l = &lane{target: t}
		d.lanes[t] = l
	}
	return l
}

// run starts as many attempts as the window of a lane allows, one of each queue
// in turn.
func (d *Dispatcher) run(l *lane) {
	for l.head != nil && l.flying < l.target.Window() {
		q := l.pop()
		if q.waiting.head == nil || q.pause.armed() {
			d.tidy(q)
			continue
		}
		if t := d.cfg.Router.Route(q.key); t != l.target {
			other := d.laneOf(t)
			other.push(q)
			if other.flying < other.target.Window() {
				d.run(other)
			}
			continue
		}
		e := q.waiting.head
		q.waiting.remove(e)
		e.where = away
		q.out++
		d.busy++
		l.flying++
		d.outbox = append(d.outbox, &Attempt{Message: e.msg, Number: e.attempts + 1, d: d, e: e, lane: l})
		if q.waiting.head != nil {
			l.push(q)
		}
	}
	if l.idle() {
		delete(d.lanes, l.target)
	}
}

// Wake tells that a target can take more than before. What it wanted later is
// tried now.
func (d *Dispatcher) Wake(t Target) {
	d.mu.Lock()
	if l := d.lanes[t]; l != nil {
		for q := range l.paused {
			d.unpause(q)
			d.ready(q)
		}
		d.run(l)
	}
	d.unlock()
}

// Reroute tells that a target may not be the right one any more for what waits
// for it.
func (d *Dispatcher) Reroute(t Target) {
	d.mu.Lock()
	if l := d.lanes[t]; l != nil {
		var moved []*queue
		for l.head != nil {
			moved = append(moved, l.pop())
		}
		for _, q := range moved {
			d.ready(q)
		}
		d.run(l)
	}
	d.unlock()
}

// sendLoop hands out attempts, one after the other, and watches the clock.
func (d *Dispatcher) sendLoop() {
	defer d.stopped.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var out []*Attempt
	for {
		select {
		case <-d.stop:
			return
		case <-d.send:
		case <-timer.C:
			d.mu.Lock()
			d.alarm = 0
			d.mu.Unlock()
		}
		for {
			now := time.Now().UnixNano()
			d.mu.Lock()
			d.wheel.fire(now, func(n *node) { d.due(n, now) })
			out, d.outbox = d.outbox, out[:0]
			if at, ok := d.wheel.next(); ok && at != d.alarm {
				d.alarm = at
				timer.Reset(time.Duration(at - now))
			} else if !ok {
				d.alarm = 0
			}
			d.unlock()
			if len(out) == 0 {
				break
			}
			for i, a := range out {
				out[i] = nil
				d.start(a)
			}
		}
	}
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

// due handles a deadline that has come.
func (d *Dispatcher) due(n *node, now int64) {
	if q := n.queue; q != nil {
		d.unpause(q)
		d.ready(q)
		d.tidy(q)
		return
	}
	e := n.entry
	if e.where == away || e.where == held {
		e.late = true
		return
	}
	if now >= e.expires {
		d.hold(e)
		d.endings = append(d.endings, ending{e: e, event: message.Expire})
		return
	}
	e.queue.scheduled.remove(e) // the time that it was scheduled for
	d.updates = append(d.updates, store.Op{Kind: store.Release, ID: e.id})
	d.place(e, false, now)
	d.ready(e.queue)
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
	switch {
	case r.Outcome == Lost && e.lost < 3 && !e.late:
		e.lost++
		d.back(e, false, now)
	case r.Outcome == Lost || r.Outcome == Later:
		d.failed(e, a.lane, a.Message, r, now)
	default:
		d.end(e, a.Message, r)
		if r.Outcome == FailedAll {
			for h := e.queue.waiting.head; h != nil; h = e.queue.waiting.head {
				d.hold(h)
				d.endings = append(d.endings, ending{h, message.Fail, r.Error})
			}
		}
	}
	d.run(a.lane)
	d.unlock()
}

var events = map[Outcome]message.Event{
	Delivered: message.Deliver, Accepted: message.Accept, Failed: message.Fail, FailedAll: message.Fail, Rejected: message.Reject,
}

// end queues the end of an entry that was away.
func (d *Dispatcher) end(e *entry, m *message.Message, r Result) {
	event, ok := events[r.Outcome]
	if !ok {
		event = message.Fail
	}
	e.where, e.msg = held, m
	d.endings = append(d.endings, ending{e, event, r.Error})
}

// failed handles a temporary failure.
func (d *Dispatcher) failed(e *entry, l *lane, m *message.Message, r Result, now int64) {
	e.attempts++
	e.lost = 0
	switch {
	case e.late || now >= e.expires:
		e.where, e.msg = held, m
		d.endings = append(d.endings, ending{e, message.Expire, r.Error})
		return
	case d.cfg.MaxAttempts > 0 && e.attempts >= d.cfg.MaxAttempts, m != nil && m.ESMClass.Mode() == pdu.ModeDatagram && m.Kind == message.Normal:
		e.where, e.msg = held, m
		d.endings = append(d.endings, ending{e, message.Fail, r.Error})
		return
	}
	next := now + int64(d.cfg.Retry[min(e.attempts, len(d.cfg.Retry))-1])
	d.pause(e.queue, l, next, now)
	d.updates = append(d.updates, store.Op{Kind: store.Attempt, ID: e.id, Attempts: e.attempts, Next: time.Unix(0, next), Error: r.Error})
	if e.attempts == 1 && m != nil && m.Kind == message.Normal && m.RegisteredDelivery&pdu.IntermediateNotification != 0 {
		d.notes = append(d.notes, e)
	}
	d.back(e, false, now)
}

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
	endings, updates, notes := d.endings, d.updates, d.notes
	d.endings, d.updates, d.notes = nil, nil, nil
	d.busy++ // nobody may take this for idle
	d.mu.Unlock()
	more = len(endings)+len(updates)+len(notes) > 0
	if len(updates) > 0 {
		d.update(updates)
	}
	for _, e := range notes {
		d.notify(e.id)
	}
	if len(endings) > 0 {
		d.insist(endings)
	}
	d.mu.Lock()
	d.busy--
	d.unlock()
	return more
}

// update commits what is good to know after a restart. Its message may have come
// to its end in the meantime, which is no error.
func (d *Dispatcher) update(ops []store.Op) {
	err := d.cfg.Store.Commit(context.Background(), d.cfg.Shard, d.cfg.Epoch, ops)
	if errors.Is(err, store.ErrNotFound) {
		for i := range ops {
			if err = d.cfg.Store.Commit(context.Background(), d.cfg.Shard, d.cfg.Epoch, ops[i:i+1]); errors.Is(err, store.ErrNotFound) {
				err = nil
			}
		}
	}
	if err != nil {
		d.log.Error("attempts cannot be committed", "error", err)
	}
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

// insist commits endings until the store takes them.
func (d *Dispatcher) insist(endings []ending) {
	for {
		err := d.finish(context.Background(), endings)
		if err == nil {
			return
		}
		d.log.Error("final states cannot be committed", "messages", len(endings), "error", err)
		t := time.NewTimer(time.Second)
		select {
		case <-t.C:
		case <-d.stop:
			t.Stop()
			return
		}
	}
}

// finish commits the ends of messages that are away or held, and their receipts.
func (d *Dispatcher) finish(ctx context.Context, endings []ending) error {
	now := time.Now()
	ops := make([]store.Op, 0, 2*len(endings))
	receipts := make([]*message.Message, 0, len(endings))
	for i := range endings {
		x := &endings[i]
		m := x.e.msg
		if m == nil {
			var err error
			if m, err = d.cfg.Store.Get(ctx, x.e.id); err != nil {
				return err
			}
			x.e.msg = m
		}
		if m.Kind != message.Normal {
			if x.event != message.Deliver && x.event != message.Accept {
				d.drop(m, x.event, x.err)
			}
			ops = append(ops, store.Op{Kind: store.Remove, ID: m.ID})
			continue
		}
		from := m.State
		if from == pdu.StateScheduled && x.e.order != 0 {
			from = pdu.StateEnroute // released, while m is older
		}
		state, err := message.Next(from, x.event)
		if err != nil { // cannot be: a target that takes what is final
			d.log.Error("impossible transition", "id", m.ID, "error", err)
			state = pdu.StateUnknown
		}
		if x.event == message.Expire && x.err == (message.Error{}) {
			x.err = m.Error // why it was not delivered in time
		}
		ops = append(ops, store.Op{Kind: store.Final, ID: m.ID, State: state, At: now, Error: x.err})
		if d.cfg.Receipt == nil || !m.WantsReceipt(state) {
			continue
		}
		ended := *m
		ended.State, ended.Final, ended.Error = state, now, x.err
		if r := d.cfg.Receipt(&ended, message.Receipt, now); r != nil {
			r.ID = d.ids.Next(now, 1)
			ops = append(ops, store.Op{Kind: store.Accept, Message: r})
			receipts = append(receipts, r)
		}
	}
	if err := d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, ops); err != nil {
		return err
	}
	d.mu.Lock()
	for i := range endings {
		d.leave(endings[i].e)
	}
	for _, r := range receipts {
		e := d.enter(r, now.UnixNano())
		d.ready(e.queue)
		if e.where != away {
			e.msg = nil
		}
	}
	d.unlock()
	return nil
}

func (d *Dispatcher) drop(m *message.Message, event message.Event, why message.Error) {
	d.mu.Lock()
	d.dropped++
	d.mu.Unlock()
	d.log.Warn("a receipt was not taken", "account", m.Account, "event", event.String(), "error_code", why.Code, "of", m.Group)
}

// Cancel deletes a message that waits. ErrAway means that it is being delivered,
// ErrFinal that it does not wait any more.
func (d *Dispatcher) Cancel(ctx context.Context, id message.ID) error {
	d.mu.Lock()
	e, err := d.waitingEntry(id)
	if err != nil {
		d.mu.Unlock()
		return err
	}
	wasScheduled := e.where == scheduled
	d.hold(e)
	d.mu.Unlock()
	if err = d.finish(ctx, []ending{{e: e, event: message.Cancel}}); err != nil {
		d.mu.Lock()
		d.back(e, wasScheduled, time.Now().UnixNano())
		d.unlock()
	}
	return err
}

func (d *Dispatcher) waitingEntry(id message.ID) (*entry, error) {
	e := d.entries[id]
	switch {
	case e == nil:
		return nil, ErrFinal
	case e.where != waiting && e.where != scheduled:
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
	wasScheduled := e.where == scheduled
	d.hold(e)
	d.mu.Unlock()

	m, err := d.cfg.Store.Get(ctx, id)
	extra := 0
	isScheduled := wasScheduled
	if err == nil {
		c := *m
		if !wasScheduled {
			c.State = pdu.StateEnroute
		}
		if err = change(&c); err == nil {
			event := message.Release
			if isScheduled = c.Due.After(time.Now()); isScheduled {
				event = message.Schedule
			}
			c.State, err = message.Next(c.State, event)
		}
		m = &c
	}
	if err == nil {
		if extra = cost(m) - e.cost; extra > 0 {
			d.mu.Lock()
			if !d.take(e.quota, extra) {
				err = ErrFull
			}
			d.mu.Unlock()
		}
	}
	if err == nil {
		if err = d.cfg.Store.Commit(ctx, d.cfg.Shard, d.cfg.Epoch, []store.Op{{Kind: store.Replace, Message: m}}); err != nil && extra > 0 {
			d.mu.Lock()
			d.giveBack(e.quota, extra)
			d.mu.Unlock()
		}
	}
	d.mu.Lock()
	defer d.unlock()
	if err != nil {
		d.back(e, wasScheduled, time.Now().UnixNano())
		return err
	}
	if extra < 0 {
		d.giveBack(e.quota, -extra)
	}
	e.cost += extra
	e.priority, e.due, e.expires, e.late = m.Priority, m.Due.UnixNano(), m.Expires.UnixNano(), false
	if isScheduled {
		e.order = 0 // it queues up when its time comes
	}
	d.back(e, isScheduled, time.Now().UnixNano())
	return nil
}

// tag makes a number of an account and a source, to tell most others apart.
func (d *Dispatcher) tag(account string, source pdu.Address) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	_, _ = h.WriteString(account)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(source.Addr)
	return h.Sum64()
}

// Waiting returns the messages of an account from a source to a destination that
// wait, in order. With TON and NPI zero an address means any with its digits.
func (d *Dispatcher) Waiting(ctx context.Context, account string, source, dest pdu.Address) ([]*message.Message, error) {
	tag := d.tag(account, source)
	var ids []message.ID
	d.mu.Lock()
	for ton := range pdu.TON(7) {
		if dest.TON != 0 && dest.TON != ton {
			continue
		}
		q := d.queues[Key{TON: ton, Addr: dest.Addr}]
		if q == nil {
			continue
		}
		for _, l := range []*list{&q.waiting, &q.scheduled} {
			for e := l.head; e != nil; e = e.next {
				if e.tag == tag {
					ids = append(ids, e.id)
				}
			}
		}
	}
	d.mu.Unlock()
	var found []*message.Message
	for _, id := range ids {
		m, err := d.cfg.Store.Get(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // it ended in the meantime
		}
		if err != nil {
			return nil, err
		}
		if m.Account == account && message.SameAddress(source, m.Source) && message.SameAddress(dest, m.Dest) && !m.State.Final() {
			found = append(found, m)
		}
	}
	return found, nil
}

// Stats are numbers about a Dispatcher.
type Stats struct {
	Live    int    // messages and receipts that are not final
	Away    int    // of them, being delivered
	Places  int    // taken, of Config.MaxWaiting
	Dropped uint64 // receipts that nobody took
}

// Stats returns the numbers of now.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{Live: len(d.entries), Away: d.busy, Places: d.used, Dropped: d.dropped}
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
