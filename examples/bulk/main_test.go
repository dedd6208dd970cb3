package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// The test binary is also the message center, in a process of its own that can
// be killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("BULK_TEST_SERVER"); path != "" {
		log.Fatal(server(path, os.Getenv("BULK_TEST_NAME")))
	}
	os.Exit(m.Run())
}

// enough is how many messages a message center accepts before it is killed.
const enough = 2000

// server is a message center that writes down what it accepts, number and
// message id, before it answers. Some numbers it refuses for good, and each
// fiftieth request for now. It prints its URL, another line when it has
// accepted enough, and ends with its input.
func server(path, name string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	journal, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var last, requests atomic.Int64
	srv := &smpp.Server{Window: 200, Handler: smpp.HandlerFor(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		switch {
		case strings.HasSuffix(m.Dest.Addr, "13"):
			return nil, pdu.StatusInvalidDest
		case requests.Add(1)%50 == 0:
			return nil, pdu.StatusThrottled
		}
		n := last.Add(1)
		id := fmt.Sprintf("%s%d", name, n)
		if _, err := journal.WriteString(m.Dest.Addr + "\t" + id + "\n"); err != nil {
			return nil, err
		}
		if n == enough {
			fmt.Println("enough")
		}
		return &pdu.SubmitSMResp{MessageID: id}, nil
	})}
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}()
	fmt.Println("smpp://test:secret@" + l.Addr().String())
	return srv.Serve(l)
}

// A center is a message center in its own process.
type center struct {
	*exec.Cmd
	stdout       *bufio.Reader
	url, journal string
}

func startCenter(t *testing.T, name string) *center {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &center{Cmd: exec.Command(exe), journal: filepath.Join(t.TempDir(), name)}
	c.Env = append(os.Environ(), "BULK_TEST_SERVER="+c.journal, "BULK_TEST_NAME="+name)
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = c.Wait() // killed, or ended by the end of its input
	})
	c.stdout = bufio.NewReader(stdout)
	line, err := c.stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c.url = strings.TrimSpace(line)
	return c
}

// accepted returns what the journal says: numbers and their message ids, a
// number as often as it was accepted.
func (c *center) accepted(t *testing.T) (out [][2]string) {
	t.Helper()
	b, err := os.ReadFile(c.journal)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		number, id, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || !strings.HasSuffix(line, "\n") {
			t.Fatalf("journal: %q", line)
		}
		out = append(out, [2]string{number, id})
	}
	return out
}

// A message center dies in the middle of 10,000 submissions. The report tells of
// each what became of it, and agrees with what both message centers wrote down.
func TestKill(t *testing.T) {
	const n = 10_000
	log.SetOutput(t.Output())
	a, b := startCenter(t, "a"), startCenter(t, "b")
	var in, out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&in, "49170%07d\tYour code is %d\n", i, i)
	}
	killed := make(chan error, 1)
	go func() {
		if _, err := a.stdout.ReadString('\n'); err != nil {
			killed <- err
			return
		}
		killed <- a.Process.Kill()
	}()
	count, err := bulk(t.Context(), []string{a.url, b.url}, &in, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	_ = a.Wait()

	journal := map[string]string{} // number to id
	for _, c := range []*center{a, b} {
		for _, entry := range c.accepted(t) {
			if id, twice := journal[entry[0]]; twice {
				t.Errorf("%s was accepted twice: %s, %s", entry[0], id, entry[1])
			}
			journal[entry[0]] = entry[1]
		}
	}
	told, unknownTaken := map[string]bool{}, 0
	for line := range strings.Lines(out.String()) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			t.Fatalf("report: %q", line)
		}
		number, outcome, id := f[1], f[2], f[3]
		if told[number] {
			t.Errorf("%s is reported twice", number)
		}
		told[number] = true
		taken, ok := journal[number]
		switch outcome {
		case "accepted":
			if taken != id || strings.HasSuffix(number, "13") {
				t.Errorf("%s: reported as accepted with id %s, the journals say %q", number, id, taken)
			}
		case "unknown":
			if ok {
				unknownTaken++
			}
		case "refused", "never sent":
			if ok || outcome == "refused" && (id == "" || !strings.HasSuffix(number, "13")) {
				t.Errorf("%s: reported as %s, the journals say %s", number, outcome, taken)
			}
		default:
			t.Errorf("report: %q", line)
		}
	}
	if len(told) != n {
		t.Errorf("the report tells of %d messages, %d were to be sent", len(told), n)
	}
	if got := count[smpp.Accepted] + unknownTaken; got != len(journal) {
		t.Errorf("%d accepted and %d of unknown outcome are in the journals, which hold %d", count[smpp.Accepted], unknownTaken, len(journal))
	}
	if r := count[smpp.Refused]; r < n/100-count[smpp.Unknown] || r == 0 {
		t.Errorf("%d refused, want %d, less those of unknown outcome", r, n/100)
	}
	if u := count[smpp.Unknown]; u > senders {
		t.Errorf("%d unknown, at most %d were on their way", u, senders)
	}
	na, nb := len(a.accepted(t)), len(b.accepted(t))
	if na < enough || na+nb > n || nb < enough {
		t.Errorf("%d and %d messages were accepted by the two: the kill came too late or too early", na, nb)
	}
	t.Logf("accepted %d, refused %d, never sent %d, unknown %d (of which %d were taken); the message center that was killed had taken %d, the other %d",
		count[smpp.Accepted], count[smpp.Refused], count[smpp.NeverSent], count[smpp.Unknown], unknownTaken, na, nb)
}

// Input that is no message ends the run, after what came before it.
func TestBadInput(t *testing.T) {
	c := startCenter(t, "c")
	var out bytes.Buffer
	count, err := bulk(t.Context(), []string{c.url}, strings.NewReader("491\tone\n492 two\n"), &out)
	if err == nil || !strings.Contains(err.Error(), "line 2") || count[smpp.Accepted] != 1 || out.String() != "1\t491\taccepted\tc1\n" {
		t.Errorf("%v, %v, %q", count, err, out.String())
	}
}
