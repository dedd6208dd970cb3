package smpp_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

type negotiation struct {
	ESME    pdu.Version
	MC      pdu.Version // 0: the message center does not say
	Sent    pdu.Version `json:"sent_back"`
	Session string
	TLVs    bool
}

func negotiations(t *testing.T) []negotiation {
	t.Helper()
	data, err := os.ReadFile("testdata/session/session.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct{ Negotiation []negotiation }
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Negotiation) < 9 {
		t.Fatalf("%d examples", len(spec.Negotiation))
	}
	return spec.Negotiation
}

// informed answers with a TLV that is nice to have.
var informed = onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	resp := &pdu.SubmitSMResp{MessageID: "1"}
	pdu.TLVAdditionalStatusInfoText.Set(&resp.TLVs, "fine")
	return resp, nil
})

func TestVersionOfMessageCenter(t *testing.T) {
	for _, n := range negotiations(t) {
		if n.MC == 0 {
			continue
		}
		bubble(t, n.ESME.String()+" to "+n.MC.String(), func(t *testing.T) {
			r, s := rawClient(t, &smpp.Server{Version: n.MC, Handler: informed})
			_, resp := r.bind(&pdu.BindTransmitter{Bind: pdu.Bind{InterfaceVersion: n.ESME}})
			if resp == nil {
				t.Fatal("no response body")
			}
			sent, ok := pdu.TLVSCInterfaceVersion.Get(resp.TLVs)
			if sent != n.Sent || ok != (n.Sent != 0) {
				t.Errorf("sc_interface_version %#x, %v; want %#x", sent, ok, n.Sent)
			}
			if got := s.Version().String(); got != n.Session {
				t.Errorf("session %s, not %s", got, n.Session)
			}
			r.send(pdu.Header{Sequence: 2}, message)
			body := r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 2}).(*pdu.SubmitSMResp)
			if got := len(body.TLVs) > 0; got != n.TLVs {
				t.Errorf("TLVs in a response: %v", got)
			}
		})
	}
}

func TestVersionOfESME(t *testing.T) {
	for _, n := range negotiations(t) {
		if n.ESME == 0 {
			continue // Config.Version 0 stands for v3.4
		}
		bubble(t, n.ESME.String()+" to "+n.MC.String(), func(t *testing.T) {
			p := smpptest.NewScript(t)
			p.Version = n.Sent
			s, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{Version: n.ESME, Bind: smpp.Transmitter})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if b := p.Received(pdu.IDBindTransmitter)[0].Body.(*pdu.BindTransmitter); b.InterfaceVersion != n.ESME {
				t.Errorf("interface_version %#x", b.InterfaceVersion)
			}
			if got := s.Version().String(); got != n.Session {
				t.Errorf("session %s, not %s", got, n.Session)
			}
			m := &pdu.SubmitSM{Dest: pdu.International("1")}
			pdu.TLVUserMessageReference.Set(&m.TLVs, 1)
			if _, err := s.Submit(t.Context(), m); err != nil {
				t.Error(err)
			}
			if sent := p.Received(pdu.IDSubmitSM)[0].Body.(*pdu.SubmitSM); (len(sent.TLVs) > 0) != n.TLVs {
				t.Errorf("TLVs sent: %v", sent.TLVs)
			}
			pdu.TLVMessagePayload.Set(&m.TLVs, []byte("content"))
			_, err = s.Submit(t.Context(), m)
			var e *pdu.EncodeError
			if n.TLVs && err != nil || !n.TLVs && (!errors.As(err, &e) || e.Field != "message_payload") {
				t.Error(err)
			}
		})
	}
}

func TestVersionDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := smpptest.NewScript(t)
		s, err := smpp.Bind(t.Context(), p.Conn(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if b := p.Received(pdu.IDBindTransceiver)[0].Body.(*pdu.BindTransceiver); b.InterfaceVersion != pdu.V34 {
			t.Errorf("interface_version %#x", b.InterfaceVersion)
		}
		if s.Version() != pdu.V34 {
			t.Error(s.Version())
		}
	})
}

// What a peer of an old version is answered with.
func TestOldPeers(t *testing.T) {
	for _, test := range []struct {
		name    string
		bind    pdu.BindRequest
		version pdu.Version
		session pdu.Version
		tlvs    bool
		ret     error
		status  pdu.Status
	}{
		{"3.3, prohibited", &pdu.BindTransmitter{}, 0x33, pdu.V33, false, pdu.StatusProhibited, pdu.StatusInvalidCommandID},
		{"3.3, temporary", &pdu.BindTransmitter{}, 0x33, pdu.V33, false, pdu.StatusTemporaryAppError, pdu.StatusSystemError},
		{"3.3, known there", &pdu.BindTransmitter{}, 0x33, pdu.V33, false, pdu.StatusInvalidDest, pdu.StatusInvalidDest},
		{"0, prohibited", &pdu.BindTransmitter{}, 0, pdu.V33, false, pdu.StatusProhibited, pdu.StatusInvalidCommandID},
		{"3.4, prohibited", &pdu.BindTransceiver{}, 0x34, pdu.V34, true, pdu.StatusProhibited, pdu.StatusInvalidCommandID},
		{"3.4, temporary", &pdu.BindTransceiver{}, 0x34, pdu.V34, true, pdu.StatusTemporaryAppError, pdu.StatusTemporaryAppError},
		{"5.0", &pdu.BindTransceiver{}, 0x50, pdu.V50, true, pdu.StatusProhibited, pdu.StatusProhibited},
		{"transceiver that claims 3.3", &pdu.BindTransceiver{}, 0x33, pdu.V34, false, pdu.StatusTemporaryAppError, pdu.StatusTemporaryAppError},
		{"newer than any", &pdu.BindTransceiver{}, 0x60, pdu.V50, true, pdu.StatusProhibited, pdu.StatusProhibited},
	} {
		bubble(t, test.name, func(t *testing.T) {
			r, s := rawClient(t, &smpp.Server{Handler: onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				resp := &pdu.SubmitSMResp{MessageID: "123456789"} // more than v3.3 has room for
				pdu.TLVAdditionalStatusInfoText.Set(&resp.TLVs, "fine")
				switch m.Dest.Addr {
				case "1":
					return nil, test.ret
				case "2":
					resp.MessageID = "12345678"
				}
				return resp, nil
			}), Logger: quiet})
			test.bind.BindFields().InterfaceVersion = test.version
			h, resp := r.bind(test.bind)
			if h.Status != pdu.StatusOK || resp.TLVs.Has(pdu.TLVSCInterfaceVersion.Tag()) != (test.version >= pdu.V34) {
				t.Errorf("%v, %v", h, resp)
			}
			if s.Version() != test.session {
				t.Errorf("session %v", s.Version())
			}
			submitted := pdu.IDSubmitSM.Response()
			r.send(pdu.Header{Sequence: 1}, to(1))
			r.want(pdu.Header{Command: submitted, Status: test.status, Sequence: 1})
			r.send(pdu.Header{Sequence: 2}, to(2))
			body := r.want(pdu.Header{Command: submitted, Sequence: 2}).(*pdu.SubmitSMResp)
			if body.MessageID != "12345678" || (len(body.TLVs) > 0) != test.tlvs {
				t.Errorf("%v", body)
			}
			r.send(pdu.Header{Sequence: 3}, to(3))
			long := pdu.Header{Command: submitted, Sequence: 3}
			if test.session == pdu.V33 {
				long.Status = pdu.StatusSystemError
			}
			r.want(long)
		})
	}
	bubble(t, "a client that claims 3.3 cannot be a transceiver", func(t *testing.T) {
		near, _ := smpptest.Pipe()
		_, err := smpp.Bind(t.Context(), near, &smpp.Config{Version: pdu.V33})
		if err == nil || !strings.Contains(err.Error(), "transceiver") {
			t.Error(err)
		}
	})
}
