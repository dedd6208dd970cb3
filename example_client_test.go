package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

// Four sessions with two message centers behave as one. The second message
// center gets requests only while the first has no session.
func ExampleClient() {
	first, second := messageCenter(), messageCenter()
	defer first.Close()
	defer second.Close()
	ctx := context.Background()

	client := &smpp.Client{
		Targets: []smpp.Target{
			{URL: first.URL},
			{URL: second.URL, Priority: 1},
		},
		Sessions: 2,
		Config:   &smpp.Config{Window: 50},
	}
	defer client.Close()
	if err := client.Connect(ctx); err != nil {
		log.Fatal(err) // as of a wrong password
	}

	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // also the wait for a session
	defer cancel()
	resp, err := client.Submit(ctx, &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hello")})
	switch smpp.Outcome(err) {
	case smpp.Accepted:
		fmt.Println("message id", resp.MessageID)
	case smpp.Refused, smpp.NeverSent:
		fmt.Println("may be sent again:", smpp.SafeToRetry(err))
	case smpp.Unknown:
		fmt.Println("it may be on its way, or not:", err)
	}
	// Output:
	// message id 1
}

// A long text goes out over a client as over a session.
func ExampleClient_send() {
	server := messageCenter()
	defer server.Close()
	client := &smpp.Client{Targets: []smpp.Target{{URL: server.URL}}}
	defer client.Close()
	result, err := sms.Send(context.Background(), client, &sms.Outgoing{
		Text:     "Zażółć gęślą jaźń. A text of several parts, for it is in Polish and longer than seventy characters.",
		Template: pdu.SubmitSM{Dest: pdu.International("48123456789")},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.Parts), "parts:", result.IDs())
	// Output:
	// 2 parts: [1 1]
}

// Transmitters and a receiver of their own, for message centers without
// transceivers.
func ExampleClient_transmittersAndReceiver() {
	server := messageCenter()
	defer server.Close()
	received := make(chan string, 1)
	client := &smpp.Client{
		Targets:   []smpp.Target{{URL: server.URL}},
		Sessions:  2,
		Receivers: 1,
		Config: &smpp.Config{
			Bind: smpp.Transmitter,
			Handler: smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
				received <- fmt.Sprintf("%s on a %v", m.ShortMessage, smpp.SessionFrom(ctx).BindMode())
				return nil, nil
			}),
		},
	}
	bound := make(chan bool)
	client.LinkChanged = func(l smpp.Link) {
		if l.State == smpp.LinkBound && l.Bind == smpp.Receiver {
			close(bound)
		}
	}
	defer client.Close()
	if err := client.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	<-bound
	if err := server.Deliver(context.Background(), &pdu.DeliverSM{ShortMessage: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-received)
	// Output:
	// hello on a receiver
}

// What happens to the sessions is told as it happens, and can be asked for.
func ExampleClient_linkChanged() {
	server := messageCenter()
	defer server.Close()
	client := &smpp.Client{
		Targets: []smpp.Target{{URL: server.URL}},
		Config:  &smpp.Config{Logger: slog.New(slog.DiscardHandler)},
		LinkChanged: func(l smpp.Link) {
			switch l.State {
			case smpp.LinkWaiting:
				log.Printf("%s: %v; next attempt in %v", l.Addr, l.Err, l.Wait)
			case smpp.LinkGaveUp:
				log.Printf("%s: gave up: %v", l.Addr, l.Err)
			default:
				fmt.Println(l.State)
			}
		},
	}
	if err := client.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Stats().Bound, "bound")
	_ = client.Close()
	// Unordered output:
	// connecting
	// binding
	// bound
	// 1 bound
	// closed
}

// A message center that has too much to do is asked again, and messages for the
// same number wait until it has taken those before them.
func ExampleClient_retry() {
	var requests atomic.Int32
	server := smpptest.NewServer(smpp.HandlerFor(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if requests.Add(1) <= 2 {
			return nil, pdu.StatusQueueFull
		}
		fmt.Printf("%s\n", m.ShortMessage)
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	}))
	defer server.Close()
	client := &smpp.Client{
		Targets:      []smpp.Target{{URL: server.URL}},
		RetryBackoff: 10 * time.Millisecond,
		Attempts:     5, // or until the context ends
	}
	defer client.Close()
	for _, text := range []string{"first", "second"} {
		if _, err := client.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte(text)}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("sent again:", client.Stats().Retried)
	// Output:
	// first
	// second
	// sent again: 2
}

// A client whose only account is refused says so rather than trying for ever.
func ExampleClient_giveUp() {
	server := smpptest.NewUnstartedServer(nil)
	server.Authenticate = func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusInvalidPassword }
	server.Start()
	defer server.Close()
	client := &smpp.Client{
		Targets: []smpp.Target{{URL: server.URL}},
		Config:  &smpp.Config{Logger: slog.New(slog.DiscardHandler)},
	}
	_, err := client.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")})
	fmt.Println(errors.Is(err, smpp.ErrGaveUp), errors.Is(err, pdu.StatusInvalidPassword), smpp.Outcome(err))
	<-client.Done()
	// Output:
	// true true never sent
}

// A rate for all the sessions of a client together, in parts: what message
// centers count.
func ExampleClient_limiter() {
	server := messageCenter()
	defer server.Close()
	client := &smpp.Client{
		Targets:  []smpp.Target{{URL: server.URL}},
		Sessions: 4,
		Config:   &smpp.Config{Limiter: smpp.NewLimiter(smpp.Rate{}, smpp.Rate{PerSecond: 200, Burst: 1})},
	}
	defer client.Close()
	if err := client.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	begin := time.Now()
	for range 20 {
		if _, err := client.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International("491701234567")}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(time.Since(begin) >= 19*5*time.Millisecond)
	// Output:
	// true
}

// What was sent is waited for; what was not is told so.
func ExampleClient_Shutdown() {
	server := messageCenter()
	defer server.Close()
	client := &smpp.Client{Targets: []smpp.Target{{URL: server.URL}}}
	if err := client.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	answered := make(chan error, 1)
	if err := smpp.Go(context.Background(), client, &pdu.SubmitSM{Dest: pdu.International("491701234567")}, func(_ *pdu.SubmitSMResp, err error) { answered <- err }); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(client.Shutdown(ctx), <-answered)
	_, err := client.Submit(ctx, &pdu.SubmitSM{})
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// submit_sm not sent: session closed by this side
}

// A proxy for one session: it hands on what it does not even know, octet by
// octet. See examples/proxy for a whole one.
func ExampleSession_Forward() {
	server := smpptest.NewServer(smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		fmt.Printf("%v: %x\n", in.Header.Command, in.Raw[pdu.HeaderLen:])
		_ = w.Respond(pdu.StatusOK, &pdu.Unknown{ID: in.Header.Command.Response(), Raw: []byte("yes")})
	})))
	defer server.Close()
	upstream, err := smpp.Dial(context.Background(), server.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer upstream.Close()

	proxy := smpptest.NewServer(smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		response, err := upstream.Forward(in.Context(), in.Raw)
		if err != nil {
			_ = w.Respond(pdu.StatusSystemError, nil)
			return
		}
		h, _, _ := pdu.ParseHeader(response)
		_ = w.Respond(h.Status, &pdu.Unknown{ID: h.Command, Raw: response[pdu.HeaderLen:]})
	})))
	defer proxy.Close()
	sess, err := smpp.Dial(context.Background(), proxy.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sess.Close()
	answer, err := sess.RoundTrip(context.Background(), &pdu.Unknown{ID: 0x00010234, Raw: []byte("?")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer.(*pdu.Unknown).Raw)
	// Output:
	// 0x00010234: 3f
	// yes
}
