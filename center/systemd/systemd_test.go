package systemd_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/systemd"
)

// manager listens as a service manager does.
func manager(t *testing.T, name string) (read func() string) {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip(err) // no such sockets here
	}
	t.Cleanup(func() { _ = c.Close() })
	return func() string {
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n")
	read := manager(t, path)
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "2000")
	t.Setenv("WATCHDOG_PID", "")
	n := systemd.FromEnvironment()
	for _, tt := range []struct {
		send func() error
		want string
	}{
		{func() error { return n.Ready("fine") }, "READY=1\nSTATUS=fine"},
		{n.Reloading, "RELOADING=1\nMONOTONIC_USEC="},
		{n.Stopping, "STOPPING=1"},
	} {
		if err := tt.send(); err != nil {
			t.Fatal(err)
		}
		if got := read(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%q; want %q", got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	asked := 0
	go func() {
		defer close(done)
		n.Watchdog(ctx, func() bool { asked++; return asked > 3 })
	}()
	for range 2 {
		if got := read(); got != "WATCHDOG=1" {
			t.Errorf("%q; want WATCHDOG=1", got)
		}
	}
	cancel()
	<-done
	if asked < 5 {
		t.Errorf("a sign of life before it was alive: asked %d times", asked)
	}
}

func TestNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := systemd.FromEnvironment()
	if err := n.Ready(""); err != nil {
		t.Error(err)
	}
	n.Watchdog(t.Context(), func() bool { t.Error("asked"); return true })
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if err := systemd.FromEnvironment().Ready(""); err == nil {
		t.Error("a manager that is not there is no error")
	}
}
