// Command server is a small message center: it takes messages for one account
// and sends a receipt for each that asks for one.
//
//	go run ./examples/server 127.0.0.1:2775
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: server ADDRESS")
	}
	srv := newServer()
	srv.Addr = os.Args[1]
	log.Fatal(srv.ListenAndServe())
}

func newServer() *smpp.Server {
	var last atomic.Int64
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.Dest.Addr == "" {
			return nil, pdu.StatusInvalidDest
		}
		id := fmt.Sprintf("%010d", last.Add(1))
		sess := smpp.SessionFrom(ctx)
		log.Printf("%s: %s: %v to %v: %s", sess.SystemID(), id, m.Source, m.Dest, sms.Text(m))
		if m.RegisteredDelivery.Receipt() == pdu.FinalReceipt {
			go deliver(sess, m, id)
		}
		return &pdu.SubmitSMResp{MessageID: id}, nil
	})
	return &smpp.Server{
		SystemID: "example",
		Handler:  mux,
		Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID != "demo" || b.Password != "demo" {
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{Window: 100}, nil
		},
	}
}

// deliver pretends that the message was delivered and says so.
func deliver(sess *smpp.Session, m *pdu.SubmitSM, id string) {
	receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{
		ID: id, State: pdu.StateDelivered, HasState: true, SubmitDate: time.Now(), DoneDate: time.Now(),
	})
	if err != nil {
		log.Print(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := sess.Deliver(ctx, receipt); err != nil {
		log.Printf("receipt for %s: %v", id, err)
	}
}
