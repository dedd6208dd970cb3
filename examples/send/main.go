// Command send sends a text of any length and prints the message ids.
//
//	go run ./examples/send smpp://demo:demo@127.0.0.1:2775 491701234567 "Hello"
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: send URL NUMBER TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := send(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, url, number, text string) error {
	sess, err := smpp.Dial(ctx, url, &smpp.Config{Bind: smpp.Transmitter})
	if err != nil {
		return err
	}
	defer sess.Close()

	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{
		Source: pdu.Alphanumeric("ACME"),
		Dest:   pdu.International(number),
	}, text, nil)
	if err != nil {
		return err
	}
	for i, part := range parts {
		resp, err := submit(ctx, sess, part)
		if err != nil {
			return fmt.Errorf("part %d of %d: %w", i+1, len(parts), err)
		}
		fmt.Println(resp.MessageID)
	}
	return nil
}

// submit tries again what can do no harm: what was never sent, or was refused
// for the time being.
func submit(ctx context.Context, sess *smpp.Session, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		resp, err := sess.Submit(ctx, m)
		if err == nil || !smpp.SafeToRetry(err) || sess.Err() != nil {
			return resp, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
	}
}
