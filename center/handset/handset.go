// Package handset simulates the mobiles of a network: one for every number, each
// of which behaves as a Profile says.
package handset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// Errors of a GSM network, as network_error_code has them.
const (
	UnknownSubscriber = 1
	CallBarred        = 13
	AbsentSubscriber  = 27
	Busy              = 31 // of MT SMS
	MemoryExceeded    = 32
)

// A Profile says how mobiles behave. The zero value delivers everything after
// 100 ms.
type Profile struct {
	Name string // empty: deliver
	// Delay is how long an attempt takes. Zero: that of the profile, 100 ms for
	// most and 5 s for slow; negative: none.
	Delay time.Duration
	// Seed makes what the profile random does repeatable. Zero: 1.
	Seed uint64
}

type behaviour struct {
	about string
	delay time.Duration
	// result is what the number-th attempt comes to.
	result func(rnd *rand.Rand, number int) (dispatch.Result, time.Duration)
}

func gsm(o dispatch.Outcome, code uint16) dispatch.Result {
	return dispatch.Result{Outcome: o, Error: message.Error{Type: pdu.ErrorGSM, Code: code}}
}

func always(r dispatch.Result) func(*rand.Rand, int) (dispatch.Result, time.Duration) {
	return func(*rand.Rand, int) (dispatch.Result, time.Duration) { return r, 0 }
}

const usual = 100 * time.Millisecond

// behaviours are the profiles by name.
var behaviours = map[string]behaviour{
	"deliver": {"delivers everything", usual, always(dispatch.Result{Outcome: dispatch.Delivered})},
	"slow":    {"delivers everything after 5 s", 5 * time.Second, always(dispatch.Result{Outcome: dispatch.Delivered})},
	"accept":  {"takes everything over: ACCEPTED", usual, always(dispatch.Result{Outcome: dispatch.Accepted})},
	"fail":    {"knows no number: UNDELIVERABLE", usual, always(gsm(dispatch.Failed, UnknownSubscriber))},
	"reject":  {"wants nothing: REJECTED", usual, always(gsm(dispatch.Rejected, CallBarred))},
	"expire":  {"is never within reach: EXPIRED once the validity has ended", usual, always(gsm(dispatch.Later, AbsentSubscriber))},
	"retry": {"is not within reach at first, and delivers at the second attempt", usual, func(_ *rand.Rand, number int) (dispatch.Result, time.Duration) {
		if number == 1 {
			return gsm(dispatch.Later, AbsentSubscriber), 0
		}
		return dispatch.Result{Outcome: dispatch.Delivered}, 0
	}},
	"random": {"delivers 85 %, after up to twice the delay; the rest fails, is rejected, or has to be tried again", usual, random},
}

func random(rnd *rand.Rand, _ int) (dispatch.Result, time.Duration) {
	extra := time.Duration(rnd.Int64N(int64(usual)))
	switch n := rnd.IntN(100); {
	case n < 85:
		return dispatch.Result{Outcome: dispatch.Delivered}, extra
	case n < 89:
		return gsm(dispatch.Later, AbsentSubscriber), extra
	case n < 92:
		return gsm(dispatch.Later, MemoryExceeded), extra
	case n < 94:
		return gsm(dispatch.Later, Busy), extra
	case n < 98:
		return gsm(dispatch.Failed, UnknownSubscriber), extra
	}
	return gsm(dispatch.Rejected, CallBarred), extra
}

// Names returns the names of the profiles, in order.
func Names() []string {
	names := make([]string, 0, len(behaviours))
	for name := range behaviours {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// About says in a few words what a profile does.
func About(name string) string { return behaviours[name].about }

// ParseProfile reads the name of a profile, with settings after a colon:
// deliver, slow:delay=1m, random:seed=42,delay=10ms.
func ParseProfile(s string) (Profile, error) {
	name, settings, more := strings.Cut(s, ":")
	p := Profile{Name: name}
	if _, ok := behaviours[name]; !ok {
		return p, fmt.Errorf("profile %q: %s are known", name, strings.Join(Names(), ", "))
	}
	if !more {
		return p, nil
	}
	for setting := range strings.SplitSeq(settings, ",") {
		key, value, _ := strings.Cut(setting, "=")
		var err error
		switch key {
		case "delay":
			if p.Delay, err = time.ParseDuration(value); err != nil || p.Delay < 0 {
				return p, fmt.Errorf("profile %s: delay %q: a duration such as 100ms is required", name, value)
			}
			if p.Delay == 0 {
				p.Delay = -1
			}
		case "seed":
			if p.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
				return p, fmt.Errorf("profile %s: seed %q: a number is required", name, value)
			}
		default:
			return p, fmt.Errorf("profile %s: %q: delay=DURATION and seed=NUMBER are known", name, setting)
		}
	}
	return p, nil
}

// Window is how many messages may be on their way to mobiles.
const Window = 50_000

// A Handset is every mobile there is. It is a target of a dispatcher.
type Handset struct {
	behaviour behaviour
	delay     time.Duration
	wake      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
	once      sync.Once

	mu     sync.Mutex
	rnd    *rand.Rand
	heap   []flight
	number uint64
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

// New returns mobiles that behave as p says. Close ends them.
func New(p Profile) (*Handset, error) {
	if p.Name == "" {
		p.Name = "deliver"
	}
	b, ok := behaviours[p.Name]
	if !ok {
		return nil, fmt.Errorf("handset: profile %q: %s are known", p.Name, strings.Join(Names(), ", "))
	}
	if p.Delay == 0 {
		p.Delay = b.delay
	}
	if p.Seed == 0 {
		p.Seed = 1
	}
	h := &Handset{
		behaviour: b, delay: max(p.Delay, 0), rnd: rand.New(rand.NewPCG(p.Seed, 0)),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go h.run()
	return h, nil
}

// Window returns how many messages may be on their way.
func (h *Handset) Window() int { return Window }

// Attempt sends a message to its mobile.
func (h *Handset) Attempt(a *dispatch.Attempt) {
	now := time.Now()
	h.mu.Lock()
	r, extra := h.behaviour.result(h.rnd, a.Number)
	h.number++
	first := h.push(flight{now.Add(h.delay + extra), h.number, a, r})
	h.mu.Unlock()
	if first {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
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
