package smpp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func TestWindowBlocks(t *testing.T) {
	bubble(t, "until a response", func(t *testing.T) {
		g := newGate()
		client, server := smpptest.Pair(t, &smpp.Config{Window: 3}, &smpp.Server{Handler: g.handler(), Window: 20})
		var answered atomic.Int32
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if _, err := client.Submit(t.Context(), to(i)); err != nil {
					t.Error(err)
				}
				answered.Add(1)
			})
		}
		synctest.Wait()
		if g.count() != 3 || client.Outstanding() != 3 || answered.Load() != 0 {
			t.Errorf("%d handled, %d outstanding, %d answered", g.count(), client.Outstanding(), answered.Load())
		}
		// What needs no slot passes.
		if err := client.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		if err := server.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		close(g.open)
		all.Wait()
		if g.count() != 10 || client.Outstanding() != 0 {
			t.Errorf("%d handled, %d outstanding", g.count(), client.Outstanding())
		}
	})
	bubble(t, "until ctx ends", func(t *testing.T) {
		g := newGate()
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: g.handler()})
		go func() { _, _ = client.Submit(t.Context(), message) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Submit(ctx, message)
		isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
		err = smpp.Go(ctx, client, message, func(*pdu.SubmitSMResp, error) { t.Error("called") })
		isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
		cause := errors.New("my reason")
		with, stop := context.WithCancelCause(t.Context())
		stop(cause)
		_, err = client.Submit(with, message)
		isRequestError(t, err, smpp.NeverSent, true, cause)
		close(g.open)
	})
	bubble(t, "until the session ends", func(t *testing.T) {
		g := newGate()
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: g.handler()})
		outcomes := make(chan smpp.OutcomeKind, 5)
		for range 5 {
			go func() {
				_, err := client.Submit(t.Context(), message)
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				outcomes <- smpp.Outcome(err)
			}()
		}
		synctest.Wait()
		_ = client.Close()
		count := map[smpp.OutcomeKind]int{}
		for range 5 {
			count[<-outcomes]++
		}
		if count[smpp.Unknown] != 1 || count[smpp.NeverSent] != 4 {
			t.Errorf("%v", count)
		}
	})
}

// Those who wait for a slot get it in the order in which they came.
func TestWindowIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		var mu sync.Mutex
		var order []string
		h := onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			mu.Lock()
			order = append(order, m.Dest.Addr)
			mu.Unlock()
			<-g.open
			return nil, nil
		})
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: h})
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if _, err := client.Submit(t.Context(), to(i)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(g.open)
		all.Wait()
		for i, addr := range order {
			if addr != fmt.Sprint(i) {
				t.Fatalf("%s was sent as number %d", addr, i)
			}
		}
	})
}

// Giving up a wait costs nobody a slot, and giving up a request keeps its slot
// until the response.
func TestWindowDoesNotLeak(t *testing.T) {
	bubble(t, "given up before it was sent", func(t *testing.T) {
		g := newGate()
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 2, ResponseTimeout: time.Hour}, &smpp.Server{Handler: g.handler()})
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Second)
				defer cancel()
				if _, err := client.Submit(ctx, message); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := client.Outstanding(); n != 2 {
			t.Errorf("%d outstanding", n)
		}
		close(g.open)
		synctest.Wait()
		if n := client.Outstanding(); n != 0 {
			t.Errorf("%d outstanding after the responses", n)
		}
		for range 10 {
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Error(err)
			}
		}
	})
	bubble(t, "given up after it was sent", func(t *testing.T) {
		client, _ := script(t, &smpp.Config{Window: 1, ResponseTimeout: time.Minute},
			smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(30*time.Second), smpptest.AnswerDefault())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := client.Submit(ctx, message)
		isRequestError(t, err, smpp.Unknown, false, context.DeadlineExceeded)
		if client.Outstanding() != 1 {
			t.Errorf("%d outstanding", client.Outstanding())
		}
		if resp, err := client.Submit(t.Context(), message); err != nil || resp.MessageID != "2" {
			t.Errorf("%v, %v", resp, err)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("the slot was free after %v", d)
		}
	})
	bubble(t, "timed out", func(t *testing.T) {
		client, _ := script(t, &smpp.Config{Window: 2, ResponseTimeout: 8 * time.Second, EnquireLink: -1}, smpptest.On(pdu.IDSubmitSM))
		start := time.Now()
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				_, err := client.Submit(t.Context(), message)
				isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
			})
		}
		all.Wait()
		if d := time.Since(start); d < 24*time.Second || d > 32*time.Second {
			t.Errorf("three rounds took %v", d)
		}
		if n := client.Outstanding(); n != 0 {
			t.Errorf("%d outstanding", n)
		}
	})
	bubble(t, "cannot be encoded", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: byAddress})
		for range 5 {
			_, err := client.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: make([]byte, 300)})
			isRequestError(t, err, smpp.NeverSent, false, nil)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || e.Field != "short_message" {
				t.Error(err)
			}
			if client.Outstanding() != 0 {
				t.Errorf("%d outstanding", client.Outstanding())
			}
		}
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "encoding panics", func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{Window: 1}, &smpp.Server{Handler: byAddress})
		for range 5 {
			_, err := client.RoundTrip(t.Context(), (*pdu.SubmitSM)(nil))
			isRequestError(t, err, smpp.NeverSent, false, nil)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || client.Outstanding() != 0 {
				t.Errorf("%v, %d outstanding", err, client.Outstanding())
			}
		}
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
	})
}

// A response that comes at once finds its request.
func TestInstantResponses(t *testing.T) {
	srv := smpptest.NewUnstartedServer(smpp.Inline(byAddress))
	srv.Start()
	defer srv.Close()
	var dropped atomic.Int32
	client, err := smpp.Dial(t.Context(), srv.URL, &smpp.Config{Window: 64, Trace: &smpp.Trace{Dropped: func(*smpp.Session, pdu.Header) { dropped.Add(1) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// Thousands of goroutines share the window, some in a hurry.
	var all sync.WaitGroup
	var hurried, done atomic.Int32
	for i := range 3000 {
		all.Go(func() {
			ctx := t.Context()
			if i%3 == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*time.Microsecond)
				defer cancel()
			}
			resp, err := client.Submit(ctx, to(i))
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				hurried.Add(1)
			case err != nil || resp.MessageID != fmt.Sprint(i):
				t.Errorf("%d: %v, %v", i, resp, err)
			default:
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := client.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if done.Load() < 2000 || dropped.Load() != 0 || done.Load()+hurried.Load() != 3000 {
		t.Errorf("%d done, %d given up, %d responses dropped", done.Load(), hurried.Load(), dropped.Load())
	}
}

func TestOutcome(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("layer: %w", err) }
	session := &smpp.SessionError{Err: smpp.ErrDeadPeer}
	for _, test := range []struct {
		name    string
		err     error
		outcome smpp.OutcomeKind
		retry   bool
		is      []error
	}{
		{"none", nil, smpp.Accepted, false, nil},
		{"not sent: ctx", &smpp.RequestError{Err: context.Canceled}, smpp.NeverSent, true, []error{context.Canceled}},
		{"not sent: session ended", &smpp.RequestError{Err: session}, smpp.NeverSent, true, []error{net.ErrClosed, smpp.ErrDeadPeer}},
		{"not sent: encoding", &smpp.RequestError{Err: &pdu.EncodeError{}}, smpp.NeverSent, false, nil},
		{"not sent: state", &smpp.RequestError{Err: &smpp.StateError{}}, smpp.NeverSent, true, nil},
		{"sent: ctx", &smpp.RequestError{Sent: true, Err: context.DeadlineExceeded}, smpp.Unknown, false, []error{context.DeadlineExceeded}},
		{"sent: timeout", &smpp.RequestError{Sent: true, Err: smpp.ErrTimeout}, smpp.Unknown, false, []error{smpp.ErrTimeout}},
		{"sent: session ended", &smpp.RequestError{Sent: true, Err: session}, smpp.Unknown, false, []error{net.ErrClosed}},
		{"sent: malformed response", &smpp.RequestError{Sent: true, Err: &pdu.DecodeError{Status: pdu.StatusThrottled}}, smpp.Unknown, false, nil},
		{"refused for now", &smpp.ResponseError{Status: pdu.StatusThrottled}, smpp.Refused, true, []error{pdu.StatusThrottled}},
		{"refused for now: queue", &smpp.ResponseError{Status: pdu.StatusQueueFull}, smpp.Refused, true, []error{pdu.StatusQueueFull}},
		{"refused for good", &smpp.ResponseError{Status: pdu.StatusInvalidDest}, smpp.Refused, false, []error{pdu.StatusInvalidDest}},
		{"foreign", errors.New("x"), smpp.Unknown, false, nil},
		{"status alone", pdu.StatusThrottled, smpp.Unknown, false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			errs := []error{test.err}
			if test.err != nil {
				errs = append(errs, wrap(test.err), wrap(wrap(test.err)))
			}
			for _, err := range errs {
				if smpp.Outcome(err) != test.outcome || smpp.SafeToRetry(err) != test.retry {
					t.Errorf("%v: %v, safe to retry %v", err, smpp.Outcome(err), smpp.SafeToRetry(err))
				}
				for _, is := range test.is {
					if !errors.Is(err, is) {
						t.Errorf("%v is no %v", err, is)
					}
				}
			}
			if test.err != nil && test.err.Error() == "" {
				t.Error("an error without words")
			}
		})
	}
	for o, want := range map[smpp.OutcomeKind]string{smpp.Accepted: "accepted", smpp.NeverSent: "never sent", smpp.Refused: "refused", smpp.Unknown: "unknown"} {
		if o.String() != want {
			t.Errorf("%q", o.String())
		}
	}
}

// A session handles so many requests at once, keeps as many waiting, and
// refuses what is beyond.
func TestBacklog(t *testing.T) {
	const window = 3
	bubble(t, "message center", func(t *testing.T) {
		g := newGate()
		r, _ := rawClient(t, &smpp.Server{Handler: g.handler(), Window: window})
		r.bound()
		for i := range uint32(2*window + 2) {
			r.send(pdu.Header{Sequence: i + 1}, message)
		}
		for i := range uint32(2) {
			r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusThrottled, Sequence: 2*window + 1 + i})
		}
		synctest.Wait()
		if g.count() != window {
			t.Errorf("%d handled at once", g.count())
		}
		r.alive()
		close(g.open)
		got := map[uint32]bool{}
		for range 2 * window {
			h, _, _ := r.next()
			if h.Status != pdu.StatusOK || got[h.Sequence] {
				t.Errorf("%v", h)
			}
			got[h.Sequence] = true
		}
		r.send(pdu.Header{Sequence: 50}, message) // there is room again
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 50})
	})
	bubble(t, "account", func(t *testing.T) {
		g := newGate()
		r, _ := rawClient(t, &smpp.Server{Handler: g.handler(), Window: 100,
			Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return &smpp.Account{Window: 1}, nil }})
		r.bound()
		for i := range uint32(3) {
			r.send(pdu.Header{Sequence: i}, message)
		}
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusThrottled, Sequence: 2})
		close(g.open)
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 0})
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 1})
	})
	bubble(t, "ESME", func(t *testing.T) {
		g := newGate()
		h := smpp.HandlerFor(func(ctx context.Context, _ *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			<-g.open
			return nil, nil
		})
		_, server := smpptest.Pair(t, &smpp.Config{Handler: h, InboundWindow: window}, &smpp.Server{Window: 100})
		var ok, refused atomic.Int32
		var all sync.WaitGroup
		for range 2*window + 4 {
			all.Go(func() {
				switch _, err := server.Deliver(t.Context(), &pdu.DeliverSM{}); {
				case err == nil:
					ok.Add(1)
				case errors.Is(err, pdu.StatusTemporaryAppError) && smpp.SafeToRetry(err):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(g.open)
		all.Wait()
		if ok.Load() != 2*window || refused.Load() != 4 {
			t.Errorf("%d handled, %d refused", ok.Load(), refused.Load())
		}
	})
}

// A peer that does not read stops being read, and senders wait: no memory grows
// without end.
func TestBackpressure(t *testing.T) {
	bubble(t, "sender", func(t *testing.T) {
		client, _ := script(t, &smpp.Config{Window: 1 << 20, ResponseTimeout: -1, EnquireLink: -1}, smpptest.StopReading())
		big := &pdu.SubmitSM{}
		pdu.TLVMessagePayload.Set(&big.TLVs, bytes.Repeat([]byte("x"), 60000))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		sent := 0
		for {
			if err := smpp.Go(ctx, client, big, func(*pdu.SubmitSMResp, error) {}); err != nil {
				isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
				break
			}
			if sent++; sent > 1000 {
				t.Fatal("nothing stops it")
			}
		}
		if sent < 10 {
			t.Errorf("blocked after %d", sent)
		}
	})
	bubble(t, "reader", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Handler: acceptAll, ResponseTimeout: -1, EnquireLink: -1})
		r.bound()
		// Each enquire_link makes an answer that nobody reads.
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.EnquireLink{})
		if err != nil {
			t.Fatal(err)
		}
		batch := bytes.Repeat(frame, 4096)
		_ = r.SetWriteDeadline(time.Now().Add(time.Minute))
		total := 0
		for total < 16<<20 {
			n, err := r.Write(batch)
			if total += n; err != nil {
				break
			}
		}
		if total >= 16<<20 {
			t.Fatal("the session reads on and on")
		}
		// Once they are read, everything goes on.
		_ = r.SetWriteDeadline(time.Time{})
		answer, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.EnquireLinkResp{})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, total/16*16)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, bytes.Repeat(answer, total/16)) {
			t.Errorf("the answers to %d enquire_link: %v", total/16, err)
		}
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
}

// A PDU without response needs room to be written, and no slot of the window.
func TestNoticeNeedsNoSlot(t *testing.T) {
	bubble(t, "full window, full output", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Window: 50, ResponseTimeout: -1, EnquireLink: -1})
		r.bound()
		big := &pdu.DeliverSM{}
		pdu.TLVMessagePayload.Set(&big.TLVs, make([]byte, 60000))
		ctx, cancel := context.WithCancel(t.Context())
		for s.Stats().Unwritten < 1<<20 {
			if err := smpp.Go(ctx, s, big, func(*pdu.DeliverSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the writer has taken what it can
		}
		for range 50 { // more than the window: some wait for a slot
			go func() { _, _ = s.Deliver(ctx, &pdu.DeliverSM{}) }()
		}
		synctest.Wait()
		told := make(chan error, 2)
		go func() { told <- s.Alert(ctx, &pdu.AlertNotification{}) }()
		short, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		err := s.Alert(short, &pdu.AlertNotification{})
		isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
		if len(told) != 0 {
			t.Error("sent while there is no room")
		}
		// The peer reads, and answers nothing: every slot stays taken.
		go func() { _, _ = io.Copy(io.Discard, r) }()
		if err := <-told; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := s.Outstanding(); n != 50 {
			t.Errorf("%d outstanding", n)
		}
		cancel()
	})
}
