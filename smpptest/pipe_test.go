package smpptest_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/smpptest"
)

func TestPipeCarriesOctets(t *testing.T) {
	a, b := smpptest.Pipe()
	want := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // more than the buffer
	go func() {
		if n, err := a.Write(want); n != len(want) || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		_ = a.Close()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d octets of %d, %v", len(got), len(want), err)
	}
	if a.RemoteAddr().String() != b.LocalAddr().String() || a.LocalAddr().Network() != "pipe" {
		t.Errorf("addresses %v and %v", a.RemoteAddr(), b.LocalAddr())
	}
}

func TestPipeCloseWrite(t *testing.T) {
	a, b := smpptest.Pipe()
	_, _ = a.Write([]byte("request"))
	if err := a.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); string(got) != "request" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("a write after CloseWrite went well")
	}
	if _, err := b.Write([]byte("answer")); err != nil {
		t.Error(err)
	}
	_ = b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPipeClosed(t *testing.T) {
	a, b := smpptest.Pipe()
	_ = a.Close()
	_ = a.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Close: %v", err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	if _, err := b.Write([]byte("x")); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("Write to a peer that closed: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("Read from a peer that closed: %v", err)
	}
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := smpptest.Pipe()
		defer a.Close()
		defer b.Close()
		start := time.Now()
		timedOut := func(name string, err error, after time.Duration) {
			t.Helper()
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != after {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
		_ = a.SetReadDeadline(start.Add(time.Minute))
		_, err := a.Read(make([]byte, 1))
		timedOut("read", err, time.Minute)
		_, err = a.Read(make([]byte, 1))
		timedOut("read again", err, time.Minute)
		_ = a.SetReadDeadline(time.Time{})
		_, _ = b.Write([]byte("x"))
		if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read without a deadline: %d, %v", n, err)
		}
		_ = a.SetWriteDeadline(start.Add(2 * time.Minute))
		n, err := a.Write(make([]byte, 1<<20))
		timedOut("write", err, 2*time.Minute)
		if n == 0 || n >= 1<<20 {
			t.Errorf("%d octets written", n)
		}
		_ = a.SetDeadline(start)
		_, err = a.Read(make([]byte, 1))
		timedOut("read in the past", err, 2*time.Minute)
		_, err = a.Write([]byte("x"))
		timedOut("write in the past", err, 2*time.Minute)
		// A deadline that is moved while a read waits counts as it is now.
		_ = a.SetReadDeadline(start.Add(3 * time.Minute))
		go func() {
			time.Sleep(30 * time.Second)
			_ = a.SetReadDeadline(start.Add(5 * time.Minute))
		}()
		_, err = a.Read(make([]byte, 1))
		timedOut("moved", err, 5*time.Minute)
	})
}

func TestTrickle(t *testing.T) {
	a, b := smpptest.Pipe()
	_, _ = a.Write([]byte("abc"))
	_ = smpptest.Trickle(a).(interface{ CloseWrite() error }).CloseWrite()
	buf := make([]byte, 10)
	if n, err := smpptest.Trickle(b).Read(buf); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if rest, err := io.ReadAll(b); string(rest) != "bc" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}
