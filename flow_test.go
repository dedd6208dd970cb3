package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// windows records what Trace.Window is told.
type windows struct {
	mu   sync.Mutex
	list []string
}

func (w *windows) trace() *smpp.Trace {
	return &smpp.Trace{Window: func(_ *smpp.Session, n int, pause time.Duration) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.list = append(w.list, fmt.Sprint(n, " ", pause))
	}}
}

func (w *windows) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.list)
}

// A client obeys the congestion_state of a message center of v5.0.
func TestCongestionObeyed(t *testing.T) {
	for _, test := range []struct {
		name    string
		version pdu.Version
		load    pdu.Congestion
		ignore  bool
		want    int // requests sent at once after the first response
	}{
		{"idle", pdu.V50, 0, false, 8},
		{"optimum", pdu.V50, 85, false, 8},
		{"nearing congestion", pdu.V50, 95, false, 6},
		{"congested", pdu.V50, 100, false, 4},
		{"reserved", pdu.V50, 101, false, 8},
		{"reserved, largest", pdu.V50, 255, false, 8},
		{"ignored as configured", pdu.V50, 100, true, 8},
		{"not v5.0", pdu.V34, 100, false, 8},
	} {
		bubble(t, test.name, func(t *testing.T) {
			resp := &pdu.SubmitSMResp{MessageID: "1"}
			pdu.TLVCongestionState.Set(&resp.TLVs, test.load)
			w := new(windows)
			s, p := script(t, &smpp.Config{Version: test.version, Window: 8, IgnoreLoad: test.ignore, Trace: w.trace()},
				smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusOK, resp), smpptest.On(pdu.IDSubmitSM))
			if _, err := s.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				go func() { _, _ = s.Submit(t.Context(), message) }()
			}
			synctest.Wait()
			if n := len(p.Received(pdu.IDSubmitSM)) - 1; n != test.want || s.Outstanding() != test.want {
				t.Errorf("%d sent, %d outstanding, not %d", n, s.Outstanding(), test.want)
			}
			if want := "[]"; test.want < 8 {
				if want = fmt.Sprintf("[%d 0s]", test.want); w.String() != want {
					t.Errorf("told of %v, not %v", w, want)
				}
			} else if w.String() != want {
				t.Errorf("told of %v", w)
			}
		})
	}
}

// What a client gets from a message center that takes so many a second.
func TestThrottledClient(t *testing.T) {
	for _, status := range []pdu.Status{pdu.StatusThrottled, pdu.StatusQueueFull} {
		bubble(t, status.String(), func(t *testing.T) {
			const perSecond = 20
			var mu sync.Mutex
			var accepted, refused int
			second, used := time.Now(), 0
			srv := &smpp.Server{Window: 100, Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				mu.Lock()
				defer mu.Unlock()
				if now := time.Now(); now.Sub(second) >= time.Second {
					second, used = now, 0
				}
				if used++; used > perSecond {
					refused++
					return nil, status
				}
				accepted++
				return nil, nil
			})}
			w := new(windows)
			client, _ := smpptest.Pair(t, &smpp.Config{Window: 50, Trace: w.trace()}, srv)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					for ctx.Err() == nil {
						_, err := client.Submit(ctx, message)
						if err != nil && !errors.Is(err, status) && !errors.Is(err, context.DeadlineExceeded) {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			mu.Lock()
			defer mu.Unlock()
			t.Logf("%d accepted, %d refused in a minute", accepted, refused)
			if refused > accepted || accepted < 60*perSecond/2 {
				t.Errorf("%d accepted, %d refused in a minute: %.400s", accepted, refused, w)
			}
		})
	}
	bubble(t, "and again at full speed", func(t *testing.T) {
		var throttle atomic.Bool
		throttle.Store(true)
		srv := &smpp.Server{Window: 100, Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			if throttle.Load() {
				return nil, pdu.StatusThrottled
			}
			return nil, nil
		})}
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 4}, srv)
		start := time.Now()
		for range 20 {
			if _, err := client.Submit(t.Context(), message); !errors.Is(err, pdu.StatusThrottled) {
				t.Error(err)
			}
		}
		if d := time.Since(start); d < 30*time.Second {
			t.Errorf("20 refusals in %v", d)
		}
		throttle.Store(false)
		for range 60 {
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Error(err)
			}
		}
		start = time.Now()
		for range 20 {
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("still pausing: 20 took %v", d)
		}
	})
	bubble(t, "what needs no slot passes", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: onSubmit(
			func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, pdu.StatusThrottled })})
		for range 12 {
			_, _ = client.Submit(t.Context(), message)
		}
		start := time.Now()
		if err := client.EnquireLink(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		go func() { _, _ = client.Submit(t.Context(), message) }()
		synctest.Wait()
		if err := client.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("closing: %v after %v", err, time.Since(start))
		}
	})
}

// A message center tells ESMEs of v5.0, and no others, of its load.
func TestCongestionTold(t *testing.T) {
	own := func(load pdu.Congestion) func(pdu.Congestion) pdu.Congestion {
		return func(pdu.Congestion) pdu.Congestion { return load }
	}
	const none = -1
	for _, test := range []struct {
		name    string
		version pdu.Version
		load    func(pdu.Congestion) pdu.Congestion
		off     bool
		body    pdu.Body // of the handler; nil: an empty response
		busy    int      // requests held at the same time
		want    int
	}{
		{"v5.0, idle", pdu.V50, nil, false, nil, 0, none},
		{"v5.0, half", pdu.V50, nil, false, nil, 6, 56},
		{"v5.0, full", pdu.V50, nil, false, nil, 9, 80},
		{"v5.0, own load", pdu.V50, own(42), false, nil, 0, 42},
		{"v5.0, own load, idle", pdu.V50, own(0), false, nil, 0, 0},
		{"v5.0, none", pdu.V50, own(101), false, nil, 9, none},
		{"v5.0, measured and changed", pdu.V50, func(m pdu.Congestion) pdu.Congestion { return m + 3 }, false, nil, 0, 11},
		{"v5.0, off", pdu.V50, own(42), true, nil, 9, none},
		{"v5.0, told by the handler", pdu.V50, own(42), false, told(7), 0, 7},
		{"v3.4", pdu.V34, own(42), false, nil, 9, none},
		{"v3.4, told by the handler", pdu.V34, nil, false, told(7), 0, none},
		{"v3.3", pdu.V33, own(42), false, nil, 9, none},
	} {
		bubble(t, test.name, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			srv := &smpp.Server{Congestion: test.load, NoCongestion: test.off, Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
				if in.Body.(*pdu.SubmitSM).Dest.Addr == "hold" {
					<-hold
				}
				_ = w.Respond(pdu.StatusOK, test.body)
			})}
			r, _ := rawClient(t, srv)
			r.bind(&pdu.BindTransmitter{Bind: pdu.Bind{InterfaceVersion: test.version}})
			for i := range test.busy {
				r.send(pdu.Header{Sequence: uint32(100 + i)}, &pdu.SubmitSM{Dest: pdu.Address{Addr: "hold"}})
			}
			r.send(pdu.Header{Sequence: 1}, message)
			body := r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 1}).(*pdu.SubmitSMResp)
			got := none
			if c, ok := pdu.TLVCongestionState.Get(body.TLVs); ok {
				got = int(c)
			}
			if got != test.want || len(body.TLVs) > 1 {
				t.Errorf("congestion_state %d, not %d, in %v", got, test.want, body.TLVs)
			}
		})
	}
	bubble(t, "never where a response is a header alone", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Handler: acceptAll, Congestion: own(99)})
		r.bound()
		for i, body := range []pdu.Body{&pdu.CancelSM{}, &pdu.ReplaceSM{}, &pdu.CancelBroadcastSM{}, &pdu.EnquireLink{}, &pdu.Unbind{}} {
			r.send(pdu.Header{Sequence: uint32(i + 1)}, body)
			if h, _, frame := r.next(); len(frame) != pdu.HeaderLen || h.Command != body.Command().Response() {
				t.Errorf("%v: %d octets", h, len(frame))
			}
		}
	})
	bubble(t, "never beside an error", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Congestion: own(99), Handler: onSubmit(
			func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, pdu.StatusThrottled })})
		r.bound().send(pdu.Header{Sequence: 1}, message)
		if h, _, frame := r.next(); len(frame) != pdu.HeaderLen || h.Status != pdu.StatusThrottled {
			t.Errorf("%v: %d octets", h, len(frame))
		}
	})
}

func told(load pdu.Congestion) pdu.Body {
	resp := &pdu.SubmitSMResp{MessageID: "1"}
	pdu.TLVCongestionState.Set(&resp.TLVs, load)
	return resp
}

// Both ends of v5.0 together: a client with a window far too large is slowed
// down before it is refused much.
func TestFlowEndToEnd(t *testing.T) {
	bubble(t, "a window of 200 against one of 10", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50, Window: 200}, &smpp.Server{Handler: onSubmit(
			func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				time.Sleep(100 * time.Millisecond)
				return nil, nil
			})})
		var accepted, refused atomic.Int32
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				for range 10 {
					switch _, err := client.Submit(t.Context(), message); {
					case err == nil:
						accepted.Add(1)
					case errors.Is(err, pdu.StatusThrottled):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			})
		}
		start := time.Now()
		all.Wait()
		t.Logf("%d accepted, %d refused in %v", accepted.Load(), refused.Load(), time.Since(start))
		if refused.Load() > 400 || accepted.Load() < 1600 {
			t.Errorf("%d accepted, %d refused", accepted.Load(), refused.Load())
		}
	})
}
