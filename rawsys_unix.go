//go:build unix && (!linux || race || msan || asan)

package smpp

import (
	"errors"
	"syscall"
)

// The calls of package syscall, which also tell the race detector and its kin
// what went through a connection.

func sysRead(fd uintptr, b []byte) (int, syscall.Errno) { return withErrno(syscall.Read(int(fd), b)) }

func sysWrite(fd uintptr, b []byte) (int, syscall.Errno) { return withErrno(syscall.Write(int(fd), b)) }

func withErrno(n int, err error) (int, syscall.Errno) {
	var e syscall.Errno
	if err != nil && !errors.As(err, &e) {
		e = syscall.EIO
	}
	return max(n, 0), e
}
