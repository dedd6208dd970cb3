package main_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"golang.org/x/sys/unix"
)

// A terminal is one that a test types at.
type terminal struct {
	t    *testing.T
	fd   int      // of keys
	keys *os.File // the side of the one who types, and sees
	tty  *os.File // the side of the program
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	keys := os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { _ = keys.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Skip("a terminal that stays locked: ", err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("a terminal that cannot be opened: ", err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return &terminal{t, fd, keys, tty}
}

// shows reports whether what is typed is shown.
func (x *terminal) shows() bool {
	x.t.Helper()
	settings, err := unix.IoctlGetTermios(int(x.tty.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// enter types a line once it is not shown.
func (x *terminal) enter(line string) {
	x.t.Helper()
	eventually(x.t, "a prompt", func() bool { return !x.shows() })
	if _, err := x.keys.WriteString(line + "\n"); err != nil {
		x.t.Fatal(err)
	}
}

func TestPasswdAtTerminal(t *testing.T) {
	isolate(t)
	for _, tt := range []struct {
		name          string
		first, second string
		status        int
		want          string
	}{
		{"twice the same", "s3same", "s3same", 0, ""},
		{"two", "s3same", "s3samd", 1, "the two are not the same"},
		{"none", "", "", 1, "the password is empty"},
		{"a long one", "n1nechars", "n1nechars", 1, "at most 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newTerminal(t)
			var stdout, stderr serveLog
			done := make(chan int, 1)
			go func() {
				done <- smpp.Run(t.Context(), []string{"passwd", "--memory", "1", "--passes", "1"}, x.tty, &stdout, &stderr)
			}()
			x.enter(tt.first)
			eventually(t, "the second prompt", func() bool { return strings.Contains(stderr.String(), "Once more: ") })
			x.enter(tt.second)
			status := <-done
			if status != tt.status || !strings.Contains(stderr.String(), tt.want) || strings.HasPrefix(stdout.String(), "$argon2id$") != (status == 0) {
				t.Errorf("exit status %d, %q, %q", status, &stdout, &stderr)
			}
			if !x.shows() {
				t.Error("the terminal does not show what is typed afterwards")
			}
			if !strings.HasPrefix(stderr.String(), "Password (at most 8 octets): \nOnce more: \n") {
				t.Errorf("prompts %q", &stderr)
			}
			// What the terminal has shown: the ends of the lines, if anything.
			shown := make([]byte, 4096)
			n, _ := unix.Read(x.fd, shown) // it does not block: nothing is an error
			for _, secret := range []string{tt.first, tt.second} {
				if secret != "" && strings.Contains(string(shown[:max(n, 0)])+stderr.String()+stdout.String(), secret) {
					t.Errorf("%q was shown", secret)
				}
			}
		})
	}
}

// An interrupt at the prompt leaves a terminal that shows what is typed.
func TestPasswdInterrupted(t *testing.T) {
	isolate(t)
	x := newTerminal(t)
	ctx, interrupt := context.WithCancel(t.Context())
	var stdout, stderr serveLog
	done := make(chan int, 1)
	go func() { done <- smpp.Run(ctx, []string{"passwd"}, x.tty, &stdout, &stderr) }()
	eventually(t, "a prompt", func() bool { return !x.shows() })
	interrupt()
	if status := <-done; status != 1 || stdout.String() != "" {
		t.Errorf("exit status %d, %q", status, &stdout)
	}
	if !x.shows() {
		t.Error("the terminal does not show what is typed afterwards")
	}
	_, _ = x.keys.WriteString("\n") // for the one who still reads
}
