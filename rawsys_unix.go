//go:build unix && (!linux || race || msan || asan)

package smpp

import "syscall"

// The calls of package syscall, which also tell the race detector and its kin
// what went through a connection.

func sysRead(fd uintptr, b []byte) (int, syscall.Errno) { return withErrno(syscall.Read(int(fd), b)) }

func sysWrite(fd uintptr, b []byte) (int, syscall.Errno) { return withErrno(syscall.Write(int(fd), b)) }

func withErrno(n int, err error) (int, syscall.Errno) {
	if err == nil {
		return n, 0
	}
	e, ok := err.(syscall.Errno) //nolint:errorlint // package syscall wraps none, and As allocates
	if !ok {
		e = syscall.EIO
	}
	return 0, e
}
