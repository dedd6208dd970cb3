package smpp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

func serve(tb testing.TB, srv *smpp.Server) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	tb.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, smpp.ErrServerClosed) {
			tb.Errorf("Serve: %v", err)
		}
	})
	return "smpp://test:secret@" + l.Addr().String()
}

func echoMux() *smpp.Mux {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: strings.Clone(m.Dest.Addr)}, nil
	})
	return mux
}

func TestSubmit(t *testing.T) {
	url := serve(t, &smpp.Server{Handler: echoMux()})
	for _, window := range []int{1, 10, 1000} {
		s, err := smpp.Dial(t.Context(), url, &smpp.Config{Window: window})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				for j := range 100 {
					dest := strings.Repeat("1", 1+i) + strings.Repeat("2", 1+j%9)
					resp, err := s.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International(dest), ShortMessage: []byte("hi")})
					if errors.Is(err, pdu.StatusThrottled) {
						continue
					}
					if err != nil || resp.MessageID != dest {
						t.Errorf("%v, %v", resp, err)
					}
				}
			})
		}
		wg.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A listener whose type cannot be a map key serves like any other.
type hookedListener struct {
	net.Listener
	accepted []func() // makes it no map key
}

func (l hookedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	for _, f := range l.accepted {
		f()
	}
	return c, err
}

func TestServeHookedListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &smpp.Server{}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(hookedListener{l, []func(){func() {}}}) }()
	s, err := smpp.Dial(t.Context(), "smpp://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, smpp.ErrServerClosed) {
		t.Error(err)
	}
}
