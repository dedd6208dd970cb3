package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// socks serves as much of RFC 1928 as a client with a password needs, and sends
// every connection to one address, whatever name was asked for. It notes the
// names.
type socks struct {
	to string

	mu    sync.Mutex
	asked []string
}

func (s *socks) serve(conn net.Conn) (err error) {
	defer func() { _ = conn.Close() }()
	read := func(n int) (b []byte) {
		b = make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(conn, b)
		}
		return b
	}
	write := func(b ...byte) {
		if err == nil {
			_, err = conn.Write(b)
		}
	}
	read(int(read(2)[1])) // version, methods
	write(5, 2)           // a password, RFC 1929
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	if string(user) != "user" || string(password) != "pw" {
		write(1, 1)
		return errors.Join(err, errors.New("wrong password"))
	}
	write(1, 0)
	if head := read(4); err != nil || head[1] != 1 || head[3] != 3 {
		return errors.Join(err, errors.New("not a connection to a name"))
	}
	name := string(read(int(read(1)[0])))
	port := binary.BigEndian.Uint16(read(2))
	s.mu.Lock()
	s.asked = append(s.asked, net.JoinHostPort(name, strconv.Itoa(int(port))))
	s.mu.Unlock()
	up, derr := net.Dial("tcp", s.to)
	if derr != nil {
		write(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)
		return derr
	}
	defer func() { _ = up.Close() }()
	write(5, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(up, conn)
		_ = up.Close()
	}()
	_, _ = io.Copy(conn, up)
	_ = conn.Close()
	<-done
	return err
}

func TestSend(t *testing.T) {
	srv := smpptest.NewServer(smpp.HandlerFunc(func(w smpp.ResponseWriter, _ *smpp.Incoming) {
		_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "7"})
	}))
	defer srv.Close()
	s := &socks{to: srv.Listener.Addr().String()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = s.serve(conn) }()
		}
	}()
	at := l.Addr().String()
	if err := send(t.Context(), "socks5://user:pw@"+at, "smpp://demo:demo@smsc.example.com", "491701234567", "hello"); err != nil {
		t.Error(err)
	}
	got := smpptest.Bodies[*pdu.SubmitSM](srv)
	if len(got) != 1 || got[0].Dest.Addr != "491701234567" || len(s.asked) != 1 || s.asked[0] != "smsc.example.com:2775" {
		t.Errorf("%v, asked for %q", got, s.asked)
	}
	err = send(t.Context(), "socks5://user:wrong@"+at, "smpp://demo:demo@smsc.example.com", "491701234567", "hello")
	if err == nil || strings.Contains(err.Error(), "wrong@") || len(smpptest.Bodies[*pdu.SubmitSM](srv)) != 1 {
		t.Errorf("with a wrong password: %v", err)
	}
}
