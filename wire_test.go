package smpp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// acceptAll answers everything with success.
var acceptAll = smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
	_ = w.Respond(pdu.StatusOK, nil)
})

type invalidVector struct {
	Name   string
	Hex    string
	Answer *struct {
		Command  string
		Status   string
		Sequence uint32 `json:"sequence_number"`
	}
	Close bool
}

func invalidVectors(t testing.TB) []invalidVector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Invalid []invalidVector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Invalid) < 18 {
		t.Fatalf("%d vectors", len(file.Invalid))
	}
	return file.Invalid
}

// What octets that are no PDU get on a live session, as a whole and one by one.
func TestInvalidVectors(t *testing.T) {
	for _, v := range invalidVectors(t) {
		octets, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		for name, size := range map[string]int{"": len(octets), "/octet by octet": 1} {
			bubble(t, v.Name+name, func(t *testing.T) {
				srv := &smpp.Server{Handler: acceptAll, Strictness: pdu.Strict}
				other, _ := smpptest.Pair(t, nil, srv)
				r, s := rawClient(t, srv)
				r.bound()
				for i := 0; i < len(octets); i += size {
					r.write(octets[i : i+size])
					synctest.Wait()
				}
				if v.Answer != nil {
					h, _, frame := r.next()
					if frame == nil || h.Command.String() != v.Answer.Command || h.Status.String() != v.Answer.Status || h.Sequence != v.Answer.Sequence {
						t.Fatalf("answered with %v %v %d, not %v", h.Command, h.Status, h.Sequence, *v.Answer)
					}
				}
				if v.Close {
					r.wantEnd()
					_ = r.Close()
					<-s.Done()
					var fe *pdu.FrameError
					if !errors.As(s.Err(), &fe) {
						t.Errorf("ended by %v", s.Err())
					}
				} else {
					r.alive()
				}
				if err := other.EnquireLink(t.Context()); err != nil {
					t.Errorf("another session: %v", err)
				}
			})
		}
	}
}

// What a session forgives unless it is told to be strict.
func TestLenient(t *testing.T) {
	forgiven := map[string]bool{"one stray octet after the body": true, "short_message and message_payload": true}
	for _, v := range invalidVectors(t) {
		if !forgiven[v.Name] {
			continue
		}
		delete(forgiven, v.Name)
		octets, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		bubble(t, v.Name, func(t *testing.T) {
			r, _ := rawClient(t, &smpp.Server{Handler: acceptAll})
			r.bound().write(octets)
			r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 1})
		})
	}
	if len(forgiven) > 0 {
		t.Errorf("no vectors %v", forgiven)
	}
}

// Everything works when it arrives an octet at a time, and written so.
func TestOctetByOctet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := smpptest.Pipe()
		srv := &smpp.Server{Handler: byAddress}
		server := srv.ServeConn(smpptest.Trickle(far))
		client, err := smpp.Bind(t.Context(), smpptest.Trickle(near), &smpp.Config{Handler: acceptAll, Window: 100})
		if err != nil {
			t.Fatal(err)
		}
		big := &pdu.SubmitSM{Dest: pdu.International("7")}
		pdu.TLVMessagePayload.Set(&big.TLVs, bytes.Repeat([]byte("x"), 30000))
		if resp, err := client.Submit(t.Context(), big); err != nil || resp.MessageID != "7" {
			t.Errorf("%v, %v", resp, err)
		}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				for errors.Is(func() error {
					resp, err := client.Submit(t.Context(), to(i))
					if err == nil && resp.MessageID != fmt.Sprint(i) {
						t.Errorf("%d: %v", i, resp)
					}
					return err
				}(), pdu.StatusThrottled) {
				}
			})
			all.Go(func() {
				if _, err := server.Deliver(t.Context(), &pdu.DeliverSM{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-server.Done()
	})
}

func TestUnknownCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Handler: acceptAll})
		r.bound()
		for i, id := range []pdu.CommandID{0, 0x0000000A, 0x00000022, 0x00010200, 0x7FFFFFFF} {
			for _, body := range []string{"", "some octets"} {
				r.send(pdu.Header{Sequence: uint32(i)}, &pdu.Unknown{ID: id, Raw: []byte(body)})
				r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: uint32(i)})
			}
		}
		for _, id := range []pdu.CommandID{0x80000022, 0x80010200, 0xFFFFFFFF, pdu.IDGenericNack, pdu.IDSubmitSM.Response(), pdu.IDUnbindResp} {
			r.send(pdu.Header{Command: id, Sequence: 99}, nil)
			r.alive()
		}
	})
}

// Numbers of requests are copied, whatever they are, and one may be used twice.
func TestPeersSequenceNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Handler: byAddress})
		r.bound()
		for _, seq := range []uint32{0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 7, 7, 3} {
			r.send(pdu.Header{Sequence: seq}, message)
			r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: seq})
		}
		// A status in a request is ignored.
		r.send(pdu.Header{Sequence: 5, Status: pdu.StatusThrottled}, message)
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 5})
	})
}

// What a message center may answer a submit_sm with.
func TestResponses(t *testing.T) {
	submit := smpptest.Expect(pdu.IDSubmitSM)
	malformed := smpptest.Mangle(func(b []byte) []byte { return append(b[:16:16], bytes.Repeat([]byte("x"), len(b)-16)...) })
	for _, test := range []struct {
		name    string
		steps   []smpptest.Step
		outcome smpp.OutcomeKind
		retry   bool
		is      error
	}{
		{"generic_nack", []smpptest.Step{submit, smpptest.Nack(pdu.StatusInvalidCommandID)}, smpp.Refused, false, pdu.StatusInvalidCommandID},
		{"temporary generic_nack", []smpptest.Step{submit, smpptest.Nack(pdu.StatusThrottled)}, smpp.Refused, true, pdu.StatusThrottled},
		{"throttled", []smpptest.Step{submit, smpptest.Answer(pdu.StatusThrottled, nil)}, smpp.Refused, true, pdu.StatusThrottled},
		{"refused with a body", []smpptest.Step{submit, smpptest.Answer(pdu.StatusInvalidDest, &pdu.SubmitSMResp{MessageID: "x"})}, smpp.Refused, false, pdu.StatusInvalidDest},
		{"refused with a body that does not decode", []smpptest.Step{submit, malformed, smpptest.Answer(pdu.StatusInvalidDest, &pdu.SubmitSMResp{MessageID: "x"})},
			smpp.Refused, false, pdu.StatusInvalidDest},
		{"malformed", []smpptest.Step{submit, malformed, smpptest.Answer(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "x"})}, smpp.Unknown, false, nil},
		{"wrong type", []smpptest.Step{submit, smpptest.Func(nil)}, smpp.Unknown, false, nil},
	} {
		if test.name == "wrong type" {
			test.steps[1] = smpptest.SendPDU(pdu.Header{Command: pdu.IDQuerySM.Response(), Sequence: 2}, nil)
		}
		bubble(t, test.name, func(t *testing.T) {
			s, _ := script(t, nil, test.steps...)
			resp, err := s.Submit(t.Context(), message)
			isRequestError(t, err, test.outcome, test.retry, test.is)
			if (test.name == "refused with a body") != (resp != nil) {
				t.Errorf("response %v", resp)
			}
			if n := s.Outstanding(); n != 0 {
				t.Errorf("%d outstanding", n)
			}
			if resp, err := s.Submit(t.Context(), message); err != nil || resp.MessageID == "" {
				t.Errorf("next: %v, %v", resp, err)
			}
		})
	}
}

// Responses that answer nothing are reported and dropped; what waits, waits on.
func TestStrayResponses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []pdu.Header
		c := &smpp.Config{Trace: &smpp.Trace{Dropped: func(_ *smpp.Session, h pdu.Header) { dropped = append(dropped, h) }}}
		stray := []pdu.Header{
			{Command: pdu.IDSubmitSM.Response(), Sequence: 99},
			{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: 98},
			{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID},
			{Command: 0x80010200, Sequence: 97},
			{Command: pdu.IDUnbindResp, Sequence: 96},
			{Command: pdu.IDBindTransceiverResp, Sequence: 95},
		}
		steps := []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM)}
		for _, h := range stray {
			steps = append(steps, smpptest.SendPDU(h, nil))
		}
		s, _ := script(t, c, append(steps, smpptest.AnswerDefault())...)
		if resp, err := s.Submit(t.Context(), message); err != nil || resp.MessageID != "1" {
			t.Errorf("%v, %v", resp, err)
		}
		if err := s.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(dropped) != fmt.Sprint(stray) {
			t.Errorf("dropped %v", dropped)
		}
		if s.State() != smpp.StateBoundTRX {
			t.Error(s.State())
		}
	})
}

func TestLateResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []smpp.LateResponse
		c := &smpp.Config{ResponseTimeout: 10 * time.Second, Window: 1, EnquireLink: -1,
			Trace: &smpp.Trace{Late: func(_ *smpp.Session, l smpp.LateResponse) { late = append(late, l) }}}
		s, _ := script(t, c, smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(30*time.Second), smpptest.AnswerDefault())
		start := time.Now()
		_, err := s.Submit(t.Context(), message)
		isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
		if d := time.Since(start); d < 10*time.Second || d > 13*time.Second {
			t.Errorf("timed out after %v", d)
		}
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		want := pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 2}
		if len(late) != 1 || late[0].Request != pdu.IDSubmitSM || late[0].Header != want || late[0].Body.(*pdu.SubmitSMResp).MessageID != "1" ||
			late[0].After < 28*time.Second || late[0].After > 32*time.Second {
			t.Errorf("late: %+v", late)
		}
		if resp, err := s.Submit(t.Context(), message); err != nil || resp.MessageID != "2" {
			t.Errorf("%v, %v", resp, err)
		}
	})
}

// A request that the state forbids is refused, and the session lives on.
func TestWrongState(t *testing.T) {
	bubble(t, "before the bind", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Handler: acceptAll})
		r.alive()
		for _, body := range []pdu.Body{message, &pdu.QuerySM{}, &pdu.Unbind{}, &pdu.DataSM{}, &pdu.DeliverSM{}} {
			r.send(pdu.Header{Sequence: 4}, body)
			r.want(pdu.Header{Command: body.Command().Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 4})
		}
		if s.State() != smpp.StateOpen {
			t.Error(s.State())
		}
		r.bound()
	})
	bubble(t, "bound twice", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Handler: acceptAll})
		r.bound()
		for _, req := range []pdu.BindRequest{&pdu.BindTransceiver{}, &pdu.BindReceiver{}, &pdu.BindTransmitter{}} {
			if h, _ := r.bind(req); h.Status != pdu.StatusAlreadyBound {
				t.Errorf("%v", h)
			}
		}
		if s.State() != smpp.StateBoundTRX {
			t.Error(s.State())
		}
	})
	bubble(t, "of the other side", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Handler: acceptAll})
		r.bound()
		r.send(pdu.Header{Sequence: 4}, &pdu.DeliverSM{})
		r.want(pdu.Header{Command: pdu.IDDeliverSM.Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 4})
		r.send(pdu.Header{Sequence: 5}, &pdu.AlertNotification{}) // no answer
		r.alive()
	})
	bubble(t, "as a receiver", func(t *testing.T) {
		r, _ := rawClient(t, &smpp.Server{Handler: acceptAll})
		r.bind(&pdu.BindReceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V34}})
		r.send(pdu.Header{Sequence: 4}, message)
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 4})
		r.send(pdu.Header{Sequence: 5}, &pdu.DataSM{}) // v3.4 let both sides send it in any bound state
		r.want(pdu.Header{Command: pdu.IDDataSM.Response(), Sequence: 5})
	})
	bubble(t, "bind refused, then accepted", func(t *testing.T) {
		r, s := rawClient(t, &smpp.Server{Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.Password != "right" {
				return nil, pdu.StatusInvalidPassword
			}
			return nil, nil
		}})
		if h, resp := r.bind(&pdu.BindTransceiver{Bind: pdu.Bind{Password: "wrong"}}); h.Status != pdu.StatusInvalidPassword || resp != nil {
			t.Errorf("%v, %v", h, resp)
		}
		if s.State() != smpp.StateOpen {
			t.Error(s.State())
		}
		if h, _ := r.bind(&pdu.BindTransceiver{Bind: pdu.Bind{Password: "right"}}); h.Status != pdu.StatusOK {
			t.Errorf("%v", h)
		}
	})
}

// A malformed PDU without response gets a generic_nack.
func TestMalformedNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := script(t, nil,
			smpptest.SendRaw([]byte("\x00\x00\x00\x14\x00\x00\x01\x02\x00\x00\x00\x00\x00\x00\x00\x09abcd")),
			smpptest.Expect(pdu.IDGenericNack))
		p.Wait()
		if got := p.Received(pdu.IDGenericNack)[0].Header; got.Status != pdu.StatusInvalidCommandLength || got.Sequence != 9 {
			t.Errorf("%v", got)
		}
		if err := s.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
