package load

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A tracker finds the message of each receipt. A receipt may come before the
// response that tells its message_id, and on another session. The methods of a
// nil tracker do nothing.
type tracker struct {
	r *run

	mu         sync.Mutex
	open       map[string]time.Duration // messages without a receipt, and since when they count
	early      map[string]arrival       // receipts without a message
	hist       *hdrhistogram.Histogram
	received   int64
	states     map[string]int64
	unexpected int64
	last       time.Duration // when the last one came
	changed    chan struct{}
}

type arrival struct {
	at    time.Duration
	state string
}

func newTracker(r *run) *tracker {
	return &tracker{
		r: r, open: map[string]time.Duration{}, early: map[string]arrival{}, hist: newHistogram(), states: map[string]int64{},
		changed: make(chan struct{}, 1),
	}
}

// handler returns what takes the receipts. Whatever else comes stays with the
// message center.
func (t *tracker) handler() smpp.Handler {
	if t == nil {
		return nil
	}
	take := func(b pdu.Body) error {
		receipt, ok := sms.Profile{}.ReadReceipt(b)
		if !ok {
			return pdu.StatusTemporaryAppError
		}
		if receipt.Final() {
			state := receipt.State.String()
			if !receipt.HasState {
				state = strings.Clone(receipt.Stat) // the rest is given back
			}
			t.receipt(receipt.ID, state)
		}
		return nil
	}
	mux := smpp.NewMux()
	smpp.HandleBorrow(mux, func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) { return nil, take(m) })
	smpp.HandleBorrow(mux, func(_ context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) { return nil, take(m) })
	return mux
}

func (t *tracker) accepted(id string, since time.Duration) {
	id = strings.Clone(id) // without the frame
	t.mu.Lock()
	defer t.mu.Unlock()
	if a, ok := t.early[id]; ok {
		delete(t.early, id)
		t.match(since, a)
		return
	}
	t.open[id] = since
}

func (t *tracker) receipt(id, state string) {
	now := time.Since(t.r.begin)
	t.mu.Lock()
	defer t.mu.Unlock()
	since, ok := t.open[id]
	switch _, twice := t.early[id]; {
	case ok:
		delete(t.open, id)
		t.match(since, arrival{now, state})
	case twice:
		t.unexpected++
	default:
		t.early[strings.Clone(id)] = arrival{now, state}
	}
}

func (t *tracker) match(since time.Duration, a arrival) {
	if since >= t.r.o.Warmup {
		t.received++
		t.states[a.state]++
		t.last = max(t.last, a.at)
		_ = t.hist.RecordValue(max((a.at - since).Microseconds(), 1))
	}
	if len(t.open) == 0 {
		select {
		case t.changed <- struct{}{}:
		default:
		}
	}
}

// await waits for the receipts that are missing, as long as they can come.
func (t *tracker) await(ctx context.Context, sessions []*smpp.Session) {
	if t == nil {
		return
	}
	wait := t.r.o.ReceiptTimeout
	if wait <= 0 {
		wait = defaultReceiptTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var alive sync.WaitGroup
	for _, s := range sessions {
		alive.Go(func() {
			select {
			case <-s.Done():
			case <-ctx.Done():
			}
		})
	}
	go func() {
		alive.Wait()
		cancel() // on no session can one come any more
	}()
	for {
		t.mu.Lock()
		missing := len(t.open)
		t.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-t.changed:
		case <-ctx.Done():
			return
		}
	}
}

func (t *tracker) result() *Receipts {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &Receipts{Received: t.received, States: t.states, Unexpected: t.unexpected + int64(len(t.early)), Latency: latency(t.hist)}
	for _, since := range t.open {
		if since >= t.r.o.Warmup {
			r.Missing++
		}
	}
	if took := (t.last - t.r.o.Warmup).Seconds(); took > 0 {
		r.Rate = float64(t.received) / took
	}
	return r
}
