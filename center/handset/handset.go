// Package handset simulates the mobiles of a network: one for every number, each
// of which behaves as a Profile says.
//
// Beside that a profile has what else a sender has to cope with: bursts in which
// submissions are refused, receipts of other forms than the specification has,
// and messages from mobiles.
package handset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// Window is how many messages may be on their way to mobiles.
const Window = 50_000

// A Handset is every mobile there is. It is a target of a dispatcher.
type Handset struct {
	behaves atomic.Pointer[behaviour]
	changed chan struct{} // the traffic may be another
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once

	mu     sync.Mutex
	heap   []flight
	number uint64
}

// A behaviour is a profile that holds.
type behaviour struct {
	Profile
	delays Distribution
	draws  []draw
	first  bool // draws are of first attempts
	seed   uint64
	began  time.Time
	rnd    *rand.Rand // locked with the handset
}

// A flight is an attempt whose result is set and whose time will come.
type flight struct {
	at      time.Time
	number  uint64
	attempt *dispatch.Attempt
	result  dispatch.Result
}

func (f *flight) before(g *flight) bool {
	return f.at.Before(g.at) || f.at.Equal(g.at) && f.number < g.number
}

// New returns mobiles that behave as p says. Close ends them. The error is that
// of Profile.Check.
func New(p Profile) (*Handset, error) {
	h := &Handset{changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := h.Set(p); err != nil {
		return nil, err
	}
	go h.run()
	return h, nil
}

// Set has the mobiles behave in another way: bursts begin anew, draws with the
// seed, and so does the traffic. What is on its way comes to what it would have.
// On an error, which is that of Profile.Check, nothing is changed. It may be
// called concurrently.
func (h *Handset) Set(p Profile) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("handset: %w", err)
	}
	base, err := baseOf(p.Name)
	if err != nil {
		return fmt.Errorf("handset: %w", err)
	}
	b := &behaviour{Profile: p, delays: base.delays, draws: draws(base.shares), first: base.first, seed: p.Seed, began: time.Now()}
	switch {
	case p.Delays != Distribution{}:
		b.delays = p.Delays
	case p.Delay != 0:
		b.delays = Constant(max(p.Delay, 0))
	}
	if p.Shares != nil {
		b.draws, b.first = draws(p.Shares), false
	}
	if b.seed == 0 {
		b.seed = 1
	}
	b.rnd = rand.New(rand.NewPCG(b.seed, 0))
	h.behaves.Store(b)
	select {
	case h.changed <- struct{}{}:
	default:
	}
	return nil
}

// Window returns how many messages may be on their way.
func (h *Handset) Window() int { return Window }

// Admit looks at a message that is submitted: it refuses it, with a pdu.Status,
// when the profile or a keyword says so, and otherwise gives it the format of its
// message_id, if it has none.
func (h *Handset) Admit(m *message.Message) error {
	b := h.behaves.Load()
	if m.IDFormat == message.Hex {
		m.IDFormat = b.format()
	}
	passed := time.Since(b.began)
	switch {
	case b.Throttle.at(passed):
		return pdu.StatusThrottled
	case b.QueueFull.at(passed):
		return pdu.StatusQueueFull
	case !b.IgnoreKeywords && mayHaveKeywords(m):
		if o := read(m); o.refuse != 0 {
			return o.refuse
		}
	}
	return nil
}

// results are what the states of shares are to a dispatcher.
var results = map[pdu.MessageState]dispatch.Outcome{
	pdu.StateEnroute: dispatch.Later, pdu.StateDelivered: dispatch.Delivered, pdu.StateExpired: dispatch.Over, pdu.StateDeleted: dispatch.Deleted,
	pdu.StateUndeliverable: dispatch.Failed, pdu.StateAccepted: dispatch.Accepted, pdu.StateUnknown: dispatch.Untracked,
	pdu.StateRejected: dispatch.Rejected, pdu.StateSkipped: dispatch.Skipped,
}

// Attempt sends a message to its mobile.
func (h *Handset) Attempt(a *dispatch.Attempt) {
	var o order
	b := h.behaves.Load()
	if !b.IgnoreKeywords && mayHaveKeywords(a.Message) {
		o = read(a.Message)
	}
	now := time.Now()
	h.mu.Lock()
	share := b.draw(a.Number)
	delay := b.delays.draw(b.rnd) // also if a keyword wins, so that those of other messages stay
	if o.forced {
		share = Share{State: o.state, Error: usualError(o.state)}
		if o.state == pdu.StateEnroute && a.Number > 1 && !o.absent {
			share = Share{State: pdu.StateDelivered}
		}
	}
	if o.err != 0 && share.State != pdu.StateDelivered {
		share.Error = o.err
	}
	if o.delayed {
		delay = o.delay
	}
	r := dispatch.Result{Outcome: results[share.State]}
	if share.Error != 0 {
		r.Error = message.Error{Type: pdu.ErrorGSM, Code: share.Error}
	}
	h.number++
	first := h.push(flight{now.Add(delay), h.number, a, r})
	h.mu.Unlock()
	if first {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// draw returns what the number-th attempt of a message comes to.
func (b *behaviour) draw(number int) Share {
	if len(b.draws) > 0 && (!b.first || number == 1) {
		n := b.rnd.Uint32()
		for i := range b.draws {
			if d := &b.draws[i]; n < d.below || d.below == math.MaxUint32 {
				return d.share
			}
		}
	}
	return Share{State: pdu.StateDelivered}
}

// Close ends the mobiles. Messages that are on their way get no result.
func (h *Handset) Close() {
	h.once.Do(func() { close(h.stop) })
	<-h.stopped
}

func (h *Handset) run() {
	defer close(h.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var landed []flight
	for {
		now := time.Now()
		h.mu.Lock()
		for len(h.heap) > 0 && !h.heap[0].at.After(now) {
			landed = append(landed, h.pop())
		}
		wait := time.Hour
		if len(h.heap) > 0 {
			wait = h.heap[0].at.Sub(now)
		}
		h.mu.Unlock()
		if len(landed) > 0 {
			for i := range landed {
				landed[i].attempt.Done(landed[i].result)
			}
			clear(landed)
			landed = landed[:0]
			continue
		}
		timer.Reset(wait)
		select {
		case <-h.stop:
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// push adds a flight, and reports whether it is the first to land.
func (h *Handset) push(f flight) bool {
	h.heap = append(h.heap, f)
	i := len(h.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h.heap[i].before(&h.heap[parent]) {
			break
		}
		h.heap[parent], h.heap[i] = h.heap[i], h.heap[parent]
		i = parent
	}
	return i == 0
}

func (h *Handset) pop() flight {
	first := h.heap[0]
	last := len(h.heap) - 1
	h.heap[0], h.heap[last] = h.heap[last], flight{}
	h.heap = h.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return first
		}
		if child+1 < last && h.heap[child+1].before(&h.heap[child]) {
			child++
		}
		if !h.heap[child].before(&h.heap[i]) {
			return first
		}
		h.heap[i], h.heap[child] = h.heap[child], h.heap[i]
		i = child
	}
}
