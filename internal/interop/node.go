package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Timeout is how long [Proc.Call] and the starting of a process wait: longer than any answer takes on a busy machine.
const Timeout = 30 * time.Second

// Packages returns the names under which the versions of node-smpp are installed, oldest first, for Options.Package.
func Packages() []string { return []string{"smpp-0.5.1", "smpp-0.6.0-rc.4"} }

// missing ends a test for want of something: as skipped, but as failed where everything has to be there.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format+" (CI=true, so this is a failure)", args...)
	}
	t.Skipf(format, args...)
}

// lookPath finds a program, or ends the test.
func lookPath(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed: %v", name, err)
	}
	return path
}

// Node returns the path of the node program and the directory of our scripts, in which the npm packages are installed. Without
// one or the other it skips the test, or fails it when CI=true.
func Node(t testing.TB) (program, scripts string) {
	t.Helper()
	program = lookPath(t, "node")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			missing(t, "no go.work above the working directory, hence no node scripts")
		}
		dir = parent
	}
	scripts = filepath.Join(dir, "internal", "interop", "node")
	for _, name := range Packages() {
		if _, err := os.Stat(filepath.Join(scripts, "node_modules", name, "package.json")); err != nil {
			missing(t, "node-smpp is not installed, run npm ci --prefix internal/interop/node: %v", err)
		}
	}
	return program, scripts
}

// Options configure a process of node-smpp. The package comment tells what it does without them.
type Options struct {
	Package string `json:"package"`           // one of Packages; required
	Host    string `json:"host,omitempty"`    // to listen on or to connect to; 127.0.0.1 when empty
	Port    int    `json:"port,omitempty"`    // to listen on (0: any free one) or to connect to
	TLS     *TLS   `json:"tls,omitempty"`     // plain TCP when nil
	Split   int    `json:"split,omitempty"`   // cut everything written into writes of so many octets; 0: do not
	Reverse bool   `json:"reverse,omitempty"` // give the answers that Hold kept back in reverse order

	// MaxLength is the longest PDU that node-smpp reads. Zero leaves its own limit, 16384.
	MaxLength int `json:"max_length,omitempty"`

	// Server only: the credentials it insists on (all are welcome when nil), the sc_interface_version it answers (0x34 when
	// zero), the beginning of its message ids ("n" when empty), and the addresses that a submit_multi_resp calls unsuccessful.
	SystemID         *string  `json:"system_id,omitempty"`
	Password         *string  `json:"password,omitempty"`
	InterfaceVersion int      `json:"interface_version,omitempty"`
	MessageIDPrefix  string   `json:"message_id_prefix,omitempty"`
	Unreachable      []string `json:"unreachable,omitempty"`

	// Answers changes the answer to requests of a command: {"submit_sm": {"command_status": 88}}. The parameters named replace
	// those that would have been sent; {"silent": true} suppresses the answer. (node-smpp writes no body with a status.)
	Answers map[string]map[string]any `json:"answers,omitempty"`

	// Hold keeps the answers to requests of a command back until there are so many of them, which proves that as many were in
	// flight at once.
	Hold map[string]int `json:"hold,omitempty"`

	// Quiet lists commands whose requests are answered and counted but cause no event.
	Quiet []string `json:"quiet,omitempty"`

	// Commands and TLVs that node-smpp is taught, by name. A request that is to be answered needs its response, too,
	// under its name and "_resp".
	Commands map[string]Command `json:"commands,omitempty"`
	TLVs     map[string]TLV     `json:"tlvs,omitempty"`
}

// A Command is a custom command in node-smpp's terms.
type Command struct {
	ID     uint32      `json:"id"`
	Params [][2]string `json:"params"` // names and types in their order: int8, int16, int32, string, cstring, buffer
}

// A TLV is a custom TLV in node-smpp's terms.
type TLV struct {
	ID       uint16 `json:"id"`
	Type     string `json:"type"` // int8, int16, int32, string, cstring, buffer
	Multiple bool   `json:"multiple,omitempty"`
}

// TLS holds what a process needs to speak TLS, all in PEM.
type TLS struct {
	Cert string `json:"cert,omitempty"` // own certificate; a server needs one
	Key  string `json:"key,omitempty"`  // and its key
	CA   string `json:"ca,omitempty"`   // client only: whom to trust

	// ServerName is the name that a client expects in the server's certificate; the host's when empty.
	ServerName string `json:"servername,omitempty"`
	Insecure   bool   `json:"insecure,omitempty"` // client only: trust everyone
}

// A Proc is a process of node-smpp. It ends with its test, or earlier by [Proc.Stop]. Its methods are to be called from the
// goroutine of the test, since they may end it.
type Proc struct {
	Port int // where a server listens

	t      testing.TB
	name   string
	stdin  io.WriteCloser
	stderr *bytes.Buffer
	stop   func()
	lastID int

	mu      sync.Mutex
	changed chan struct{}    // closed, and replaced, when events or ended change
	events  []map[string]any // not yet taken by Expect
	ended   bool
}

// StartServer starts a server of node-smpp and returns when it listens.
func StartServer(t testing.TB, options Options) *Proc {
	t.Helper()
	p := start(t, "server.js", options)
	p.Port = int(p.Expect(Event("listening"), Timeout)["port"].(float64))
	return p
}

// StartClient starts a client of node-smpp and returns when it is connected. It has not bound yet.
func StartClient(t testing.TB, options Options) *Proc {
	t.Helper()
	p := start(t, "client.js", options)
	p.Expect(Event("connected"), Timeout)
	return p
}

// StartClientUnconnected starts a client of node-smpp and does not wait for its connection, which may well fail.
func StartClientUnconnected(t testing.TB, options Options) *Proc {
	t.Helper()
	return start(t, "client.js", options)
}

func start(t testing.TB, script string, options Options) *Proc {
	t.Helper()
	program, scripts := Node(t)
	arg, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proc{t: t, name: script, stderr: new(bytes.Buffer), changed: make(chan struct{})}
	cmd := exec.Command(program, script, string(arg))
	cmd.Dir = scripts
	cmd.Stderr = p.stderr
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		p.read(stdout)
		err := cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.events = append(p.events, map[string]any{"event": "exit", "message": err.Error(), "stderr": p.stderr.String()})
		}
		p.ended = true
		p.signal()
	}()
	p.stop = sync.OnceFunc(func() {
		_ = p.stdin.Close() // it may have ended by itself
		select {
		case <-exited:
		case <-time.After(Timeout):
			_ = cmd.Process.Kill() // as above
			<-exited
			t.Errorf("%s did not stop when its input ended", script)
		}
	})
	t.Cleanup(p.stop)
	return p
}

// signal wakes whoever waits for a change. The caller holds mu.
func (p *Proc) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proc) read(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var event map[string]any
			if err := json.Unmarshal(line, &event); err != nil {
				event = map[string]any{"event": "garbage", "line": string(line)}
			}
			p.mu.Lock()
			p.events = append(p.events, event)
			p.signal()
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// Stop ends the process and waits for its end. Events that it has reported can still be taken.
func (p *Proc) Stop() { p.stop() }

// Send gives the process a command: a map or struct that encodes to a JSON object with "do".
func (p *Proc) Send(command any) {
	p.t.Helper()
	line, err := json.Marshal(command)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("%s: command %s: %v; events left: %s", p.name, line, err, p.describe())
	}
}

// Call sends a command and returns the first event that answers it: its response, its flooded, count, done or released. It fails the
// test when that is an error. A "send" of a PDU that has no response is answered by sent, which is what Call then returns.
func (p *Proc) Call(command map[string]any) map[string]any {
	p.t.Helper()
	p.lastID++
	id := "call-" + strconv.Itoa(p.lastID)
	numbered := map[string]any{"id": id}
	for k, v := range command {
		numbered[k] = v
	}
	p.Send(numbered)
	name, _ := command["command"].(string)
	answered := command["do"] == "send" && !strings.HasSuffix(name, "_resp")
	switch name {
	case "alert_notification", "outbind", "generic_nack":
		answered = false
	}
	event := p.Expect(func(e map[string]any) bool {
		return e["id"] == id && (!answered || e["event"] != "sent")
	}, Timeout)
	if event["event"] == "error" {
		p.t.Fatalf("%s: %v failed: %v", p.name, command, event["message"])
	}
	return event
}

// SendPDU is Call for {"do":"send"}: it sends a PDU with the parameters and returns the response.
func (p *Proc) SendPDU(command string, pdu map[string]any) map[string]any {
	p.t.Helper()
	return p.Call(map[string]any{"do": "send", "command": command, "pdu": pdu})
}

// Expect takes the first event that match accepts out of those reported so far, or else waits for one. The others stay, in
// order, for later calls. It fails the test when there is none within the timeout or when the process ends without one.
func (p *Proc) Expect(match func(event map[string]any) bool, timeout time.Duration) map[string]any {
	p.t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for seen := 0; ; {
		p.mu.Lock()
		for ; seen < len(p.events); seen++ {
			if event := p.events[seen]; match(event) {
				p.events = slices.Delete(p.events, seen, seen+1)
				p.mu.Unlock()
				return event
			}
		}
		ended, changed := p.ended, p.changed
		p.mu.Unlock()
		if ended {
			p.t.Fatalf("%s ended without the event expected; events left: %s", p.name, p.describe())
		}
		select {
		case <-changed:
		case <-deadline.C:
			p.t.Fatalf("%s: no such event within %v; events left: %s", p.name, timeout, p.describe())
		}
	}
}

// Events returns the events that nobody has taken so far, and takes them.
func (p *Proc) Events() []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.events
	p.events = nil
	return events
}

func (p *Proc) describe() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 20
	var b strings.Builder
	for i, event := range p.events {
		if i == most {
			fmt.Fprintf(&b, "\n\t... and %d more", len(p.events)-most)
			break
		}
		line, _ := json.Marshal(event) // it was JSON before
		fmt.Fprintf(&b, "\n\t%s", line)
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// Event matches events of the name.
func Event(name string) func(map[string]any) bool {
	return func(e map[string]any) bool { return e["event"] == name }
}

// PDU matches the events that report a request of the command, or a response that nobody waited for.
func PDU(command string) func(map[string]any) bool {
	return func(e map[string]any) bool { return e["event"] == "pdu" && e["command"] == command }
}
