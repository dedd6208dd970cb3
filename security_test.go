package smpp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func TestTLS(t *testing.T) {
	srv := smpptest.NewTLSServer(byAddress)
	defer srv.Close()
	t.Run("verified by default", func(t *testing.T) {
		for _, c := range []*smpp.Config{nil, {TLSConfig: new(tls.Config)}} {
			_, err := smpp.Dial(t.Context(), srv.URL, c)
			var v *tls.CertificateVerificationError
			if !errors.As(err, &v) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("name", func(t *testing.T) {
		c := srv.ClientConfig()
		c.TLSConfig.ServerName = "elsewhere.example"
		var v *tls.CertificateVerificationError
		if _, err := smpp.Dial(t.Context(), srv.URL, c); !errors.As(err, &v) {
			t.Errorf("%v", err)
		}
	})
	t.Run("works", func(t *testing.T) {
		c := srv.ClientConfig()
		s, err := smpp.Dial(t.Context(), srv.URL, c)
		if err != nil {
			t.Fatal(err)
		}
		if c.TLSConfig.ServerName != "" {
			t.Error("Dial changed the configuration")
		}
		if st := s.NetConn().(*tls.Conn).ConnectionState(); !st.HandshakeComplete {
			t.Error("no handshake")
		}
		big := &pdu.SubmitSM{Dest: pdu.International("7")}
		pdu.TLVMessagePayload.Set(&big.TLVs, make([]byte, 60000))
		for range 20 {
			if resp, err := s.Submit(t.Context(), big); err != nil || resp.MessageID != "7" {
				t.Fatalf("%v, %v", resp, err)
			}
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("client of a plain server", func(t *testing.T) {
		plain := smpptest.NewServer(nil)
		defer plain.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := smpp.Dial(ctx, strings.Replace(plain.URL, "smpp://", "ssmpp://", 1), nil); err == nil {
			t.Error("a TLS session with a server without TLS")
		}
	})
	t.Run("framing error", func(t *testing.T) { // the answer arrives through TLS too
		conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), srv.ClientConfig().TLSConfig)
		if err != nil {
			t.Fatal(err)
		}
		var c net.Conn = conn
		defer c.Close()
		r := &raw{c, t}
		r.bound().write(make([]byte, 100))
		r.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength})
		r.wantEnd()
	})
}

// No error, log or string shows the password.
func TestPasswordIsNotShown(t *testing.T) {
	const password = "s3cr3t"
	clean := func(t *testing.T, what, text string) {
		t.Helper()
		if strings.Contains(text, password) {
			t.Errorf("%s shows the password: %s", what, text)
		}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, address := range []string{
		"smpp://acme:s3cr3t@" + closed.Addr().String(),
		"ssmpp://acme:s3cr3t@" + closed.Addr().String(),
		"smpp://acme:s3cr3t@host:port", "smpp://acme:s3cr3t@host:1:2", "smpp://acme:s3cr3t@[::1", "smpp://acme:s3cr3t%zz@host",
		"http://acme:s3cr3t@host", "acme:s3cr3t@host:2775", "//acme:s3cr3t@host", "acme:s3cr3t@", "smpp:acme:s3cr3t@host", "smpp:/acme:s3cr3t@host",
		"smpp://acme:s3cr3t@", "smpp://acme:s3cr3t@host/path", "smpp://host/s3cr3t", "smpp://host?password=s3cr3t", "smpp://host#s3cr3t",
		"s3cr3t://host", "smpp://acme:s3cr3t\x00@host", "smpp://acme:s3cr3ttoolong@host", "",
	} {
		t.Run(address, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := smpp.Dial(ctx, address, nil)
			if err == nil {
				t.Fatal("no error")
			}
			clean(t, "the error", err.Error())
		})
	}
	for name, c := range map[string]*smpp.Config{
		"long": {Password: password + "too long"}, "NUL": {Password: password + "\x00"},
		"system_id": {Password: password, SystemID: strings.Repeat("x", 20)},
	} {
		t.Run(name, func(t *testing.T) {
			near, _ := smpptest.Pipe()
			_, err := smpp.Bind(t.Context(), near, c)
			if err == nil {
				t.Fatal("no error")
			}
			clean(t, "the error", err.Error())
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection is left open: %v", err)
			}
		})
	}
	for name, auth := range map[string]func(context.Context, *pdu.Bind) (*smpp.Account, error){
		"refused":     func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusBindFailed },
		"failed":      func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, errors.New("database down") },
		"panicked":    func(context.Context, *pdu.Bind) (*smpp.Account, error) { panic("boom") },
		"bad account": func(context.Context, *pdu.Bind) (*smpp.Account, error) { return &smpp.Account{}, nil },
	} {
		bubble(t, name, func(t *testing.T) {
			var log bytes.Buffer
			srv := &smpp.Server{Authenticate: auth, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			if name == "bad account" {
				srv.SystemID = strings.Repeat("x", 20)
			}
			var dump []byte
			srv.Trace = &smpp.Trace{Received: func(_ *smpp.Session, frame []byte) { dump = pdu.Standard().AppendDump(dump, frame) }}
			near, far := smpptest.Pipe()
			s := srv.ServeConn(far)
			_, err := smpp.Bind(t.Context(), near, &smpp.Config{SystemID: "acme", Password: password})
			var re *smpp.ResponseError
			if !errors.As(err, &re) || smpp.Outcome(err) != smpp.Refused {
				t.Errorf("%v", err)
			}
			<-s.Done()
			synctest.Wait()
			clean(t, "the error", err.Error())
			clean(t, "the log", log.String())
			clean(t, "the dump", string(dump))
			if !bytes.Contains(dump, []byte("acme")) {
				t.Errorf("dump: %s", dump)
			}
		})
	}
}

// Credentials come from the URL, unless the Config has them.
func TestCredentials(t *testing.T) {
	srv := smpptest.NewUnstartedServer(nil)
	var got []string
	srv.Authenticate = func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		got = append(got, b.SystemID+"/"+b.Password+"/"+b.SystemType+"/"+b.AddressRange.Addr)
		return &smpp.Account{SystemID: "known as", Value: 42}, nil
	}
	bound := make(chan *smpp.Session, 10)
	srv.Bound = func(s *smpp.Session) { bound <- s }
	srv.Start()
	defer srv.Close()
	host := srv.Listener.Addr().String()
	for i, test := range []struct {
		url  string
		c    *smpp.Config
		want string
	}{
		{"smpp://acme:pw@" + host, nil, "acme/pw//"},
		{"smpp://" + host + "/", nil, "///"},
		{"smpp://a%40c:p%3Aw@" + host, nil, "a@c/p:w//"},
		{"smpp://acme:pw@" + host, &smpp.Config{SystemID: "other", SystemType: "type"}, "other/pw/type/"},
		{"smpp://acme:pw@" + host, &smpp.Config{Password: "mine", AddressRange: pdu.Address{Addr: "^49"}}, "acme/mine//^49"},
	} {
		s, err := smpp.Dial(t.Context(), test.url, test.c)
		if err != nil {
			t.Fatal(err)
		}
		if got[i] != test.want {
			t.Errorf("%s: %s, not %s", test.url, got[i], test.want)
		}
		server := <-bound
		if a := server.Account(); server.SystemID() != "known as" || a == nil || a.Value != 42 || server.BindRequest().SystemType != strings.Split(test.want, "/")[2] {
			t.Errorf("%q, %v", server.SystemID(), a)
		}
		if s.BindResponse() == nil || s.SystemID() != "smpptest" || s.Side() != smpp.ESME || server.Side() != smpp.MC {
			t.Errorf("%v, %q", s.BindResponse(), s.SystemID())
		}
		_ = s.Close()
	}
}
