package smpp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A handler that keeps nothing of a request borrows it: the session makes no
// garbage for it. What is to be kept is copied.
func ExampleHandleBorrow() {
	var log []byte // of what was accepted, as it would be written to a disk
	var last *pdu.SubmitSM

	mux := smpp.NewMux()
	smpp.HandleBorrow(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		log = append(append(log, m.Dest.Addr...), '\n')
		last = pdu.Clone(m) // m is not here any more when the next one comes
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	server := smpptest.NewServer(mux)
	defer server.Close()
	client, err := smpp.Dial(context.Background(), server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	for _, to := range []string{"491701234567", "447700900123"} {
		if _, err := client.Submit(context.Background(), &pdu.SubmitSM{Dest: pdu.International(to)}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Print(string(log))
	fmt.Println(last.Dest)
	// Output:
	// 491701234567
	// 447700900123
	// +447700900123
}

// A server for the open internet: what connections, addresses and accounts may
// take is limited, who guesses passwords is slowed down, and Shutdown loses
// nothing.
func ExampleServer_production() {
	l, err := net.Listen("tcp", "127.0.0.1:0") // ":2775"
	if err != nil {
		log.Fatal(err)
	}
	type customer struct {
		password string
		perSec   float64
	}
	customers := map[string]customer{"acme": {"secret", 100}}

	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	srv := &smpp.Server{
		Handler: mux,
		Limits: smpp.Limits{
			Connections:           20_000,
			Unbound:               2_000,
			ConnectionsPerAddress: 100,
			UnboundPerAddress:     20,
		},
		SessionInit:         5 * time.Second,
		AuthenticateTimeout: 5 * time.Second,
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			c, known := customers[b.SystemID]
			if !smpp.SecureEqual(b.Password, c.password) || !known {
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{
				Window:   50,
				MaxBinds: 2,
				Rate:     smpp.Rate{PerSecond: c.perSec, Burst: 50}, // of its sessions together
			}, nil
		},
	}
	served := make(chan error)
	go func() { served <- srv.Serve(l) }()

	url := "smpp://acme:secret@" + l.Addr().String()
	var sessions []*smpp.Session
	for range 3 {
		s, err := smpp.Dial(context.Background(), url, nil)
		if err != nil {
			fmt.Println("refused:", errors.Is(err, pdu.StatusBindFailed))
			continue
		}
		sessions = append(sessions, s)
	}
	_, err = sessions[0].Submit(context.Background(), message)
	fmt.Println("submitted:", err)
	st := srv.Stats()
	fmt.Println(st.Bound, "bound,", st.BindsRefused, "refused")

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(srv.Shutdown(ctx))
	fmt.Println(<-served)
	// Output:
	// refused: true
	// submitted: <nil>
	// 2 bound, 1 refused
	// <nil>
	// smpp: server closed
}

// Mutual TLS: the certificate of an ESME names its system_id, and there is no
// password. Both sides read their certificates again when the files change.
func ExampleSession_TLS() {
	dir, ca, err := certificates("smsc.example", "acme") // smsc.example.crt, acme.key, ...
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := func(name string) string { return filepath.Join(dir, name) }

	srv := &smpp.Server{
		TLSConfig: &tls.Config{ClientCAs: ca, ClientAuth: tls.RequireAndVerifyClientCert},
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			cert := smpp.SessionFrom(ctx).TLS().PeerCertificates[0] // verified
			if !slices.Contains(cert.DNSNames, b.SystemID) {
				return nil, pdu.StatusBindFailed
			}
			return &smpp.Account{}, nil
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // ":3550"
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- srv.ServeTLS(l, file("smsc.example.crt"), file("smsc.example.key")) }()

	own, err := smpp.NewCertReloader(file("acme.crt"), file("acme.key"), func(err error) { log.Print(err) })
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"acme", "bigco"} {
		s, err := smpp.Dial(context.Background(), "ssmpp://"+l.Addr().String(), &smpp.Config{
			SystemID:  id,
			TLSConfig: &tls.Config{RootCAs: ca, ServerName: "smsc.example", GetClientCertificate: own.GetClientCertificate},
		})
		fmt.Println(id, "refused:", errors.Is(err, pdu.StatusBindFailed))
		if err == nil {
			defer s.Close()
		}
	}
	_ = srv.Close()
	fmt.Println(<-served)
	// Output:
	// acme refused: false
	// bigco refused: true
	// smpp: server closed
}
