package smpptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func ExampleServer() {
	srv := smpptest.NewServer(smpp.HandlerFor(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "4711"}, nil
	}))
	defer srv.Close()

	ctx := context.Background()
	sess, err := smpp.Dial(ctx, srv.URL, srv.ClientConfig())
	if err != nil {
		log.Fatal(err)
	}
	defer sess.Close()
	resp, err := sess.Submit(ctx, &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message id", resp.MessageID)
	for _, m := range smpptest.Bodies[*pdu.SubmitSM](srv) {
		fmt.Printf("received %q for %s\n", m.ShortMessage, m.Dest.Addr)
	}
	// Output:
	// message id 4711
	// received "hi" for 491701234567
}

func ExampleServer_Deliver() {
	srv := smpptest.NewServer(nil)
	defer srv.Close()

	ctx := context.Background()
	sess, err := smpp.Dial(ctx, srv.URL, &smpp.Config{
		Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
			fmt.Printf("from %s: %s\n", m.Source.Addr, m.ShortMessage)
			return nil, nil
		}),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer sess.Close()
	err = srv.Deliver(ctx, &pdu.DeliverSM{Source: pdu.International("491701234567"), ShortMessage: []byte("hello")})
	fmt.Println(err)
	// Output:
	// from 491701234567: hello
	// <nil>
}

func ExampleNewTLSServer() {
	srv := smpptest.NewTLSServer(nil)
	defer srv.Close()

	ctx := context.Background()
	_, err := smpp.Dial(ctx, srv.URL, nil) // verified by default
	fmt.Println("without its certificate:", err != nil)
	sess, err := smpp.Dial(ctx, srv.URL, srv.ClientConfig())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("with it:", sess.State())
	_ = sess.Close()
	// Output:
	// without its certificate: true
	// with it: bound_trx
}

// exampleTB stands for the *testing.T of a test.
type exampleTB struct{ cleanups []func() }

func (tb *exampleTB) Helper()                           {}
func (tb *exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (tb *exampleTB) Fatalf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (tb *exampleTB) Cleanup(f func())                  { tb.cleanups = append(tb.cleanups, f) }
func (tb *exampleTB) Context() context.Context          { return context.Background() }

func (tb *exampleTB) end() {
	for i := len(tb.cleanups); i > 0; i-- {
		tb.cleanups[i-1]()
	}
}

func ExampleScript() {
	t := new(exampleTB) // in a test, its t
	defer t.end()

	// A message center that is busy at first.
	script := smpptest.NewScript(t,
		smpptest.Expect(pdu.IDSubmitSM),
		smpptest.Answer(pdu.StatusThrottled, nil),
		smpptest.Expect(pdu.IDSubmitSM, smpptest.Body(func(m *pdu.SubmitSM) error {
			if string(m.ShortMessage) != "hi" {
				return fmt.Errorf("text %q", m.ShortMessage)
			}
			return nil
		})),
		smpptest.Answer(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "1"}),
	)
	ctx := context.Background()
	sess, err := smpp.Bind(ctx, script.Conn(), nil) // smpp.Dial(ctx, script.URL(), nil) does it over TCP
	if err != nil {
		log.Fatal(err)
	}
	defer sess.Close()

	m := &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}
	_, err = sess.Submit(ctx, m)
	fmt.Println(errors.Is(err, pdu.StatusThrottled), smpp.SafeToRetry(err))
	resp, err := sess.Submit(ctx, m)
	fmt.Println(resp.MessageID, err)
	// Output:
	// true true
	// 1 <nil>
}

// A script may also be the ESME: here one that is gone before its message is
// answered.
func ExampleScript_client() {
	t := new(exampleTB)
	srv := smpptest.NewServer(nil)
	defer srv.Close()

	script := smpptest.NewScript(t,
		smpptest.BindSteps(pdu.V34),
		smpptest.Send(&pdu.SubmitSM{Dest: pdu.International("491701234567")}),
		smpptest.Close(),
	)
	script.Dial(srv.Listener.Addr().String())
	script.Wait()
	t.end()
	fmt.Println("done")
	// Output: done
}

func ExamplePipe() {
	client, server := smpptest.Pipe()
	srv := &smpp.Server{SystemID: "MC"}
	go srv.ServeConn(server)

	sess, err := smpp.Bind(context.Background(), client, &smpp.Config{SystemID: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sess.SystemID(), sess.RemoteAddr())
	_ = sess.Close()
	_ = srv.Close()
	// Output: MC pipe server
}

func ExamplePair() {
	t := new(exampleTB) // in a test, its t
	defer t.end()

	client, server := smpptest.Pair(t, &smpp.Config{SystemID: "acme"}, nil)
	fmt.Println(client.State(), server.SystemID(), server.EnquireLink(context.Background()))
	// Output: bound_trx acme <nil>
}
