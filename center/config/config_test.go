package config_test

import (
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/config"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

const everything = `
listen: [127.0.0.1:2775, "[::1]:2775"]
tls: {cert: c.pem, key: k.pem, client_ca: ca.pem, require_client_cert: true}
proxy_protocol: [10.0.0.0/8, "192.0.2.1,2001:db8::/32"]
proxy_protocol_only: true
pcap: {file: log.pcapng, session: acme, size: 1GiB, keep: 0, texts: true, passwords: true}
http: ""
data: /var/lib/smpp
reserve: 2GiB
admin: /run/smpp.sock
system_id: TESTMC
simulate: slow
log_level: debug
log_format: json
grace: 1m
accounts:
  - &acme
    id: acme
    password_hash: $argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc
    certificate: esme.example.com
    networks: [10.0.0.0/8, 192.0.2.1]
    bind: [transmitter, receiver]
    max_binds: 4
    max_transmitters: 1
    max_receivers: 2
    max_transceivers: 3
    window: 5
    deliver_window: 2
    rate: 12.5
    rate_burst: 100
    session_rate: 5
    session_rate_burst: 7
    addresses: ["8080", "4917*"]
    sources: ACME
    rewrite:
      - {of: destination, ton: 0, npi: 8, prefix: "0", with: "49", set_ton: 1, set_npi: 1}
    dlt: true
    tlvs: [{tag: 0x1403, name: extra, optional: true, pattern: "^[a-z]+$"}]
    data_coding: 3
    message_id: uuid
    spread: round-robin
    at_most_once: true
    data_sm: true
    areas: ["*"]
    outbind: {address: "smpp://127.0.0.1:2776", system_id: mc, password: pw, backoff: 1s, max_backoff: 1m}
    lists: {team: ["+491701234567", "+491701234568"]}
  - {id: shop, password: "1234"}
bind_failure: {system_id: ESME_RINVSYSID, password: ESME_RINVPASWD}
limits: {connections: 1000, unbound: 100, connections_per_address: 50, unbound_per_address: 5, bind_attempts: 3, bind_delay: 0, max_bind_delay: 10s, bind_status: ESME_RALYBND}
window: 50
deliver_window: 20
validity: 48h
max_validity: 7d
receipt_validity: 12h
retry: [1s, 2m]
linger: 0s
max_waiting: 1_000_000
max_per_account: 500000
retention: 3d
text_retention: 1h
max_history: 1000
transaction: 20s
default_texts: {1: Good morning}
lists: {all: ["+491701234567"]}
service_types: [CMT, WAP]
areas: [Berlin]
zone: Europe/Berlin
enquire_link: 0
inactivity: 1h
response_timeout: 10s
`

func TestParse(t *testing.T) {
	f, err := config.Parse("center.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	c := f.Center
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"listen", f.Listen, []string{"127.0.0.1:2775", "[::1]:2775"}},
		{"tls", f.TLS, config.TLS{Cert: "c.pem", Key: "k.pem", ClientCA: "ca.pem", Required: true}},
		{"proxies", f.Proxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32")}}, {"only", f.OnlyProxy, true}, {"pcap", f.Pcap, config.Pcap{File: "log.pcapng", Session: "acme", Size: 1 << 30, Texts: true, Passwords: true}}, {"http", f.HTTP, ""}, {"data", f.Data, "/var/lib/smpp"}, {"reserve", f.Reserve, int64(2 << 30)},
		{"admin", f.Admin, "/run/smpp.sock"}, {"simulate", f.Simulate, "slow"}, {"level", f.LogLevel, "debug"}, {"format", f.LogFormat, "json"}, {"grace", f.Grace, time.Minute},
		{"system_id", c.SystemID, "TESTMC"}, {"unknown", c.WrongSystemID, pdu.StatusInvalidSystemID}, {"password", c.WrongPassword, pdu.StatusInvalidPassword},
		{"connections", c.Limits.Connections, 1000}, {"bind_delay", c.Limits.BindDelay, time.Duration(-1)}, {"bind_status", c.Limits.BindStatus, pdu.StatusAlreadyBound},
		{"window", c.Window, 50}, {"max_validity", c.MaxValidity, 7 * 24 * time.Hour}, {"retry", c.Retry, []time.Duration{time.Second, 2 * time.Minute}}, {"linger", c.Linger, time.Duration(-1)},
		{"max_waiting", c.MaxWaiting, 1_000_000}, {"texts", c.DefaultTexts, map[uint8]string{1: "Good morning"}}, {"lists", c.Lists, map[string][]pdu.Address{"all": {pdu.International("491701234567")}}},
		{"service_types", c.ServiceTypes, []string{"CMT", "WAP"}}, {"areas", c.Areas, []string{"Berlin"}}, {"zone", c.Zone.String(), "Europe/Berlin"},
		{"enquire_link", c.EnquireLink, time.Duration(-1)}, {"inactivity", c.Inactivity, time.Hour}, {"response_timeout", c.ResponseTimeout, 10 * time.Second}, {"accounts", len(c.Accounts), 2},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: %v; want %v", tt.what, tt.got, tt.want)
		}
	}
	a := c.Accounts[0]
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"networks", a.Networks, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}},
		{"modes", a.Modes, account.Transmitter | account.Receiver}, {"rate", a.Rate.PerSecond, 12.5}, {"burst", a.Rate.Burst, 100}, {"session", a.SessionRate.Burst, 7},
		{"binds", []int{a.MaxBinds, a.MaxTransmitters, a.MaxReceivers, a.MaxTransceivers}, []int{4, 1, 2, 3}}, {"sources", a.Sources, []string{"ACME"}},
		{"coding", a.DataCoding, pdu.DataCoding(3)}, {"format", a.IDFormat, message.UUID}, {"spread", a.Delivery.Spread, route.RoundRobin}, {"once", a.Delivery.AtMostOnce && a.Delivery.Data, true},
		{"outbind", a.Delivery.Outbind, account.Outbind{Address: "smpp://127.0.0.1:2776", SystemID: "mc", Password: "pw", Backoff: time.Second, MaxBackoff: time.Minute}},
		{"lists", len(a.Delivery.Lists["team"]), 2}, {"tags", len(a.TLVs), 3}, {"with", *a.Rewrites[0].With, "49"}, {"of", a.Rewrites[0].Of, account.Destination}, {"npi", a.Rewrites[0].NPI, 8},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("account: %s: %v; want %v", tt.what, tt.got, tt.want)
		}
	}
	if !f.Has("http") || f.Has("nothing") || !f.Has("tls.cert") || !f.Has("accounts[1].password") || f.Has("accounts[0].password") {
		t.Error("Has does not tell what the file has")
	}
}

// The keys of the test above are all there are, so that none goes untested.
func TestParseHasAllKeys(t *testing.T) {
	for line := range strings.Lines(config.Reference()) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		if ok && strings.HasPrefix(line, "| `") && !strings.Contains(everything, name+":") && name != "password" {
			t.Errorf("%s is not in the example of the test", name)
		}
	}
}

func TestNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}"} {
		f, err := config.Parse("c.yaml", []byte(text))
		if err != nil || f.HTTP != config.DefaultHTTP || f.Data != config.DefaultData || f.Grace != config.DefaultGrace || f.LogLevel != "info" {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"an unknown key", "listen: []\nacounts: []\n", "c.yaml:2: acounts: there is no such key; did you mean accounts? Allowed: listen, tls, "},
		{"an unknown key of an account", "accounts:\n  - id: a\n    pasword: hush\n", "c.yaml:3: accounts[0].pasword: there is no such key; did you mean password? Allowed: id, password, "},
		{"nothing like it", "zzzzzz: 1", "c.yaml:1: zzzzzz: there is no such key; allowed: listen, "},
		{"a hash without quotes", "accounts: [{id: a, password_hash: $argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$hush}]", "c.yaml:1: accounts[0].(a key): there is no such key"},
		{"twice", "window: 1\nwindow: 2\n", "c.yaml:2: window: it is there twice, the first time on line 1"},
		{"no value", "window:\n", "c.yaml:1: window: a value is missing"},
		{"a word for a number", "\nwindow: lots", `c.yaml:2: window: "lots": a whole number from 1 to 100000 is required`},
		{"too small", "window: 0", `c.yaml:1: window: "0": a whole number from 1 to 100000 is required`},
		{"a list for a number", "window: [1]", "c.yaml:1: window: a whole number from 1 to 100000 is required"},
		{"a number for a duration", "validity: 10", `c.yaml:1: validity: "10": a duration such as 500ms, 30s, 5m, 24h or 30d`},
		{"a negative duration", "validity: -1s", `c.yaml:1: validity: "-1s": 1s or more is required`},
		{"a bad pause", "retry: [1s, soon]", `c.yaml:1: retry[1]: "soon": durations such as [1s, 5m] are allowed`},
		{"a level", "log_level: loud", `c.yaml:1: log_level: "loud": debug, info, warn, error are allowed`},
		{"yes", "proxy_protocol_only: yes", `c.yaml:1: proxy_protocol_only: "yes": true or false is required`},
		{"an address", "listen: [nothing]", `c.yaml:1: listen[0]: "nothing": addresses, host:port are allowed`},
		{"a port", "listen: [\"a:70000\"]", `c.yaml:1: listen[0]: "a:70000": host:port is required, with a port from 0 to 65535`},
		{"a zone", "zone: Mars/Base", `c.yaml:1: zone: "Mars/Base": a name such as Europe/Berlin is required`},
		{"a size", "reserve: lots", `c.yaml:1: reserve: "lots": a size such as 64MiB or 2GiB is required`},
		{"a status", "bind_failure: {password: ESME_ROK}", `c.yaml:1: bind_failure.password: "ESME_ROK": ESME_RBINDFAIL, ESME_RINVSYSID, ESME_RINVPASWD are allowed`},
		{"a proxy", "proxy_protocol: [10.0.0.0/8, nowhere]", `c.yaml:1: proxy_protocol[1]: "nowhere": addresses and networks such as 10.0.0.0/8, in a list or with commas between them, are allowed`},
		{"a proxy of several", "proxy_protocol: '10.0.0.0/8, nowhere'", `c.yaml:1: proxy_protocol: "10.0.0.0/8, nowhere": "nowhere": an address or a network such as 10.0.0.0/8 is required`},
		{"only proxies, but which", "window: 1\nproxy_protocol_only: true", `c.yaml:2: proxy_protocol_only: it needs proxy_protocol`},
		{"a log of nothing", "\npcap: {texts: true}", `c.yaml:2: pcap.file: it is missing`},
		{"small logs", "pcap: {file: x, size: 1}", `c.yaml:1: pcap.size: "1": 1MiB to 1TiB are possible`},
		{"many logs", "pcap: {file: x, keep: 1001}", `c.yaml:1: pcap.keep: "1001": a whole number from 0 to 1000 is required`},
		{"a key of the log", "pcap: {path: x}", `c.yaml:1: pcap.path: there is no such key; `},
		{"half of TLS", "tls: {cert: x}", "c.yaml:1: tls: cert and key: one makes no sense without the other"},
		{"an authority without TLS", "tls: {client_ca: x}", "c.yaml:1: tls.client_ca: it needs cert and key"},
		{"a certificate without an authority", "accounts:\n- {id: a, certificate: x}", `c.yaml:2: accounts[0].certificate: "x": it needs tls.client_ca`},
		{"accounts that are none", "accounts: acme", `c.yaml:1: accounts: "acme": a list is required, each entry with keys of its own: id, `},
		{"an account that is none", "accounts: [acme]", "c.yaml:1: accounts[0]: keys with values are required: id, "},
		{"no id", "accounts: [{password: hush}]", "c.yaml:1: accounts[0].id: it is missing"},
		{"twice the same", "accounts:\n- {id: a}\n- {id: a}", `c.yaml:3: accounts[1].id: "a": it is there twice`},
		{"a long password", "accounts: [{id: a, password: hushhushhush}]", "c.yaml:1: accounts[0].password: 12 octets; 0 to 8 are allowed"},
		{"a password as a list", "accounts: [{id: a, password: [hush]}]", "c.yaml:1: accounts[0].password: 0 to 8 octets"},
		{"a bad hash", "accounts: [{id: a, password_hash: hush}]", `c.yaml:1: accounts[0]: account "a": password hash: $argon2id`},
		{"a network", "accounts: [{id: a, networks: [10.0.0.1/8]}]", "c.yaml:1: accounts[0].networks[0]: \"10.0.0.1/8\": there are bits beyond its mask; 10.0.0.0/8 is the network"},
		{"a mode", "accounts: [{id: a, bind: [both]}]", `c.yaml:1: accounts[0].bind[0]: "both": transmitter, receiver, transceiver are allowed`},
		{"no mode", "accounts: [{id: a, bind: []}]", "c.yaml:1: accounts[0].bind: one at least is required"},
		{"a rewriting of nothing", "accounts: [{id: a, rewrite: [{ton: 1}]}]", "it changes nothing"},
		{"a tag", "accounts: [{id: a, tlvs: [{tag: 0x10000}]}]", `c.yaml:1: accounts[0].tlvs[0].tag: "0x10000": a number from 0x0001 to 0xFFFF is required`},
		{"a pattern", "accounts: [{id: a, tlvs: [{tag: 1, pattern: \"((\"}]}]", "accounts[0].tlvs[0].pattern: \"((\": a regular expression is required"},
		{"an address of an account", `accounts: [{id: a, addresses: ["(("]}]`, `address range "(("`},
		{"a rate", "accounts: [{id: a, rate: -1}]", `c.yaml:1: accounts[0].rate: "-1": a number, 0 or more, is required`},
		{"a format", "accounts: [{id: a, message_id: octal}]", `c.yaml:1: accounts[0].message_id: "octal": hex, decimal or uuid is required`},
		{"a list that is none", "lists: [a]", "c.yaml:1: lists: names, each with a list of addresses are allowed"},
		{"a member that is none", "lists: {a: [\"\"]}", `list "a": member ""`},
		{"a canned text", "default_texts: {300: x}", "c.yaml:1: default_texts.300: a number from 1 to 255 is required"},
		{"no mapping", "- a", "c.yaml:1: keys with values are required: listen, "},
		{"a word", "hello", "c.yaml:1: keys with values are required: listen, "},
		{"no YAML", "a: [", "c.yaml:2: this is no YAML: did not find"},
		{"two documents", "window: 1\n---\nwindow: 2\n", "c.yaml:2: a second document"},
		{"a key that is a list", "? [a]\n: b", "c.yaml:1: a key is a word"},
		{"several", "window: x\nvalidity: y\n", "c.yaml:2: validity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("c.yaml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v; want %q", err, tt.want)
			}
			for _, odd := range []string{"hush", "go-yaml", "!!", "config.", "account.", "time.", "[]string", "uint"} {
				if strings.Contains(err.Error(), odd) && !strings.Contains(tt.want, odd) {
					t.Errorf("%q is in the error %q", odd, err)
				}
			}
		})
	}
	_, err := config.Parse("c.yaml", []byte("window: x\nvalidity: y\n"))
	var one *config.Error
	if !errors.As(err, &one) || one.Line != 1 || one.Key != "window" || one.Value != "x" {
		t.Errorf("%#v", err)
	}
	if _, err := config.Read("none.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestChanged(t *testing.T) {
	parse := func(text string) *config.File {
		f, err := config.Parse("c.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	live, restart := config.Changed(parse(everything), parse(everything))
	if len(live)+len(restart) > 0 {
		t.Errorf("the same file has changed: %v, %v", live, restart)
	}
	live, restart = config.Changed(parse("accounts: [{id: a}]\nwindow: 5"), parse("accounts: [{id: b}]\nlimits: {unbound: 1}\nlog_level: warn\nsystem_id: other"))
	if !reflect.DeepEqual(live, []string{"log_level", "accounts", "limits.unbound", "window"}) || !reflect.DeepEqual(restart, []string{"system_id"}) {
		t.Errorf("changed %v, %v", live, restart)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("accounts: &a\n- id: x\n  rewrite: *a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("c.yaml", b)
		if err == nil && c.LogFormat != "text" && c.LogFormat != "json" {
			t.Errorf("log_format %q is taken", c.LogFormat)
		}
	})
}

// The manual has the keys as the code has them. Mend it with
// UPDATE=1 go test ./config -run TestManual.
func TestManual(t *testing.T) {
	const path, begin, end = "../../docs/center.md", "<!-- keys: begin -->\n", "<!-- keys: end -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", path, begin, end)
	}
	want := config.Reference()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s has not the keys of the code: run UPDATE=1 go test ./config -run TestManual", path)
	}
}
