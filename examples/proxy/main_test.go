package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

// start serves a proxy for a message center with the given handler and returns
// the address of the proxy.
func start(t *testing.T, mc *smpp.Server, p policies) string {
	t.Helper()
	center := smpptest.NewUnstartedServer(nil)
	mc.Logger = center.Logger
	center.Server = mc
	center.Start()
	t.Cleanup(center.Close)
	srv := newProxy(center.URL, p)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "smpp://acme:secret@" + l.Addr().String()
}

func frame(t *testing.T, id pdu.CommandID, status pdu.Status, body string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pdu.Append(nil, pdu.Header{Status: status, Sequence: 0x7777}, &pdu.Unknown{ID: id, Raw: octets})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(a, b []byte) bool {
	return len(a) >= pdu.HeaderLen && len(a) == len(b) && bytes.Equal(a[:12], b[:12]) && bytes.Equal(a[16:], b[16:])
}

// Every octet but the sequence number passes, both ways.
func TestFaithful(t *testing.T) {
	const submit = "000101343931000101343932000000000000010000000268691501000161" + "15010000" + "150200026162" + "1501000163" // vendor TLVs, repeated and empty
	for _, test := range []struct {
		name              string
		fromMC            bool
		request, response []byte
	}{
		{"submit_sm with TLVs of vendors", false, frame(t, pdu.IDSubmitSM, 0, submit), frame(t, pdu.IDSubmitSMResp, 0, "313233001500000178")},
		{"a response without body", false, frame(t, pdu.IDSubmitSM, 0, submit), frame(t, pdu.IDSubmitSMResp, pdu.StatusThrottled, "")},
		{"a command of a vendor", false, frame(t, 0x00010234, 0, "DEADBEEF00"), frame(t, 0x80010234, 0x0401, "00FF")},
		{"a command of nobody", false, frame(t, 0x00000777, 0, ""), frame(t, 0x80000777, 0, "01")},
		{"deliver_sm", true, frame(t, pdu.IDDeliverSM, 0, submit), frame(t, pdu.IDDeliverSMResp, 0, "00")},
		{"a command of a vendor, to the ESME", true, frame(t, 0x00010234, 0, "00"), frame(t, 0x80010234, 0, "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			arrived := make(chan []byte, 1)
			handler := smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
				arrived <- in.Raw
				h, _, _ := pdu.ParseHeader(test.response)
				if err := w.Respond(h.Status, &pdu.Unknown{ID: h.Command, Raw: test.response[pdu.HeaderLen:]}); err != nil {
					t.Error(err)
				}
			}))
			bound := make(chan *smpp.Session, 1)
			url := start(t, &smpp.Server{Handler: handler, Bound: func(s *smpp.Session) { bound <- s }}, nil)
			sender, err := smpp.Dial(t.Context(), url, &smpp.Config{Handler: handler})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			if mc := <-bound; test.fromMC {
				sender = mc
			}
			got, err := sender.Forward(t.Context(), test.request)
			if err != nil {
				t.Fatal(err)
			}
			if in := <-arrived; !same(in, test.request) {
				t.Errorf("% x arrived\n% x was sent", in, test.request)
			}
			if !same(got, test.response) {
				t.Errorf("% x came back\n% x was answered", got, test.response)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: "42", State: pdu.StateDelivered, HasState: true})
		if err != nil {
			return nil, err
		}
		if _, err := smpp.SessionFrom(ctx).Deliver(ctx, receipt); err != nil {
			return nil, err
		}
		return &pdu.SubmitSMResp{MessageID: "42"}, nil
	})
	smpp.Handle(mux, func(_ context.Context, m *pdu.QuerySM) (*pdu.QuerySMResp, error) {
		if m.MessageID != "42" {
			return nil, pdu.StatusInvalidMessageID
		}
		return &pdu.QuerySMResp{MessageID: "42", State: pdu.StateDelivered}, nil
	})
	url := start(t, &smpp.Server{Handler: mux}, policies{deny("900"), mapIDs("eu-")})
	receipts := make(chan *sms.Receipt, 1)
	esme, err := smpp.Dial(t.Context(), url, &smpp.Config{Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		r, _ := sms.Profile{}.ReadReceipt(m)
		receipts <- r
		return nil, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer esme.Close()
	_, err = esme.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("900123")})
	if !errors.Is(err, pdu.StatusInvalidDest) {
		t.Errorf("denied: %v", err)
	}
	resp, err := esme.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), RegisteredDelivery: pdu.FinalReceipt})
	if err != nil || resp.MessageID != "eu-42" {
		t.Errorf("%v, %v", resp, err)
	}
	if r := <-receipts; r.ID != "eu-42" {
		t.Errorf("receipt for %q", r.ID)
	}
	state, err := esme.Query(t.Context(), &pdu.QuerySM{MessageID: "eu-42"})
	if err != nil || state.MessageID != "eu-42" {
		t.Errorf("%v, %v", state, err)
	}
}

// The message center's refusal of a bind is the proxy's, and the end of one
// session is that of the other.
func TestSessions(t *testing.T) {
	bound := make(chan *smpp.Session, 1)
	url := start(t, &smpp.Server{
		Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID != "acme" || b.Password != "secret" {
				return nil, pdu.StatusInvalidPassword
			}
			return nil, nil
		},
		Bound: func(s *smpp.Session) { bound <- s },
	}, nil)
	_, err := smpp.Dial(t.Context(), url, &smpp.Config{Password: "wrong"})
	if !errors.Is(err, pdu.StatusInvalidPassword) {
		t.Errorf("wrong password: %v", err)
	}
	esme, err := smpp.Dial(t.Context(), url, &smpp.Config{Bind: smpp.Receiver})
	if err != nil {
		t.Fatal(err)
	}
	mc := <-bound
	if mc.BindMode() != smpp.Receiver || mc.SystemID() != "acme" {
		t.Errorf("%v as %v", mc.SystemID(), mc.BindMode())
	}
	_ = mc.Close()
	<-esme.Done()
	if esme, err = smpp.Dial(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	mc = <-bound
	_ = esme.Close()
	<-mc.Done()
}
