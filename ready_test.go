package smpp_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// Ready has returned before the ESME is bound, and what it sends comes after the
// bind response; a panic in it is not the end of anything.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ready atomic.Bool
		got := make(chan string, 1)
		handler := smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			got <- string(m.ShortMessage)
			return nil, nil
		})
		client, server := smpptest.Pair(t, &smpp.Config{Handler: handler}, &smpp.Server{Ready: func(s *smpp.Session) {
			err := smpp.Go(t.Context(), s, &pdu.DeliverSM{ShortMessage: []byte("at once")}, func(_ *pdu.DeliverSMResp, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			if err != nil || !s.State().Bound() {
				t.Errorf("Ready: %v in state %v", err, s.State())
			}
			ready.Store(true)
		}})
		if !ready.Load() || client.State() != smpp.StateBoundTRX {
			t.Errorf("bound before Ready was called: %v", client.State())
		}
		if text := <-got; text != "at once" {
			t.Errorf("delivered %q", text)
		}
		if err := server.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Logger: quiet, Ready: func(*smpp.Session) { panic("no") }})
		if err := client.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
