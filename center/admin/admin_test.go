package admin_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/center/admin"
)

type control struct {
	ended  uint64
	backup string
}

func (c *control) Status(queues int) admin.Status {
	return admin.Status{SystemID: "mc", Queues: make([]admin.Queue, queues), Sessions: []admin.Session{{ID: 1}}}
}

func (c *control) End(_ context.Context, id uint64) error {
	if id != 1 {
		return admin.ErrNotFound
	}
	c.ended = id
	return nil
}

func (c *control) Reload() (admin.Reloaded, error) {
	return admin.Reloaded{}, errors.New("center.yaml:1: wrong")
}
func (c *control) Backup(dir string) error { c.backup = dir; return nil }

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), admin.SocketName)
	client := &admin.Client{Path: path}
	if _, err := client.Status(t.Context(), 0); !errors.Is(err, admin.ErrNotRunning) {
		t.Errorf("nobody there: %v", err)
	}
	l, err := admin.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info, err)
	}
	c := new(control)
	server := &http.Server{Handler: admin.Handler(c)}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	if s, err := client.Status(t.Context(), 3); err != nil || s.SystemID != "mc" || len(s.Queues) != 3 || len(s.Sessions) != 1 {
		t.Errorf("status %+v, %v", s, err)
	}
	if s, err := client.Status(t.Context(), -1); err != nil || len(s.Queues) != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := client.End(t.Context(), 1); err != nil || c.ended != 1 {
		t.Errorf("end: %v", err)
	}
	if err := client.End(t.Context(), 2); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("end of nobody: %v", err)
	}
	if _, err := client.Reload(t.Context()); err == nil || err.Error() != "center.yaml:1: wrong" {
		t.Errorf("reload: %v", err)
	}
	if err := client.Backup(t.Context(), "/x"); err != nil || c.backup != "/x" {
		t.Errorf("backup to %q: %v", c.backup, err)
	}
	if _, err := admin.Listen(path); err == nil || !strings.Contains(err.Error(), "somebody listens there") {
		t.Errorf("a second one: %v", err)
	}
	_ = server.Close()
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}

	// One that was left behind is taken over.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	if l, err = admin.Listen(path); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	// What is no socket is left alone.
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Listen(path); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a file of the name: %v", err)
	}
	if _, err := admin.Listen(filepath.Join(t.TempDir(), strings.Repeat("x", 100))); err == nil || !strings.Contains(err.Error(), "shorter") {
		t.Errorf("a long path: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".s*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
