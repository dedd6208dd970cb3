//go:build unix

package smpp

import (
	"io"
	"net"
	"syscall"
)

// A rawWriter writes what a TCP connection takes at once, and nothing to others.
// Whoever has something to write may be the goroutine that reads, or a caller
// whose context may end: neither may wait for the peer to read.
type rawWriter struct {
	conn syscall.RawConn
	buf  []byte
	n    int
	err  error
	fn   func(fd uintptr) bool
}

func newRawWriter(c net.Conn) *rawWriter {
	w := &rawWriter{conn: rawConn(c)}
	w.fn = w.try
	return w
}

// rawConn returns the descriptor of a TCP connection, nil of any other.
func rawConn(c net.Conn) syscall.RawConn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

func (w *rawWriter) try(fd uintptr) bool {
	for w.n < len(w.buf) {
		n, errno := sysWrite(fd, w.buf[w.n:])
		switch errno {
		case 0:
			w.n += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			w.err = errno
			return true
		}
	}
	return true
}

// write returns how many octets were written. Only one goroutine at a time may
// call it.
func (w *rawWriter) write(b []byte) (int, error) {
	if w.conn == nil {
		return 0, nil
	}
	w.buf, w.n, w.err = b, 0, nil
	err := w.conn.Write(w.fn)
	w.buf = nil
	if err == nil && w.err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Err: w.err}
	}
	return w.n, err
}

// A rawReader reads from a TCP connection as its Read does, for a little less.
type rawReader struct {
	conn syscall.RawConn
	buf  []byte
	n    int
	err  error
	fn   func(fd uintptr) bool
}

// newRawReader returns nil if the connection is not of TCP.
func newRawReader(c net.Conn) *rawReader {
	raw := rawConn(c)
	if raw == nil {
		return nil
	}
	r := &rawReader{conn: raw}
	r.fn = r.try
	return r
}

func (r *rawReader) try(fd uintptr) bool {
	for {
		n, errno := sysRead(fd, r.buf)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			r.err = &net.OpError{Op: "read", Net: "tcp", Err: errno}
		case n == 0:
			r.err = io.EOF
		}
		r.n = n
		return true
	}
}

func (r *rawReader) read(b []byte) (int, error) {
	r.buf, r.n, r.err = b, 0, nil
	err := r.conn.Read(r.fn)
	r.buf = nil
	if err == nil {
		err = r.err
	}
	return r.n, err
}
