package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A message center that dials out to an ESME, and the ESME that waits for it.
func ExampleServer_Outbind() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	esme := smpp.ListenOutbind(l, &smpp.Config{
		SystemID: "acme",
		Bind:     smpp.Receiver,
		Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			fmt.Printf("%s\n", m.ShortMessage)
			return nil, nil
		}),
	}, func(_ context.Context, o *pdu.Outbind) error {
		if o.SystemID != "center" || o.Password != "knock" {
			return errors.New("unknown message center")
		}
		return nil
	})
	defer func() { _ = esme.Close() }()

	srv := &smpp.Server{SystemID: "center"}
	defer srv.Close()
	sess, err := srv.Outbind(context.Background(), "smpp://"+esme.Addr().String(), &pdu.Outbind{SystemID: "center", Password: "knock"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := sess.Deliver(context.Background(), &pdu.DeliverSM{ShortMessage: []byte("you have a message")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sess.SystemID(), sess.State())
	// Output:
	// you have a message
	// acme bound_rx
}

// Two sessions that keep one rate together, and each its own.
func ExampleNewLimiter() {
	srv := messageCenter()
	defer srv.Close()
	config := &smpp.Config{
		MessageRate: smpp.Rate{PerSecond: 100},
		Limiter:     smpp.NewLimiter(smpp.Rate{}, smpp.Rate{PerSecond: 150, Burst: 10}), // parts
	}
	for range 2 {
		sess, err := smpp.Dial(context.Background(), srv.URL, config)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := sess.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(sess.Stats().Sent.Messages)
		_ = sess.Close()
	}
	// Output:
	// 1
	// 1
}

// A log of a session that shows neither passwords nor texts.
func ExampleLogTrace() {
	srv := messageCenter()
	defer srv.Close()
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "remote", "octets":
			return slog.Attr{} // not the same each time
		}
		return a
	}})
	trace := smpp.LogTrace(slog.New(handler))
	trace.Connected, trace.State = nil, nil // not of interest
	sess, err := smpp.Dial(context.Background(), srv.URL, &smpp.Config{SystemID: "acme", Password: "secret", Trace: trace})
	if err != nil {
		log.Fatal(err)
	}
	_, _ = sess.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("4711")})
	_ = sess.Close()
	// Output:
	// level=DEBUG msg="smpp: sent" side=ESME command=bind_transceiver sequence=1 status=ESME_ROK
	// level=DEBUG msg="smpp: received" side=ESME command=bind_transceiver_resp sequence=1 status=ESME_ROK
	// level=INFO msg="smpp: bound" side=ESME system_id=smpptest mode=transceiver version=3.4
	// level=DEBUG msg="smpp: sent" side=ESME command=submit_sm sequence=2 status=ESME_ROK
	// level=DEBUG msg="smpp: received" side=ESME command=submit_sm_resp sequence=2 status=ESME_ROK
	// level=DEBUG msg="smpp: sent" side=ESME command=unbind sequence=3 status=ESME_ROK
	// level=DEBUG msg="smpp: received" side=ESME command=unbind_resp sequence=3 status=ESME_ROK
	// level=INFO msg="smpp: ended" side=ESME reason="session closed by this side"
}
