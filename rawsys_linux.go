//go:build !race && !msan && !asan

package smpp

import (
	"syscall"
	"unsafe"
)

// sysRead and sysWrite are read(2) and write(2) of a socket that does not block.
// The scheduler is not told of them: they return at once, and telling it wakes
// its monitor thread each time that the process had nothing to do, which costs
// more than the call.

func sysRead(fd uintptr, b []byte) (int, syscall.Errno) { return sysCall(syscall.SYS_READ, fd, b) }

func sysWrite(fd uintptr, b []byte) (int, syscall.Errno) { return sysCall(syscall.SYS_WRITE, fd, b) }

func sysCall(trap, fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}
