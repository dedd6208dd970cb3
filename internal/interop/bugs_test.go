package interop_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/internal/interop"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// The tests of this file reproduce inputs that go wrong in node-smpp, by the numbers of docs/node-smpp.md, as far as they have no
// better place elsewhere: the document says where the others are.

// A peer is an ESME that a test drives octet by octet.
type peer struct {
	net.Conn
	t *testing.T
}

// bareClient connects and binds a bare ESME to a server of ours.
func bareClient(t *testing.T, srv *smpp.Server) (*peer, *smpp.Session) {
	t.Helper()
	srv.Logger = silent
	near, far := smpptest.Pipe()
	s := srv.ServeConn(far)
	t.Cleanup(func() {
		_ = near.Close()
		<-s.Done()
	})
	p := &peer{near, t}
	p.send(pdu.Header{Sequence: 1}, &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "bare", InterfaceVersion: pdu.V50}})
	p.want(pdu.Header{Command: pdu.IDBindTransceiverResp, Sequence: 1})
	return p, s
}

func (p *peer) send(h pdu.Header, b pdu.Body) {
	p.t.Helper()
	frame, err := pdu.Append(nil, h, b)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(frame)
}

func (p *peer) write(octets []byte) {
	p.t.Helper()
	if _, err := p.Write(octets); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() (frame []byte, err error) {
	frame = make([]byte, pdu.HeaderLen)
	if _, err = io.ReadFull(p, frame); err != nil {
		return nil, err
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame)-pdu.HeaderLen)...)
	_, err = io.ReadFull(p, frame[pdu.HeaderLen:])
	return frame, err
}

// want reads a PDU that must have the header.
func (p *peer) want(h pdu.Header) {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
	frame, err := p.read()
	if err != nil {
		p.t.Fatalf("%v: %v", h, err)
	}
	if got, _, err := pdu.ParseHeader(frame); err != nil || got != h {
		p.t.Fatalf("got %v, %v, want %v", got, err, h)
	}
}

// alive has an enquire_link answered.
func (p *peer) alive() {
	p.t.Helper()
	p.send(pdu.Header{Sequence: 9999}, &pdu.EnquireLink{})
	p.want(pdu.Header{Command: pdu.IDEnquireLinkResp, Sequence: 9999})
}

// closed wants the connection to be closed.
func (p *peer) closed() {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
	if frame, err := p.read(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		p.t.Fatalf("got % x, %v, want the end", frame, err)
	}
}

// dialerFunc is a function as a Dialer.
type dialerFunc func(address string) (net.Conn, error)

func (f dialerFunc) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	return f(address)
}

// B29: the ports are the documented ones, for those who connect and those who listen.
func TestB29DefaultPorts(t *testing.T) {
	stop := errors.New("far enough")
	for url, want := range map[string]string{"smpp://mc.example": "mc.example:2775", "ssmpp://mc.example": "mc.example:3550", "smpp://[::1]": "[::1]:2775", "smpp://mc.example:99": "mc.example:99"} {
		var got string
		_, err := smpp.Dial(t.Context(), url, &smpp.Config{Dialer: dialerFunc(func(address string) (net.Conn, error) {
			got = address
			return nil, stop
		})})
		if !errors.Is(err, stop) || got != want {
			t.Errorf("%s: %q, %v", url, got, err)
		}
	}
	// Whether the port is free on this machine or not, the server asked for it.
	srv := &smpp.Server{Logger: silent}
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	connected := make(chan error, 1)
	go func() {
		s, err := smpp.Dial(t.Context(), "smpp://127.0.0.1", &smpp.Config{Dialer: dialerFunc(func(address string) (net.Conn, error) {
			for {
				conn, err := net.Dial("tcp", address)
				if !errors.Is(err, syscall.ECONNREFUSED) || t.Context().Err() != nil {
					return conn, err
				}
			}
		})})
		if err == nil {
			_ = s.Close()
		}
		connected <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), ":2775") {
			t.Error(err)
		}
	case err := <-connected:
		if err != nil {
			t.Error(err)
		}
		_ = srv.Close()
		if err := within(t, "end", ended); !errors.Is(err, smpp.ErrServerClosed) {
			t.Error(err)
		}
	}
}

// B33, B34: the line of a PROXY protocol is no PDU; nobody who sends one is believed, and nobody else comes to harm.
func TestB33ProxyHeaders(t *testing.T) {
	srv := &smpp.Server{}
	other, _ := bareClient(t, srv)
	for _, header := range []string{
		"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
		"PROXY TCP4 not-an-ip x y z\r\n",
		"PROXY " + strings.Repeat("x", 200),
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02", // version 2
		"GET / HTTP/1.1\r\nHost: mc\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x5a", 32), // TLS
	} {
		near, far := smpptest.Pipe()
		s := srv.ServeConn(far)
		p := &peer{near, t}
		p.write([]byte(header))
		_ = p.SetReadDeadline(time.Now().Add(interop.Timeout))
		if _, err := p.read(); err != nil { // a generic_nack
			t.Errorf("%q: %v", header, err)
		}
		p.closed()
		_ = near.Close()
		within(t, "end", s.Done())
		var fe *pdu.FrameError
		if !errors.As(s.Err(), &fe) {
			t.Errorf("%q: %v", header, s.Err())
		}
	}
	other.alive()

	// A first PDU with 0x0D in its length is a PDU.
	near, far := smpptest.Pipe()
	s := srv.ServeConn(far)
	p := &peer{near, t}
	p.send(pdu.Header{Sequence: 7}, &pdu.Unknown{ID: 0x00010299, Raw: make([]byte, 0x0D00-pdu.HeaderLen)})
	p.want(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: 7})
	_ = near.Close()
	within(t, "end", s.Done())
}

// B33: a connection on which nothing comes does not stay.
func TestB33SilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := smpptest.Pipe()
		s := (&smpp.Server{Logger: silent}).ServeConn(far)
		start := time.Now()
		<-s.Done()
		if after := time.Since(start); !errors.Is(s.Err(), smpp.ErrNotBound) || after > smpp.DefaultSessionInit+5*time.Second {
			t.Errorf("%v after %v", s.Err(), after)
		}
		_ = near.Close()
	})
}

// B37: the bit that announces a user data header is one bit, whatever else is set.
func TestB37UDHIndicator(t *testing.T) {
	for class, want := range map[pdu.ESMClass]bool{0x40: true, 0x43: true, 0xC4: true, 0x03: false, 0x80: false} {
		if class.HasUDHI() != want {
			t.Errorf("%#x: %v", uint8(class), !want)
		}
	}
	if c := pdu.ESMClass(0x43); c.Mode() != pdu.ModeStoreAndForward {
		t.Errorf("mode %v", c.Mode())
	}
}
