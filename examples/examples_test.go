// Package examples_test builds the examples and runs them as their users would.
package examples_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// build builds the examples once for all tests.
var build = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "examples"); err != nil {
		return "", err
	}
	for _, name := range []string{"send", "receive", "server", "vendor", "bulk", "proxy", "production/client", "production/server"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.FromSlash(name)+".exe"), "./"+name).CombinedOutput()
		if err != nil {
			return dir, fmt.Errorf("%s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := build(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// A program is an example that runs.
type program struct {
	*exec.Cmd
	t     *testing.T
	lines *bufio.Scanner // of its error output
	out   bytes.Buffer   // and its output
	ended bool
}

// start starts an example, in a directory of its own, with the output of out.
func start(t *testing.T, env []string, stdin io.Reader, name string, args ...string) *program {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: exec.Command(filepath.Join(dir, filepath.FromSlash(name)+".exe"), args...), t: t}
	p.Env, p.Stdin, p.Dir = append(os.Environ(), env...), stdin, t.TempDir()
	p.Stdout = &p.out
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = w
	p.lines = bufio.NewScanner(r)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		if !p.ended {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		_ = r.Close()
	})
	return p
}

// await reads the error output up to a line that matches, and returns its
// groups.
func (p *program) await(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var before []string
	for p.lines.Scan() {
		if m := re.FindStringSubmatch(p.lines.Text()); m != nil {
			return m
		}
		before = append(before, p.lines.Text())
	}
	p.t.Fatalf("no line matches %s in\n%s", pattern, strings.Join(before, "\n"))
	return nil
}

// wait waits for the end, which must be a good one, and returns the output.
func (p *program) wait() string {
	p.t.Helper()
	var rest []string
	for p.lines.Scan() {
		rest = append(rest, p.lines.Text())
	}
	p.ended = true
	if err := p.Wait(); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.Path, err, strings.Join(rest, "\n"))
	}
	return p.out.String()
}

// interrupt ends the program as Ctrl-C does.
func (p *program) interrupt() string {
	p.t.Helper()
	if err := p.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// port returns a loopback address that was free a moment ago.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func noWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process sends another an interrupt there")
	}
}

// bound waits for a session on a server.
func bound(t *testing.T, sessions <-chan *smpp.Session) *smpp.Session {
	t.Helper()
	select {
	case s := <-sessions:
		return s
	case <-t.Context().Done():
		t.Fatal("nobody binds")
		return nil
	}
}

func center(t *testing.T, h smpp.Handler) (*smpptest.Server, <-chan *smpp.Session) {
	srv := smpptest.NewUnstartedServer(h)
	sessions := make(chan *smpp.Session, 10)
	srv.Bound = func(s *smpp.Session) { sessions <- s }
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, sessions
}

func accept(ids string) smpp.Handler {
	return smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		_ = w.Respond(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: ids})
	})
}

func TestVendor(t *testing.T) {
	if out := start(t, nil, nil, "vendor").wait(); out != "hello for summer-7\n" {
		t.Errorf("%q", out)
	}
}

func TestSend(t *testing.T) {
	srv, _ := center(t, accept("7"))
	out := start(t, nil, nil, "send", srv.URL, "491701234567", strings.Repeat("A text of several parts. ", 10)).wait()
	if n := len(srv.Received(pdu.IDSubmitSM)); n != 2 || out != "7\n7\n" {
		t.Errorf("%d PDUs, %q", n, out)
	}
}

func TestReceive(t *testing.T) {
	noWindows(t)
	srv, sessions := center(t, nil)
	p := start(t, nil, nil, "receive", srv.URL)
	s := bound(t, sessions)
	if _, err := s.Deliver(t.Context(), &pdu.DeliverSM{Source: pdu.International("491701234567"), ShortMessage: []byte("hello")}); err != nil {
		t.Error(err)
	}
	if out := p.interrupt(); out != "+491701234567: hello\n" {
		t.Errorf("%q", out)
	}
}

func TestServer(t *testing.T) {
	addr := port(t)
	p := start(t, nil, nil, "server", addr)
	c := &smpp.Client{Targets: []smpp.Target{{URL: "smpp://demo:demo@" + addr}}, MinBackoff: 1e8, Config: &smpp.Config{}}
	receipt := make(chan struct{}, 1)
	c.Config.Handler = smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
		_ = w.Respond(pdu.StatusOK, nil)
		receipt <- struct{}{}
	})
	defer c.Close()
	if resp, err := c.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), RegisteredDelivery: pdu.FinalReceipt}); err != nil || resp.MessageID != "0000000001" {
		t.Errorf("%v, %v", resp, err)
	}
	<-receipt
	p.await("demo: 0000000001")
}

func TestBulk(t *testing.T) {
	srv, _ := center(t, accept("7"))
	p := start(t, nil, strings.NewReader("491\tone\n492\ttwo\n"), "bulk", srv.URL)
	out := p.wait()
	if strings.Count(out, "\taccepted\t7\n") != 2 {
		t.Errorf("%q", out)
	}
}

func TestProxy(t *testing.T) {
	noWindows(t)
	srv, _ := center(t, accept("7"))
	addr := port(t)
	p := start(t, nil, nil, "proxy", "-deny", "900", "-id-prefix", "x-", addr, srv.URL)
	c := &smpp.Client{Targets: []smpp.Target{{URL: "smpp://me:pw@" + addr}}, MinBackoff: 1e8}
	if resp, err := c.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491")}); err != nil || resp.MessageID != "x-7" {
		t.Errorf("%v, %v", resp, err)
	}
	if _, err := c.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("9001")}); smpp.Outcome(err) != smpp.Refused {
		t.Error(err)
	}
	_ = c.Close()
	p.interrupt()
}

// The two for production, one against the other.
func TestProduction(t *testing.T) {
	noWindows(t)
	dir := t.TempDir()
	accounts, journal := filepath.Join(dir, "accounts.json"), filepath.Join(dir, "journal")
	if err := os.WriteFile(accounts, []byte(`[{"system_id": "acme", "password": "secret", "rate": 1000, "binds": 2}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, nil, nil, "production/server", "-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-accounts", accounts, "-journal", journal)
	at := server.await(`"listening","smpp":"([^"]*)","http":"([^"]*)"`)
	client := start(t, []string{"SMPP_URLS=smpp://acme:secret@" + at[1] + " smpp://acme:secret@" + port(t)}, nil, "production/client", "-http", "127.0.0.1:0")
	api := "http://" + client.await(`"listening","http":"([^"]*)"`)[1]

	const n = 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for i := range n {
		wg.Go(func() {
			resp, err := http.Post(fmt.Sprintf("%s/send?to=4917012345%02d", api, i), "text/plain", strings.NewReader("hello"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			var a struct {
				Outcome string
				IDs     []string
			}
			if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK || a.Outcome != "accepted" || len(a.IDs) != 1 {
				t.Errorf("%d, %+v, %v", resp.StatusCode, a, err)
				return
			}
			mu.Lock()
			ids[a.IDs[0]] = true
			mu.Unlock()
		})
	}
	wg.Wait()
	get := func(url string, v any) int {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if v != nil {
			if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
				t.Error(err)
			}
		}
		return resp.StatusCode
	}
	var counters struct {
		Accepted int
		Client   smpp.ClientStats
	}
	for counters.Client.Bound < 2 { // the second session may not be there yet
		get(api+"/counters", &counters)
	}
	if counters.Accepted != n || counters.Client.Bound != 2 || counters.Client.Links != 4 {
		t.Errorf("%+v", counters)
	}
	if code := get(api+"/healthz", nil); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	if code := get("http://"+at[2]+"/counters", &counters); code != http.StatusOK || counters.Accepted != n {
		t.Errorf("%d, %+v", code, counters)
	}
	for url, want := range map[string]int{"/send": http.StatusBadRequest, "/send?to=12345678901234567890123": http.StatusServiceUnavailable} {
		resp, err := http.Post(api+url, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", url, resp.StatusCode)
		}
	}
	client.interrupt()
	server.interrupt()
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var entry struct{ ID, PDU string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || !ids[entry.ID] || entry.PDU == "" {
			t.Errorf("%q, %v", line, err)
		}
		delete(ids, entry.ID)
	}
	if len(ids) != 0 {
		t.Errorf("not in the journal: %v", ids)
	}
}
