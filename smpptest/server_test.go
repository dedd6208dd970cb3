package smpptest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func dial(t *testing.T, srv *smpptest.Server, c *smpp.Config) *smpp.Session {
	t.Helper()
	s, err := smpp.Dial(t.Context(), srv.URL, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestServerReceived(t *testing.T) {
	srv := smpptest.NewUnstartedServer(nil)
	var traced atomic.Int32
	srv.Trace = &smpp.Trace{Received: func(*smpp.Session, []byte) { traced.Add(1) }}
	srv.Authenticate = func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if b.SystemID != smpptest.SystemID || b.Password != smpptest.Password {
			return nil, pdu.StatusBindFailed
		}
		return nil, nil
	}
	srv.Start()
	defer srv.Close()
	s := dial(t, srv, nil)
	if err := s.EnquireLink(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := s.Query(t.Context(), &pdu.QuerySM{MessageID: "7"})
	if !errors.Is(err, pdu.StatusInvalidCommandID) {
		t.Error(err)
	}
	if got, err := srv.WaitReceived(t.Context(), pdu.IDQuerySM, 1); len(got) != 1 || err != nil || got[0].Err != nil || got[0].Session == nil {
		t.Errorf("%v, %v", got, err)
	}
	if got := srv.Received(); len(got) != 3 || traced.Load() != 3 {
		t.Errorf("%d received, %d traced", len(got), traced.Load())
	}
	if q := smpptest.Bodies[*pdu.QuerySM](srv); len(q) != 1 || q[0].MessageID != "7" {
		t.Errorf("%v", q)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := srv.WaitReceived(ctx, pdu.IDQuerySM, 2); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestServerDeliver(t *testing.T) {
	srv := smpptest.NewServer(nil)
	defer srv.Close()
	m := &pdu.DeliverSM{ShortMessage: []byte("hi")}
	if err := srv.Deliver(t.Context(), m); err == nil {
		t.Error("delivered to nobody")
	}
	dial(t, srv, &smpp.Config{Bind: smpp.Transmitter})
	if err := srv.Deliver(t.Context(), m); err == nil {
		t.Error("delivered to a transmitter")
	}
	var got atomic.Int32
	c := &smpp.Config{Handler: smpp.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		got.Add(1)
		return nil, nil
	})}
	dial(t, srv, c)
	dial(t, srv, c)
	if err := srv.Deliver(t.Context(), m); err != nil || got.Load() != 2 {
		t.Errorf("%d, %v", got.Load(), err)
	}
	dial(t, srv, nil) // answers ESME_RX_T_APPN
	if err := srv.Deliver(t.Context(), m); !errors.Is(err, pdu.StatusTemporaryAppError) {
		t.Error(err)
	}
	if n := len(srv.Sessions()); n != 4 {
		t.Errorf("%d sessions", n)
	}
}

func TestServerClose(t *testing.T) {
	srv := smpptest.NewServer(nil)
	s, err := smpp.Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Close()
	if n := len(srv.Sessions()); n != 0 {
		t.Errorf("%d sessions after Close", n)
	}
	<-s.Done()
	srv.Close()
	smpptest.NewUnstartedServer(nil).Close()
}

func TestTLSServer(t *testing.T) {
	srv := smpptest.NewTLSServer(nil)
	defer srv.Close()
	if !strings.HasPrefix(srv.URL, "ssmpp://") {
		t.Error(srv.URL)
	}
	if err := dial(t, srv, srv.ClientConfig()).EnquireLink(t.Context()); err != nil {
		t.Error(err)
	}
}

// Many bubbles use the same pools of the library.
func TestPairInBubbles(t *testing.T) {
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			client, server := smpptest.Pair(t, nil, nil)
			for range 20 {
				if err := client.EnquireLink(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := server.EnquireLink(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
			if client.Err() != nil || server.Err() != nil {
				t.Errorf("%v, %v", client.Err(), server.Err())
			}
		})
	}
}
