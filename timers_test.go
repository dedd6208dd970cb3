package smpp_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// endedBy waits for the end of a session and checks its reason and hour.
func endedBy(t *testing.T, s *smpp.Session, why error, start time.Time, least, most time.Duration) {
	t.Helper()
	<-s.Done()
	if err := s.Err(); !errors.Is(err, why) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended by %v, not %v", err, why)
	}
	if d := time.Since(start); d < least || d > most {
		t.Errorf("ended after %v, not %v to %v", d, least, most)
	}
	if s.State() != smpp.StateClosed {
		t.Error(s.State())
	}
}

func TestSessionInit(t *testing.T) {
	bubble(t, "default", func(t *testing.T) {
		_, s := rawClient(t, new(smpp.Server))
		endedBy(t, s, smpp.ErrNotBound, time.Now(), 30*time.Second, 31*time.Second)
	})
	bubble(t, "set, and no reprieve by enquire_link", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{SessionInit: 5 * time.Second})
		start := time.Now()
		time.Sleep(4 * time.Second)
		r.alive()
		endedBy(t, s, smpp.ErrNotBound, start, 5*time.Second, 6*time.Second)
		r.wantEnd()
	})
	bubble(t, "off", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{SessionInit: -1})
		time.Sleep(24 * time.Hour)
		r.bound()
	})
	bubble(t, "a bind that takes long to decide on", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			time.Sleep(20 * time.Second)
			if b.Password == "" {
				return nil, pdu.StatusInvalidPassword
			}
			return nil, nil
		}})
		if h, _ := r.bind(&pdu.BindTransceiver{}); h.Status != pdu.StatusInvalidPassword {
			t.Error(h)
		}
		if h, _ := r.bind(&pdu.BindTransceiver{Bind: pdu.Bind{Password: "x"}}); h.Status != pdu.StatusOK {
			t.Error(h)
		}
		if s.State() != smpp.StateBoundTRX {
			t.Error(s.State())
		}
	})
	bubble(t, "a bind that is refused too late", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
			time.Sleep(40 * time.Second)
			return nil, pdu.StatusInvalidPassword
		}})
		start := time.Now()
		if h, _ := r.bind(&pdu.BindTransceiver{}); h.Status != pdu.StatusInvalidPassword {
			t.Error(h)
		}
		endedBy(t, s, smpp.ErrNotBound, start, 40*time.Second, 42*time.Second)
	})
	bubble(t, "bound in time", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{EnquireLink: -1})
		time.Sleep(29 * time.Second)
		r.bound()
		time.Sleep(time.Hour)
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
}

func TestEnquireLinkTimer(t *testing.T) {
	asked := func(p *smpptest.Script) int { return len(p.Received(pdu.IDEnquireLink)) }
	bubble(t, "silence", func(t *testing.T) {
		_, p := script(t, nil)
		time.Sleep(29 * time.Second)
		if n := asked(p); n != 0 {
			t.Errorf("%d after 29 s", n)
		}
		time.Sleep(2 * time.Second)
		if n := asked(p); n != 1 {
			t.Errorf("%d after 31 s", n)
		}
		time.Sleep(time.Hour)
		if n := asked(p); n < 110 || n > 121 {
			t.Errorf("%d after an hour", n)
		}
	})
	bubble(t, "traffic", func(t *testing.T) {
		s, p := script(t, nil)
		for range 100 {
			time.Sleep(10 * time.Second)
			if _, err := s.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
		}
		if n := asked(p); n != 0 {
			t.Errorf("%d although the peer was heard", n)
		}
	})
	bubble(t, "what is sent is no sign of life", func(t *testing.T) {
		s, p := script(t, nil, smpptest.On(pdu.IDSubmitSM))
		for range 8 {
			time.Sleep(5 * time.Second)
			_ = smpp.Go(t.Context(), s, message, func(*pdu.SubmitSMResp, error) {})
		}
		if n := asked(p); n != 1 {
			t.Errorf("%d", n)
		}
	})
	bubble(t, "off", func(t *testing.T) {
		s, p := script(t, &smpp.Config{EnquireLink: -1})
		time.Sleep(24 * time.Hour)
		if asked(p) != 0 || s.Err() != nil {
			t.Errorf("%d, %v", asked(p), s.Err())
		}
	})
	bubble(t, "message center asks", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{EnquireLink: 10 * time.Second})
		r.bound()
		start := time.Now()
		h, _, _ := r.next()
		if d := time.Since(start); h.Command != pdu.IDEnquireLink || d < 10*time.Second || d > 11*time.Second {
			t.Errorf("%v after %v", h, d)
		}
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.EnquireLinkResp{})
		time.Sleep(5 * time.Second)
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
}

func TestDeadPeer(t *testing.T) {
	bubble(t, "default", func(t *testing.T) {
		start := time.Now()
		s, _ := script(t, nil, smpptest.StopReading())
		endedBy(t, s, smpp.ErrDeadPeer, start, 90*time.Second, 93*time.Second)
	})
	bubble(t, "set", func(t *testing.T) {
		start := time.Now()
		s, _ := script(t, &smpp.Config{EnquireLink: 5 * time.Second, ResponseTimeout: 2 * time.Second}, smpptest.StopReading())
		endedBy(t, s, smpp.ErrDeadPeer, start, 7*time.Second, 8*time.Second)
	})
	bubble(t, "message center", func(t *testing.T) {
		start := time.Now()
		r, s := rawClient(t, new(smpp.Server))
		r.bound()
		endedBy(t, s, smpp.ErrDeadPeer, start, 90*time.Second, 93*time.Second)
	})
	bubble(t, "anything heard counts", func(t *testing.T) {
		r, s := rawClient(t, new(smpp.Server))
		r.bound()
		for range 60 { // never answers, but sends
			time.Sleep(45 * time.Second)
			r.send(pdu.Header{Sequence: 1}, &pdu.QuerySM{})
		}
		if s.Err() != nil {
			t.Error(s.Err())
		}
	})
	bubble(t, "requests that wait fail", func(t *testing.T) {
		s, _ := script(t, &smpp.Config{ResponseTimeout: time.Hour, EnquireLink: time.Second}, smpptest.StopReading())
		go func() {
			time.Sleep(10 * time.Minute)
			_ = s.NetConn().Close() // the cable is cut
		}()
		_, err := s.Submit(t.Context(), message)
		isRequestError(t, err, smpp.Unknown, false, net.ErrClosed)
	})
}

// While reading stands, silence says nothing about the peer.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got atomic.Int32
		s, p := script(t, &smpp.Config{Handler: smpp.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			got.Add(1)
			return nil, nil
		})},
			smpptest.Send(&pdu.DeliverSM{}), smpptest.Expect(pdu.IDDeliverSM.Response()),
			smpptest.Send(&pdu.DeliverSM{}), smpptest.Send(&pdu.DeliverSM{}), smpptest.Send(&pdu.DeliverSM{}),
			smpptest.Repeat(3, smpptest.Expect(pdu.IDDeliverSM.Response())))
		synctest.Wait()
		s.Pause()
		before := got.Load()
		s.Resume()
		s.Resume()
		p.Wait()
		if before > 4 || got.Load() != 4 {
			t.Errorf("%d before, %d after", before, got.Load())
		}

		s.Pause()
		if err := p.Received(pdu.IDBindTransceiver)[0].Err; err != nil {
			t.Error(err)
		}
		// The answer to the first enquire_link is the last thing that is read.
		time.Sleep(24 * time.Hour)
		if s.Err() != nil {
			t.Fatalf("ended while reading stood: %v", s.Err())
		}
		s.Resume()
		if _, err := s.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
		s.Pause()
		_ = s.Close()
	})
}

func TestInactivity(t *testing.T) {
	bubble(t, "enquire_link is no activity", func(t *testing.T) {
		s, p := script(t, &smpp.Config{Inactivity: 5 * time.Minute})
		start := time.Now()
		for range 10 {
			time.Sleep(20 * time.Second)
			if err := s.EnquireLink(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		endedBy(t, s, smpp.ErrInactive, start, 5*time.Minute, 5*time.Minute+2*time.Second)
		if len(p.Received(pdu.IDUnbind)) != 1 {
			t.Error("no unbind was sent")
		}
	})
	bubble(t, "traffic", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, &smpp.Server{Inactivity: time.Minute, Handler: byAddress})
		start := time.Now()
		for range 20 {
			time.Sleep(50 * time.Second)
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Fatal(err)
			}
		}
		endedBy(t, server, smpp.ErrInactive, start, 1060*time.Second, 1063*time.Second)
		<-client.Done()
		if err := client.Err(); !errors.Is(err, smpp.ErrUnbound) {
			t.Error(err)
		}
	})
	bubble(t, "a transaction that goes on", func(t *testing.T) {
		slow := smpp.HandlerFor(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			time.Sleep(3 * time.Minute)
			return &pdu.SubmitSMResp{MessageID: "1"}, nil
		})
		for _, side := range []smpp.Side{smpp.ESME, smpp.MC} {
			conf, srv := &smpp.Config{ResponseTimeout: time.Hour}, &smpp.Server{Handler: slow}
			if side == smpp.ESME {
				conf.Inactivity = time.Minute
			} else {
				srv.Inactivity = time.Minute
			}
			client, _ := smpptest.Pair(t, conf, srv)
			start := time.Now()
			if _, err := client.Submit(t.Context(), message); err != nil {
				t.Errorf("%v: %v", side, err)
			}
			<-client.Done()
			if took := time.Since(start); took < 4*time.Minute-2*time.Second || took > 4*time.Minute+5*time.Second {
				t.Errorf("%v: the session lived for %v", side, took)
			}
		}
	})
	bubble(t, "off by default", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, nil)
		time.Sleep(7 * 24 * time.Hour)
		if client.Err() != nil || server.Err() != nil {
			t.Errorf("%v, %v", client.Err(), server.Err())
		}
	})
}

func TestResponseTimer(t *testing.T) {
	never := smpptest.On(pdu.IDSubmitSM)
	for _, test := range []struct {
		name        string
		timeout     time.Duration
		least, most time.Duration
	}{
		{"default", 0, 60 * time.Second, 62 * time.Second},
		{"set", 4 * time.Second, 4 * time.Second, 5 * time.Second},
		{"short", 50 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond},
	} {
		bubble(t, test.name, func(t *testing.T) {
			s, _ := script(t, &smpp.Config{ResponseTimeout: test.timeout}, never)
			for range 3 {
				start := time.Now()
				_, err := s.Submit(t.Context(), message)
				isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
				var re *smpp.RequestError
				if !errors.As(err, &re) || re.Command != pdu.IDSubmitSM || re.Sequence == 0 || re.After == 0 {
					t.Errorf("%#v", err)
				}
				if d := time.Since(start); d < test.least || d > test.most {
					t.Errorf("after %v", d)
				}
				time.Sleep(17 * time.Second)
			}
			if s.Err() != nil {
				t.Error(s.Err())
			}
		})
	}
	bubble(t, "off", func(t *testing.T) {
		s, _ := script(t, &smpp.Config{ResponseTimeout: -1, EnquireLink: -1}, never)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := s.Submit(ctx, message)
		isRequestError(t, err, smpp.Unknown, false, context.DeadlineExceeded)
	})
	bubble(t, "bind", func(t *testing.T) {
		p := smpptest.NewScript(t, smpptest.On(pdu.IDBindTransceiver))
		start := time.Now()
		_, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{ResponseTimeout: 5 * time.Second})
		isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("after %v", d)
		}
	})
	bubble(t, "bind, ctx", func(t *testing.T) {
		p := smpptest.NewScript(t, smpptest.On(pdu.IDBindTransceiver))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := smpp.Bind(ctx, p.Conn(), nil)
		isRequestError(t, err, smpp.Unknown, false, context.DeadlineExceeded)
	})
}

// A peer that keeps the connection and reads nothing ends the session, whoever
// waits for it.
func TestPeerStuck(t *testing.T) {
	bubble(t, "ESME", func(t *testing.T) {
		s, _ := script(t, &smpp.Config{Window: 100, EnquireLink: -1, ResponseTimeout: 10 * time.Second}, smpptest.StopReading())
		big := &pdu.SubmitSM{}
		pdu.TLVMessagePayload.Set(&big.TLVs, make([]byte, 60000))
		start := time.Now()
		for range 3 {
			if err := smpp.Go(t.Context(), s, big, func(*pdu.SubmitSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
		}
		endedBy(t, s, smpp.ErrPeerStuck, start, 10*time.Second, 13*time.Second)
	})
	bubble(t, "message center", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Window: 100, ResponseTimeout: 10 * time.Second, EnquireLink: -1})
		r.bound()
		start := time.Now()
		big := &pdu.DeliverSM{}
		pdu.TLVMessagePayload.Set(&big.TLVs, make([]byte, 60000))
		for range 5 {
			if err := smpp.Go(t.Context(), s, big, func(*pdu.DeliverSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
		}
		endedBy(t, s, smpp.ErrPeerStuck, start, 10*time.Second, 13*time.Second)
	})
	bubble(t, "Close", func(t *testing.T) {
		s, _ := script(t, &smpp.Config{Window: 100, EnquireLink: -1, ResponseTimeout: -1}, smpptest.StopReading())
		big := &pdu.SubmitSM{}
		pdu.TLVMessagePayload.Set(&big.TLVs, make([]byte, 60000))
		for range 3 {
			if err := smpp.Go(t.Context(), s, big, func(*pdu.SubmitSMResp, error) {}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		_ = s.Close()
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}
