// Command receive prints the messages and receipts that come in, long messages
// in one piece.
//
//	go run ./examples/receive smpp://demo:demo@127.0.0.1:2775
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: receive URL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := receive(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func receive(ctx context.Context, url string) error {
	var profile sms.Profile
	var joiner sms.Joiner
	sess, err := smpp.Dial(ctx, url, &smpp.Config{
		Bind: smpp.Receiver,
		Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			if receipt, ok := profile.ReadReceipt(m); ok {
				fmt.Printf("message %s is %v\n", receipt.ID, receipt.State)
			} else if message, err := joiner.Add(ctx, time.Now(), m); err != nil {
				return nil, err
			} else if message != nil {
				fmt.Printf("%v: %s\n", message.Source, message.Text)
			}
			// What is returned here acknowledges the message. An error, such
			// as pdu.StatusTemporaryAppError, has it delivered again later.
			return nil, nil
		}),
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return sess.Close()
	case <-sess.Done():
		return sess.Err()
	}
}
