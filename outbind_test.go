package smpp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// trusted checks what a message center says of itself.
func trusted(_ context.Context, o *pdu.Outbind) error {
	if o.SystemID != "center" || o.Password != "knock" {
		return errors.New("who is that")
	}
	return nil
}

func TestOutbind(t *testing.T) {
	for _, mode := range []smpp.BindMode{smpp.Receiver, smpp.Transceiver, smpp.Transmitter} {
		bubble(t, mode.String(), func(t *testing.T) {
			near, far := smpptest.Pipe()
			srv := &smpp.Server{Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
				if b.SystemID != "acme" || b.Password != "secret" {
					return nil, pdu.StatusBindFailed
				}
				return nil, nil
			}, Handler: byAddress}
			got := make(chan *smpp.Session, 1)
			go func() {
				s, err := smpp.AcceptOutbind(t.Context(), near, &smpp.Config{SystemID: "acme", Password: "secret", Bind: mode, Handler: acceptAll}, trusted)
				if err != nil {
					t.Error(err)
				}
				got <- s
			}()
			mc, err := srv.OutbindConn(t.Context(), far, &pdu.Outbind{SystemID: "center", Password: "knock"})
			if err != nil {
				t.Fatal(err)
			}
			esme := <-got
			want := map[smpp.BindMode]smpp.State{smpp.Receiver: smpp.StateBoundRX, smpp.Transceiver: smpp.StateBoundTRX, smpp.Transmitter: smpp.StateBoundTX}[mode]
			if mc.State() != want || esme.State() != want || mc.SystemID() != "acme" || len(srv.Sessions()) != 1 {
				t.Errorf("%v, %v, %q, %d sessions", mc.State(), esme.State(), mc.SystemID(), len(srv.Sessions()))
			}
			if mode != smpp.Transmitter {
				if _, err := mc.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
					t.Error(err)
				}
			}
			if mode != smpp.Receiver {
				if resp, err := esme.Submit(t.Context(), to(5)); err != nil || resp.MessageID != "5" {
					t.Errorf("%v, %v", resp, err)
				}
			}
			time.Sleep(time.Hour) // session_init is over for good
			if err := mc.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-esme.Done()
			if !errors.Is(esme.Err(), smpp.ErrUnbound) {
				t.Error(esme.Err())
			}
		})
	}
	bubble(t, "refused by the ESME", func(t *testing.T) {
		near, far := smpptest.Pipe()
		failed := make(chan error, 1)
		go func() {
			_, err := smpp.AcceptOutbind(t.Context(), near, nil, trusted)
			failed <- err
		}()
		srv := new(smpp.Server)
		_, err := srv.OutbindConn(t.Context(), far, &pdu.Outbind{SystemID: "center", Password: "secret99"})
		if !errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "secret99") {
			t.Error(err)
		}
		if err := <-failed; err == nil || !strings.Contains(err.Error(), "who is that") || strings.Contains(err.Error(), "secret99") {
			t.Error(err)
		}
		if n := len(srv.Sessions()); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
	bubble(t, "refused by the message center", func(t *testing.T) {
		near, far := smpptest.Pipe()
		failed := make(chan error, 1)
		go func() {
			_, err := smpp.AcceptOutbind(t.Context(), near, nil, trusted)
			failed <- err
		}()
		srv := &smpp.Server{SystemID: "center", Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusBindFailed }}
		if _, err := srv.OutbindConn(t.Context(), far, &pdu.Outbind{SystemID: "center", Password: "knock"}); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, pdu.StatusBindFailed) {
			t.Error(err)
		}
	})
	bubble(t, "without a check", func(t *testing.T) {
		near, far := smpptest.Pipe()
		if _, err := smpp.AcceptOutbind(t.Context(), near, nil, nil); err == nil {
			t.Error("no error")
		}
		if _, err := far.Write([]byte{0}); err == nil {
			t.Error("the connection is open")
		}
	})
	bubble(t, "until ctx ends", func(t *testing.T) {
		_, far := smpptest.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := new(smpp.Server).OutbindConn(ctx, far, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		near, _ := smpptest.Pipe()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := smpp.AcceptOutbind(ctx, near, nil, trusted); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	bubble(t, "on a closed server", func(t *testing.T) {
		_, far := smpptest.Pipe()
		srv := new(smpp.Server)
		_ = srv.Close()
		if _, err := srv.OutbindConn(t.Context(), far, nil); !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// What comes before the outbind is refused, but for enquire_link.
func TestBeforeOutbind(t *testing.T) {
	bubble(t, "PDUs", func(t *testing.T) {
		near, far := smpptest.Pipe()
		got := make(chan *smpp.Session, 1)
		go func() {
			s, err := smpp.AcceptOutbind(t.Context(), near, &smpp.Config{Handler: acceptAll}, trusted)
			if err != nil {
				t.Error(err)
			}
			got <- s
		}()
		r := &raw{far, t}
		for i, body := range []pdu.Body{&pdu.DeliverSM{}, &pdu.DataSM{}, &pdu.SubmitSM{}, &pdu.Unbind{}, &pdu.BindReceiver{}} {
			r.send(pdu.Header{Sequence: uint32(i + 1)}, body)
			r.want(pdu.Header{Command: body.Command().Response(), Status: pdu.StatusInvalidBindStatus, Sequence: uint32(i + 1)})
		}
		r.send(pdu.Header{Sequence: 20}, &pdu.AlertNotification{}) // has no answer
		r.alive()
		r.send(pdu.Header{Sequence: 21}, &pdu.Outbind{SystemID: "center", Password: "knock"})
		h, _, _ := r.next()
		if h.Command != pdu.IDBindTransceiver {
			t.Fatalf("got %v", h)
		}
		r.send(pdu.Header{Sequence: 22}, &pdu.DeliverSM{}) // not bound yet
		r.want(pdu.Header{Command: pdu.IDDeliverSM.Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 22})
		r.send(pdu.Header{Sequence: 23}, &pdu.Outbind{SystemID: "center", Password: "knock"}) // once is enough
		r.alive()
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.BindTransceiverResp{})
		s := <-got
		r.send(pdu.Header{Sequence: 24}, &pdu.DeliverSM{})
		r.want(pdu.Header{Command: pdu.IDDeliverSM.Response(), Sequence: 24})
		_ = far.Close()
		<-s.Done()
	})
}

func TestOutbindListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ol := smpp.ListenOutbind(l, &smpp.Config{SystemID: "acme", Handler: acceptAll, Logger: quiet}, trusted)
	srv := &smpp.Server{SystemID: "center"}
	defer srv.Close()
	url := "smpp://" + ol.Addr().String()
	mute, err := net.Dial("tcp", ol.Addr().String()) // says nothing, and is in nobody's way
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := srv.Outbind(t.Context(), url, nil); err == nil {
		t.Error("a message center that the check does not know was let in")
	}
	accepted := make(chan *smpp.Session)
	go func() {
		for {
			s, err := ol.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				close(accepted)
				return
			}
			accepted <- s
		}
	}()
	var esmes []*smpp.Session
	for range 3 {
		mc, err := srv.Outbind(t.Context(), url, &pdu.Outbind{SystemID: "center", Password: "knock"})
		if err != nil {
			t.Fatal(err)
		}
		esmes = append(esmes, <-accepted)
		if _, err := mc.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
			t.Error(err)
		}
	}
	if err := ol.Close(); err != nil {
		t.Error(err)
	}
	if _, ok := <-accepted; ok {
		t.Error("a session after Close")
	}
	for _, s := range esmes { // they live on
		if err := s.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	}
	if _, err := srv.Outbind(t.Context(), url, nil); err == nil {
		t.Error("the listener is closed and answers")
	}
	if _, err := srv.Outbind(t.Context(), "localhost", nil); err == nil {
		t.Error("an address that is no URL")
	}
}

// session_init runs on both ends of an outbind.
func TestOutbindTimers(t *testing.T) {
	bubble(t, "the bind does not come", func(t *testing.T) {
		_, far := smpptest.Pipe()
		start := time.Now()
		_, err := (&smpp.Server{SessionInit: 7 * time.Second}).OutbindConn(t.Context(), far, nil)
		if d := time.Since(start); !errors.Is(err, smpp.ErrNotBound) || d < 7*time.Second || d > 8*time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
	bubble(t, "the outbind does not come", func(t *testing.T) {
		near, _ := smpptest.Pipe()
		start := time.Now()
		_, err := smpp.AcceptOutbind(t.Context(), near, nil, trusted)
		if d := time.Since(start); !errors.Is(err, smpp.ErrNotBound) || d < 30*time.Second || d > 31*time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
	bubble(t, "the outbind comes and the check takes long", func(t *testing.T) {
		near, far := smpptest.Pipe()
		go func() {
			s, err := smpp.AcceptOutbind(t.Context(), near, nil, func(context.Context, *pdu.Outbind) error {
				time.Sleep(40 * time.Second)
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			<-s.Done()
		}()
		srv := &smpp.Server{SessionInit: time.Minute}
		s, err := srv.OutbindConn(t.Context(), far, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = s.Close()
	})
}

// A listener that waits because the system has run out of something ends at once.
func TestOutbindListenerClosedInPause(t *testing.T) {
	bubble(t, "after failures", func(t *testing.T) {
		l := newFakeListener()
		ol := smpp.ListenOutbind(l, &smpp.Config{Logger: quiet}, trusted)
		for range 10 {
			l.accept <- temporary{}
		}
		synctest.Wait()
		start := time.Now()
		_ = ol.Close()
		if d := time.Since(start); d > 0 {
			t.Errorf("Close took %v", d)
		}
		if _, err := ol.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
