package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

// messageCenter stands for a message center somewhere.
func messageCenter() *smpptest.Server {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.RegisteredDelivery.Receipt() == pdu.FinalReceipt {
			receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: "1", State: pdu.StateDelivered, HasState: true})
			if err != nil {
				return nil, err
			}
			go func() { _, _ = smpp.SessionFrom(ctx).Deliver(context.Background(), receipt) }()
		}
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	return smpptest.NewServer(mux)
}

// A client that sends a message and shows what comes in. The code is that of
// the README.
func Example_client() {
	server := messageCenter()
	defer server.Close()
	url := server.URL
	ctx := context.Background()
	received := make(chan string, 1)

	sess, err := smpp.Dial(ctx, url, &smpp.Config{
		Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			if receipt, ok := (sms.Profile{}).ReadReceipt(m); ok {
				received <- fmt.Sprintf("message %s: %v", receipt.ID, receipt.State)
			}
			return nil, nil // acknowledged
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sess.Close()
	resp, err := sess.Submit(ctx, &pdu.SubmitSM{
		Source:             pdu.Alphanumeric("ACME"),
		Dest:               pdu.International("491701234567"),
		ShortMessage:       []byte("Your code is 4711"),
		RegisteredDelivery: pdu.FinalReceipt,
	})
	if err != nil {
		log.Fatal(err) // errors.Is(err, pdu.StatusThrottled), smpp.SafeToRetry(err), ...
	}
	fmt.Println("message id", resp.MessageID)

	fmt.Println(<-received)
	// Output:
	// message id 1
	// message 1: delivered
}

// A server that takes messages. The code is that of the README.
func Example_server() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		fmt.Printf("%s: %s to %v: %s\n", smpp.SessionFrom(ctx).SystemID(), m.Source, m.Dest, sms.Text(m))
		return &pdu.SubmitSMResp{MessageID: "1"}, nil // or nil, pdu.StatusQueueFull
	})
	srv := &smpp.Server{
		Handler: mux,
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID != "acme" || !smpp.SecureEqual(b.Password, "secret") {
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{Window: 100}, nil
		},
	}
	go func() { log.Print(srv.Serve(l)) }() // or srv.ListenAndServe()

	log.SetOutput(discard{})
	url := "smpp://acme:secret@" + l.Addr().String()
	sess, err := smpp.Dial(context.Background(), url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sess.Submit(context.Background(), &pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), ShortMessage: []byte("hello"),
	})
	fmt.Println(err)
	_, err = smpp.Dial(context.Background(), "smpp://acme:wrong@"+l.Addr().String(), nil)
	fmt.Println(errors.Is(err, pdu.StatusBindFailed))
	_ = srv.Close()
	// Output:
	// acme: ACME to +491701234567: hello
	// <nil>
	// true
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
