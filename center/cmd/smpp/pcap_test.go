package main_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	library "github.com/godwit-sms/smpp"
	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// decoded returns what smpp decode makes of a log.
func decoded(t *testing.T, path, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := run(t, "", "decode", "--json", "--port", port, path)
	if status != 0 || stderr != "" {
		t.Fatalf("decode %s: exit status %d: %s", path, status, stderr)
	}
	return stdout
}

// What serve, send and receive log is what decode shows, without secrets.
func TestPcap(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name+".pcapng") }
	s := serve(t, "--account", "acme:s3same", "--account", "shop:h1dden", "--pcap", file("serve"), "--pcap-session", "acme")
	url := "smpp://acme:s3same@" + s.address
	for _, c := range []struct {
		name string
		args []string
		text bool
	}{
		{"masked", nil, false},
		{"texts", []string{"--pcap-texts"}, true},
	} {
		args := append([]string{"send", "--url", url, "--to", "491701234567", "--pcap", file(c.name)}, c.args...)
		if status, _, stderr := run(t, "", append(args, "Good morning")...); status != 0 {
			t.Fatalf("%s: exit status %d: %s", c.name, status, stderr)
		}
		got := decoded(t, file(c.name), s.address)
		if strings.Contains(got, "Good morning") != c.text {
			t.Errorf("%s: %s", c.name, got)
		}
		if strings.Contains(got, "s3same") || strings.Contains(got, `"error"`) {
			t.Errorf("%s: a password, or what cannot be read: %s", c.name, got)
		}
		for _, want := range []string{`"command":"bind_transmitter"`, `"command":"submit_sm"`, `"destination_addr":"491701234567"`, `"command":"submit_sm_resp"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in %s", c.name, want, got)
			}
		}
	}
	if status, _, stderr := run(t, "", "send", "--url", "smpp://shop:h1dden@"+s.address, "--to", "491701234568", "--pcap", file("shop"), "--pcap-passwords", "Good evening"); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	if got := decoded(t, file("shop"), s.address); !strings.Contains(got, "h1dden") || strings.Contains(got, "Good evening") {
		t.Errorf("with passwords: %s", got)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, s.stderr)
	}
	got := decoded(t, file("serve"), s.address)
	if n := strings.Count(got, `"command":"submit_sm"`); n != 2 {
		t.Errorf("%d messages of the session in the log of the server; want 2: %s", n, got)
	}
	if strings.Contains(got, "491701234568") || strings.Contains(got, "s3same") || strings.Contains(got, "Good") {
		t.Errorf("of another session, or a secret: %s", got)
	}
}

func TestPcapOfReceive(t *testing.T) {
	isolate(t)
	path := filepath.Join(t.TempDir(), "receive.pcapng")
	s := serve(t, "--account", "acme:s3same")
	url := "smpp://acme:s3same@" + s.address
	session, err := library.Dial(t.Context(), url, &library.Config{Bind: library.Transmitter})
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("Good morning"), RegisteredDelivery: pdu.FinalReceipt})
	if err != nil {
		t.Fatal(err)
	}
	_ = session.Close()
	if status, _, stderr := run(t, "", "receive", "--url", url, "--count", "1", "--pcap", path); status != 0 { // the receipt
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	got := decoded(t, path, s.address)
	if !strings.Contains(got, `"command":"deliver_sm"`) || !strings.Contains(got, `"command":"deliver_sm_resp"`) || strings.Contains(got, "Good") {
		t.Errorf("%s", got)
	}
}

func TestPcapUsage(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"serve", "--pcap-session", "acme"}, 2, "--pcap"},
		{[]string{"serve", "--pcap", filepath.Join(dir, "x"), "--pcap-size", "0"}, 2, "--pcap-size 0"},
		{[]string{"serve", "--pcap", filepath.Join(dir, "x"), "--pcap-keep", "-1"}, 2, "--pcap-keep -1"},
		{[]string{"serve", "--pcap", filepath.Join(dir, "none", "x")}, 1, "none"},
		{[]string{"serve", "--proxy-protocol", "nobody"}, 2, "--proxy-protocol"},
		{[]string{"serve", "--proxy-protocol-only"}, 2, "--proxy-protocol-only"},
	} {
		if c.args[0] == "serve" {
			c.args = append(c.args, "--listen", "127.0.0.1:0", "--data", "")
		}
		status, _, stderr := run(t, "", c.args...)
		if status != c.status || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit status %d: %s", c.args, status, stderr)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("files %v, %v", files, err)
	}
}

// behindProxy begins a connection as a proxy does.
type behindProxy struct{ net.Dialer }

func (d *behindProxy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err == nil {
		_, err = c.Write([]byte("PROXY TCP4 192.0.2.33 198.51.100.4 4711 2775\r\n"))
	}
	return c, err
}

func TestServeProxyProtocol(t *testing.T) {
	isolate(t)
	s := serve(t, "--proxy-protocol", "127.0.0.1,10.0.0.0/8", "--log-level", "info")
	url := "smpp://demo:demo@" + s.address
	session, err := library.Dial(t.Context(), url, &library.Config{Dialer: new(behindProxy)})
	if err != nil {
		t.Fatal(err)
	}
	_ = session.Close()
	eventually(t, "the client's address in the log", func() bool { return strings.Contains(s.stderr.String(), "192.0.2.33:4711") })
	s2 := serve(t, "--proxy-protocol", "10.0.0.0/8", "--proxy-protocol-only")
	if _, err := library.Dial(t.Context(), "smpp://demo:demo@"+s2.address, &library.Config{Dialer: new(behindProxy)}); err == nil {
		t.Error("bound behind a proxy that is not trusted")
	}
}

// The log and the proxies as keys of the file, the flags over them, and the
// proxies changed while it runs.
func TestServePcapAndProxyKeys(t *testing.T) {
	dir := filepath.Dir(isolate(t))
	log, data := filepath.Join(dir, "log.pcapng"), filepath.Join(t.TempDir(), "d")
	file := filepath.Join(dir, "center.yaml")
	configure := func(more string) {
		write(t, file, "pcap: {file: "+log+", session: acme, texts: true}\naccounts: [{id: acme, password: s3same}, {id: shop, password: h1dden}]\n"+more)
	}
	configure("proxy_protocol: [10.0.0.0/8]\nproxy_protocol_only: true\n")
	s := serve(t, "--config", file, "--data", data)
	dial := func(user string, d library.Dialer) error {
		session, err := library.Dial(t.Context(), "smpp://"+user+"@"+s.address, &library.Config{Dialer: d})
		if err == nil {
			if _, err := session.Submit(t.Context(), &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("Good morning")}); err != nil {
				t.Error(err)
			}
			_ = session.Close()
		}
		return err
	}
	if dial("acme:s3same", nil) == nil || dial("acme:s3same", new(behindProxy)) == nil {
		t.Error("bound past the only proxies")
	}
	configure("proxy_protocol: 127.0.0.1,10.0.0.0/8\nproxy_protocol_only: true\n")
	if status, out, errs := call(t, smpp.Run, "", "reload", "--data", data); status != 0 || out != "changed: proxy_protocol\n" {
		t.Fatalf("reload: exit status %d, %q, %q", status, out, errs)
	}
	for _, user := range []string{"acme:s3same", "shop:h1dden"} {
		if err := dial(user, new(behindProxy)); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the client's address in the log", func() bool { return strings.Contains(s.stderr.String(), "192.0.2.33:4711") })
	configure("")
	if status, out, errs := call(t, smpp.Run, "", "reload", "--data", data); status != 0 || out != "changed: proxy_protocol, proxy_protocol_only\n" {
		t.Fatalf("reload: exit status %d, %q, %q", status, out, errs)
	}
	if err := dial("acme:s3same", nil); err != nil {
		t.Error(err)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, s.stderr)
	}
	got := decoded(t, log, s.address) + decoded(t, log, "198.51.100.4:2775") // as the proxy says
	if strings.Count(got, `"command":"submit_sm"`) != 2 || !strings.Contains(got, "Good morning") || strings.Contains(got, "s3same") || strings.Contains(got, "h1dden") {
		t.Errorf("%s", got)
	}

	// A flag wins over its key.
	other := filepath.Join(dir, "other.pcapng")
	s = serve(t, "--config", file, "--pcap", other)
	if err := dial("acme:s3same", nil); err != nil {
		t.Error(err)
	}
	s.stop()
	if got := decoded(t, other, s.address); strings.Count(got, `"command":"submit_sm"`) != 1 {
		t.Errorf("%s", got)
	}
}
