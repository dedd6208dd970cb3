package smpp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func TestClose(t *testing.T) {
	bubble(t, "unbinds", func(t *testing.T) {
		s, p := script(t, nil)
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
		if len(p.Received(pdu.IDUnbind)) != 1 {
			t.Error("no unbind")
		}
		endedBy(t, s, smpp.ErrClosed, start, 0, 0)
		_ = s.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		_, err := s.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, net.ErrClosed)
		isRequestError(t, s.EnquireLink(t.Context()), smpp.NeverSent, true, smpp.ErrClosed)
	})
	bubble(t, "a second at most", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.StopReading())
		start := time.Now()
		_ = s.Close()
		endedBy(t, s, smpp.ErrClosed, start, time.Second, time.Second)
	})
	bubble(t, "by many", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, nil)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { _ = client.Close() })
			all.Go(func() { _ = server.Close() })
			all.Go(func() { _ = server.Shutdown(t.Context()) })
		}
		all.Wait()
		<-client.Done()
		<-server.Done()
	})
	bubble(t, "fails what waits", func(t *testing.T) {
		g := newGate()
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: g.handler()})
		errs := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := client.Submit(t.Context(), message)
				errs <- err
			}()
		}
		synctest.Wait()
		_ = client.Close()
		for range 5 {
			isRequestError(t, <-errs, smpp.Unknown, false, smpp.ErrClosed)
		}
	})
	bubble(t, "in a handler", func(t *testing.T) {
		closed := make(chan struct{})
		client, server := smpptest.Pair(t, nil, &smpp.Server{Handler: onSubmit(func(ctx context.Context, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			_ = smpp.SessionFrom(ctx).Close()
			close(closed)
			return nil, nil
		})})
		_, err := client.Submit(t.Context(), message)
		isRequestError(t, err, smpp.Unknown, false, net.ErrClosed)
		<-closed
		<-server.Done()
	})
	bubble(t, "in a callback, on a goroutine of its own", func(t *testing.T) {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: byAddress})
		if err := smpp.Go(t.Context(), client, message, func(*pdu.SubmitSMResp, error) { go client.Close() }); err != nil {
			t.Fatal(err)
		}
		<-client.Done()
	})
	bubble(t, "before the bind", func(t *testing.T) {
		_, s := rawClient(t, new(smpp.Server))
		start := time.Now()
		_ = s.Close()
		endedBy(t, s, smpp.ErrClosed, start, 0, 0)
	})
	bubble(t, "callbacks of Go are called", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.On(pdu.IDSubmitSM))
		var failed atomic.Int32
		for range 10 {
			if err := smpp.Go(t.Context(), s, message, func(_ *pdu.SubmitSMResp, err error) {
				if smpp.Outcome(err) == smpp.Unknown {
					failed.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		_ = s.Close()
		if failed.Load() != 10 {
			t.Errorf("%d of 10", failed.Load())
		}
	})
	bubble(t, "cancels the contexts of handlers", func(t *testing.T) {
		ended := make(chan error, 1)
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Logger: quiet, Handler: onSubmit(func(ctx context.Context, _ *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		})})
		if err := smpp.Go(t.Context(), client, message, func(*pdu.SubmitSMResp, error) {}); err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestShutdown(t *testing.T) {
	bubble(t, "drains requests", func(t *testing.T) {
		g := newGate()
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: g.handler()})
		errs := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := client.Submit(t.Context(), message)
				errs <- err
			}()
		}
		synctest.Wait()
		down := make(chan error)
		go func() { down <- client.Shutdown(t.Context()) }()
		synctest.Wait()
		_, err := client.Submit(t.Context(), message)
		isRequestError(t, err, smpp.NeverSent, true, net.ErrClosed)
		close(g.open)
		for range 5 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
	bubble(t, "drains handlers", func(t *testing.T) {
		g := newGate()
		client, server := smpptest.Pair(t, nil, &smpp.Server{Handler: g.handler(), Window: 5})
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := client.Submit(t.Context(), message)
				errs <- err
			}()
		}
		synctest.Wait()
		down := make(chan error)
		go func() { down <- server.Shutdown(t.Context()) }()
		synctest.Wait()
		close(g.open)
		for range 10 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
		<-client.Done()
		if !errors.Is(client.Err(), smpp.ErrUnbound) {
			t.Error(client.Err())
		}
	})
	bubble(t, "until ctx ends", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.On(pdu.IDSubmitSM))
		failed := make(chan error, 1)
		if err := smpp.Go(t.Context(), s, message, func(_ *pdu.SubmitSMResp, err error) { failed <- err }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		endedBy(t, s, smpp.ErrClosed, start, 5*time.Second, 5*time.Second)
		isRequestError(t, <-failed, smpp.Unknown, false, net.ErrClosed)
	})
	bubble(t, "while the peer goes on sending", func(t *testing.T) {
		h := onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			time.Sleep(time.Second)
			return nil, nil
		})
		client, server := smpptest.Pair(t, &smpp.Config{Window: 5}, &smpp.Server{Handler: h, Window: 5})
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				for {
					_, err := client.Submit(t.Context(), message)
					switch {
					case errors.Is(err, net.ErrClosed) || smpp.Outcome(err) == smpp.NeverSent:
						return
					case err != nil:
						time.Sleep(100 * time.Millisecond)
					}
				}
			})
		}
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		all.Wait()
	})
}

func TestPeerUnbinds(t *testing.T) {
	bubble(t, "what it has is answered first", func(t *testing.T) {
		g := newGate()
		r, s := rawClient(t, &smpp.Server{Handler: g.handler()})
		r.bound()
		r.send(pdu.Header{Sequence: 1}, to(1))
		r.send(pdu.Header{Sequence: 2}, to(2))
		r.send(pdu.Header{Sequence: 3}, &pdu.Unbind{})
		r.send(pdu.Header{Sequence: 4}, to(4)) // too late
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 4})
		r.alive()
		if s.State() != smpp.StateUnbound {
			t.Error(s.State())
		}
		_, err := s.Deliver(t.Context(), &pdu.DeliverSM{})
		isRequestError(t, err, smpp.NeverSent, true, nil)
		close(g.open)
		got := map[uint32]bool{}
		for range 2 {
			h, _, _ := r.next()
			got[h.Sequence] = h.Command == pdu.IDSubmitSM.Response() && h.Status == pdu.StatusOK
		}
		if !got[1] || !got[2] {
			t.Errorf("%v", got)
		}
		r.want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 3})
		r.wantEnd()
		_ = r.Close()
		endedBy(t, s, smpp.ErrUnbound, time.Now(), 0, 0)
	})
	bubble(t, "and does not hang up", func(t *testing.T) {
		r, s := rawClient(t, new(smpp.Server))
		r.bound()
		start := time.Now()
		r.send(pdu.Header{Sequence: 3}, &pdu.Unbind{})
		endedBy(t, s, smpp.ErrUnbound, start, time.Second, time.Second)
	})
	bubble(t, "message center to ESME", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, nil)
		_ = server.Close()
		<-client.Done()
		if !errors.Is(client.Err(), smpp.ErrUnbound) || !errors.Is(client.Err(), net.ErrClosed) {
			t.Error(client.Err())
		}
	})
	bubble(t, "both at once", func(t *testing.T) {
		r, s := rawClient(t, new(smpp.Server))
		r.bound()
		closed := make(chan struct{})
		start := time.Now()
		go func() { _ = s.Close(); close(closed) }()
		h, _, _ := r.next()
		if h.Command != pdu.IDUnbind {
			t.Fatalf("%v", h)
		}
		r.send(pdu.Header{Sequence: 9}, &pdu.Unbind{})
		r.want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 9})
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.UnbindResp{})
		<-closed
		endedBy(t, s, smpp.ErrClosed, start, 0, 0)
	})
	bubble(t, "pending requests fail", func(t *testing.T) {
		client, _ := script(t, nil, smpptest.Expect(pdu.IDSubmitSM), smpptest.Send(&pdu.Unbind{}), smpptest.Expect(pdu.IDUnbindResp), smpptest.Close())
		_, err := client.Submit(t.Context(), message)
		isRequestError(t, err, smpp.Unknown, false, smpp.ErrUnbound)
	})
}

func TestPeerCloses(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []smpptest.Step
	}{
		{"closed", []smpptest.Step{smpptest.Repeat(10, smpptest.Expect(pdu.IDSubmitSM)), smpptest.Close()}},
		{"half closed", []smpptest.Step{smpptest.Repeat(10, smpptest.Expect(pdu.IDSubmitSM)), smpptest.CloseWrite()}},
		{"in a frame", []smpptest.Step{smpptest.Repeat(10, smpptest.Expect(pdu.IDSubmitSM)), smpptest.CloseAfter(9), smpptest.AnswerDefault()}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			client, _ := script(t, nil, test.steps...)
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					_, err := client.Submit(t.Context(), message)
					isRequestError(t, err, smpp.Unknown, false, io.EOF)
				})
			}
			all.Wait()
			<-client.Done()
			if err := client.Err(); !errors.Is(err, io.EOF) || !errors.Is(err, net.ErrClosed) || client.Outstanding() != 0 {
				t.Errorf("%v, %d outstanding", err, client.Outstanding())
			}
		})
	}
}

func TestServerClose(t *testing.T) {
	bubble(t, "Close", func(t *testing.T) {
		srv := &smpp.Server{Handler: byAddress}
		var clients []*smpp.Session
		for range 5 {
			c, _ := smpptest.Pair(t, nil, srv)
			clients = append(clients, c)
		}
		_, unbound := rawClient(t, srv)
		if n := len(srv.Sessions()); n != 6 {
			t.Errorf("%d sessions", n)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-unbound.Done()
		for _, c := range clients {
			<-c.Done()
			if !errors.Is(c.Err(), smpp.ErrUnbound) {
				t.Error(c.Err())
			}
		}
		if n := len(srv.Sessions()); n != 0 {
			t.Errorf("%d sessions after Close", n)
		}
		near, far := smpptest.Pipe()
		if s := srv.ServeConn(far); s != nil {
			t.Error("a closed server serves")
		}
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		_ = srv.Close()
	})
	bubble(t, "Shutdown", func(t *testing.T) {
		g := newGate()
		srv := &smpp.Server{Handler: g.handler()}
		client, _ := smpptest.Pair(t, nil, srv)
		answered := make(chan error, 1)
		go func() {
			_, err := client.Submit(t.Context(), message)
			answered <- err
		}()
		synctest.Wait()
		go func() {
			time.Sleep(10 * time.Second)
			close(g.open)
		}()
		start := time.Now()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("took %v", d)
		}
	})
	bubble(t, "Shutdown, ctx ends", func(t *testing.T) {
		g := newGate()
		srv := &smpp.Server{Handler: g.handler(), Logger: quiet}
		client, _ := smpptest.Pair(t, nil, srv)
		go func() { _, _ = client.Submit(t.Context(), message) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		<-client.Done()
	})
	t.Run("Serve", func(t *testing.T) {
		srv := new(smpp.Server)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(l) }()
		s, err := smpp.Dial(t.Context(), "smpp://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
		<-s.Done()
		if err := srv.Serve(l); !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
		if err := (&smpp.Server{Addr: "127.0.0.1:99999"}).ListenAndServe(); err == nil {
			t.Error("port 99999 is served")
		}
	})
}

func goroutines() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	return strings.Count(string(buf), "smpp.(*")
}

// Nothing of a session runs on when it has ended, over real sockets.
func TestNoGoroutinesLeft(t *testing.T) {
	srv := smpptest.NewServer(byAddress)
	for i := range 30 {
		s, err := smpp.Dial(t.Context(), srv.URL, &smpp.Config{Handler: acceptAll})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := smpp.Go(t.Context(), s, message, func(*pdu.SubmitSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
		}
		switch i % 3 {
		case 0:
			_ = s.Close()
		case 1:
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		case 2:
			_ = s.NetConn().Close()
			<-s.Done()
		}
	}
	srv.Close()
	// The last steps of goroutines that are told to end take their time.
	deadline := time.Now().Add(10 * time.Second)
	for goroutines() > 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := goroutines(); n > 0 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d frames of the package are left:\n%s", n, buf[:runtime.Stack(buf, true)])
	}
}

// Every request that a handler got before Shutdown has its response, also one
// that was read at the very moment.
func TestShutdownAnswersWhatItTook(t *testing.T) {
	for i := range 4000 {
		var taken, answered atomic.Int64
		srv := &smpp.Server{Logger: quiet, Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			taken.Add(1)
			<-time.After(100 * time.Microsecond)
			return &pdu.SubmitSMResp{MessageID: "1"}, nil
		})}
		client, server := smpptest.Pair(t, &smpp.Config{Logger: quiet}, srv)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := client.Submit(t.Context(), message); err == nil {
				answered.Add(1)
			}
		})
		wg.Go(func() {
			for n := time.Now(); time.Since(n) < time.Duration(i%2000)*10*time.Nanosecond; {
			}
			if err := server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		<-client.Done()
		if taken.Load() != answered.Load() {
			t.Fatalf("%d handled, %d answered", taken.Load(), answered.Load())
		}
	}
}

// A peer that was first to unbind gets what it is owed, though this side shuts
// down meanwhile: it hangs up, or has a second for that.
func TestShutdownAfterUnbind(t *testing.T) {
	for name, hangsUp := range map[string]time.Duration{"it hangs up": 300 * time.Millisecond, "it does not": time.Minute} {
		bubble(t, name, func(t *testing.T) {
			r, s := rawClient(t, &smpp.Server{Logger: quiet, Handler: byAddress})
			r.bound()
			r.send(pdu.Header{Sequence: 1}, &pdu.Unbind{})
			synctest.Wait()
			start := time.Now()
			ended := make(chan time.Duration, 1)
			go func() {
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				ended <- time.Since(start)
			}()
			synctest.Wait()
			r.want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 1})
			time.AfterFunc(hangsUp, func() { _ = r.Close() })
			if took, want := <-ended, min(hangsUp, time.Second); took != want {
				t.Errorf("shut down after %v; want %v", took, want)
			}
		})
	}
}
