// Command socks5 sends a text through a SOCKS5 proxy.
//
//	go run ./examples/socks5 socks5://user:password@127.0.0.1:1080 smpp://demo:demo@smsc.example.com:2775 491701234567 "Hello"
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"golang.org/x/net/proxy"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: socks5 PROXY URL NUMBER TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := send(ctx, os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, through, to, number, text string) error {
	u, err := url.Parse(through)
	if err != nil {
		return fmt.Errorf("the proxy's address is no URL") // the error would show the password
	}
	d, err := proxy.FromURL(u, proxy.Direct)
	if err != nil {
		return err
	}
	dialer, ok := d.(smpp.Dialer)
	if !ok {
		return fmt.Errorf("a proxy of scheme %q cannot be given up when time is up", u.Scheme)
	}
	// The name of the message center is looked up by the proxy. TLS, with a URL
	// of ssmpp, is between here and the message center.
	sess, err := smpp.Dial(ctx, to, &smpp.Config{Bind: smpp.Transmitter, Dialer: dialer})
	if err != nil {
		return err
	}
	defer sess.Close()
	result, err := sms.Send(ctx, sess, &sms.Outgoing{Text: text, Template: pdu.SubmitSM{Dest: pdu.International(number)}})
	if err != nil {
		return err
	}
	for _, id := range result.IDs() {
		fmt.Println(id)
	}
	return nil
}
