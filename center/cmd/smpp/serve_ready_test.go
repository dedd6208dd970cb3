//go:build unix

package main_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	library "github.com/godwit-sms/smpp"
	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A manager is what a service manager hears.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// underManager has what serves from now on tell a service manager.
func underManager(t *testing.T, watchdog time.Duration) *manager {
	t.Helper()
	// Short: the name of a socket has room for a hundred octets.
	dir, err := os.MkdirTemp("", "smpp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	return &manager{t, conn}
}

// next returns the next that is told within a time, by the names; nil: nothing.
func (m *manager) next(within time.Duration) map[string]string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		m.t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := m.conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		m.t.Fatal(err)
	}
	told := make(map[string]string)
	for line := range strings.SplitSeq(string(b[:n]), "\n") {
		name, value, _ := strings.Cut(line, "=")
		told[name] = value
	}
	return told
}

// want returns the next that is told, signs of life aside.
func (m *manager) want(name string) map[string]string {
	m.t.Helper()
	for {
		switch told := m.next(30 * time.Second); {
		case told == nil:
			m.t.Fatalf("no %s in half a minute", name)
		case told[name] == "1":
			return told
		case told["WATCHDOG"] != "1":
			m.t.Fatalf("%v; want %s=1", told, name)
		}
	}
}

// The service manager is told of the start, of reloads, good and bad, of the end,
// and in between that all is well.
func TestServeNotify(t *testing.T) {
	dir := filepath.Dir(isolate(t))
	m := underManager(t, 20*time.Millisecond)
	data, file := filepath.Join(t.TempDir(), "d"), write(t, filepath.Join(dir, "center.yaml"), "accounts: [{id: acme, password: x}]\n")
	s := serve(t, "--data", data, "--config", file)
	if told := m.want("READY"); !strings.Contains(told["STATUS"], "account acme") {
		t.Errorf("%v; want a status with the account", told)
	}
	for range 3 {
		m.want("WATCHDOG")
	}
	// On Linux a notification is later than all before it, by the clock that the
	// manager reads too.
	before := int64(0)
	for _, tt := range []struct {
		text   string
		status int
		want   string
	}{{"accounts: [{id: shop, password: x}]\n", 0, "account shop"}, {"accounts: 7\n", 1, "account shop"}} {
		write(t, file, tt.text)
		if status, _, errs := call(t, smpp.Run, "", "reload", "--data", data); status != tt.status {
			t.Errorf("reload: exit status %d, %q", status, errs)
		}
		told := m.want("RELOADING")
		at, err := strconv.ParseInt(told["MONOTONIC_USEC"], 10, 64)
		if err != nil || at < before {
			t.Errorf("%v, before %d", told, before)
		}
		before = at
		if told := m.want("READY"); !strings.Contains(told["STATUS"], tt.want) {
			t.Errorf("%v; want a status with %q", told, tt.want)
		}
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	m.want("STOPPING")
}

// A disk that fails: not ready, refused, and no sign of life for the service
// manager, which starts it anew.
func TestServeStoreFault(t *testing.T) {
	isolate(t)
	m := underManager(t, 20*time.Millisecond)
	var broken errorfs.Toggle
	broken.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	})
	data := filepath.Join(t.TempDir(), "d")
	s := serveOn(t, errorfs.Wrap(vfs.Default, &broken), "--http", "127.0.0.1:0", "--data", data, "--grace", "100ms")
	url := httpAddress.FindString(s.line)
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	submit := func() error {
		_, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")})
		return err
	}
	if err := submit(); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, url+"/readyz"); status != 200 || body != "ready\n" {
		t.Errorf("/readyz before: %d %q", status, body)
	}
	m.want("READY")
	m.want("WATCHDOG")
	broken.On()
	for range 2 {
		if err := submit(); !errors.Is(err, pdu.StatusSystemError) {
			t.Errorf("submit_sm: %v; want %v", err, pdu.StatusSystemError)
		}
	}
	broken.Off() // it stays so: who knows what is on the disk
	if err := submit(); !errors.Is(err, pdu.StatusSystemError) {
		t.Errorf("submit_sm: %v; want %v", err, pdu.StatusSystemError)
	}
	if status, body := get(t, url+"/readyz"); status != 503 || !strings.Contains(body, syscall.EIO.Error()) {
		t.Errorf("/readyz: %d %q; want 503 and why", status, body)
	}
	if status, body := get(t, url+"/healthz"); status != 200 {
		t.Errorf("/healthz: %d %q", status, body)
	}
	if _, body := get(t, url+"/metrics"); !strings.Contains(body, "smpp_store_failed 1\n") {
		t.Error("the metrics do not tell")
	}
	if status, out, _ := call(t, smpp.Run, "", "ps", "--data", data); status != 0 || !strings.Contains(out, "NOT READY: ") || !strings.Contains(out, syscall.EIO.Error()) {
		t.Errorf("ps: exit status %d, %q", status, out)
	}
	if log := s.stderr.String(); !strings.Contains(log, "nothing can be stored any more") {
		t.Errorf("log %s", log)
	}
	for m.next(time.Millisecond) != nil { // from before
	}
	if told := m.next(300 * time.Millisecond); told != nil {
		t.Errorf("%v, though nothing can be stored", told)
	}
	if status := s.stop(); status != 1 {
		t.Errorf("exit status %d; want 1", status)
	}
}

// While it ends it is not ready, and lets nobody in.
func TestServeStopping(t *testing.T) {
	isolate(t)
	s := serve(t, "--http", "127.0.0.1:0", "--account", "demo:demo", "--account", "sink:sink", "--grace", "1m")
	url := httpAddress.FindString(s.line)
	arrived, hold := make(chan struct{}), make(chan struct{})
	sink, err := library.Dial(t.Context(), "smpp://sink:sink@"+s.address, &library.Config{AddressRange: pdu.Address{Addr: "8080"}, Handler: library.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		close(arrived)
		<-hold
		return nil, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.Address{Addr: "8080"}, ShortMessage: []byte("hi")}); err != nil {
		t.Fatal(err)
	}
	<-arrived
	status := make(chan int, 1)
	go func() { status <- s.stop() }()
	eventually(t, "the begin of the end", func() bool {
		code, body := get(t, url+"/readyz")
		return code == 503 && body == "the message center is stopping\n"
	})
	if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}); !errors.Is(err, pdu.StatusSystemError) {
		t.Errorf("a message in the end: %v", err)
	}
	if late, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil); err == nil {
		t.Error("a bind in the end is granted")
		_ = late.Close()
	}
	if code, body := get(t, url+"/healthz"); code != 200 {
		t.Errorf("/healthz: %d %q", code, body)
	}
	close(hold)
	if code := <-status; code != 0 {
		t.Errorf("exit status %d: %s", code, s.stderr)
	}
	ended(t, session)
	ended(t, sink)
	if strings.Contains(s.stderr.String(), "under way") {
		t.Errorf("what was on its way is not: %s", s.stderr)
	}
}

// The unit file, as systemd reads it.
func TestUnitFile(t *testing.T) {
	isolate(t)
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		missing(t, "systemd-analyze is not there: ", err)
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "contrib", "smpp.service"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// It has to find the program; this one stands for it.
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := write(t, filepath.Join(dir, "smpp.service"), strings.ReplaceAll(string(b), "/usr/local/bin/smpp", program))
	cmd := exec.Command(tool, "verify", "--man=no", "--recursive-errors=no", unit)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), filepath.Base(unit)) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// Its flags are flags, and its subcommands are some: what fails is what is not
	// there.
	for _, args := range commandLines(string(b)) {
		want, code := "--config: open /etc/smpp/center.yaml", 2
		if args[0] == "reload" {
			want, code = "no message center runs there", 1
		} else if !slices.Contains(args, "--check") {
			args = append(args, "--check")
		}
		if status, _, errs := call(t, smpp.Run, "", args...); status != code || !strings.Contains(errs, want) {
			t.Errorf("%v: exit status %d, %q; want %d, %q", args, status, errs, code, want)
		}
	}
}

// commandLines returns the arguments of the commands of a unit.
func commandLines(unit string) (all [][]string) {
	for line := range strings.Lines(unit) {
		if name, command, _ := strings.Cut(strings.TrimSpace(line), "="); strings.HasPrefix(name, "Exec") {
			all = append(all, strings.Fields(command)[1:])
		}
	}
	return all
}
