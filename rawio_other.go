//go:build !unix

package smpp

import "net"

// A rawWriter would write what a connection takes at once; here it leaves all
// writing to a goroutine.
type rawWriter struct{}

func newRawWriter(net.Conn) *rawWriter { return nil }

func (*rawWriter) write([]byte) (int, error) { return 0, nil }

// A rawReader is there for systems whose connections can be read from directly.
type rawReader struct{}

func newRawReader(net.Conn) *rawReader { return nil }

func (*rawReader) read([]byte) (int, error) { panic("unreachable") }
