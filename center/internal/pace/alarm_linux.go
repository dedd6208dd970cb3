package pace

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm sleeps. The timers of the runtime are good to a millisecond where
// nothing else goes on, which is more than many a latency that is measured
// here; a timer of the kernel's, waited for as for a connection, is good to
// some 50 microseconds.
type alarm struct{ file *os.File }

func newAlarm() alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return alarm{}
	}
	return alarm{os.NewFile(uintptr(fd), "timer")}
}

func (a alarm) sleep(d time.Duration) {
	if a.file != nil && a.ring(d) {
		return
	}
	<-time.After(d)
}

func (a alarm) ring(d time.Duration) bool {
	raw, err := a.file.SyscallConn()
	if err != nil {
		return false
	}
	set := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &set, nil) }); err != nil || failed != nil {
		return false
	}
	var count [8]byte
	_, err = a.file.Read(count[:])
	return err == nil
}

func (a alarm) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}
