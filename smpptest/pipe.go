package smpptest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeBuffer is how many octets one direction of a Pipe takes before a write
// blocks, about what a socket does.
const pipeBuffer = 64 << 10

// Pipe returns the two ends of a connection in memory. Unlike net.Pipe it has
// buffers, as sockets have: a write blocks only when 64 KiB wait to be read. It
// has deadlines, and each end has a CloseWrite method, after which the other
// end reads what is left and then io.EOF. What was written before a Close can
// still be read.
//
// A goroutine that waits on a Pipe is durably blocked, so sessions over it work
// in a bubble of testing/synctest.
func Pipe() (client, server net.Conn) {
	up, down := newStream(), newStream()
	return &pipeConn{in: down, out: up, local: "client", remote: "server"},
		&pipeConn{in: up, out: down, local: "server", remote: "client"}
}

type pipeConn struct {
	in, out       *stream
	local, remote pipeAddr
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return "pipe " + string(a) }

func (c *pipeConn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

func (c *pipeConn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

func (c *pipeConn) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.local, Addr: c.remote, Err: err}
}

// Close closes both directions.
func (c *pipeConn) Close() error {
	c.in.closeRead()
	c.out.closeWrite(true)
	return nil
}

// CloseWrite ends what this end writes; it can still read.
func (c *pipeConn) CloseWrite() error {
	c.out.closeWrite(false)
	return nil
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reading, t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writing, t)
	return nil
}

// A stream is one direction of a pipe.
type stream struct {
	mu      sync.Mutex
	changed sync.Cond
	buf     []byte
	ended   bool // nothing more will be written
	gone    bool // the writer has closed altogether
	deaf    bool // nothing more will be read
	reading deadline
	writing deadline
}

type deadline struct {
	timer   *time.Timer
	serial  int // of the timer that counts
	expired bool
}

func newStream() *stream {
	s := new(stream)
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.deaf:
			return 0, net.ErrClosed
		case s.reading.expired:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(b, s.buf)
			s.buf = s.buf[n:]
			if len(s.buf) == 0 {
				s.buf = nil
			}
			s.changed.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.gone:
			return n, net.ErrClosed
		case s.writing.expired:
			return n, os.ErrDeadlineExceeded
		case s.ended || s.deaf:
			return n, syscall.EPIPE
		}
		if room := min(pipeBuffer-len(s.buf), len(b)-n); room > 0 {
			s.buf = append(s.buf, b[n:n+room]...)
			n += room
			s.changed.Broadcast()
		}
		if n == len(b) {
			return n, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) closeRead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf, s.buf = true, nil
	s.reading.stop()
	s.changed.Broadcast()
}

func (s *stream) closeWrite(gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.gone = true, s.gone || gone
	s.writing.stop()
	s.changed.Broadcast()
}

func (d *deadline) stop() {
	d.serial++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.expired = false
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.expired = true
		s.changed.Broadcast()
		return
	}
	serial := d.serial
	d.timer = time.AfterFunc(left, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.serial == serial {
			d.expired = true
			s.changed.Broadcast()
		}
	})
}

// Trickle returns conn in a form whose reads give one octet at a time, to prove
// that no reader depends on how octets arrive. Writes are not changed.
func Trickle(conn net.Conn) net.Conn { return &trickle{conn} }

type trickle struct{ net.Conn }

func (t *trickle) Read(b []byte) (int, error) { return t.Conn.Read(b[:min(len(b), 1)]) }

func (t *trickle) CloseWrite() error {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return t.Close()
}
