// Package load makes traffic for a message center and measures how it is
// answered.
package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/internal/pace"
	"github.com/godwit-sms/smpp/pdu"
)

// GCPercent is how much garbage there may be while traffic is measured: the heap is
// so small that it would be collected a hundred times a second at full speed, and
// each time shows in the latency. With much more of it than this, one collection
// stands in the way for longer, and memory is touched for the first time for longer.
const GCPercent = 400

// A Style is how requests are sent.
type Style string

// The styles.
const (
	Blocking Style = "blocking" // as many callers as the window is large, each waiting for its response
	Async    Style = "async"    // one sender a connection, and a callback for each response
)

// Options says what to send. The zero value of a field is its default.
type Options struct {
	// Dial binds a session; Window, InboundWindow, IgnoreLoad and Handler are set.
	Dial func(context.Context, smpp.Config) (*smpp.Session, error)

	Messages int           // in all, those of the warm-up aside; zero: no limit but Duration
	Duration time.Duration // of sending, the warm-up aside; zero: no limit but Messages
	Warmup   time.Duration // at the start, of which nothing is counted
	Conns    int           // sessions; zero: 1
	Window   int           // requests in flight on each; zero: 10
	Style    Style         // zero: Blocking
	Message  *pdu.SubmitSM // nil: a submit_sm of 156 octets

	// Rate is how many requests are due a second, in all; zero: as many as go.
	// With a rate, latency counts from when a request was due, not from when
	// the window had room for it. Ramp is the time in which the rate rises from
	// 0; what is due in it counts.
	Rate float64
	Ramp time.Duration
	// Steps, instead of Rate, are held one after the other, each for the same
	// part of Duration.
	Steps []float64

	// Obey has sessions slow down when the message center says that it has too
	// much to do, as a client does. A measurement goes on.
	Obey bool

	// Destinations is how many addresses are sent to in turn; zero: 1. A message
	// center may deliver to each in order only.
	Destinations int

	// Receipts asks for a receipt of each message and waits for them, for
	// ReceiptTimeout after the last response at most; zero: a minute.
	Receipts       bool
	ReceiptTimeout time.Duration
}

// A Result is what a run came to. Each request is counted once: in Messages,
// Refused, Unknown or NeverSent.
type Result struct {
	Messages  int64            `json:"messages"`         // answered with ESME_ROK
	Refused   int64            `json:"refused"`          // answered with another status
	Unknown   int64            `json:"unknown"`          // sent, and no answer came
	NeverSent int64            `json:"never_sent"`       // not written to the connection
	Throttled int64            `json:"throttled"`        // those of Refused that were for load: ESME_RTHROTTLED, ESME_RMSGQFUL
	Errors    map[string]int64 `json:"errors,omitempty"` // by status or reason

	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"per_second"`  // messages
	CPU     float64 `json:"cpu_seconds"` // of this process

	// Target is the rate asked for. Behind is how many requests were due before
	// the end and not sent by then, as nobody answered in time; they are in no
	// other figure.
	Target float64 `json:"target_per_second,omitempty"`
	Behind int64   `json:"behind,omitempty"`

	Latency  Latency   `json:"latency"`
	Receipts *Receipts `json:"receipts,omitempty"`
	Steps    []Step    `json:"steps,omitempty"`
}

// A Step is what one of the steps came to.
type Step struct {
	Target   float64 `json:"target_per_second"`
	Messages int64   `json:"messages"`
	Failed   int64   `json:"failed"`
	Rate     float64 `json:"per_second"` // answered, of what was due in it
	Latency  Latency `json:"latency"`
}

// Receipts is what came of the receipts asked for.
type Receipts struct {
	Received   int64            `json:"received"`
	States     map[string]int64 `json:"states"`     // of those received
	Missing    int64            `json:"missing"`    // of messages that were accepted
	Unexpected int64            `json:"unexpected"` // of no message of this run, or a second time
	Rate       float64          `json:"per_second"` // from end to end
	Latency    Latency          `json:"latency"`    // from when the message was due or sent
}

// Latency holds percentiles of the time to the response, in microseconds: from
// sending, or with a rate from when the request was due. At full speed it
// includes the wait in the sender's own batch.
type Latency struct {
	Min  int64 `json:"min_us"`
	Mean int64 `json:"mean_us"`
	P50  int64 `json:"p50_us"`
	P90  int64 `json:"p90_us"`
	P99  int64 `json:"p99_us"`
	P999 int64 `json:"p999_us"`
	Max  int64 `json:"max_us"`
}

// Message returns a submit_sm that takes size octets on the wire, 52 at least.
func Message(size int) (*pdu.SubmitSM, error) {
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("Example"), Dest: pdu.International("447700900123"), RegisteredDelivery: pdu.NoReceipt}
	frame, err := pdu.Append(nil, pdu.Header{}, m)
	if err != nil {
		return nil, err
	}
	n := size - len(frame)
	if n < 0 || n > 254 {
		return nil, fmt.Errorf("size %d: a submit_sm to bench with takes %d to %d octets", size, len(frame), len(frame)+254)
	}
	m.ShortMessage = []byte(strings.Repeat("0123456789", n/10+1)[:n])
	return m, nil
}

// DefaultSize is the octets of the submit_sm that is sent by default.
const DefaultSize = 156

const (
	// patience is how long what is in flight is waited for after an interrupt.
	patience              = 5 * time.Second
	defaultReceiptTimeout = time.Minute
)

// Run makes the traffic. progress, when not nil, is the number of requests
// answered so far. When ctx ends nothing more is sent, and what was answered is
// the result.
func Run(ctx context.Context, o Options, progress *atomic.Int64) (*Result, error) {
	if o.Conns <= 0 {
		o.Conns = 1
	}
	if o.Window <= 0 {
		o.Window = smpp.DefaultWindow
	}
	if o.Message == nil {
		m, err := Message(DefaultSize)
		if err != nil {
			return nil, err
		}
		o.Message = m
	}
	r := &run{o: o, chunk: 1, messages: messages(o), plain: o.Warmup == 0 && len(o.Steps) == 0}
	if o.Receipts {
		r.receipts = newTracker(r)
	}
	sessions, err := bindAll(ctx, o, r.receipts.handler())
	defer closeAll(sessions)
	if err != nil {
		return nil, err
	}
	r.all = int64(o.Messages)
	if o.Messages <= 0 {
		r.all = 1 << 62
	}
	r.left.Store(r.all)
	if o.Duration > 0 {
		r.end = o.Warmup + o.Duration
	}
	r.begin = time.Now()
	if s := schedule(o); s != nil {
		r.pacer = pace.NewPacer(s, r.begin, r.end)
		defer r.pacer.Close()
	} else if o.Messages > 0 {
		r.chunk = max(1, min(64, int64(o.Messages/(o.Conns*o.Window)/4)))
	}
	r.cpu.Store(int64(CPU()))
	if o.Warmup > 0 {
		defer time.AfterFunc(o.Warmup, func() { r.cpu.Store(int64(CPU())) }).Stop()
	}
	if progress != nil {
		watched := make(chan struct{})
		defer close(watched)
		go r.watch(progress, watched)
	}
	// An interrupt ends the sending at once, and the waiting some time later.
	answers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-answers.Done():
		}
	})()
	var wg sync.WaitGroup
	for _, s := range sessions {
		if o.Style == Async {
			wg.Go(func() { r.async(ctx, answers, s) })
			continue
		}
		callers := o.Window
		if o.Messages > 0 && o.Warmup == 0 {
			callers = min(callers, o.Messages)
		}
		for range callers {
			if ctx.Err() != nil {
				break
			}
			wg.Go(func() { r.blocking(ctx, answers, s) })
		}
	}
	wg.Wait()
	took, used := time.Since(r.begin), CPU()-time.Duration(r.cpu.Load())
	r.receipts.await(ctx, sessions)
	return r.result(took, used), nil
}

// messages returns what to send in turn.
func messages(o Options) []*pdu.SubmitSM {
	all := make([]*pdu.SubmitSM, max(o.Destinations, 1))
	for i := range all {
		m := *o.Message
		if o.Destinations > 1 {
			m.Dest = pdu.International(fmt.Sprintf("4477%08d", i%100_000_000))
		}
		if o.Receipts {
			m.RegisteredDelivery = pdu.FinalReceipt
		}
		all[i] = &m
	}
	return all
}

// schedule returns when requests are due; nil: as soon as can be.
func schedule(o Options) *pace.Schedule {
	switch {
	case len(o.Steps) > 0:
		segments := make([]pace.Segment, len(o.Steps))
		for i, rate := range o.Steps {
			segments[i] = pace.Segment{From: rate, To: rate, For: o.Duration / time.Duration(len(o.Steps))}
		}
		segments[0].For += o.Warmup
		return pace.New(segments...)
	case o.Rate > 0:
		return pace.New(pace.Segment{To: o.Rate, For: o.Ramp}, pace.Segment{From: o.Rate, To: o.Rate})
	}
	return nil
}

type run struct {
	o        Options
	messages []*pdu.SubmitSM
	turn     atomic.Int64 // of messages and tallies
	all      int64        // requests to be sent, as far as that is a matter of numbers
	left     atomic.Int64
	chunk    int64         // requests that a sender takes from left at a time
	begin    time.Time     // of the warm-up
	end      time.Duration // of sending; zero: none
	pacer    *pace.Pacer   // nil without a rate
	cpu      atomic.Int64  // used when the warm-up was over
	receipts *tracker      // nil without receipts
	plain    bool          // there is no warm-up and there are no steps

	tallies [8]tally // by goroutine: few enough to stay in the cache
}

func (r *run) tally() *tally {
	t := &r.tallies[int(r.turn.Add(1))%len(r.tallies)]
	t.mu.Lock()
	defer t.mu.Unlock()
	t.init(len(r.o.Steps))
	return t
}

// watch keeps progress up to date, so that the senders need not share a counter.
func (r *run) watch(progress *atomic.Int64, stop <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		var n int64
		for i := range r.tallies {
			t := &r.tallies[i]
			t.mu.Lock()
			n += t.warm + t.ok + t.refused + t.unknown + t.never
			t.mu.Unlock()
		}
		progress.Store(n)
	}
}

// Hold binds the sessions and keeps them idle for the Duration, or until ctx
// ends. ready is called once all are bound.
func Hold(ctx context.Context, o Options, ready func()) error {
	sessions, err := bindAll(ctx, o, nil)
	defer closeAll(sessions)
	if err != nil {
		return err
	}
	ready()
	if o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	<-ctx.Done()
	for i, s := range sessions {
		if s.Err() != nil {
			return fmt.Errorf("session %d of %d: %w", i+1, len(sessions), s.Err())
		}
	}
	return nil
}

// bindAll binds o.Conns sessions, some at a time. What it returns beside an
// error is to be closed, too.
func bindAll(ctx context.Context, o Options, h smpp.Handler) ([]*smpp.Session, error) {
	sessions, failed := make([]*smpp.Session, o.Conns), make([]error, o.Conns)
	room := make(chan struct{}, 32)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range sessions {
		room <- struct{}{}
		if ctx.Err() != nil {
			failed[i] = ctx.Err()
			break
		}
		wg.Go(func() {
			defer func() { <-room }()
			if sessions[i], failed[i] = o.Dial(ctx, smpp.Config{Window: o.Window, InboundWindow: 10_000, IgnoreLoad: !o.Obey, Handler: h}); failed[i] != nil {
				cancel() // what one is refused, the others would be, too
			}
		})
	}
	wg.Wait()
	var first error
	for _, err := range failed {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return sessions, first
}

func closeAll(sessions []*smpp.Session) {
	var wg sync.WaitGroup
	for _, s := range sessions {
		if s != nil {
			wg.Go(func() { _ = s.Close() })
		}
	}
	wg.Wait()
}

// A sender takes requests to send from what is left.
type sender struct {
	r    *run
	mine int64
	at   int // the message that is next
}

func (r *run) sender() *sender { return &sender{r: r, at: int(r.turn.Add(1))} }

// next waits for the turn of another request and returns since when its latency
// counts. It reports false when there is none.
func (s *sender) next(ctx context.Context) (since time.Duration, ok bool) {
	r := s.r
	warming := r.o.Warmup > 0 && time.Since(r.begin) < r.o.Warmup
	if ctx.Err() != nil || !warming && !s.take() {
		return 0, false
	}
	if r.pacer != nil {
		if since, ok = r.pacer.Next(ctx); !ok {
			return 0, false
		}
	} else if since = time.Since(r.begin); r.end > 0 && since >= r.end {
		return 0, false
	}
	if since < r.o.Warmup {
		return since, true
	}
	if !s.take() {
		return 0, false
	}
	s.mine--
	return since, true
}

// take makes sure that there is one of what is left to send.
func (s *sender) take() bool {
	if s.mine == 0 {
		before := s.r.left.Add(-s.r.chunk) + s.r.chunk
		s.mine = min(s.r.chunk, max(0, before))
		s.at = int((s.r.all - before) % int64(len(s.r.messages))) // so that the addresses take turns, whoever sends
	}
	return s.mine > 0
}

func (s *sender) message() *pdu.SubmitSM {
	m := s.r.messages[s.at%len(s.r.messages)]
	s.at++
	return m
}

func (r *run) blocking(ctx, answers context.Context, s *smpp.Session) {
	t := r.tally()
	sender := r.sender()
	for {
		since, ok := sender.next(ctx)
		if !ok {
			return
		}
		resp, err := s.Submit(answers, sender.message())
		r.done(t, since, resp, err)
		if err != nil && smpp.Outcome(err) != smpp.Refused && !errors.Is(err, smpp.ErrTimeout) {
			return // the session is not what it was
		}
	}
}

func (r *run) async(ctx, answers context.Context, s *smpp.Session) {
	t := r.tally()
	sender := r.sender()
	var open sync.WaitGroup
	for {
		since, ok := sender.next(ctx)
		if !ok {
			break
		}
		open.Add(1)
		err := smpp.Go(answers, s, sender.message(), func(resp *pdu.SubmitSMResp, err error) {
			r.done(t, since, resp, err)
			open.Done()
		})
		if err != nil {
			open.Done()
			r.done(t, since, nil, err)
			break // nothing can be sent any more
		}
	}
	open.Wait()
}

// done counts what became of a request.
func (r *run) done(t *tally, since time.Duration, resp *pdu.SubmitSMResp, err error) {
	now := time.Since(r.begin)
	if r.receipts != nil && err == nil {
		r.receipts.accepted(resp.MessageID, since)
	}
	t.add(r, since, now-since, err)
}

func (r *run) result(took, used time.Duration) *Result {
	var all tally
	all.init(len(r.o.Steps))
	for i := range r.tallies {
		all.merge(&r.tallies[i])
	}
	took -= min(r.o.Warmup, took)
	res := &Result{
		Messages: all.ok, Refused: all.refused, Unknown: all.unknown, NeverSent: all.never, Throttled: all.throttled, Errors: all.errors,
		Seconds: took.Seconds(), Rate: float64(all.ok) / max(took.Seconds(), 1e-9), CPU: used.Seconds(),
		Target: r.o.Rate, Latency: latency(all.hist), Receipts: r.receipts.result(),
	}
	if r.pacer != nil && r.end > 0 {
		due := schedule(r.o).Due(min(r.end, took+r.o.Warmup))
		res.Behind = max(0, min(due-r.pacer.Taken(), r.left.Load()))
	}
	for i, s := range all.steps {
		each := (r.o.Duration / time.Duration(len(all.steps))).Seconds()
		res.Steps = append(res.Steps, Step{Target: r.o.Steps[i], Messages: s.ok, Failed: s.failed, Rate: float64(s.ok) / each, Latency: latency(s.hist)})
	}
	return res
}

// Server returns a server of the library alone, which lets everybody bind and
// answers every submission at once.
func Server() *smpp.Server {
	mux := smpp.NewMux()
	smpp.HandleBorrow(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "0123456789abcdef"}, nil
	})
	smpp.HandleBorrow(mux, func(context.Context, *pdu.DataSM) (*pdu.DataSMResp, error) {
		return &pdu.DataSMResp{MessageID: "0123456789abcdef"}, nil
	})
	return &smpp.Server{Handler: mux, SystemID: "bench", Window: 100_000}
}
