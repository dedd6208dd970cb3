package smpp_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// unsequenced returns a frame without its sequence number.
func unsequenced(frame []byte) []byte {
	out := bytes.Clone(frame)
	clear(out[12:16])
	return out
}

// frame makes a PDU of a body as it is.
func frame(id pdu.CommandID, status pdu.Status, octets string) []byte {
	b, err := pdu.Append(nil, pdu.Header{Command: id, Status: status, Sequence: 0x1234}, &pdu.Unknown{ID: id, Raw: []byte(octets)})
	if err != nil {
		panic(err)
	}
	return b
}

func TestForward(t *testing.T) {
	submit := frame(pdu.IDSubmitSM, 0, "\x00\x01\x01123\x00\x01\x01491\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02hi"+"\x14\x00\x00\x00"+"\x14\x01\x00\x02ab"+"\x14\x01\x00\x01c")
	for _, test := range []struct {
		name              string
		request, response []byte
	}{
		{"unknown, repeated and empty TLVs", submit, frame(pdu.IDSubmitSMResp, 0, "7\x00\x15\x00\x00\x00")},
		{"a response of a header alone", submit, frame(pdu.IDSubmitSMResp, 0, "")},
		{"a status with a body", submit, frame(pdu.IDSubmitSMResp, pdu.StatusThrottled, "7\x00")},
		{"more NULs than there should be", frame(pdu.IDQuerySM, 0, "1\x00\x00\x00\x00\x00"), frame(pdu.IDQuerySMResp, 0, "1\x00\x00\x02\x00\x00\x00")},
		{"an unknown command", frame(0x00010299, 0, "whatever\xFF"), frame(0x80010299, 0x0401, "and\x00so on")},
		{"a generic_nack", submit, frame(pdu.IDGenericNack, pdu.StatusInvalidCommandLength, "")},
	} {
		bubble(t, test.name, func(t *testing.T) {
			got := make(chan []byte, 1)
			respond := func(w smpp.ResponseWriter, response []byte) {
				h, _, _ := pdu.ParseHeader(response)
				if err := w.Respond(h.Status, &pdu.Unknown{ID: h.Command, Raw: response[pdu.HeaderLen:]}); err != nil {
					t.Error(err)
				}
			}
			client, _ := smpptest.Pair(t, nil, &smpp.Server{Handler: smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
				got <- in.Raw
				respond(w, test.response)
			}))})
			response, err := client.Forward(t.Context(), test.request)
			if err != nil {
				t.Fatal(err)
			}
			if g := <-got; !bytes.Equal(unsequenced(g), unsequenced(test.request)) {
				t.Errorf("% x arrived\n% x was sent", g, test.request)
			}
			if !bytes.Equal(unsequenced(response), unsequenced(test.response)) {
				t.Errorf("% x came back\n% x was answered", response, test.response)
			}
		})
	}
	bubble(t, "errors", func(t *testing.T) {
		client, server := smpptest.Pair(t, nil, &smpp.Server{Handler: smpp.HandlerFunc(func(smpp.ResponseWriter, *smpp.Incoming) {})})
		for _, bad := range [][]byte{nil, make([]byte, 15), submit[:len(submit)-1], append(bytes.Clone(submit), 0)} {
			_, err := client.Forward(t.Context(), bad)
			isRequestError(t, err, smpp.NeverSent, false, nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() {
			_, err := client.Forward(ctx, submit)
			failed <- err
		}()
		cancel()
		if err := <-failed; err == nil {
			t.Error("no error")
		}
		if b, err := server.Forward(t.Context(), frame(pdu.IDAlertNotification, 0, "\x01\x01491\x00\x01\x01123\x00")); b != nil || err != nil {
			t.Errorf("alert_notification: % x, %v", b, err)
		}
		// Without AnyCommand an unknown command is refused.
		if b, err := client.Forward(t.Context(), frame(0x00010299, 0, "")); err != nil || !bytes.Equal(unsequenced(b), unsequenced(frame(pdu.IDGenericNack, pdu.StatusInvalidCommandID, ""))) {
			t.Errorf("unknown command: % x, %v", b, err)
		}
	})
}

// A proxied request that was given up has its late response told like any other.
func TestForwardLate(t *testing.T) {
	bubble(t, "given up", func(t *testing.T) {
		g := newGate()
		var late atomic.Int32
		client, _ := smpptest.Pair(t, &smpp.Config{Trace: &smpp.Trace{Late: func(_ *smpp.Session, l smpp.LateResponse) {
			if l.Request != pdu.IDSubmitSM {
				t.Error(l.Request)
			}
			late.Add(1)
		}}}, &smpp.Server{Handler: g.handler()})
		octets, err := pdu.Append(nil, pdu.Header{Sequence: 1}, message)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := client.Forward(ctx, octets); !errors.Is(err, context.DeadlineExceeded) || smpp.Outcome(err) != smpp.Unknown {
			t.Error(err)
		}
		close(g.open)
		synctest.Wait()
		if n := late.Load(); n != 1 {
			t.Errorf("%d late responses", n)
		}
	})
}
