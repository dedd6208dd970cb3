package smpp_test

import (
	"encoding/hex"
	"io"
	"net"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// acceptLent accepts all, some of it lent.
func acceptLent() smpp.Handler {
	mux := smpp.NewMux()
	mux.HandleAny(acceptAll)
	for _, id := range []pdu.CommandID{pdu.IDSubmitSM, pdu.IDDeliverSM, pdu.IDQuerySM} {
		mux.Handle(id, smpp.Borrow(acceptAll))
	}
	return mux
}

// Whatever octets follow a bind, the session answers with whole PDUs, and ends
// when the peer does.
func FuzzSession(f *testing.F) {
	for _, v := range invalidVectors(f) {
		octets, err := hex.DecodeString(v.Hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets)
	}
	for _, body := range []pdu.Body{message, &pdu.Unbind{}, &pdu.BindReceiver{}, &pdu.EnquireLinkResp{}, &pdu.AlertNotification{}} {
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(frame, frame...))
	}
	bind, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V50}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		near, far := smpptest.Pipe()
		s := (&smpp.Server{Handler: acceptLent(), Logger: quiet, MaxPDU: 4096}).ServeConn(far)
		_ = near.SetDeadline(time.Now().Add(20 * time.Second))
		feed(t, near, append(bind[:len(bind):len(bind)], octets...))
		<-s.Done()
	})
}

// Whatever octets a message center sends, after a bind or before, the client
// answers with whole PDUs, ends when it does, and tells every request.
func FuzzClientSession(f *testing.F) {
	for _, v := range invalidVectors(f) {
		octets, err := hex.DecodeString(v.Hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(octets, true, false)
	}
	for _, body := range []pdu.Body{&pdu.DeliverSM{}, &pdu.Unbind{}, &pdu.SubmitSMResp{MessageID: "1"}, &pdu.Outbind{SystemID: "center", Password: "knock"},
		&pdu.BindTransceiverResp{BindResp: pdu.BindResp{SystemID: "x"}}, &pdu.AlertNotification{}} {
		frame, err := pdu.Append(nil, pdu.Header{Sequence: 2}, body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(frame, frame...), true, false)
		f.Add(frame, false, false)
		f.Add(append(frame, frame...), false, true)
	}
	f.Fuzz(func(t *testing.T, octets []byte, bound, outbind bool) {
		near, far := smpptest.Pipe()
		_ = near.SetDeadline(time.Now().Add(20 * time.Second))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c := &smpp.Config{Version: pdu.V50, Handler: acceptLent(), Logger: quiet, MaxPDU: 4096, Window: 4}
			var s *smpp.Session
			var err error
			if outbind { // the message center has made the connection
				s, err = smpp.AcceptOutbind(t.Context(), far, c, trusted)
			} else {
				s, err = smpp.Bind(t.Context(), far, c)
			}
			if err == nil {
				_, _ = s.Submit(t.Context(), message) // sequence 2
				<-s.Done()
			}
		}()
		if bound {
			frame, err := pdu.Append(nil, pdu.Header{Sequence: 1}, &pdu.BindTransceiverResp{BindResp: pdu.BindResp{TLVs: tlv.List{pdu.TLVSCInterfaceVersion.Option(pdu.V50)}}})
			if err != nil {
				t.Fatal(err)
			}
			octets = append(frame, octets...)
		}
		feed(t, near, octets)
		<-ended
	})
}

// feed writes octets to a session and checks that what it answers, up to the end,
// is PDUs.
func feed(t *testing.T, conn net.Conn, octets []byte) {
	t.Helper()
	go func() {
		_, _ = conn.Write(octets) // the session may be gone before the last octet
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	for len(answers) > 0 {
		frame, rest, err := pdu.Split(answers, 1<<20)
		if err != nil || frame == nil {
			t.Fatalf("the session wrote % x: %v", answers, err)
		}
		if h, _, err := pdu.Decode(frame); err != nil {
			t.Fatalf("%v: %v", h, err)
		}
		answers = rest
	}
	_ = conn.Close()
}
