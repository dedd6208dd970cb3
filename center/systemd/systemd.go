// Package systemd tells the service manager how the process is, as sd_notify
// does. Without one it does nothing.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Notifier tells the service manager. The zero value tells nobody. Its methods
// may be called concurrently.
type Notifier struct {
	addr     string
	watchdog time.Duration
}

// FromEnvironment returns the notifier that NOTIFY_SOCKET and WATCHDOG_USEC ask
// for.
func FromEnvironment() Notifier {
	n := Notifier{addr: os.Getenv("NOTIFY_SOCKET")}
	if pid := os.Getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
			n.watchdog = time.Duration(us) * time.Microsecond
		}
	}
	return n
}

// Notify sends assignments, such as READY=1.
func (n Notifier) Notify(state ...string) error {
	if n.addr == "" {
		return nil
	}
	addr := n.addr
	if strings.HasPrefix(addr, "@") { // an abstract name
		addr = "\x00" + addr[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: addr, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(strings.Join(state, "\n"))); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}

// Ready tells that the process is ready, and how it is in a few words.
func (n Notifier) Ready(status string) error { return n.Notify("READY=1", "STATUS="+status) }

// Reloading tells that the configuration is read again; Ready ends it.
func (n Notifier) Reloading() error {
	return n.Notify("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()))
}

// Stopping tells that the process is about to end.
func (n Notifier) Stopping() error { return n.Notify("STOPPING=1") }

// Watchdog tells that the process is alive as long as alive says so, twice as
// often as is asked for, until ctx ends. Without a watchdog it returns at once.
func (n Notifier) Watchdog(ctx context.Context, alive func() bool) {
	if n.addr == "" || n.watchdog <= 0 {
		return
	}
	tick := time.NewTicker(max(n.watchdog/2, time.Millisecond))
	defer tick.Stop()
	for {
		if alive() {
			_ = n.Notify("WATCHDOG=1") // the next one may arrive
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
