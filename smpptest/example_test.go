package smpptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
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

// submitWithRetries stands for the code under test: it sends a message again
// for as long as that is safe.
func submitWithRetries(s *smpp.Session, m *pdu.SubmitSM) (id string, tries int, err error) {
	for tries = 1; ; tries++ {
		resp, err := s.Submit(context.Background(), m)
		if err == nil {
			return resp.MessageID, tries, nil
		}
		if !smpp.SafeToRetry(err) || tries == 5 {
			return "", tries, err
		}
	}
}

// A message center that throttles at first, to test what a client makes of it.
func ExampleFaults() {
	faults := new(smpptest.Faults)
	faults.Next(pdu.IDSubmitSM, smpptest.Throttled, smpptest.RefusedWith(pdu.StatusQueueFull))
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	sess, err := smpp.Dial(context.Background(), srv.URL, &smpp.Config{Dialer: faults})
	if err != nil {
		log.Fatal(err)
	}
	id, tries, err := submitWithRetries(sess, &pdu.SubmitSM{Dest: pdu.International("491701234567")})
	fmt.Println("message id", id, "after", tries, "tries:", err)
	// Output: message id 1 after 3 tries: <nil>
}

// A connection that is lost before a message is answered leaves it open whether
// the message center has the message.
func ExampleFaults_Next() {
	srv := smpptest.NewUnstartedServer(smpptest.Accept())
	srv.Faults = new(smpptest.Faults)
	srv.Start()
	defer srv.Close()

	sess, err := smpp.Dial(context.Background(), srv.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	srv.Faults.Next(pdu.IDSubmitSMResp, smpptest.Truncated)
	_, err = sess.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")})
	fmt.Println(smpp.Outcome(err), smpp.SafeToRetry(err))
	fmt.Println("received:", len(srv.Received(pdu.IDSubmitSM)))
	// Output:
	// unknown false
	// received: 1
}

// A client that is throttled, and then loses its session in the middle of a
// message: it tries again what it may, says what it does not know, and binds
// again.
func ExampleFaults_client() {
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	faults := new(smpptest.Faults)
	faults.Next(pdu.IDSubmitSM, smpptest.Throttled, smpptest.Truncated)
	client := &smpp.Client{
		Targets: []smpp.Target{{URL: srv.URL}}, Config: &smpp.Config{Dialer: faults},
		MinBackoff: time.Millisecond, RetryBackoff: time.Millisecond,
	}
	defer client.Close()
	for range 2 {
		resp, err := client.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")})
		if err != nil {
			fmt.Println(smpp.Outcome(err))
			continue
		}
		fmt.Println("message id", resp.MessageID)
	}
	// Output:
	// unknown
	// message id 1
}

// Faults by chance, the same in every run: each of the messages is accepted,
// refused, or it is not known which.
func ExampleFaults_chance() {
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	faults := &smpptest.Faults{Seed: 1, Sent: smpptest.Rates{Malform: 0.1, Refuse: 0.05, Burst: 3}}
	sess, err := smpp.Dial(context.Background(), srv.URL, &smpp.Config{Dialer: faults})
	if err != nil {
		log.Fatal(err)
	}
	outcomes := map[smpp.OutcomeKind]int{}
	for range 100 {
		_, err := sess.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")})
		outcomes[smpp.Outcome(err)]++
	}
	befell := faults.Counts()
	fmt.Println(outcomes[smpp.Accepted]+outcomes[smpp.Refused], "told of")
	fmt.Println(outcomes[smpp.Refused] == befell[smpptest.Malformed]+befell[smpptest.Refused])
	// Output:
	// 100 told of
	// true
}

// One message is treated in a way of its own, whatever else passes by.
func ExampleFaults_decide() {
	srv := smpptest.NewServer(smpptest.Accept())
	defer srv.Close()
	faults := &smpptest.Faults{Decide: func(p smpptest.Passing) (smpptest.Fault, bool) {
		_, body, _ := pdu.Decode(p.Frame)
		m, ok := body.(*pdu.SubmitSM)
		return smpptest.RefusedWith(pdu.StatusInvalidDest), ok && m.Dest.Addr == "666"
	}}
	sess, err := smpp.Dial(context.Background(), srv.URL, &smpp.Config{Dialer: faults})
	if err != nil {
		log.Fatal(err)
	}
	for _, dest := range []string{"665", "666"} {
		_, err := sess.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International(dest)})
		fmt.Println(dest, smpp.Outcome(err))
	}
	// Output:
	// 665 accepted
	// 666 refused
}

// The same receipt in some of the forms that message centers write it in.
func ExampleReceipt() {
	m := &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567")}
	done := time.Date(2024, 3, 1, 12, 31, 7, 0, time.UTC)
	r := sms.Receipt{ID: "1a2b3c", State: pdu.StateUndeliverable, SubmitDate: done.Add(-time.Minute), DoneDate: done}
	for _, form := range []string{"appendix B layout", "dates with seconds", "long state word", "resp_hex_receipt_dec"} {
		d, err := smpptest.Receipt(form, m, r)
		if err != nil {
			log.Fatal(err)
		}
		read, ok := sms.Profile{}.ReadReceipt(d) // or srv.Deliver(ctx, d), to a client under test
		fmt.Printf("%s\n  %v %s %v\n", d.ShortMessage, ok, read.ID, read.State)
	}
	// Output:
	// id:1a2b3c sub:001 dlvrd:000 submit date:2403011230 done date:2403011231 stat:UNDELIV err:000 Text:
	//   true 1a2b3c undeliverable
	// id:1a2b3c sub:001 dlvrd:000 submit date:240301123007 done date:240301123107 stat:UNDELIV err:000 text:
	//   true 1a2b3c undeliverable
	// id:1a2b3c sub:001 dlvrd:000 submit date:2403011230 done date:2403011231 stat:UNDELIVERABLE err:000 text:
	//   true 1a2b3c undeliverable
	// id:1715004 sub:001 dlvrd:000 submit date:2403011230 done date:2403011231 stat:UNDELIV err:000 text:
	//   true 1715004 undeliverable
}

// A server under test, and an ESME that misbehaves: it sends a message before
// it has bound, one that ends in the middle of a field, and octets that are no
// PDU. The server answers each and lives on.
func ExampleScript_misbehaving() {
	t := new(exampleTB) // in a test, its t
	defer t.end()
	srv := &smpp.Server{Handler: smpptest.Accept()}
	defer srv.Close()

	status := func(want pdu.Status) smpptest.Check {
		return func(r smpptest.Received) error {
			if r.Header.Status != want {
				return r.Header.Status
			}
			return nil
		}
	}
	submit := &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}
	script := smpptest.NewScript(t,
		smpptest.Send(submit),
		smpptest.Expect(pdu.IDSubmitSMResp, status(pdu.StatusInvalidBindStatus)),
		smpptest.BindSteps(pdu.V34),
		smpptest.Mangle(func(frame []byte) []byte { return append([]byte{0, 0, 0, 24}, frame[4:24]...) }),
		smpptest.Send(submit),
		smpptest.Expect(pdu.IDSubmitSMResp, status(pdu.StatusInvalidCommandLength)),
		smpptest.Send(submit),
		smpptest.Expect(pdu.IDSubmitSMResp, status(pdu.StatusOK)),
		smpptest.SendRaw([]byte("GET / HTTP/1.1\r\n\r\n")),
		smpptest.Expect(pdu.IDGenericNack, status(pdu.StatusInvalidCommandLength)),
		smpptest.ExpectClose(),
	)
	srv.ServeConn(script.Conn())
	script.Wait()
	fmt.Println("as expected")
	// Output: as expected
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

// The one of the package documentation: in a bubble of testing/synctest the
// minute that it takes to find out that the peer is half-open passes at once.
func TestHalfOpenPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := new(smpptest.Faults)
		near, far := smpptest.Pipe()
		srv := &smpp.Server{Handler: smpptest.Accept(), EnquireLink: -1}
		server := srv.ServeConn(far)
		sess, err := smpp.Bind(t.Context(), faults.Conn(near), &smpp.Config{EnquireLink: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		faults.Next(pdu.IDEnquireLink, smpptest.Stalled)
		<-sess.Done()
		if !errors.Is(sess.Err(), smpp.ErrDeadPeer) {
			t.Error(sess.Err())
		}
		<-server.Done()
	})
}
