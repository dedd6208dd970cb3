package interop_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
	"github.com/godwit-sms/smpp/tlv"
)

// The functions of this file hold the Go snippets of docs/node-smpp.md, line by line; TestDocument compares the two.

func connectBindSubmit(ctx context.Context, address string) error {
	session, err := smpp.Dial(ctx, address, nil) // "smpp://acme:secret@mc.example"
	if err != nil {
		return err // no connection, or the bind was refused
	}
	defer session.Close() // unbinds

	resp, err := session.Submit(ctx, &pdu.SubmitSM{
		Source:       pdu.Alphanumeric("ACME"),
		Dest:         pdu.International("491701234567"),
		ShortMessage: []byte("Hello"),
	})
	if err != nil {
		return err
	}
	fmt.Println("accepted as", resp.MessageID)
	return nil
}

func longText(ctx context.Context, session *smpp.Session, text string) error {
	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{
		Source:             pdu.Alphanumeric("ACME"),
		Dest:               pdu.International("491701234567"),
		RegisteredDelivery: pdu.FinalReceipt,
	}, text, nil)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := session.Submit(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func receive(ctx context.Context, address string) (*smpp.Session, error) {
	var joiner sms.Joiner // of long messages
	onDeliver := func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		if receipt, ok := (sms.Profile{}).ReadReceipt(m); ok {
			fmt.Println(receipt.ID, receipt.State) // 4711 DELIVERED
		} else if message, err := joiner.Add(ctx, time.Now(), m); err != nil {
			return nil, err // refuses
		} else if message != nil {
			fmt.Println(message.Source, message.Text)
		}
		return nil, nil // acknowledges; an error such as pdu.StatusTemporaryAppError refuses
	}
	return smpp.Dial(ctx, address, &smpp.Config{Handler: smpp.HandlerFor(onDeliver)})
}

func server() *smpp.Server {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		if m.Dest.Addr == "" {
			return nil, pdu.StatusInvalidDest
		}
		fmt.Println(smpp.SessionFrom(ctx).SystemID(), "says", sms.Text(m))
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	server := &smpp.Server{
		SystemID: "mc",
		Handler:  mux,
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			if b.SystemID != "acme" || b.Password != "secret" { // may ask a database: nothing needs to be paused
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{}, nil
		},
		Bound: func(s *smpp.Session) {
			hello := &pdu.DeliverSM{Dest: pdu.Alphanumeric(s.SystemID()), ShortMessage: []byte("Welcome")}
			if _, err := s.Deliver(context.Background(), hello); err != nil {
				log.Print(err)
			}
		},
	}
	// server.ListenAndServe() listens on port 2775.
	return server
}

func overTLS(ctx context.Context, address string, roots *x509.CertPool) (*smpp.Session, error) {
	return smpp.Dial(ctx, address, &smpp.Config{ // "ssmpp://acme:secret@mc.example"
		TLSConfig: &tls.Config{RootCAs: roots}, // without it, the authorities of the system are trusted
	})
	// A server: server.ListenAndServeTLS("cert.pem", "key.pem"), on port 3550.
}

var templateID = tlv.Define(0x1401, "template_id", tlv.CString(33))

func withTLV(ctx context.Context, session *smpp.Session) error {
	m := &pdu.SubmitSM{Dest: pdu.International("491701234567")}
	templateID.Set(&m.TLVs, "summer-7")
	pdu.TLVUserMessageReference.Set(&m.TLVs, 4660)
	_, err := session.Submit(ctx, m)
	return err
}

func readTLV(m *pdu.SubmitSM) {
	id, ok := templateID.Get(m.TLVs)
	raw, ok2 := m.TLVs.Get(0x1401) // also of a tag that nobody knows
	fmt.Printf("%s %v % x %v\n", id, ok, raw, ok2)
}

type ping struct {
	Text string
	TLVs tlv.List
}

type pingResp struct {
	Text string
	TLVs tlv.List
}

func (*ping) Command() pdu.CommandID { return 0x00010200 }
func (p *ping) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 33, 0)
	c.TLVs(&p.TLVs)
}
func (*ping) NewResponse() *pingResp { return new(pingResp) }

func (*pingResp) Command() pdu.CommandID { return 0x80010200 }
func (p *pingResp) Fields(c *pdu.Codec) {
	c.CString("text", &p.Text, 33, 0)
	c.TLVs(&p.TLVs)
}

func withCommand(ctx context.Context, address string) error {
	registry := pdu.Standard().Clone()
	pdu.Register[ping, pingResp](registry, "ping")
	session, err := smpp.Dial(ctx, address, &smpp.Config{Registry: registry})
	if err != nil {
		return err
	}
	defer session.Close()
	resp, err := smpp.Do(ctx, session, &ping{Text: "hi"})
	if err != nil {
		return err
	}
	fmt.Println(resp.Text)
	return nil
}

func tellErrors(ctx context.Context, session *smpp.Session, m *pdu.SubmitSM) (again bool) {
	_, err := session.Submit(ctx, m)
	switch {
	case err == nil:
	case errors.Is(err, pdu.StatusThrottled):
		again = true // a while later
	case smpp.Outcome(err) == smpp.Unknown:
		log.Print("may have been accepted or not: ", err) // timed out, or the connection broke
	default:
		again = smpp.SafeToRetry(err)
		log.Print(err) // says what is wrong with which field, what was answered, or why the session ended
	}
	return again
}

func manyAtOnce(ctx context.Context, address string, messages []*pdu.SubmitSM) error {
	session, err := smpp.Dial(ctx, address, &smpp.Config{Window: 100})
	if err != nil {
		return err
	}
	defer session.Close()
	for _, m := range messages {
		// Waits for a place in the window, then returns.
		err := smpp.Go(ctx, session, m, func(resp *pdu.SubmitSMResp, err error) {
			if err != nil {
				log.Print(err)
			}
		})
		if err != nil {
			return err
		}
	}
	return session.Shutdown(ctx) // waits for the answers, then unbinds
}

func again(ctx context.Context, address, spare string, config *smpp.Config, m *pdu.SubmitSM) error {
	client := &smpp.Client{
		Targets:  []smpp.Target{{URL: address}, {URL: spare, Priority: 1}},
		Config:   config,
		Sessions: 4, // with each
	}
	defer client.Close() // unbinds
	if err := client.Connect(ctx); err != nil {
		return err // ctx has ended, or all binds were refused for good
	}
	_, err := client.Submit(ctx, m) // on the session with most room, when there is one
	return err
}

func watch() *smpp.Config {
	return &smpp.Config{Trace: &smpp.Trace{
		Sent:     func(s *smpp.Session, frame []byte) { log.Printf("> %s", pdu.Standard().AppendDump(nil, frame)) },
		Received: func(s *smpp.Session, frame []byte) { log.Printf("< %s", pdu.Standard().AppendDump(nil, frame)) },
	}}
}

// TestMigration runs the snippets.
func TestMigration(t *testing.T) {
	ctx := t.Context()
	srv := smpptest.NewUnstartedServer(nil)
	own := server()
	srv.Handler, srv.SystemID, srv.Bound = own.Handler, own.SystemID, own.Bound
	srv.Authenticate = func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if b.SystemID == "acme" {
			return own.Authenticate(ctx, b)
		}
		return &smpp.Account{}, nil
	}
	registry := pdu.Standard().Clone()
	pdu.Register[ping, pingResp](registry, "ping")
	srv.Registry = registry
	smpp.Handle(srv.Handler.(*smpp.Mux), func(_ context.Context, p *ping) (*pingResp, error) { return &pingResp{Text: "re: " + p.Text}, nil })
	srv.Start()
	defer srv.Close()
	address := strings.Replace(srv.URL, smpptest.SystemID+":"+smpptest.Password, "acme:secret", 1)

	if err := connectBindSubmit(ctx, address); err != nil {
		t.Error(err)
	}
	if err := connectBindSubmit(ctx, strings.Replace(address, "secret", "x", 1)); !errors.Is(err, pdu.StatusBindFailed) {
		t.Error(err)
	}
	session, err := receive(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := longText(ctx, session, strings.Repeat("a long text ", 30)); err != nil {
		t.Error(err)
	}
	if err := withTLV(ctx, session); err != nil {
		t.Error(err)
	}
	m := smpptest.Bodies[*pdu.SubmitSM](srv)
	readTLV(m[len(m)-1])
	if id, _ := templateID.Get(m[len(m)-1].TLVs); id != "summer-7" || len(m) != 5 {
		t.Errorf("%d messages, template_id %q", len(m), id)
	}
	if tellErrors(ctx, session, &pdu.SubmitSM{}) {
		t.Error("a refused destination is to be tried again")
	}
	if err := withCommand(ctx, address); err != nil {
		t.Error(err)
	}
	if err := manyAtOnce(ctx, address, []*pdu.SubmitSM{{Dest: mobile}, {Dest: mobile}}); err != nil {
		t.Error(err)
	}
	if _, err := srv.WaitReceived(ctx, pdu.IDSubmitSM, 8); err != nil {
		t.Error(err)
	}
	if err := again(ctx, address, address, watch(), &pdu.SubmitSM{Dest: mobile}); err != nil {
		t.Error(err)
	}

	cert, key := interop.Certificate(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	port := serve(t, &smpp.Server{}, interop.Options{TLS: &interop.TLS{Cert: string(cert), Key: string(key)}}, nil)
	secure, err := overTLS(t.Context(), fmt.Sprintf("ssmpp://acme:secret@127.0.0.1:%d", port), roots)
	if err != nil {
		t.Fatal(err)
	}
	_ = secure.Close()
}
