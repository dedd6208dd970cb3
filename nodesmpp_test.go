package smpp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// Faults of node-smpp that concern sessions, under the numbers of
// docs/node-smpp.md: each shows what we do with the input that brings it out.

// Input that cannot be parsed does not make a session deaf.
func TestB1Deaf(t *testing.T) {
	submit := func(change func(*pdu.SubmitSM)) []byte {
		m := &pdu.SubmitSM{Dest: pdu.International("1"), ShortMessage: []byte("hi")}
		change(m)
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, m)
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	badTLV := submit(func(m *pdu.SubmitSM) { pdu.TLVUserMessageReference.Set(&m.TLVs, 0x0102) })
	badTLV = badTLV[:len(badTLV)-1]
	badTLV[3], badTLV[len(badTLV)-2] = byte(len(badTLV)), 1 // user_message_reference of 1 octet
	badTime := submit(func(m *pdu.SubmitSM) { m.ValidityPeriod = "000000000100000R" })
	at := bytes.Index(badTime, []byte("000000000100000R"))
	badTime = append(badTime[:at:at], append([]byte("1R"), badTime[at+16:]...)...)
	badTime[3] = byte(len(badTime))
	multi, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"))})
	if err != nil {
		t.Fatal(err)
	}
	multi[20] = 255 // number_of_dests: more than there are
	for _, test := range []struct {
		name   string
		octets []byte
		status pdu.Status
	}{
		{"TLV shorter than its type", badTLV, pdu.StatusInvalidTLVLength},
		{"submit_multi with too many destinations", multi, pdu.StatusInvalidDestFlag},
		{"validity_period 1R", badTime, pdu.StatusInvalidExpiry},
	} {
		bubble(t, "B1 "+test.name, func(t *testing.T) {
			r, _ := rawClient(t, &smpp.Server{Handler: acceptAll})
			r.bound().write(test.octets)
			h, _, _ := r.next()
			if h.Status != test.status && (test.octets[7] != byte(pdu.IDSubmitMulti) || h.Status == pdu.StatusOK) || h.Sequence != 1 {
				t.Errorf("%v, not %v", h, test.status)
			}
			r.alive()
		})
	}
	for length := range 16 {
		if length < 5 {
			continue // B2
		}
		bubble(t, fmt.Sprintf("B1 command_length %d", length), func(t *testing.T) { framingLost(t, length) })
	}
	bubble(t, "B1 command_length above the limit", func(t *testing.T) { framingLost(t, 128<<10+1) })
	bubble(t, "B1 handler that throws", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Logger: quiet, Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { panic("boom") })})
		r.bound().send(pdu.Header{Sequence: 4}, message)
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusSystemError, Sequence: 4})
		r.alive()
	})
}

// framingLost sends a length that cannot be: an answer comes, and the end.
func framingLost(t *testing.T, length int) {
	srv := &smpp.Server{Handler: acceptAll}
	r, s := rawClient(t, srv)
	r.bound()
	header := []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length), 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 9}
	_, _ = r.Write(header)
	h, _, _ := r.next()
	if h.Command != pdu.IDGenericNack || h.Status != pdu.StatusInvalidCommandLength {
		t.Errorf("%v", h)
	}
	r.wantEnd()
	_ = r.Close()
	<-s.Done()
	again, _ := rawClient(t, srv)
	again.bound().alive()
}

func TestB2ShortLengths(t *testing.T) {
	for length := range 5 {
		bubble(t, fmt.Sprintf("B2 command_length %d", length), func(t *testing.T) { framingLost(t, length) })
	}
}

func TestB5CallbacksAreCalled(t *testing.T) {
	bubble(t, "B5 timeout", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.On(pdu.IDSubmitSM))
		done := make(chan error, 1)
		if err := smpp.Go(t.Context(), s, message, func(_ *pdu.SubmitSMResp, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, smpp.ErrTimeout) || s.Outstanding() != 0 {
			t.Errorf("%v, %d outstanding", err, s.Outstanding())
		}
	})
	bubble(t, "B5 disconnect", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.Expect(pdu.IDSubmitSM), smpptest.Close())
		done := make(chan error, 1)
		if err := smpp.Go(t.Context(), s, message, func(_ *pdu.SubmitSMResp, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) || s.Outstanding() != 0 {
			t.Errorf("%v, %d outstanding", err, s.Outstanding())
		}
	})
}

func TestB6EncodeErrors(t *testing.T) {
	bubble(t, "B6 short_message of 300 octets", func(t *testing.T) {
		s, _ := script(t, nil)
		bad := &pdu.SubmitSM{ShortMessage: make([]byte, 300)}
		err := smpp.Go(t.Context(), s, bad, func(*pdu.SubmitSMResp, error) { t.Error("called") })
		isRequestError(t, err, smpp.NeverSent, false, nil)
		if s.Outstanding() != 0 {
			t.Errorf("%d outstanding", s.Outstanding())
		}
		if resp, err := s.Submit(t.Context(), message); err != nil || resp.MessageID != "1" {
			t.Errorf("%v, %v", resp, err)
		}
	})
}

// A new session has nothing of the last one; there is no reconnecting an old
// one.
func TestB7NothingIsKept(t *testing.T) {
	t.Run("B7 half a frame", func(t *testing.T) {
		p := smpptest.NewScript(t,
			smpptest.Expect(pdu.IDSubmitSM), smpptest.CloseAfter(7), smpptest.AnswerDefault(),
			smpptest.Expect(pdu.IDSubmitSM), smpptest.AnswerDefault())
		url := p.URL()
		s, err := smpp.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Submit(t.Context(), message); smpp.Outcome(err) != smpp.Unknown {
			t.Error(err)
		}
		<-s.Done()
		if s.State() != smpp.StateClosed {
			t.Error(s.State())
		}
		again, err := smpp.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if resp, err := again.Submit(t.Context(), message); err != nil || resp.MessageID != "2" {
			t.Errorf("%v, %v", resp, err)
		}
		if got := p.Received(pdu.IDBindTransceiver); len(got) != 2 || got[1].Header.Sequence != 1 {
			t.Errorf("%v", got) // the numbers start again
		}
		if again.State() != smpp.StateBoundTRX {
			t.Error(again.State())
		}
	})
}

func TestB8DeadPeer(t *testing.T) {
	bubble(t, "B8 detected", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.StopReading())
		endedBy(t, s, smpp.ErrDeadPeer, time.Now(), 90*time.Second, 93*time.Second)
	})
	bubble(t, "B8 not before the bind", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{EnquireLink: time.Second})
		_ = r.SetReadDeadline(time.Now().Add(29 * time.Second))
		if n, err := r.Read(make([]byte, 16)); n != 0 || err == nil {
			t.Errorf("%d octets before the bind", n)
		}
	})
}

func TestB9Close(t *testing.T) {
	bubble(t, "B9 sends unbind", func(t *testing.T) {
		s, p := script(t, nil, smpptest.Expect(pdu.IDUnbind), smpptest.AnswerDefault())
		_ = s.Close()
		p.Wait()
	})
	bubble(t, "B9 half-open peer", func(t *testing.T) {
		s, _ := script(t, nil, smpptest.StopReading())
		start := time.Now()
		_ = s.Close()
		endedBy(t, s, smpp.ErrClosed, start, time.Second, time.Second)
	})
}

// A server that answers whatever comes is not brought down by what has no answer.
func TestB10AlwaysReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := pdu.Standard().Clone()
		pdu.RegisterNotice[news](reg, "vendor_news")
		var errs []error
		srv := &smpp.Server{Registry: reg, Handler: smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			errs = append(errs, w.Respond(pdu.StatusOK, nil), w.Respond(pdu.StatusOK, nil))
		}))}
		r, _ := rawClient(t, srv)
		r.bound()
		r.send(pdu.Header{Sequence: 1}, &pdu.SubmitSMResp{})
		r.send(pdu.Header{Sequence: 2}, &pdu.AlertNotification{})
		r.send(pdu.Header{Sequence: 3}, &pdu.Outbind{})
		r.send(pdu.Header{Sequence: 4}, &news{"x"})
		r.send(pdu.Header{Sequence: 5}, &pdu.Unknown{ID: 0x00010300})
		r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: 5})
		r.send(pdu.Header{Sequence: 6}, message)
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 6})
		r.alive()
		if len(errs) != 4 || errs[0] == nil || errs[1] == nil || errs[2] != nil || errs[3] == nil {
			t.Errorf("%v", errs)
		}
	})
}

// A proxy loses nothing.
func TestB20Proxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind, p := script(t, &smpp.Config{Version: pdu.V50}, smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusOK, &pdu.SubmitSMResp{
			MessageID: "1", TLVs: tlv.List{{Tag: 0x3001, Value: []byte("back")}, {Tag: 0x3001, Value: nil}},
		}))
		front := &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			body, err := behind.RoundTrip(in.Context(), in.Body)
			var re *smpp.ResponseError
			switch {
			case errors.As(err, &re):
				_ = w.Respond(re.Status, body)
			case err != nil:
				_ = w.Respond(pdu.StatusSystemError, nil)
			default:
				_ = w.Respond(pdu.StatusOK, body)
			}
		})}
		client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, front)
		m := &pdu.SubmitSM{Dest: pdu.International("1"), ShortMessage: []byte{0, 1, 0xFF}}
		m.TLVs = tlv.List{{Tag: 0x3002, Value: []byte("one")}, {Tag: 0x0204, Value: []byte{1, 2}}, {Tag: 0x3002, Value: []byte("two")}, {Tag: 0x1400, Value: []byte{}}}
		resp, err := client.Submit(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if l := resp.TLVs; resp.MessageID != "1" || len(l) != 2 || l[0].Tag != 0x3001 || string(l[0].Value) != "back" || len(l[1].Value) != 0 {
			t.Errorf("%v", resp)
		}
		want, err := pdu.Append(nil, pdu.Header{Sequence: 2}, m)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Received(pdu.IDSubmitSM)[0].Frame; !bytes.Equal(got, want) {
			t.Errorf("behind the proxy: % x\nbefore it: % x", got, want)
		}
	})
}

func TestB21ErrorResponseWithBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := smpptest.Pair(t, &smpp.Config{Version: pdu.V50}, &smpp.Server{Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
			resp := &pdu.SubmitSMResp{MessageID: "17"}
			pdu.TLVDeliveryFailureReason.Set(&resp.TLVs, 2)
			return resp, pdu.StatusDeliveryFailure
		})})
		resp, err := client.Submit(t.Context(), message)
		if !errors.Is(err, pdu.StatusDeliveryFailure) || resp == nil || resp.MessageID != "17" || !resp.TLVs.Has(pdu.TLVDeliveryFailureReason.Tag()) {
			t.Errorf("%v, %v", resp, err)
		}
	})
}

func TestB28ZeroValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []*smpp.Config{nil, new(smpp.Config)} {
			for _, srv := range []*smpp.Server{new(smpp.Server), {Handler: new(smpp.Mux)}} {
				client, server := smpptest.Pair(t, c, srv)
				if _, err := client.Submit(t.Context(), new(pdu.SubmitSM)); !errors.Is(err, pdu.StatusInvalidCommandID) {
					t.Error(err)
				}
				if err := server.EnquireLink(t.Context()); err != nil {
					t.Error(err)
				}
				_ = client.Close()
				_ = srv.Close()
			}
		}
		if err := new(smpp.Server).Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestB30ConfigIsNotChanged(t *testing.T) {
	srv := smpptest.NewServer(nil)
	defer srv.Close()
	c := new(smpp.Config)
	for _, id := range []string{"first", "second"} {
		s, err := smpp.Dial(t.Context(), strings.Replace(srv.URL, "test:secret", id+":pw", 1), c)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if c.SystemID != "" || c.Password != "" {
			t.Errorf("%q", c.SystemID)
		}
	}
	binds := smpptest.Bodies[*pdu.BindTransceiver](srv)
	if len(binds) != 2 || binds[0].SystemID != "first" || binds[1].SystemID != "second" {
		t.Errorf("%v", binds)
	}
}

func TestB31TLSIsVerified(t *testing.T) {
	srv := smpptest.NewTLSServer(nil)
	defer srv.Close()
	_, err := smpp.Dial(t.Context(), srv.URL, nil)
	var v *tls.CertificateVerificationError
	if !errors.As(err, &v) {
		t.Error(err)
	}
}

// The library logs neither passwords nor messages.
func TestB32Secrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		client, _ := smpptest.Pair(t, &smpp.Config{Password: "s3cr3t", Logger: logger}, &smpp.Server{Logger: logger,
			Handler: onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, errors.New("disk full") })})
		_, _ = client.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: []byte("private")})
		_, err := client.Submit(t.Context(), &pdu.SubmitSM{ShortMessage: bytes.Repeat([]byte("private"), 50)})
		text := log.String() + err.Error()
		if !strings.Contains(text, "disk full") || strings.Contains(text, "s3cr3t") || strings.Contains(text, "private") {
			t.Error(text)
		}
	})
}

func TestB35SlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := script(t, &smpp.Config{Window: 1 << 20, ResponseTimeout: -1, EnquireLink: -1}, smpptest.StopReading())
		m := &pdu.SubmitSM{ShortMessage: make([]byte, 250)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for n := 0; ; n++ {
			if err := smpp.Go(ctx, s, m, func(*pdu.SubmitSMResp, error) {}); err != nil {
				isRequestError(t, err, smpp.NeverSent, true, context.DeadlineExceeded)
				break
			}
			if n > 100_000 {
				t.Fatal("25 MB wait for a peer that does not read")
			}
		}
	})
}

func TestB36Addresses(t *testing.T) {
	srv := smpptest.NewServer(nil)
	defer srv.Close()
	s, err := smpp.Dial(t.Context(), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	server := srv.Sessions()[0]
	if s.RemoteAddr().String() != srv.Listener.Addr().String() || server.LocalAddr().String() != s.RemoteAddr().String() || server.RemoteAddr().String() != s.LocalAddr().String() {
		t.Errorf("%v %v, %v %v", s.LocalAddr(), s.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
	}
}

// Two message centers in one program have each their own commands and TLVs.
func TestB38Registries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := pdu.Standard().Clone()
		pdu.Register[ping, pingResp](reg, "vendor_ping")
		mux := smpp.NewMux()
		smpp.Handle(mux, func(_ context.Context, p *ping) (*pingResp, error) { return &pingResp{p.Text}, nil })
		with, _ := smpptest.Pair(t, &smpp.Config{Registry: reg}, &smpp.Server{Registry: reg, Handler: mux})
		without, _ := smpptest.Pair(t, &smpp.Config{Registry: reg}, &smpp.Server{Handler: mux})
		if resp, err := smpp.Do(t.Context(), with, &ping{Text: "x"}); err != nil || resp.Text != "x" {
			t.Errorf("%v, %v", resp, err)
		}
		if _, err := smpp.Do(t.Context(), without, &ping{Text: "x"}); !errors.Is(err, pdu.StatusInvalidCommandID) {
			t.Error(err)
		}
		if pdu.Standard().Known((*ping)(nil).Command()) {
			t.Error("the standard registry was changed")
		}
	})
}

// A session is itself: there are no ids that could collide.
func TestB39SessionsAreDistinct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := new(smpp.Server)
		for range 200 {
			smpptest.Pair(t, &smpp.Config{SystemID: "same"}, srv)
		}
		distinct := map[*smpp.Session]bool{}
		for _, s := range srv.Sessions() {
			distinct[s] = true
		}
		if len(distinct) != 200 {
			t.Errorf("%d sessions of 200", len(distinct))
		}
	})
}
