// Package config reads the configuration file of the message center: YAML, of
// which everything is checked before anything is used. An unknown key or a bad
// value is an error that names the line, the key, and what is allowed.
//
// The keys stand in one table, with what they mean: it reads the file, and it
// writes the reference of them (Reference).
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/pdulog"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
	"go.yaml.in/yaml/v4"
)

// Defaults of a File.
const (
	DefaultData  = "smpp-data"
	DefaultHTTP  = "127.0.0.1:8080"
	DefaultGrace = 10 * time.Second
)

// A File is what a configuration says. Make one with Default, Read or Parse.
type File struct {
	Center center.Config // without Handset, Zone's and TLS's kin, Store, Trace and Logger

	Listen    []string // addresses; empty: the usual one
	TLS       TLS
	HTTP      string // address; empty: none
	Admin     string // path of the socket; empty: in Data, or none
	Data      string // directory; empty: memory
	Reserve   int64  // octets of the disk to be left free; 0: the store's default
	Simulate  string // profile of the simulated handset
	LogLevel  string
	LogFormat string
	Grace     time.Duration
	Proxies   []netip.Prefix // that may tell whom they speak for
	OnlyProxy bool
	Pcap      Pcap

	name  string         // of the file
	lines map[string]int // of the keys that it has, with those of sections
}

// Pcap says whether and how PDUs are logged; see package pdulog.
type Pcap struct {
	File, Session    string // empty File: they are not
	Size             int64  // octets of a file before the next is begun
	Keep             int    // full files beside it
	Texts, Passwords bool
}

// TLS says how connections are secured. Without Cert and Key they are not.
type TLS struct {
	Cert, Key string // PEM files
	ClientCA  string // PEM file with the authorities of client certificates; empty: none are asked for
	// Required refuses clients without a certificate. Otherwise they are only
	// asked for one.
	Required bool
}

// Default returns what holds without a file.
func Default() *File {
	return &File{HTTP: DefaultHTTP, Data: DefaultData, Simulate: "deliver", LogLevel: "info", LogFormat: "text", Grace: DefaultGrace, Pcap: Pcap{Size: pdulog.DefaultMaxSize, Keep: pdulog.DefaultKeep}}
}

// Has reports whether the file has a key, such as http, tls.cert or
// accounts[0].password.
func (f *File) Has(key string) bool { return f.lines[key] > 0 }

// Blame says that it is a key of the file whose value has led to an error. An
// error about a key that the file does not have is returned as it is.
func (f *File) Blame(key string, err error) error {
	if !f.Has(key) {
		return err
	}
	return &Error{File: f.name, Line: f.lines[key], Key: key, Rule: err.Error()}
}

// Read reads a file. The error names all that is wrong with it; each is an
// *Error, unless the file cannot be read or is no YAML.
func Read(path string) (*File, error) {
	octets, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, octets)
}

// Parse reads the octets of a file, whose name is for errors; see Read.
func Parse(name string, octets []byte) (*File, error) {
	f := Default()
	f.name, f.lines = name, make(map[string]int)
	loader, err := yaml.NewLoader(bytes.NewReader(octets))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var doc, more yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF): // nothing but comments
		return f, nil
	case err != nil:
		return nil, syntax(name, err)
	}
	if err := loader.Load(&more); err == nil {
		return nil, &Error{File: name, Line: more.Line, Rule: "a second document; one is allowed"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(name, err)
	}
	r := &reader{file: name, lines: f.lines}
	root := &doc
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	if root.Kind == 0 || root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return f, nil
	}
	r.section("", root, f.keys())
	if len(r.errs) == 0 {
		f.check(r, root)
	}
	return f, errors.Join(r.errs...)
}

// place is where the YAML package found something wrong.
var place = regexp.MustCompile(`\bL([0-9]+)\.C[0-9]+:? *`)

// syntax tells that a file is no YAML.
func syntax(name string, err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	e := &Error{File: name, Line: 1, Rule: "this is no YAML"}
	if m := place.FindStringSubmatchIndex(text); m != nil {
		e.Line, _ = strconv.Atoi(text[m[2]:m[3]]) // digits
		text = text[m[1]:]
	}
	if text != "" {
		e.Rule += ": " + text
	}
	return e
}

// check looks at what hangs together.
func (f *File) check(r *reader, root *yaml.Node) {
	switch t := f.TLS; {
	case (t.Cert == "") != (t.Key == ""):
		r.fail(child(root, "tls"), "tls", "", "cert and key: one makes no sense without the other")
	case t.ClientCA != "" && t.Cert == "":
		r.fail(child(root, "tls"), "tls.client_ca", "", "it needs cert and key")
	case t.Required && t.ClientCA == "":
		r.fail(child(root, "tls"), "tls.require_client_cert", "", "it needs client_ca")
	}
	if f.OnlyProxy && len(f.Proxies) == 0 {
		r.fail(child(root, "proxy_protocol_only"), "proxy_protocol_only", "", "it needs proxy_protocol")
	}
	if p := f.Pcap; p.File == "" && (p.Session != "" || p.Texts || p.Passwords) {
		r.fail(child(root, "pcap"), "pcap.file", "", "it is missing: what the other keys are about")
	}
	list := child(root, "accounts")
	ids := make(map[string]bool)
	for i, a := range f.Center.Accounts {
		n := list
		if n != nil && i < len(n.Content) {
			n = n.Content[i]
		}
		if ids[a.ID] {
			r.fail(n, fmt.Sprintf("accounts[%d].id", i), a.ID, "it is there twice; a system_id of its own is required")
		}
		ids[a.ID] = true
		if a.Certificate != "" && f.TLS.ClientCA == "" {
			r.fail(n, fmt.Sprintf("accounts[%d].certificate", i), a.Certificate, "it needs tls.client_ca, or no certificate is verified")
		}
	}
}

// child returns the value of a key, or the mapping itself.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return deref(n.Content[i+1])
		}
	}
	return n
}

// Changed returns the keys whose values differ between two files, in two lists:
// those that can change while the message center runs, and those that take a
// restart. Keys of sections are named with theirs, as limits.unbound is. To begin
// or to end with TLS takes a restart.
func Changed(a, b *File) (live, restart []string) {
	x, y := a.keys(), b.keys()
	for i := range x {
		names := differences("", x[i], y[i])
		if x[i].live && (x[i].name != "tls" || (a.TLS.Cert == "") == (b.TLS.Cert == "")) {
			live = append(live, names...)
		} else {
			restart = append(restart, names...)
		}
	}
	return live, restart
}

func differences(section string, a, b key) (names []string) {
	path := section + a.name
	for i := range a.keys {
		names = append(names, differences(path+".", a.keys[i], b.keys[i])...)
	}
	if len(a.keys) == 0 && !reflect.DeepEqual(a.value.get(), b.value.get()) {
		names = []string{path}
	}
	return names
}

// keys is the table of the keys of a file, in the order of the reference.
func (f *File) keys() []key {
	c := &f.Center
	return []key{
		{name: "listen", value: texts(&f.Listen, "addresses, host:port", hostPort), zero: "[127.0.0.1:2775], with TLS [127.0.0.1:3550]", about: "Where ESMEs connect."},
		{name: "tls", live: true, about: "For TLS, v1.2 or later. The files are read again when they change, and with a reload. With client_ca, clients are asked for a certificate, which accounts may require.", keys: []key{
			{name: "cert", value: text(&f.TLS.Cert, "a PEM file"), about: "The certificate, with its chain."},
			{name: "key", value: text(&f.TLS.Key, "a PEM file"), about: "Its key."},
			{name: "client_ca", value: text(&f.TLS.ClientCA, "a PEM file"), about: "The authorities of client certificates."},
			{name: "require_client_cert", value: flag(&f.TLS.Required), about: "Whether clients without a certificate are refused before they can bind."},
		}},
		{name: "proxy_protocol", live: true, value: proxies(&f.Proxies), about: "Proxies that begin each connection with a PROXY header, version 1 or 2."},
		{name: "proxy_protocol_only", live: true, value: flag(&f.OnlyProxy), about: "Whether connections from elsewhere are refused."},
		{name: "pcap", about: "A log of the PDUs, for Wireshark or `smpp decode`. Passwords and texts are masked.", keys: []key{
			{name: "file", value: text(&f.Pcap.File, "a file"), zero: "no log", about: "Where it is written, as pcapng."},
			{name: "session", value: cstring(&f.Pcap.Session, 0, 15), zero: "all", about: "Only the sessions that bind with this system_id."},
			{name: "size", value: sized(&f.Pcap.Size, 1<<20, 1<<40), zero: "100MiB", about: "How large a file becomes before the next is begun."},
			{name: "keep", value: count(&f.Pcap.Keep, 0, 1000), zero: "4", about: "How many full files are kept beside it; the one with .1 in its name is the youngest."},
			{name: "texts", value: flag(&f.Pcap.Texts), about: "Whether the texts of messages are logged, too."},
			{name: "passwords", value: flag(&f.Pcap.Passwords), about: "Whether passwords are."},
		}},
		{name: "http", value: text(&f.HTTP, "an address, host:port, or \"\" for none"), zero: DefaultHTTP, about: "Where /healthz, /readyz and /metrics are."},
		{name: "data", value: text(&f.Data, "a directory, or \"\" for memory"), zero: DefaultData, about: "Where messages are kept."},
		{name: "reserve", live: true, value: octets(&f.Reserve), zero: "64MiB", about: "How much of the disk is left free: with less, new messages are refused with ESME_RMSGQFUL, while all others go on."},
		{name: "admin", value: text(&f.Admin, "a path"), zero: "admin.sock in data", about: "The Unix socket for `smpp ps`, `reload` and `backup`. Only its owner may use it. Without it, messages in memory have none."},
		{name: "system_id", value: cstring(&c.SystemID, 1, 15), zero: "smpp", about: "What the message center calls itself."},
		{name: "simulate", live: true, value: simulated(&f.Simulate), zero: "deliver", about: "How the simulated handset behaves that every number has which nobody receives for; see `smpp serve --help`."},
		{name: "log_level", live: true, value: oneOf(&f.LogLevel, "debug", "info", "warn", "error"), zero: "info", about: "What is logged."},
		{name: "log_format", live: true, value: oneOf(&f.LogFormat, "text", "json"), zero: "text", about: "How it is logged."},
		{name: "grace", live: true, value: duration(&f.Grace, 0), zero: "10s", about: "How long to deliver what can be when it ends."},
		{name: "accounts", live: true, value: entries(&c.Accounts, accountKeys, newAccount, finishAccount), zero: "demo with the password demo", about: "Who may bind."},
		{name: "bind_failure", live: true, about: "What answers a bind with wrong credentials: ESME_RBINDFAIL, ESME_RINVSYSID or ESME_RINVPASWD. The default tells nobody whether there is such an account.", keys: []key{
			{name: "system_id", value: bindStatus(&c.WrongSystemID), zero: "ESME_RBINDFAIL", about: "Of no account."},
			{name: "password", value: bindStatus(&c.WrongPassword), zero: "ESME_RBINDFAIL", about: "With a wrong password."},
		}},
		{name: "limits", live: true, about: "What peers may take of the server. An address is one of IPv4, or the /64 of one of IPv6.", keys: []key{
			{name: "connections", value: count(&c.Limits.Connections, 0, 1_000_000), zero: "0, any number", about: "Of the server."},
			{name: "unbound", value: count(&c.Limits.Unbound, 0, 1_000_000), zero: "0, any number", about: "Of those, not bound yet."},
			{name: "connections_per_address", value: count(&c.Limits.ConnectionsPerAddress, 0, 1_000_000), zero: "0, any number", about: "From one address."},
			{name: "unbound_per_address", value: count(&c.Limits.UnboundPerAddress, 0, 1_000_000), zero: "0, any number", about: "Of those, not bound yet."},
			{name: "bind_attempts", value: count(&c.Limits.BindAttempts, 1, 1000), zero: "5", about: "How many binds of a connection may fail before it is closed."},
			{name: "bind_delay", value: orOff(duration(&c.Limits.BindDelay, 0), &c.Limits.BindDelay), zero: "250ms", about: "How long a bind waits for its answer once three from its address have failed; it doubles with each further one. 0: not at all."},
			{name: "max_bind_delay", value: duration(&c.Limits.MaxBindDelay, time.Millisecond), zero: "5s", about: "The longest such delay."},
			{name: "bind_status", value: bindLimitStatus(&c.Limits.BindStatus), zero: "ESME_RBINDFAIL", about: "What answers a bind beyond the limits of its account."},
		}},
		{name: "window", live: true, value: count(&c.Window, 1, 100_000), zero: "1000", about: "How many requests of a session are handled at once; as many again wait, more are refused with ESME_RTHROTTLED."},
		{name: "deliver_window", live: true, value: count(&c.DeliverWindow, 1, 100_000), zero: "10", about: "How many messages and receipts an ESME is sent before it has answered the first, on a session."},
		{name: "validity", live: true, value: duration(&c.Validity, time.Second), zero: "24h", about: "Of messages that do not say."},
		{name: "max_validity", live: true, value: duration(&c.MaxValidity, time.Second), zero: "30d", about: "Longer ones are cut to it."},
		{name: "receipt_validity", live: true, value: duration(&c.ReceiptValidity, time.Second), zero: "24h", about: "How long a receipt waits for an ESME to take it."},
		{name: "retry", live: true, value: durations(&c.Retry, time.Millisecond), zero: "[1s, 5s, 15s, 1m, 5m, 15m, 1h]", about: "Pauses after failed attempts; the last stands for all after it."},
		{name: "linger", live: true, value: orOff(duration(&c.Linger, 0), &c.Linger), zero: "5m", about: "How long the addresses of an address_range stay with an account after its last session for them has ended. 0: not at all."},
		{name: "max_waiting", live: true, value: count(&c.MaxWaiting, 1, 100_000_000), zero: "2000000, in memory 400000", about: "How many messages may wait; more are refused with ESME_RMSGQFUL."},
		{name: "max_per_account", live: true, value: count(&c.MaxPerAccount, 1, 100_000_000), zero: "half of max_waiting", about: "The same for a single account."},
		{name: "retention", live: true, value: duration(&c.Retention, time.Second), zero: "24h", about: "How long a message is known after its end, for query_sm."},
		{name: "text_retention", live: true, value: duration(&c.TextRetention, 0), zero: "0s", about: "How long its text is."},
		{name: "max_history", live: true, value: count(&c.MaxHistory, 1, 100_000_000), zero: "200000", about: "How many messages are known after their end, in memory."},
		{name: "transaction", live: true, value: duration(&c.Transaction, time.Second), zero: "30s", about: "How long a delivery in transaction mode may take."},
		{name: "default_texts", live: true, value: defaultTexts(&c.DefaultTexts), about: "The canned messages by their sm_default_msg_id."},
		{name: "lists", live: true, value: lists(&c.Lists), about: "Distribution lists for submit_multi that every account may use."},
		{name: "service_types", live: true, value: texts(&c.ServiceTypes, "words of 1 to 5 octets", serviceType), zero: "all", about: "Those that may be submitted, beside the empty one; others are refused with ESME_RINVSERTYP."},
		{name: "areas", live: true, value: texts(&c.Areas, "names", nil), zero: "all", about: "Those that may be broadcast to; others are refused with ESME_RINVBCASTALIAS_NAME."},
		{name: "zone", live: true, value: zone(&c.Zone), zero: "UTC", about: "Of the dates in receipts."},
		{name: "enquire_link", live: true, value: orOff(duration(&c.EnquireLink, 0), &c.EnquireLink), zero: "30s", about: "Silence of an ESME after which it is asked for a sign of life. 0: never."},
		{name: "inactivity", live: true, value: duration(&c.Inactivity, 0), zero: "0s", about: "Time without a transaction after which a session is closed. 0: never."},
		{name: "response_timeout", live: true, value: orOff(duration(&c.ResponseTimeout, 0), &c.ResponseTimeout), zero: "60s", about: "How long an ESME has to answer. 0: for ever."},
	}
}

func newAccount() account.Account { return account.Account{} }

func finishAccount(a *account.Account) error { return a.Check() }

func accountKeys(a *account.Account) []key {
	return []key{
		{name: "id", required: true, value: cstring(&a.ID, 1, 15), about: "The system_id."},
		{name: "password", value: secret(cstring(&a.Password, 0, 8)), about: "In clear text. password_hash is better."},
		{name: "password_hash", value: secret(text(&a.PasswordHash, "what `smpp passwd` prints")), about: "The argon2id hash of the password, in quotes."},
		{name: "certificate", value: text(&a.Certificate, "a name"), about: "A name that the client certificate has to be for: its common name, or a DNS, URI or mail name. Without a password it is enough."},
		{name: "networks", value: networks(&a.Networks), zero: "all", about: "Where binds have to come from."},
		{name: "bind", value: modes(&a.Modes), zero: "[transmitter, receiver, transceiver]", about: "How it may bind."},
		{name: "max_binds", value: count(&a.MaxBinds, 0, 100_000), zero: "0, any number", about: "How many sessions may be bound at once."},
		{name: "max_transmitters", value: count(&a.MaxTransmitters, 0, 100_000), zero: "0, any number", about: "Of those, as transmitter."},
		{name: "max_receivers", value: count(&a.MaxReceivers, 0, 100_000), zero: "0, any number", about: "As receiver."},
		{name: "max_transceivers", value: count(&a.MaxTransceivers, 0, 100_000), zero: "0, any number", about: "As transceiver."},
		{name: "window", value: count(&a.Window, 1, 100_000), zero: "that above", about: "Its requests handled at once, on a session."},
		{name: "deliver_window", value: count(&a.DeliverWindow, 1, 100_000), zero: "that above", about: "What it is sent before it has answered, on a session."},
		{name: "rate", value: number(&a.Rate.PerSecond), zero: "0, any", about: "Messages a second that its sessions may submit together; more are refused with ESME_RTHROTTLED. A submit_multi counts as its destinations, a distribution list as its members."},
		{name: "rate_burst", value: count(&a.Rate.Burst, 0, 1_000_000), zero: "a tenth of a second's", about: "How many of them at once."},
		{name: "session_rate", value: number(&a.SessionRate.PerSecond), zero: "0, any", about: "The same for each session."},
		{name: "session_rate_burst", value: count(&a.SessionRate.Burst, 0, 1_000_000), zero: "a tenth of a second's", about: "How many of them at once."},
		{name: "addresses", value: texts(&a.Addresses, `addresses, as "8080", "4917*" or "^49[0-9]+$"`, nil), about: "What it receives for, whether it is bound or not. An ESME can also claim addresses by the address_range of its bind."},
		{name: "sources", value: texts(&a.Sources, "addresses, likewise", nil), zero: "all", about: "What it may send from, after rewriting; other messages are refused with ESME_RINVSRCADR."},
		{name: "rewrite", value: entries(&a.Rewrites, rewriteKeys, newRewrite, nil), about: "Changes to the addresses of its messages; the first that matches an address counts. Queries, cancellations and replacements may name either form."},
		{name: "tlvs", value: entries(&a.TLVs, tlvKeys, func() account.TLVRule { return account.TLVRule{} }, nil), about: "TLVs that its messages have to have; without one they are refused with ESME_RMISSINGTLV, with a bad one with ESME_RINVTLVVAL."},
		{name: "dlt", value: dlt(&a.TLVs), about: "Whether its messages have to have the TLVs of India's registry: 0x1400 (principal entity) and 0x1401 (template), 19 digits each."},
		{name: "data_coding", value: byteNumber(&a.DataCoding), zero: "0", about: "What data_coding 0 of its messages stands for, such as 3 for Latin-1: they are kept and delivered with it."},
		{name: "message_id", value: parsed(&a.IDFormat, "hex, decimal or uuid", parseFormat), zero: "hex", about: "How its message_ids look: 16 hexadecimal digits, 19 decimal digits, or a UUID of version 7. All forms are read."},
		{name: "spread", value: parsed(&a.Delivery.Spread, "same, any or round-robin", route.ParseSpread), zero: "same", about: "Which of its sessions gets what: a receipt the one that its message came on, and messages for one address one session, as long as that has room; the one that has the least to do; or each in turn."},
		{name: "at_most_once", value: flag(&a.Delivery.AtMostOnce), about: "Whether a message is not sent again when a crash or a broken connection leaves open what became of it: it is UNKNOWN then, and EXPIRED when its validity ends."},
		{name: "data_sm", value: flag(&a.Delivery.Data), about: "Whether it is sent data_sm rather than deliver_sm."},
		{name: "areas", value: texts(&a.Delivery.Areas, `names of broadcast areas, "*" for all`, nil), about: "The broadcasts that it receives."},
		{name: "outbind", about: "Where the ESME listens that is asked to bind when something waits for it.", keys: []key{
			{name: "address", value: text(&a.Delivery.Outbind.Address, "a URL, smpp://host:port"), about: "Where it listens."},
			{name: "system_id", value: cstring(&a.Delivery.Outbind.SystemID, 0, 15), zero: "that of the message center", about: "What the message center calls itself there."},
			{name: "password", value: secret(cstring(&a.Delivery.Outbind.Password, 0, 8)), about: "Of the message center."},
			{name: "backoff", value: duration(&a.Delivery.Outbind.Backoff, time.Millisecond), zero: "5s", about: "The pause after the first attempt that brought no bind; it doubles with each."},
			{name: "max_backoff", value: duration(&a.Delivery.Outbind.MaxBackoff, time.Millisecond), zero: "5m", about: "The longest such pause."},
		}},
		{name: "lists", value: lists(&a.Delivery.Lists), about: "Its distribution lists for submit_multi."},
	}
}

func newRewrite() account.Rewrite { return account.Rewrite{TON: -1, NPI: -1, SetTON: -1, SetNPI: -1} }

func rewriteKeys(r *account.Rewrite) []key {
	return []key{
		{name: "of", value: parsed(&r.Of, strings.Join(account.SideNames(), ", "), account.ParseSide), zero: "both", about: "Which address."},
		{name: "ton", value: count(&r.TON, 0, 255), zero: "any", about: "The type of number that it has to have."},
		{name: "npi", value: count(&r.NPI, 0, 255), zero: "any", about: "The numbering plan that it has to have."},
		{name: "prefix", value: text(&r.Prefix, "digits"), zero: "any", about: "What it has to begin with."},
		{name: "with", value: textPointer(&r.With, "digits"), zero: "it stays", about: "What takes the place of the prefix."},
		{name: "set_ton", value: count(&r.SetTON, 0, 255), zero: "as it was", about: "The type of number that it gets."},
		{name: "set_npi", value: count(&r.SetNPI, 0, 255), zero: "as it was", about: "The numbering plan that it gets."},
	}
}

func tlvKeys(t *account.TLVRule) []key {
	return []key{
		{name: "tag", required: true, value: tag(&t.Tag), about: "Its tag."},
		{name: "name", value: text(&t.Name, "a name"), about: "For logs."},
		{name: "optional", value: flag(&t.Optional), about: "Whether it may be left out."},
		{name: "pattern", value: expression(&t.Pattern), zero: "any", about: "What its value has to match; a NUL at the end is left out."},
	}
}

// bindStatuses are the answers to wrong credentials that make the server slow
// down who guesses.
var bindStatuses = []pdu.Status{pdu.StatusBindFailed, pdu.StatusInvalidSystemID, pdu.StatusInvalidPassword}

func bindStatus(s *pdu.Status) value { return statusOf(s, bindStatuses) }

func bindLimitStatus(s *pdu.Status) value {
	return statusOf(s, []pdu.Status{pdu.StatusBindFailed, pdu.StatusAlreadyBound, pdu.StatusThrottled})
}

func statusOf(s *pdu.Status, allowed []pdu.Status) value {
	var names []string
	for _, a := range allowed {
		names = append(names, a.String())
	}
	form := strings.Join(names, ", ")
	return several(parsed(s, form, func(text string) (pdu.Status, error) {
		st, err := pdu.ParseStatus(text)
		if err != nil || !slices.Contains(allowed, st) {
			return 0, errNotAllowed
		}
		return st, nil
	}))
}
