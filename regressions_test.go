package smpp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// What an inline handler has answered is still written when the next one of the
// same batch takes longer than the session looks busy.
func TestSlowInlineHandler(t *testing.T) {
	bubble(t, "answers of a batch", func(t *testing.T) {
		mux := smpp.NewMux()
		smpp.HandleInline(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			if m.Dest.Addr == "2" {
				<-time.After(5 * time.Second)
			}
			return &pdu.SubmitSMResp{MessageID: "x"}, nil
		})
		r, _ := rawClient(t, &smpp.Server{Handler: mux, Logger: quiet})
		r.bound()
		both, err := pdu.Append(nil, pdu.Header{Sequence: 1}, to(1))
		if err == nil {
			both, err = pdu.Append(both, pdu.Header{Sequence: 2}, to(2))
		}
		if err != nil {
			t.Fatal(err)
		}
		r.write(both)
		for want := uint32(1); want <= 2; want++ {
			if h, _, _ := r.next(); h.Sequence != want {
				t.Errorf("response to %d, want %d", h.Sequence, want)
			}
		}
	})
}

// The generic_nack after a response with an impossible command_length must not
// carry its sequence_number: the peer may have a request of its own under the
// same number, which it would take for refused.
func TestNackOfAResponse(t *testing.T) {
	for _, test := range []struct {
		name    string
		command pdu.CommandID
		want    uint32
	}{
		{"request", pdu.IDSubmitSM, 7},
		{"response", pdu.IDDeliverSMResp, 0},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r, _ := rawClient(t, &smpp.Server{Logger: quiet})
			r.bound()
			header := binary.BigEndian.AppendUint32([]byte{0x7F, 0, 0, 0}, uint32(test.command))
			r.write(append(header, 0, 0, 0, 0, 0, 0, 0, 7))
			r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength, Sequence: test.want})
		})
	}
}

type vendorAsk struct{ Text string }

func (*vendorAsk) Command() pdu.CommandID     { return 0x00010210 }
func (*vendorAsk) NewResponse() *vendorAnswer { return new(vendorAnswer) }
func (p *vendorAsk) Fields(c *pdu.Codec)      { c.CString("text", &p.Text, 65, 0) }

type vendorAnswer struct{ Text string }

func (*vendorAnswer) Command() pdu.CommandID { return 0x80010210 }
func (p *vendorAnswer) Fields(c *pdu.Codec)  { c.CString("text", &p.Text, 65, 0) }

// A response whose type the session does not know is not passed off as an empty
// one.
func TestUnregisteredResponse(t *testing.T) {
	bubble(t, "Do and Go", func(t *testing.T) {
		reg := pdu.Standard().Clone()
		pdu.Register[vendorAsk, vendorAnswer](reg, "vendor_ask")
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Registry: reg, Handler: smpp.HandlerFor(func(context.Context, *vendorAsk) (*vendorAnswer, error) {
			return &vendorAnswer{"yes"}, nil
		})})
		if r, err := smpp.Do(t.Context(), client, &vendorAsk{"?"}); err == nil {
			t.Errorf("Do: %+v and no error", r)
		}
		done := make(chan error, 1)
		if err := smpp.Go(t.Context(), client, &vendorAsk{"?"}, func(_ *vendorAnswer, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err == nil {
			t.Error("Go: no error")
		}
	})
}

// Inline handlers that keep their ResponseWriters are bounded, too.
func TestKeptInlineWriters(t *testing.T) {
	bubble(t, "limit", func(t *testing.T) {
		var kept []smpp.ResponseWriter
		srv := &smpp.Server{Window: 5, Logger: quiet, Handler: smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) { kept = append(kept, w) }))}
		r, _ := rawClient(t, srv)
		r.bound()
		for i := range 11 {
			r.send(pdu.Header{Sequence: uint32(i + 1)}, to(i))
		}
		if h, _, _ := r.next(); h.Sequence != 11 || h.Status != pdu.StatusThrottled {
			t.Errorf("response to %d with %v, want one to 11 with %v", h.Sequence, h.Status, pdu.StatusThrottled)
		}
		synctest.Wait()
		if len(kept) != 10 {
			t.Errorf("%d were handled, want 10", len(kept))
		}
	})
}

// What has no response, and is not handled for there is too much of it, is counted.
func TestNoticesBeyondTheWindow(t *testing.T) {
	bubble(t, "alert_notification", func(t *testing.T) {
		free, handled := make(chan struct{}), 0
		mux := smpp.NewMux()
		smpp.HandleNotice(mux, func(context.Context, *pdu.AlertNotification) {
			<-free
			handled++
		})
		client, server := smpptest.Pair(t, &smpp.Config{InboundWindow: 1, Handler: mux}, nil)
		for range 10 {
			if err := server.Send(t.Context(), &pdu.AlertNotification{Source: pdu.International("491701234567"), ESME: pdu.ShortCode("8080")}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		close(free)
		synctest.Wait()
		if st := client.Stats(); handled < 1 || st.Refused != uint64(10-handled) {
			t.Errorf("%d were handled, %d are counted as refused, of 10", handled, st.Refused)
		}
	})
}

// A body that answers something else is not sent, and the request is answered.
func TestRespondWithWrongBody(t *testing.T) {
	bubble(t, "submit_sm for submit_sm_resp", func(t *testing.T) {
		answered := make(chan error, 1)
		client, _ := smpptest.Pair(t, nil, &smpp.Server{Logger: quiet, Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			answered <- w.Respond(pdu.StatusOK, in.Body)
		})})
		_, err := client.Submit(t.Context(), message)
		if !errors.Is(err, pdu.StatusSystemError) {
			t.Error(err)
		}
		if <-answered == nil {
			t.Error("Respond reports no error")
		}
	})
}

func TestTLSWithoutCertificate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := new(smpp.Server).ServeTLS(l, "", ""); err == nil {
		t.Error("it serves")
	}
}

// Absurd settings are cut down to something that works.
func TestHugeSettings(t *testing.T) {
	bubble(t, "all at their most", func(t *testing.T) {
		client, server := smpptest.Pair(t,
			&smpp.Config{Window: math.MaxInt, InboundWindow: math.MaxInt, MaxPDU: math.MaxInt, ResponseTimeout: math.MaxInt64},
			&smpp.Server{Window: math.MaxInt, MaxPDU: math.MaxInt, ResponseTimeout: math.MaxInt64, Handler: byAddress})
		if _, err := client.Submit(t.Context(), message); err != nil {
			t.Error(err)
		}
		if _, err := server.Deliver(t.Context(), &pdu.DeliverSM{}); smpp.Outcome(err) != smpp.Refused {
			t.Error(err)
		}
	})
}

// A fullReads fails reads that have no room for anything.
type fullReads struct {
	net.Conn
	t *testing.T
}

func (c *fullReads) Read(b []byte) (int, error) {
	if len(b) == 0 {
		c.t.Error("the session reads into no room at all")
		return 0, net.ErrClosed
	}
	return c.Conn.Read(b)
}

func (c *fullReads) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// A session that goes quiet lets go of its large buffer; if what it holds of a PDU
// just fills the small one, it must still read the rest.
func TestQuietAmidPDU(t *testing.T) {
	frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.SubmitSM{Dest: pdu.International("1"), ShortMessage: make([]byte, 254)})
	if err != nil {
		t.Fatal(err)
	}
	for n := 254; n <= 258; n++ {
		bubble(t, strconv.Itoa(n), func(t *testing.T) {
			near, far := smpptest.Pipe()
			s := (&smpp.Server{Handler: byAddress, Logger: quiet}).ServeConn(&fullReads{far, t})
			r := (&raw{near, t}).bound()
			r.write(frame) // does not fit the small buffer
			r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 1})
			r.write(frame[:n])
			time.Sleep(10 * time.Second)
			r.write(frame[n:])
			r.want(pdu.Header{Command: pdu.IDSubmitSMResp, Sequence: 1})
			_ = near.Close()
			<-s.Done()
		})
	}
}

// Who was told that there is a session finds it.
func TestConnectIsBound(t *testing.T) {
	srv := smpptest.NewServer(acceptAll)
	defer srv.Close()
	for range 200 {
		client := &smpp.Client{Targets: []smpp.Target{{URL: srv.URL}}, Config: &smpp.Config{Logger: quiet}}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := client.Connect(t.Context()); err != nil {
					t.Error(err)
				}
				if st, links := client.Stats(), client.Links(); st.Bound != 1 || links[0].State != smpp.LinkBound || links[0].Session == nil {
					t.Errorf("%d bound: %+v", st.Bound, links)
				}
			})
		}
		all.Wait()
		_ = client.Close()
	}
}
