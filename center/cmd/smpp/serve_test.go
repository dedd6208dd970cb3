package main_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	library "github.com/godwit-sms/smpp"
	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// A served is a smpp serve that runs.
type served struct {
	address, line string
	stderr        *serveLog
	stop          func() int
}

type serveLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *serveLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *serveLog) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var listening = regexp.MustCompile(`listening on ([0-9.:]+)`)

func serve(t *testing.T, args ...string) *served {
	t.Helper()
	return serveOn(t, nil, args...)
}

// serveOn has messages on another disk.
func serveOn(t *testing.T, disk vfs.FS, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	s := &served{stderr: new(serveLog)}
	status := make(chan int, 1)
	go func() {
		status <- smpp.RunOn(ctx, disk, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", "", "--http", ""}, args...), strings.NewReader(""), w, s.stderr)
		_ = w.Close()
	}()
	s.stop = sync.OnceValue(func() int { cancel(); return <-status })
	t.Cleanup(func() { s.stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	m := listening.FindStringSubmatch(line)
	if err != nil || m == nil {
		t.Fatalf("start line %q, %v; standard error %q", line, err, s.stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.address, s.line = m[1], line
	return s
}

// eventually asks now and then, for half a minute at most.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatalf("%s: not in half a minute", what)
}

func TestServe(t *testing.T) {
	isolate(t)
	s := serve(t, "--account", "acme:sesame", "--account", "shop:hidden", "--simulate", "deliver:delay=10ms")
	if !strings.Contains(s.line, "accounts acme, shop") || strings.Count(s.line, "\n") != 1 {
		t.Errorf("start line %q", s.line)
	}
	receipts := make(chan *sms.Receipt, 1)
	session, err := library.Dial(t.Context(), "smpp://acme:sesame@"+s.address, &library.Config{Handler: library.HandlerFor(func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		if r, ok := (sms.Profile{}).ReadReceipt(m); ok {
			receipts <- r
		}
		return nil, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi"), RegisteredDelivery: pdu.FinalReceipt})
	if err != nil {
		t.Fatal(err)
	}
	if r := <-receipts; r.ID != resp.MessageID || r.State != pdu.StateDelivered {
		t.Errorf("receipt %+v; want of %s", r, resp.MessageID)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	<-session.Done()
	errs := s.stderr.String()
	if !strings.Contains(s.line, "messages in memory") || !strings.Contains(errs, "msg=bound account=acme") {
		t.Errorf("standard error %q", errs)
	}
	if all := s.line + errs; strings.Contains(all, "sesame") || strings.Contains(all, "hidden") {
		t.Errorf("a password is shown: %s", all)
	}
}

func TestServeConfig(t *testing.T) {
	path := isolate(t)
	file := write(t, filepath.Join(filepath.Dir(path), "center.yaml"), `
accounts:
  - {id: acme, password: secret, bind: [transmitter, receiver], addresses: ["8080"], window: 5, deliver_window: 2}
simulate: slow:delay=1ms
system_id: TESTMC
retry: [1s, 2m]
log_level: error
zone: Europe/Berlin
validity: 48h
`)
	s := serve(t, "--config", file, "--account", "b:b")
	if !strings.Contains(s.line, "accounts acme, b") || !strings.Contains(s.line, "slow:delay=1ms") {
		t.Errorf("start line %q", s.line)
	}
	session, err := library.Dial(t.Context(), "smpp://acme:secret@"+s.address, &library.Config{Bind: library.Receiver})
	if err != nil {
		t.Fatal(err)
	}
	if id := session.SystemID(); id != "TESTMC" {
		t.Errorf("system_id %q", id)
	}
	_ = session.Close()
	if status := s.stop(); status != 0 || s.stderr.String() != "" {
		t.Errorf("exit status %d, standard error %q", status, s.stderr)
	}
}

// The help's example of a configuration is one.
func TestServeHelpIsAConfiguration(t *testing.T) {
	path := isolate(t)
	_, out, _ := call(t, smpp.Run, "", "serve", "--help")
	_, example, ok := strings.Cut(out, "For example:\n\n")
	example, _, ok2 := strings.Cut(example, "\n\n--http")
	if !ok || !ok2 {
		t.Fatalf("help %q", out)
	}
	var lines []string
	for line := range strings.Lines(example) {
		lines = append(lines, strings.TrimPrefix(line, "  "))
	}
	dir := filepath.Dir(path)
	cert, key := writeCertificate(t, dir)
	text := strings.NewReplacer("cert.pem", cert, "key.pem", key).Replace(strings.Join(lines, ""))
	s := serve(t, "--config", write(t, filepath.Join(dir, "example.yaml"), text))
	if !strings.Contains(s.line, "with TLS for account acme") {
		t.Errorf("start line %q", s.line)
	}
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func writeCertificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	octets, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = write(t, filepath.Join(dir, "c.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = write(t, filepath.Join(dir, "k.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: octets})))
	return cert, key
}

func TestServeRefuses(t *testing.T) {
	path := isolate(t)
	dir := filepath.Dir(path)
	config := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		err    string
	}{
		{"the default password for all the world", []string{"--listen", "0.0.0.0:0"}, 2, `the password of account "demo" is the default one`},
		{"the default password by no address", []string{"--listen", ":0"}, 2, "others can reach"},
		{"an empty password for all the world", []string{"--listen", "[::]:0", "--account", "a:b", "--account", "c:"}, 2, `the password of account "c" is empty`},
		{"no address", []string{"--listen", "nothing"}, 2, `--listen "nothing"`},
		{"a port that is taken", []string{"--listen", busy.Addr().String()}, 1, busy.Addr().String()},
		{"an account without colon", []string{"--account", "acme"}, 2, "id:password is required"},
		{"an account twice", []string{"--listen", "127.0.0.1:0", "--account", "a:b", "--account", "a:c"}, 2, "twice"},
		{"an unknown profile", []string{"--simulate", "chaos"}, 2, "deliver"},
		{"a bad delay", []string{"--simulate", "deliver:delay=soon"}, 2, `"soon"`},
		{"a certificate without key", []string{"--tls-cert", "x.pem"}, 2, "--tls-key"},
		{"a certificate that is not there", []string{"--tls-cert", "x.pem", "--tls-key", "x.pem"}, 2, "x.pem"},
		{"a log level", []string{"--log-level", "loud"}, 2, `"loud"`},
		{"an argument", []string{"now"}, 2, `"now"`},
		{"a configuration that is not there", []string{"--config", "x.yaml"}, 2, "x.yaml"},
		{"an unknown key", []string{"--config", config("key.yaml", "listen: []\nacounts: []\n")}, 2, "acounts"},
		{"a bad duration", []string{"--config", config("duration.yaml", "validity: tomorrow\n")}, 2, `duration.yaml:1: validity: "tomorrow": a duration such as`},
		{"a negative duration", []string{"--config", config("negative.yaml", "validity: -1s\n")}, 2, "validity"},
		{"a bad mode", []string{"--config", config("mode.yaml", "accounts: [{id: a, password: b, bind: [both]}]\n")}, 2, `"both"`},
		{"a long password", []string{"--config", config("long.yaml", "accounts: [{id: a, password: ninechars}]\n")}, 2, "0 to 8 are allowed"},
		{"a bad address", []string{"--listen", "127.0.0.1:0", "--config", config("address.yaml", `accounts: [{id: a, password: b, addresses: ["(("]}]`)}, 2, `"(("`},
		{"a zone", []string{"--config", config("zone.yaml", "zone: Mars/Base\n")}, 2, "Mars/Base"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, out, errs := call(t, smpp.Run, "", append([]string{"serve"}, tt.args...)...)
			if status != tt.status || out != "" || !strings.Contains(errs, tt.err) || !strings.HasPrefix(errs, "smpp serve: ") {
				t.Errorf("exit status %d, output %q, error %q; want %d and %q", status, out, errs, tt.status, tt.err)
			}
			if strings.Contains(errs, "ninechars") {
				t.Errorf("the password is shown: %q", errs)
			}
		})
	}
	if _, err := os.Stat("smpp-data"); err == nil {
		t.Error("a data directory was made")
	}
}

// What waits when a message center ends is there when it starts again.
func TestServeKeepsMessages(t *testing.T) {
	isolate(t)
	dir := t.TempDir() + "/data"
	s := serve(t, "--data", dir, "--simulate", "expire")
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")})
	if err != nil {
		t.Fatal(err)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, s.stderr)
	}
	<-session.Done()

	s = serve(t, "--data", dir, "--simulate", "expire")
	if status, _, errs := call(t, smpp.Run, "", "serve", "--listen", "127.0.0.1:0", "--data", dir); status != 1 || !strings.Contains(errs, "in use") {
		t.Errorf("a second message center on the directory: exit status %d, %q", status, errs)
	}
	session, err = library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	q, err := session.Query(t.Context(), &pdu.QuerySM{MessageID: resp.MessageID})
	if err != nil || q.State != pdu.StateEnroute {
		t.Errorf("query after a restart: %+v, %v", q, err)
	}
}

// trust returns what trusts a certificate.
func trust(t *testing.T, path string) *tls.Config {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}
