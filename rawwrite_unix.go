//go:build unix

package smpp

import (
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
	w := new(rawWriter)
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return w
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		w.conn, w.fn = raw, w.try
	}
	return w
}

func (w *rawWriter) try(fd uintptr) bool {
	for w.n < len(w.buf) {
		n, err := syscall.Write(int(fd), w.buf[w.n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			w.err = err
			return true
		}
		w.n += n
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
