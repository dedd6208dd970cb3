//go:build unix

package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	library "github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/account"
	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// ended waits until a session has ended.
func ended(t *testing.T, s *library.Session) {
	t.Helper()
	eventually(t, "the end of a session", func() bool {
		select {
		case <-s.Done():
			return true
		default:
			return false
		}
	})
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var httpAddress = regexp.MustCompile(`http://[0-9.:]+`)

func TestServeHTTP(t *testing.T) {
	isolate(t)
	s := serve(t, "--http", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "d"), "--log-format", "json", "--account", "acme:s3same")
	url := httpAddress.FindString(s.line)
	if url == "" {
		t.Fatalf("start line %q", s.line)
	}
	taken := library.HandlerFor(func(context.Context, *pdu.DeliverSM) (*pdu.DeliverSMResp, error) { return nil, nil })
	session, err := library.Dial(t.Context(), "smpp://acme:s3same@"+s.address, &library.Config{Handler: taken})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for range 3 {
		if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi"), RegisteredDelivery: pdu.FinalReceipt}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"/healthz": "alive\n", "/readyz": "ready\n", "/": "/healthz\n/readyz\n/metrics\n"} {
		if status, body := get(t, url+path); status != 200 || body != want {
			t.Errorf("%s: %d %q; want %q", path, status, body, want)
		}
	}
	if status, _ := get(t, url+"/nothing"); status != 404 {
		t.Errorf("/nothing: %d", status)
	}
	var body string
	eventually(t, "the receipts", func() bool {
		_, body = get(t, url+"/metrics")
		return strings.Contains(body, "smpp_receipts_ended_total 3\n")
	})
	for _, line := range []string{
		`smpp_messages_accepted_total{account="acme"} 3`, `smpp_messages_final_total{state="delivered"} 3`, "smpp_receipts_total 3", `smpp_requests_total{command="submit_sm",status="ESME_ROK"} 3`,
		`smpp_sessions{account="acme",mode="transceiver"} 1`, "smpp_connections 1", `smpp_binds_total{outcome="granted"} 1`, "smpp_store_failed 0", `smpp_queue_messages{kind="message"} 0`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("the metrics have no line %q", line)
		}
	}
	if strings.Contains(body, "49170") || strings.Contains(body, "s3same") || !strings.Contains(body, "smpp_store_commit_seconds_count") || !strings.Contains(body, "smpp_store_disk_bytes") {
		t.Errorf("metrics:\n%s", body)
	}
	for line := range strings.Lines(s.stderr.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == nil {
			t.Errorf("log line %q: %v", line, err)
		}
	}
	if !strings.Contains(s.stderr.String(), `"msg":"bound"`) || strings.Contains(s.stderr.String(), "s3same") {
		t.Errorf("log %s", s.stderr)
	}
	// The same address again: one that was asked for has to be there.
	if status, _, errs := call(t, smpp.Run, "", "serve", "--listen", "127.0.0.1:0", "--data", "", "--http", strings.TrimPrefix(url, "http://")); status != 1 || !strings.Contains(errs, "--http") {
		t.Errorf("a port that is taken: exit status %d, %q", status, errs)
	}
}

// A new configuration while sessions live: by signal and by command, with
// certificates, and refused when it is wrong.
func TestServeReload(t *testing.T) {
	path := isolate(t)
	dir := filepath.Dir(path)
	data := filepath.Join(t.TempDir(), "d")
	cert, key := writeCertificate(t, dir)
	config := func(text string) string {
		return write(t, filepath.Join(dir, "center.yaml"), "tls: {cert: "+cert+", key: "+key+"}\nhttp: \"\"\n"+text)
	}
	file := config("accounts: [{id: acme, password: pw-one1}, {id: gone, password: x}]\n")
	s := serve(t, "--data", data, "--config", file)
	dial := func(id, password string) (*library.Session, error) {
		return library.Dial(t.Context(), "ssmpp://"+id+":"+password+"@"+s.address, &library.Config{TLSConfig: trust(t, cert)})
	}
	session, err := dial("acme", "pw-one1")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	gone, err := dial("gone", "x")
	if err != nil {
		t.Fatal(err)
	}

	// By command.
	hash, err := account.HashPassword("pw-two2", account.Cost{Memory: 64, Time: 1})
	if err != nil {
		t.Fatal(err)
	}
	config("accounts: [{id: acme, password_hash: '" + hash + "', sources: [ACME]}]\nwindow: 7\nlog_level: debug\nsystem_id: other\npcap: {file: x, size: 1GiB}\ndefault_texts: {7: Good morning}\n")
	old := session.TLS().PeerCertificates[0].SerialNumber
	writeCertificate(t, dir) // another one
	status, out, errs := call(t, smpp.Run, "", "reload", "--data", data)
	if status != 0 || !strings.Contains(out, "changed: log_level, accounts, window, default_texts\n") || !strings.Contains(out, "takes a restart: pcap.file, pcap.size, system_id\n") {
		t.Errorf("reload: exit status %d, %q, %q", status, out, errs)
	}
	ended(t, gone)
	if session.Err() != nil {
		t.Errorf("a session ended: %v", session.Err())
	}
	if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Source: pdu.Alphanumeric("OTHER"), Dest: pdu.International("491701234567")}); err == nil {
		t.Error("the new rule does not hold for the session that is there")
	}
	if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), DefaultMessageID: 7}); err != nil {
		t.Errorf("the new text: %v", err)
	}
	again, err := dial("acme", "pw-two2")
	if err != nil {
		t.Fatal(err)
	}
	if again.TLS().PeerCertificates[0].SerialNumber.Cmp(old) == 0 {
		t.Error("the certificate is the old one")
	}
	_ = again.Close()
	if _, err := dial("acme", "pw-one1"); err == nil {
		t.Error("the old password is still right")
	}

	// What is wrong changes nothing, and is told of without passwords.
	for _, tt := range []struct{ text, want string }{
		{"acounts: []\n", "center.yaml:3: acounts: there is no such key; did you mean accounts?"},
		{"accounts: [{id: acme, password: hushhushhush}]\n", "accounts[0].password: 12 octets"},
		{"accounts: [{id: acme, password: hush}]\ntls: {}\n", "it is there twice"},
		{"", "accounts: there are none any more"},
		{"accounts: []\n", "accounts: there are none any more"},
		{"accounts: [{id: acme, password: hush}]\nservice_types: [WAP]\nlists: {\"\": [\"1\"]}\n", "center.yaml:5: lists: list \"\""},
		{"accounts: [{id: acme, password: hush}]\nservice_types: [WAP]\nproxy_protocol: nowhere\n", "center.yaml:5: proxy_protocol: \"nowhere\": addresses and networks"},
		{"accounts: [{id: acme, password: hush}]\nservice_types: [WAP]\nretry: [1s, soon]\n", "center.yaml:5: retry[1]: \"soon\": durations"},
	} {
		config(tt.text)
		status, _, errs := call(t, smpp.Run, "", "reload", "--data", data)
		if status != 1 || !strings.Contains(errs, tt.want) || strings.Contains(errs, "hush") {
			t.Errorf("exit status %d, %q; want %q", status, errs, tt.want)
		}
	}
	if again, err = dial("acme", "pw-two2"); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Submit(t.Context(), &pdu.SubmitSM{ServiceType: "CMT", Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567")}); err != nil {
		t.Errorf("a part of what is wrong holds: %v", err)
	}
	_ = again.Close()

	// By signal.
	config("accounts: [{id: acme, password: pw-thr3}]\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the third password", func() bool {
		s, err := dial("acme", "pw-thr3")
		if err == nil {
			_ = s.Close()
		}
		return err == nil
	})
	if session.Err() != nil {
		t.Errorf("a session ended: %v", session.Err())
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	log := s.stderr.String()
	for _, secret := range []string{"pw-one1", "pw-two2", "pw-thr3", "hush", "argon2id"} {
		if strings.Contains(log+s.line, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	for _, want := range []string{"msg=reloaded", "the configuration before stays in use", "did you mean accounts?"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log", want)
		}
	}
	if status, _, errs := call(t, smpp.Run, "", "reload", "--data", data); status != 1 || !strings.Contains(errs, "no message center runs there") {
		t.Errorf("reload of nothing: %d, %q", status, errs)
	}
}

// An account whose certificate is enough.
func TestServeClientCertificate(t *testing.T) {
	path := isolate(t)
	dir := filepath.Dir(path)
	cert, key := writeCertificate(t, dir)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "esme-1"}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	ca := write(t, filepath.Join(dir, "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	file := write(t, filepath.Join(dir, "center.yaml"), "tls: {cert: "+cert+", key: "+key+", client_ca: "+ca+"}\naccounts: [{id: one, certificate: esme-1}, {id: two, certificate: esme-2}, {id: three, password: pw-three}]\n")
	s := serve(t, "--config", file)
	dial := func(user string, withCertificate bool) error {
		c := trust(t, cert)
		if withCertificate {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}
		}
		session, err := library.Dial(t.Context(), "ssmpp://"+user+"@"+s.address, &library.Config{TLSConfig: c})
		if err == nil {
			_ = session.Close()
		}
		return err
	}
	for _, tt := range []struct {
		user        string
		certificate bool
		ok          bool
	}{{"one:any", true, true}, {"one:any", false, false}, {"two:any", true, false}, {"three:pw-three", false, true}, {"three:pw-three", true, true}} {
		if err := dial(tt.user, tt.certificate); (err == nil) != tt.ok || err != nil && !errors.Is(err, pdu.StatusBindFailed) {
			t.Errorf("%s, certificate %t: %v; want granted %t", tt.user, tt.certificate, err, tt.ok)
		}
	}
	if log := s.stderr.String(); !strings.Contains(log, "the client certificate is missing, or for another name") || strings.Contains(log, "pw-three") {
		t.Errorf("log %s", log)
	}
}

func TestServeCheck(t *testing.T) {
	path := isolate(t)
	dir := filepath.Dir(path)
	good := write(t, filepath.Join(dir, "good.yaml"), "accounts: [{id: acme, password: x}]\ndata: nowhere\n")
	if status, out, errs := call(t, smpp.Run, "", "serve", "--config", good, "--check"); status != 0 || !strings.Contains(out, "good.yaml is fine: account acme on 127.0.0.1:2775") || errs != "" {
		t.Errorf("exit status %d, %q, %q", status, out, errs)
	}
	bad := write(t, filepath.Join(dir, "bad.yaml"), "window: 0\nlog_level: loud\n")
	if status, out, errs := call(t, smpp.Run, "", "serve", "--config", bad, "--check"); status != 2 || out != "" || !strings.Contains(errs, "bad.yaml:1: window") || !strings.Contains(errs, "bad.yaml:2: log_level") {
		t.Errorf("exit status %d, %q, %q", status, out, errs)
	}
	if _, err := os.Stat("nowhere"); err == nil {
		t.Error("--check made a directory")
	}
}

func TestPs(t *testing.T) {
	isolate(t)
	data := filepath.Join(t.TempDir(), "d")
	s := serve(t, "--data", data, "--simulate", "expire")
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(filepath.Join(data, "admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	status, out, errs := call(t, smpp.Run, "", "ps", "--data", data)
	if status != 0 || !strings.Contains(out, "ready\n") || !strings.Contains(out, "3 messages wait") || !regexp.MustCompile(`(?m)^1 +demo +transceiver +v?3\.4 .* 3 +0 +0$`).MatchString(out) || !regexp.MustCompile(`(?m)^491701234567 +[0-3] +0 +[0-3] `).MatchString(out) {
		t.Errorf("ps: exit status %d, %q\n%s", status, errs, out)
	}
	status, out, _ = call(t, smpp.Run, "", "ps", "--data", data, "--json")
	var st struct {
		Ready    bool
		Waiting  int
		Sessions []struct {
			ID      uint64
			Account string
		}
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil || status != 0 || !st.Ready || st.Waiting != 3 || len(st.Sessions) != 1 || st.Sessions[0].Account != "demo" {
		t.Errorf("ps --json: %d, %v, %s", status, err, out)
	}
	if status, _, errs := call(t, smpp.Run, "", "ps", "--data", data, "--end", "99"); status != 1 || !strings.Contains(errs, "session 99: there is no such session") {
		t.Errorf("the end of nobody: %d, %q", status, errs)
	}
	if status, out, errs := call(t, smpp.Run, "", "ps", "--data", data, "--end", "1"); status != 0 || out != "session 1 is ended\n" {
		t.Errorf("the end of a session: %d, %q", status, errs)
	}
	ended(t, session)
	if _, out, _ := call(t, smpp.Run, "", "ps", "--data", data); !strings.Contains(out, "\nno sessions\n") {
		t.Errorf("ps without sessions: %s", out)
	}
	s.stop()
	if _, err := os.Stat(filepath.Join(data, "admin.sock")); err == nil {
		t.Error("the socket is left behind")
	}
	if status, _, errs := call(t, smpp.Run, "", "ps", "--data", data); status != 1 || !strings.Contains(errs, "no message center runs there") {
		t.Errorf("ps of nothing: %d, %q", status, errs)
	}
}

func TestStoreAndBackup(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	data, backup, again := filepath.Join(dir, "d"), filepath.Join(dir, "b"), filepath.Join(dir, "r")
	s := serve(t, "--data", data, "--simulate", "expire")
	session, err := library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(text string) string {
		t.Helper()
		resp, err := session.Submit(t.Context(), &pdu.SubmitSM{Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"), ShortMessage: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		return resp.MessageID
	}
	id := submit("before the backup")
	if status, _, errs := call(t, smpp.Run, "", "store", "check", data); status != 1 || !strings.Contains(errs, "in use by a message center that runs: make a copy with smpp backup") {
		t.Errorf("check of what is in use: %d, %q", status, errs)
	}
	if status, out, errs := call(t, smpp.Run, "", "backup", "--data", data, backup); status != 0 || !strings.HasPrefix(out, "1 messages in ") {
		t.Errorf("backup: %d, %q, %q", status, out, errs)
	}
	if status, _, errs := call(t, smpp.Run, "", "backup", "--data", data, backup); status != 1 || !strings.Contains(errs, "exists") {
		t.Errorf("backup over another: %d, %q", status, errs)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can read the backup: %v, %v", info.Mode(), err)
	}
	if rest, err := filepath.Glob(filepath.Join(dir, ".smpp*")); err != nil || len(rest) > 0 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
	submit("after the backup")
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if status, out, errs := call(t, smpp.Run, "", "backup", "--data", data, filepath.Join(dir, "b2")); status != 0 || !strings.HasPrefix(out, "2 messages in ") {
		t.Errorf("backup of what does not run: %d, %q, %q", status, out, errs)
	}

	if status, out, errs := call(t, smpp.Run, "", "store", "check", backup); status != 0 || out != "1 messages, nothing wrong\n" {
		t.Errorf("check: %d, %q, %q", status, out, errs)
	}
	if status, out, errs := call(t, smpp.Run, "", "store", "stats", data); status != 0 || !strings.HasPrefix(out, "2 live, 0 in the history") || !strings.Contains(out, "enroute        2\n") {
		t.Errorf("stats: %d, %q, %q", status, out, errs)
	}
	status, out, errs := call(t, smpp.Run, "", "store", "export", backup)
	var m struct {
		MessageID, Kind, State, Account, Text string
		ID                                    string `json:"message_id"`
		Dest                                  struct{ Addr string }
	}
	if err := json.Unmarshal([]byte(out), &m); err != nil || status != 0 || m.ID != id || m.Kind != "message" || m.State != "enroute" || m.Account != "demo" || m.Text != "before the backup" || m.Dest.Addr != "491701234567" {
		t.Errorf("export: %d, %v, %q: %s", status, err, errs, out)
	}

	if status, _, errs := call(t, smpp.Run, "", "restore", "--data", data, backup); status != 1 || !strings.Contains(errs, "nothing is overwritten") {
		t.Errorf("restore over another: %d, %q", status, errs)
	}
	if status, out, errs := call(t, smpp.Run, "", "restore", "--data", again, backup); status != 0 || !strings.HasPrefix(out, "1 messages in ") {
		t.Errorf("restore: %d, %q, %q", status, out, errs)
	}
	s = serve(t, "--data", again, "--simulate", "expire")
	session, err = library.Dial(t.Context(), "smpp://demo:demo@"+s.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if q, err := session.Query(t.Context(), &pdu.QuerySM{MessageID: id, Source: pdu.Alphanumeric("ACME")}); err != nil || q.State != pdu.StateEnroute {
		t.Errorf("query after restore: %+v, %v", q, err)
	}

	// A damaged copy is not restored.
	tables, err := filepath.Glob(filepath.Join(backup, "*.sst"))
	logs, err2 := filepath.Glob(filepath.Join(backup, "*.log"))
	if err != nil || err2 != nil || len(tables)+len(logs) == 0 {
		t.Fatalf("files %v, %v", tables, logs)
	}
	if err := os.Remove(filepath.Join(backup, manifest(t, backup))); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := call(t, smpp.Run, "", "restore", "--data", filepath.Join(dir, "r2"), backup); status != 1 || errs == "" {
		t.Errorf("restore of what is damaged: %d, %q", status, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "r2")); err == nil {
		t.Error("something was restored")
	}
	for _, args := range [][]string{{"store"}, {"store", "check"}, {"backup"}, {"restore", "a", "b"}} {
		if status, _, _ := call(t, smpp.Run, "", args...); status != 2 {
			t.Errorf("%v: exit status %d; want 2", args, status)
		}
	}
	if status, _, errs := call(t, smpp.Run, "", "store", "stats", dir); status != 1 || !strings.Contains(errs, "holds no messages") {
		t.Errorf("stats of another directory: %d, %q", status, errs)
	}
}

func manifest(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("manifests %v, %v", names, err)
	}
	return filepath.Base(names[0])
}

func TestPasswd(t *testing.T) {
	isolate(t)
	status, out, errs := call(t, smpp.Run, "s3same\r\n", "passwd", "--memory", "1", "--passes", "1")
	if status != 0 || !strings.HasPrefix(out, "$argon2id$v=19$m=1024,t=1,p=1$") || errs != "" {
		t.Fatalf("passwd: %d, %q, %q", status, out, errs)
	}
	book, err := account.NewBook(account.Account{ID: "a", PasswordHash: strings.TrimSpace(out)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Authenticate(t.Context(), account.Credentials{ID: "a", Password: "s3same"}); err != nil {
		t.Error(err)
	}
	for stdin, want := range map[string]string{"\n": "the password is empty", "": "the password is empty", "ninechars\n": "9 octets, at most 8 fit", "a\x00b\n": "NUL"} {
		if status, out, errs := call(t, smpp.Run, stdin, "passwd"); status != 1 || out != "" || !strings.Contains(errs, want) || strings.Contains(errs, "ninechars") {
			t.Errorf("%q: %d, %q, %q", stdin, status, out, errs)
		}
	}
}

// The operations on messages, by command.
func TestOperations(t *testing.T) {
	isolate(t)
	s := serve(t, "--simulate", "expire")
	url := "smpp://demo:demo@" + s.address
	do := func(want int, args ...string) (string, string) {
		t.Helper()
		status, out, errs := call(t, smpp.Run, "", append(args, "--url", url)...)
		if status != want {
			t.Errorf("%v: exit status %d; want %d: %s%s", args, status, want, out, errs)
		}
		return out, errs
	}
	sent, _ := do(0, "send", "--to", "491701234567", "--from", "ACME", "--json", "hello")
	var part struct {
		MessageID string `json:"message_id"`
	}
	if err := json.Unmarshal([]byte(sent), &part); err != nil || part.MessageID == "" {
		t.Fatalf("send: %q, %v", sent, err)
	}
	id := part.MessageID
	if out, _ := do(0, "query", id, "--from", "ACME"); out != id+": enroute\n" {
		t.Errorf("query: %q", out)
	}
	if _, errs := do(1, "query", id); !strings.Contains(errs, "give --from") {
		t.Errorf("query without the source: %q", errs)
	}
	if _, errs := do(1, "query", "1000000000000001", "--from", "ACME"); !strings.Contains(errs, "no such message") {
		t.Errorf("query of nothing: %q", errs)
	}
	// Between two attempts; while one is under way it can be neither replaced nor
	// cancelled.
	eventually(t, "replace", func() bool {
		status, _, _ := call(t, smpp.Run, "", "replace", id, "--from", "ACME", "--url", url, "--schedule", "1h", "other")
		return status == 0
	})
	do(0, "cancel", id, "--from", "ACME")
	out, _ := do(0, "query", id, "--from", "ACME", "--json")
	var q struct {
		State     string
		Final     bool
		FinalDate *time.Time `json:"final_date"`
	}
	if err := json.Unmarshal([]byte(out), &q); err != nil || q.State != "deleted" || !q.Final || q.FinalDate == nil {
		t.Errorf("query after cancel: %s, %v", out, err)
	}
	if _, errs := do(1, "cancel", id, "--from", "ACME"); !strings.Contains(errs, "come to its end") {
		t.Errorf("cancel again: %q", errs)
	}
	do(0, "send", "--to", "491701234568", "--from", "ACME", "--schedule", "1h", "later")
	if out, _ := do(0, "cancel", "--from", "ACME", "--to", "491701234568"); out != "cancelled\n" {
		t.Errorf("cancel by addresses: %q", out)
	}

	out, _ = do(0, "broadcast", "--area", "north", "--repeat", "3", "--every", "10m", "--json", "Trams stand still")
	if err := json.Unmarshal([]byte(out), &part); err != nil || part.MessageID == "" {
		t.Fatalf("broadcast: %q, %v", out, err)
	}
	if out, _ := do(0, "query", "--broadcast", part.MessageID); !strings.HasPrefix(out, part.MessageID+": enroute, north") {
		t.Errorf("query of a broadcast: %q", out)
	}
	do(0, "cancel", "--broadcast", part.MessageID)
	if out, _ := do(0, "query", "--broadcast", part.MessageID); !strings.HasPrefix(out, part.MessageID+": deleted") {
		t.Errorf("query of a broadcast that was cancelled: %q", out)
	}

	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"query"}, "one message_id is required"},
		{[]string{"query", strings.Repeat("1", 65)}, "65 octets"},
		{[]string{"query", "1", "--bind", "receiver"}, "a receiver cannot"},
		{[]string{"query", "1", "--from-ton", "1"}, "--from: it is required"},
		{[]string{"query", "1", "--broadcast", "--smpp-version", "3.4"}, "broadcasts came with 5.0"},
		{[]string{"cancel"}, "a message_id is required, or --from and --to"},
		{[]string{"cancel", "--broadcast", "--to", "1234567"}, "a message_id is required"},
		{[]string{"replace"}, "a message_id and a text"},
		{[]string{"replace", "1", "--schedule", "soon", "x"}, "--schedule"},
		{[]string{"replace", "1", "щ"}, "not in GSM 7-bit"},
		{[]string{"replace", "1", strings.Repeat("long", 50)}, "1"},
		{[]string{"replace", "1"}, "no text"},
		{[]string{"broadcast", "x"}, "--area"},
		{[]string{"broadcast", "--area", "a", "--every", "1500ms", "x"}, "whole seconds"},
		{[]string{"broadcast", "--area", "a", "--repeat", "-1", "x"}, "--repeat -1"},
		{[]string{"broadcast", "--area", "a", "--priority", "5", "x"}, "--priority 5"},
		{[]string{"broadcast", "--area", "", "x"}, `--area ""`},
	} {
		if _, errs := do(2, tt.args...); !strings.Contains(errs, tt.want) {
			t.Errorf("%v: %q; want %q", tt.args, errs, tt.want)
		}
	}
}

// A file that is there, of which a certificate is not: the error says which key,
// and nothing else of the file holds.
func TestServeReloadCertificate(t *testing.T) {
	path := isolate(t)
	dir, data := filepath.Dir(path), filepath.Join(t.TempDir(), "d")
	cert, key := writeCertificate(t, dir)
	file := write(t, filepath.Join(dir, "center.yaml"), "tls:\n  cert: "+cert+"\n  key: "+key+"\n")
	s := serve(t, "--data", data, "--config", file, "--http", "127.0.0.1:0")
	for _, tt := range []struct {
		text, want string
		status     int
	}{
		{"tls:\n  cert: none.pem\n  key: " + key + "\nservice_types: [WAP]\n", "center.yaml:2: tls.cert: ", 1},
		{"tls:\n  cert: " + cert + "\n  key: " + key + "\n  client_ca: " + key + "\nservice_types: [WAP]\n", "center.yaml:4: tls.client_ca: " + key + ": no certificate in PEM form", 1},
		{"service_types: [WAP]\n", "changed: service_types\nchanged in the file, but takes a restart: tls.cert, tls.key\n", 0},
	} {
		write(t, file, tt.text)
		if status, out, errs := call(t, smpp.Run, "", "reload", "--data", data); status != tt.status || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%q: exit status %d, %q, %q; want %q", tt.text, status, out, errs, tt.want)
		}
		session, err := library.Dial(t.Context(), "ssmpp://demo:demo@"+s.address, &library.Config{TLSConfig: trust(t, cert)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = session.Submit(t.Context(), &pdu.SubmitSM{ServiceType: "CMT", Dest: pdu.International("491701234567")})
		if refused := errors.Is(err, pdu.StatusInvalidServiceType); refused != (tt.status == 0) {
			t.Errorf("%q: submit_sm: %v", tt.text, err)
		}
		_ = session.Close()
	}
	if _, body := get(t, httpAddress.FindString(s.line)+"/metrics"); !strings.Contains(body, "smpp_reloads_total{outcome=\"done\"} 1\n") || !strings.Contains(body, "smpp_reloads_total{outcome=\"failed\"} 2\n") {
		t.Error("the metrics do not tell of three reloads")
	}
}

// The log takes another form, and memory forgets more.
func TestServeReloadLogAndHistory(t *testing.T) {
	dir, socket := filepath.Dir(isolate(t)), filepath.Join(t.TempDir(), "s")
	file := write(t, filepath.Join(dir, "center.yaml"), "simulate: deliver:delay=0s\n")
	s := serve(t, "--config", file, "--admin", socket)
	url := "smpp://demo:demo@" + s.address
	send := func() string {
		t.Helper()
		status, out, errs := call(t, smpp.Run, "", "send", "--url", url, "--to", "491701234567", "--from", "ACME", "--receipt", "hi")
		if status != 0 {
			t.Fatal(errs)
		}
		return strings.Fields(out)[0]
	}
	known := func(id string) bool {
		status, _, _ := call(t, smpp.Run, "", "query", "--url", url, "--from", "ACME", id)
		return status == 0
	}
	first, second := send(), send()
	if !known(first) || !known(second) {
		t.Error("messages are forgotten at once")
	}
	write(t, file, "simulate: deliver:delay=0s\nlog_format: json\nmax_history: 1\n")
	if status, out, errs := call(t, smpp.Run, "", "reload", "--admin", socket); status != 0 || out != "changed: log_format, max_history\n" {
		t.Fatalf("reload: exit status %d, %q, %q", status, out, errs)
	}
	if known(first) || !known(second) {
		t.Errorf("known: %t, %t; want the last of them", known(first), known(second))
	}
	s.stop()
	text, objects := 0, 0
	for line := range strings.Lines(s.stderr.String()) {
		switch {
		case json.Valid([]byte(line)):
			objects++
		case strings.HasPrefix(line, "time=") && objects == 0:
			text++
		default:
			t.Errorf("log line %q after %d objects", line, objects)
		}
	}
	if text == 0 || objects < 2 {
		t.Errorf("%d lines of text, %d objects", text, objects)
	}
}

// Texts are kept from the reload on that says so.
func TestServeReloadTextRetention(t *testing.T) {
	dir, data := filepath.Dir(isolate(t)), filepath.Join(t.TempDir(), "d")
	file := write(t, filepath.Join(dir, "center.yaml"), "simulate: deliver:delay=0s\n")
	s := serve(t, "--data", data, "--config", file)
	send := func(text string) {
		t.Helper()
		if status, _, errs := call(t, smpp.Run, "", "send", "--url", "smpp://demo:demo@"+s.address, "--to", "491701234567", "--receipt", text); status != 0 {
			t.Fatal(errs)
		}
	}
	send("gone")
	write(t, file, "simulate: deliver:delay=0s\ntext_retention: 1h\nreserve: 1MiB\n")
	if status, out, errs := call(t, smpp.Run, "", "reload", "--data", data); status != 0 || out != "changed: reserve, text_retention\n" {
		t.Fatalf("reload: exit status %d, %q, %q", status, out, errs)
	}
	send("kept")
	s.stop()
	_, out, errs := call(t, smpp.Run, "", "store", "export", data)
	if strings.Contains(out, "gone") || strings.Count(out, `"text":"kept"`) != 1 || strings.Count(out, `"kind":"message"`) != 2 {
		t.Errorf("export: %s%s", out, errs)
	}
}
