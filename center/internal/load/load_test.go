package load_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/internal/load"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

func serve(t *testing.T, h func(ctx context.Context, n int64, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error)) func(context.Context, smpp.Config) (*smpp.Session, error) {
	t.Helper()
	var n atomic.Int64
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return h(ctx, n.Add(1), m) })
	srv := smpptest.NewUnstartedServer(mux)
	srv.Window = 1000
	srv.Start()
	t.Cleanup(srv.Close)
	return func(ctx context.Context, c smpp.Config) (*smpp.Session, error) {
		c.ResponseTimeout = 2 * time.Second
		return smpp.Dial(ctx, srv.URL, &c)
	}
}

func accept(n int64) (*pdu.SubmitSMResp, error) {
	return &pdu.SubmitSMResp{MessageID: fmt.Sprint(n)}, nil
}

func mustRun(t *testing.T, ctx context.Context, o load.Options) *load.Result {
	t.Helper()
	r, err := load.Run(ctx, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var styles = []load.Style{load.Blocking, load.Async}

// A message center that stalls once shows in the latency of everything that was
// due meanwhile, whether or not it could be sent.
func TestStallsAreNotOmitted(t *testing.T) {
	const stall = 300 * time.Millisecond
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				if n == 50 {
					select {
					case <-time.After(stall):
					case <-ctx.Done():
					}
				}
				return accept(n)
			})
			// One at a time: only one request ever waits for the stalled one, and a
			// sender that counted from sending would see a single slow request.
			r := mustRun(t, t.Context(), load.Options{Dial: dial, Messages: 400, Rate: 1000, Window: 1, Style: style})
			if r.Messages != 400 || r.Target != 1000 {
				t.Fatalf("%+v", r)
			}
			// Of 400 requests, 300 were due during the stall: half of all waited for
			// 50 ms or more.
			if p := time.Duration(r.Latency.P50) * time.Microsecond; p < 50*time.Millisecond {
				t.Errorf("median %v; want at least 50 ms", p)
			}
			if p := time.Duration(r.Latency.P99) * time.Microsecond; p < stall*9/10 {
				t.Errorf("99 %% %v; want nearly %v", p, stall)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				switch n % 10 {
				case 1:
					return nil, pdu.StatusThrottled
				case 2:
					return nil, pdu.StatusQueueFull
				case 3:
					return nil, pdu.StatusInvalidDest
				}
				return accept(n)
			})
			var progress atomic.Int64
			r, err := load.Run(t.Context(), load.Options{Dial: dial, Messages: 200, Conns: 2, Window: 4, Style: style}, &progress)
			if err != nil {
				t.Fatal(err)
			}
			if r.Messages != 140 || r.Refused != 60 || r.Throttled != 40 || r.Unknown != 0 || r.NeverSent != 0 {
				t.Errorf("%+v", r)
			}
			if fmt.Sprint(r.Errors) != "map[ESME_RINVDSTADR:20 ESME_RMSGQFUL:20 ESME_RTHROTTLED:20]" {
				t.Errorf("errors %v", r.Errors)
			}
		})
	}
}

// When the message center goes away, what was sent and not answered is of
// unknown outcome, and each request is counted once.
func TestLostConnection(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			var arrived atomic.Int64
			dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				arrived.Add(1)
				switch {
				case n <= 20:
					return accept(n)
				case n == 30: // all ten of the window are here
					_ = smpp.SessionFrom(ctx).NetConn().Close()
				}
				<-ctx.Done()
				return nil, pdu.StatusSystemError
			})
			r := mustRun(t, t.Context(), load.Options{Dial: dial, Messages: 1000, Window: 10, Style: style})
			if r.Messages != 20 || r.Unknown != 10 || r.Refused != 0 {
				t.Errorf("%+v", r)
			}
			if r.NeverSent > 10 {
				t.Errorf("%d never sent; at most each sender's next", r.NeverSent)
			}
			var errors int64
			for _, n := range r.Errors {
				errors += n
			}
			if errors != r.Unknown+r.NeverSent {
				t.Errorf("errors %v of %d requests", r.Errors, r.Unknown+r.NeverSent)
			}
			if len(r.Errors) > 4 {
				t.Errorf("errors are not told by kind: %v", r.Errors)
			}
		})
	}
}

func TestWarmup(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			var arrived atomic.Int64
			dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				arrived.Add(1)
				if n <= 10 {
					return nil, pdu.StatusThrottled // not ready yet
				}
				return accept(n)
			})
			r := mustRun(t, t.Context(), load.Options{Dial: dial, Messages: 100, Rate: 500, Warmup: 100 * time.Millisecond, Window: 50, Style: style})
			if r.Messages != 100 || r.Refused != 0 || len(r.Errors) != 0 {
				t.Errorf("%+v", r)
			}
			if n := arrived.Load(); n != 150 {
				t.Errorf("%d messages sent; want 50 of the warm-up and 100", n)
			}
			if r.Rate <= 0 || r.Rate > 1000 {
				t.Errorf("%v a second", r.Rate)
			}
		})
	}
}

func TestBehind(t *testing.T) {
	dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
		return accept(n)
	})
	r := mustRun(t, t.Context(), load.Options{Dial: dial, Rate: 1000, Duration: 500 * time.Millisecond, Window: 2})
	if r.Messages == 0 || r.Messages > 50 || r.Messages+r.Behind != 500 {
		t.Errorf("%d accepted, %d behind; want 500 together, nearly all behind", r.Messages, r.Behind)
	}
}

func TestSteps(t *testing.T) {
	dial := serve(t, func(_ context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if n <= 20 {
			return nil, pdu.StatusThrottled
		}
		return accept(n)
	})
	r := mustRun(t, t.Context(), load.Options{Dial: dial, Steps: []float64{200, 1000}, Duration: 400 * time.Millisecond, Window: 50, Style: load.Async})
	if len(r.Steps) != 2 || r.Steps[0].Target != 200 || r.Steps[1].Target != 1000 {
		t.Fatalf("%+v", r.Steps)
	}
	if a, b := r.Steps[0], r.Steps[1]; a.Messages != 20 || a.Failed != 20 || b.Messages != 200-r.Behind || b.Failed != 0 || b.Latency.P50 == 0 {
		t.Errorf("%+v, %d behind", r.Steps, r.Behind)
	}
}

// receipting is a message center that sends receipts.
func receipting(t *testing.T, receipt func(n int64) (state pdu.MessageState, times int)) func(context.Context, smpp.Config) (*smpp.Session, error) {
	return serve(t, func(ctx context.Context, n int64, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.RegisteredDelivery.Receipt() != pdu.FinalReceipt {
			return nil, pdu.StatusInvalidRegisteredDelivery
		}
		state, times := receipt(n)
		for range times {
			d, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: fmt.Sprint(n), State: state, HasState: true})
			if err != nil {
				return nil, err
			}
			go func() { _, _ = smpp.SessionFrom(ctx).Deliver(context.Background(), d) }() // before the response, or after it
		}
		return accept(n)
	})
}

func TestReceipts(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			dial := receipting(t, func(n int64) (pdu.MessageState, int) {
				if n%4 == 0 {
					return pdu.StateUndeliverable, 1
				}
				return pdu.StateDelivered, 1
			})
			r := mustRun(t, t.Context(), load.Options{Dial: dial, Messages: 200, Conns: 2, Window: 10, Style: style, Receipts: true, Destinations: 7})
			c := r.Receipts
			if c == nil || r.Messages != 200 || c.Received != 200 || c.Missing != 0 || c.Unexpected != 0 {
				t.Fatalf("%+v, receipts %+v", r, c)
			}
			if fmt.Sprint(c.States) != "map[delivered:150 undeliverable:50]" || c.Rate <= 0 || c.Latency.P50 <= 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestReceiptsThatDoNotCome(t *testing.T) {
	dial := receipting(t, func(n int64) (pdu.MessageState, int) {
		switch n {
		case 3:
			return 0, 0
		case 4:
			return pdu.StateDelivered, 2
		}
		return pdu.StateDelivered, 1
	})
	begin := time.Now()
	r := mustRun(t, t.Context(), load.Options{Dial: dial, Messages: 10, Window: 1, Receipts: true, ReceiptTimeout: 300 * time.Millisecond})
	if c := r.Receipts; c.Received != 9 || c.Missing != 1 || c.Unexpected != 1 {
		t.Errorf("%+v", c)
	}
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("took %v; want the wait for receipts", took)
	}
}

// An interrupt ends the sending; what was sent is still answered.
func TestInterrupt(t *testing.T) {
	for _, style := range styles {
		t.Run(string(style), func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			dial := serve(t, func(ctx context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				if n == 20 {
					interrupt()
				}
				return accept(n)
			})
			r := mustRun(t, ctx, load.Options{Dial: dial, Messages: 1_000_000, Window: 5, Style: style})
			if r.Messages < 20 || r.Messages > 100_000 || r.Unknown != 0 || r.NeverSent != 0 || len(r.Errors) != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestDestinations(t *testing.T) {
	var seen [5]atomic.Int64
	dial := serve(t, func(_ context.Context, n int64, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if i, ok := strings.CutPrefix(m.Dest.Addr, "44770000000"); ok && len(i) == 1 && i[0] < '5' {
			seen[i[0]-'0'].Add(1)
		}
		return accept(n)
	})
	for _, o := range []load.Options{
		{Window: 1, Style: load.Async},
		{Conns: 2, Window: 10, Style: load.Blocking},
		{Conns: 2, Window: 10, Style: load.Blocking, Rate: 10_000},
	} {
		o.Dial, o.Messages, o.Destinations = dial, 100, 5
		mustRun(t, t.Context(), o)
		for i := range seen {
			if n := seen[i].Swap(0); n != 20 {
				t.Errorf("%d connections, window %d: %d messages to address %d; want 20", max(o.Conns, 1), o.Window, n, i)
			}
		}
	}
}

func TestRefusedBind(t *testing.T) {
	failed := errors.New("refused")
	_, err := load.Run(t.Context(), load.Options{Conns: 3, Messages: 1, Dial: func(context.Context, smpp.Config) (*smpp.Session, error) { return nil, failed }}, nil)
	if !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
}

func TestMessage(t *testing.T) {
	for size, ok := range map[int]bool{0: false, 51: false, 52: true, 156: true, 306: true, 400: false} {
		m, err := load.Message(size)
		if (err == nil) != ok {
			t.Errorf("size %d: %v", size, err)
			continue
		}
		if !ok {
			continue
		}
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
		if err != nil || len(frame) != size {
			t.Errorf("size %d: %d octets, %v", size, len(frame), err)
		}
	}
}

// A measurement goes on where a client would slow down.
func TestObey(t *testing.T) {
	run := func(obey bool) *load.Result {
		dial := serve(t, func(_ context.Context, n int64, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			return nil, pdu.StatusThrottled
		})
		return mustRun(t, t.Context(), load.Options{Dial: dial, Rate: 500, Duration: 400 * time.Millisecond, Window: 20, Style: load.Async, Obey: obey})
	}
	if r := run(false); r.Throttled < 120 {
		t.Errorf("%d of 200 sent", r.Throttled)
	}
	if r := run(true); r.Throttled > 100 || r.Behind < 50 {
		t.Errorf("%d of 200 sent though all are throttled, %d behind", r.Throttled, r.Behind)
	}
}
