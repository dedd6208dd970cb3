package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/config"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/metrics"
	"github.com/godwit-sms/smpp/center/proxy"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/center/systemd"
	"github.com/spf13/cobra"
)

type serveFlags struct {
	pcap            *pcapFlags
	proxies         string
	onlyProxies     bool
	listen          []string
	accounts        []string
	tlsCert, tlsKey string
	clientCA        string
	simulate        string
	data, config    string
	logLevel        string
	logFormat       string
	http, admin     string
	grace           time.Duration
	check           bool
	changed         func(flag string) bool
}

func serveCommand(a *app) *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a message center",
		Long: `serve runs a message center: ESMEs bind, submit, query, cancel and replace
messages, and get receipts. A message goes to the ESME that is bound for its
destination (by the address_range of its bind, or the addresses of its account);
all other numbers have a simulated handset.

Without any configuration it listens on 127.0.0.1:2775, or 127.0.0.1:3550 with
TLS, for the account demo with the password demo. It does not listen beyond this
machine with that password, or with an empty one.

Messages are kept in the directory of --data, and a message is on the disk before
it is acknowledged: what waits when it ends, however it ends, is taken up at the
next start. --data "" keeps them in memory, where they are gone with it. An
interrupt ends it once what can be delivered is, after --grace at the latest; a
second one at once.

The handset behaves as --simulate says: by the name of a profile, with settings
after a colon (random:seed=42,delay=10ms).

` + handset.Help() + `
--config names a YAML file, all keys of which are in docs/center.md; --check says
whether it is right. Flags win over it, and the accounts of both count. SIGHUP, or
smpp reload, has the file and the certificates read again, while all sessions
live. For example:

` + configExample + `

--http serves /healthz, /readyz (not ready once it is about to end, or cannot
store any more) and /metrics, for Prometheus. A Unix socket in the directory of
--data is for smpp ps, smpp reload and smpp backup.`,
		Example: `  smpp serve
  smpp serve --account acme:secret --account shop:hidden --simulate random:seed=42
  smpp serve --simulate 'deliver:undeliverable=10/1,delay=normal(1s p99=4s),throttle=2s/30s,receipt=resp-hex-receipt-dec'
  smpp serve --listen 0.0.0.0:3550 --account acme:secret --tls-cert cert.pem --tls-key key.pem
  smpp serve --config center.yaml --log-level debug
  smpp serve --config center.yaml --check
  smpp serve --pcap smpp.pcapng --pcap-session acme
  smpp serve --listen 10.1.0.5:2775 --account acme:secret --proxy-protocol 10.1.0.0/24 --proxy-protocol-only`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.changed = cmd.Flags().Changed
			return a.serve(cmd, f)
		},
	}
	f.pcap = addPcapFlags(cmd, true)
	fs := cmd.Flags()
	fs.StringVar(&f.proxies, "proxy-protocol", "", "proxies, as addresses or `networks` with commas between them, that begin each connection with a PROXY header, version 1 or 2")
	fs.BoolVar(&f.onlyProxies, "proxy-protocol-only", false, "refuse connections that come from elsewhere")
	fs.StringArrayVar(&f.listen, "listen", nil, "`address` to listen on; may be repeated (default 127.0.0.1:2775, with TLS 127.0.0.1:3550)")
	fs.StringArrayVar(&f.accounts, "account", nil, "who may bind, as `id:password`; may be repeated (default demo:demo)")
	fs.StringVar(&f.tlsCert, "tls-cert", "", "PEM `file` with the certificate, for TLS")
	fs.StringVar(&f.tlsKey, "tls-key", "", "PEM `file` with its key")
	fs.StringVar(&f.clientCA, "tls-client-ca", "", "PEM `file` with the authorities of client certificates, which are asked for then")
	fs.StringVar(&f.simulate, "simulate", "deliver", "how the simulated handset behaves (`profile`)")
	fs.StringVar(&f.data, "data", config.DefaultData, "`directory` for messages; empty: memory")
	fs.StringVar(&f.config, "config", "", "configuration `file`")
	fs.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error (`level`, default info)")
	fs.StringVar(&f.logFormat, "log-format", "", "text or json (`format`, default text)")
	fs.StringVar(&f.http, "http", config.DefaultHTTP, "`address` for health and metrics; empty: none")
	fs.StringVar(&f.admin, "admin", "", "`path` of the socket for smpp ps and the like (default admin.sock in --data)")
	fs.BoolVar(&f.check, "check", false, "check the configuration, and do nothing else")
	fs.DurationVar(&f.grace, "grace", config.DefaultGrace, "how long to deliver what can be when it ends (`duration`)")
	oneOff(fs, "config", "check") // SMPP_CONFIG names the file of the profiles
	completeFlag(cmd, "log-level", "debug", "info", "warn", "error")
	completeFlag(cmd, "log-format", "text", "json")
	if err := cmd.RegisterFlagCompletionFunc("simulate", completeSimulated); err != nil {
		panic(err) // a mistake of the program: no such flag
	}
	if err := cmd.RegisterFlagCompletionFunc("config", completeExtensions("yaml", "yml")); err != nil {
		panic(err) // a mistake of the program: no such flag
	}
	return cmd
}

const configExample = `  listen: [127.0.0.1:2775]
  tls: {cert: cert.pem, key: key.pem}
  data: smpp-data           # directory for messages; "" is memory
  accounts:
    - id: acme
      password: secret      # or password_hash, from smpp passwd
      bind: [transmitter, receiver, transceiver]  # allowed ways to bind; all
      networks: [127.0.0.0/8, 10.0.0.0/8]         # binds come from; all
      max_binds: 10
      rate: 500             # messages a second
      addresses: ["8080", "4917*", "^49[0-9]+$"]  # it receives for, bound or not
      sources: [ACME, "8080"]                     # it may send from; all
  validity: 24h             # of messages that do not say
  retry: [1s, 5s, 15s, 1m, 5m, 15m, 1h]  # pauses between attempts`

// settings puts the flags and the file together.
func (f *serveFlags) settings() (*config.File, error) {
	fail := func(err error) (*config.File, error) { return nil, &usageError{err} }
	file := config.Default()
	if f.config != "" {
		var err error
		if file, err = config.Read(f.config); err != nil {
			return fail(fmt.Errorf("--config: %w", err))
		}
	}
	for _, s := range f.accounts {
		ac, err := account.Parse(s)
		if err != nil {
			return fail(fmt.Errorf("--account: %w", err))
		}
		file.Center.Accounts = append(file.Center.Accounts, ac)
	}
	if len(file.Center.Accounts) == 0 {
		file.Center.Accounts = []account.Account{account.Default()}
	}
	if _, err := account.NewBook(file.Center.Accounts...); err != nil {
		return fail(err)
	}
	for _, x := range []struct {
		flag string
		from string
		to   *string
	}{
		{"simulate", f.simulate, &file.Simulate}, {"data", f.data, &file.Data}, {"http", f.http, &file.HTTP}, {"admin", f.admin, &file.Admin}, {"log-level", f.logLevel, &file.LogLevel},
		{"log-format", f.logFormat, &file.LogFormat}, {"tls-cert", f.tlsCert, &file.TLS.Cert}, {"tls-key", f.tlsKey, &file.TLS.Key}, {"tls-client-ca", f.clientCA, &file.TLS.ClientCA},
	} {
		if f.changed(x.flag) {
			*x.to = x.from
		}
	}
	if f.changed("grace") {
		file.Grace = f.grace
	}
	if f.changed("proxy-protocol") {
		file.Proxies = nil
		if f.proxies != "" {
			var err error
			if file.Proxies, err = proxy.ParseTrusted(f.proxies); err != nil {
				return nil, usagef("--proxy-protocol: %w", err)
			}
		}
	}
	if err := f.pcap.over(&file.Pcap, f.changed); err != nil {
		return nil, err
	}
	if f.changed("proxy-protocol-only") {
		file.OnlyProxy = f.onlyProxies
	}
	if f.changed("listen") {
		file.Listen = f.listen
	}
	if len(file.Listen) == 0 {
		port := smpp.DefaultPort
		if file.TLS.Cert != "" {
			port = smpp.DefaultTLSPort
		}
		file.Listen = []string{net.JoinHostPort("127.0.0.1", port)}
	}
	var err error
	if file.Center.Handset, err = handset.ParseProfile(file.Simulate); err != nil {
		return fail(fmt.Errorf("--simulate: %w", err))
	}
	switch {
	case file.Grace < 0:
		return nil, usagef("--grace %v: 0 or more is required", file.Grace)
	case !slices.Contains([]string{"debug", "info", "warn", "error"}, file.LogLevel):
		return nil, usagef("--log-level %q: debug, info, warn or error is required", file.LogLevel)
	case file.LogFormat != "text" && file.LogFormat != "json":
		return nil, usagef("--log-format %q: text or json is required", file.LogFormat)
	case file.OnlyProxy && len(file.Proxies) == 0:
		return nil, usagef("--proxy-protocol-only: it needs --proxy-protocol")
	case file.TLS.ClientCA != "" && file.TLS.Cert == "":
		return nil, usagef("--tls-client-ca: it needs --tls-cert and --tls-key")
	}
	for _, l := range file.Listen {
		if err := mayListen(l, file); err != nil {
			return fail(err)
		}
	}
	return file, nil
}

// blame says whose value has led to an error: the flag's, or the key's.
func (f *serveFlags) blame(file *config.File, flag, key string, err error) error {
	if !f.changed(flag) && file.Has(key) {
		return file.Blame(key, err)
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// secure returns what TLS works with, or nil without it.
func (f *serveFlags) secure(file *config.File, failed func(error)) (*tls.Config, error) {
	t := file.TLS
	switch {
	case t.Cert == "" && t.Key == "":
		return nil, nil
	case t.Cert == "" || t.Key == "":
		return nil, errors.New("--tls-cert and --tls-key: one makes no sense without the other")
	}
	r, err := smpp.NewCertReloader(t.Cert, t.Key, failed)
	if err != nil {
		return nil, f.blame(file, "tls-cert", "tls.cert", err)
	}
	c := &tls.Config{GetCertificate: r.GetCertificate, MinVersion: tls.VersionTLS12}
	if t.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, f.blame(file, "tls-client-ca", "tls.client_ca", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, f.blame(file, "tls-client-ca", "tls.client_ca", fmt.Errorf("%s: no certificate in PEM form", t.ClientCA))
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if t.Required {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// mayListen refuses addresses that others can reach while a password is one that
// everybody knows.
func mayListen(address string, file *config.File) error {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("--listen %q: %w", address, err)
	}
	if addr.IP.IsLoopback() {
		return nil
	}
	for i, ac := range file.Center.Accounts {
		kind := ""
		switch {
		case ac.Open():
			kind = "empty"
		case ac.Password == account.Default().Password && ac.Certificate == "":
			kind = "the default one"
		default:
			continue
		}
		for _, key := range []string{"password", "id"} {
			if key = fmt.Sprintf("accounts[%d].%s", i, key); file.Has(key) {
				return file.Blame(key, fmt.Errorf("others can reach %s, and the password of account %q is %s; give it another, or listen on 127.0.0.1", address, ac.ID, kind))
			}
		}
		return fmt.Errorf("--listen %s: others can reach this address, and the password of account %q is %s; give it another with --account %s:PASSWORD, or listen on 127.0.0.1", address, ac.ID, kind, ac.ID)
	}
	return nil
}

func (a *app) serve(cmd *cobra.Command, f *serveFlags) (err error) {
	file, err := f.settings()
	if err != nil {
		return err
	}
	r := &running{app: a, flags: f, started: file, current: file, since: time.Now(), meter: metrics.New(), notify: systemd.FromEnvironment()}
	// From now on: whoever asks for a reload during a long start must not end it.
	r.hangup = make(chan os.Signal, 1)
	signal.Notify(r.hangup, syscall.SIGHUP)
	defer signal.Stop(r.hangup)
	if err := r.level.UnmarshalText([]byte(file.LogLevel)); err != nil {
		return &usageError{err}
	}
	options := &slog.HandlerOptions{Level: &r.level}
	r.form.set(file.LogFormat == "json")
	r.log = slog.New(&logHandler{form: &r.form, text: slog.NewTextHandler(a.stderr, options), object: slog.NewJSONHandler(a.stderr, options)})
	conf, err := f.secure(file, r.badCertificate)
	if err != nil {
		return &usageError{err}
	}
	if f.check {
		what := "the flags are"
		if f.config != "" {
			what = f.config + " is"
		}
		_, _ = fmt.Fprintf(a.stdout, "%s fine: %s on %s\n", what, accountsOf(file), strings.Join(file.Listen, ", "))
		return nil
	}
	cfg := file.Center
	cfg.Logger = r.log
	if conf != nil {
		r.tls.Store(conf)
		cfg.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.tls.Load(), nil }, MinVersion: tls.VersionTLS12}
	}

	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close() // most are closed by then
		}
	}()
	for _, address := range file.Listen {
		l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", address)
		if err != nil {
			return err
		}
		r.listen = append(r.listen, l.Addr().String())
		behind := proxy.NewListener(l, proxy.Config{Trusted: file.Proxies, OnlyTrusted: file.OnlyProxy, Logger: r.log})
		r.proxied = append(r.proxied, behind)
		listeners = append(listeners, behind)
	}
	where := "memory"
	r.memory = &memory.Store{History: cfg.MaxHistory}
	var engine store.Store = r.memory
	if file.Data != "" {
		r.disk, err = pebble.Open(file.Data, pebble.Options{KeepText: cfg.TextRetention > 0, Reserve: file.Reserve, FS: a.disk, Logger: r.log})
		if err != nil {
			return err
		}
		engine, where = r.disk, file.Data
		steady, unsteady := context.WithCancel(context.WithoutCancel(cmd.Context()))
		defer unsteady()
		go collectSteadily(steady)
	}
	defer func() {
		if cerr := engine.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	trace, logged, err := a.openPcap(cmd, file.Pcap, r.log)
	if err != nil {
		return err
	}
	defer logged()
	cfg.Trace, cfg.Store, cfg.Observe = trace, r.meter.Wrap(engine), r.meter.Request
	if r.center, err = center.New(cfg); err != nil {
		return &usageError{err}
	}
	end, httpAddress, err := r.attend(cmd)
	if err != nil {
		_ = r.center.Close()
		return err
	}
	defer end()
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- r.center.Serve(l) }()
	}
	secured := ""
	if conf != nil {
		secured = " with TLS"
	}
	if httpAddress != "" {
		httpAddress = "; http://" + httpAddress
	}
	_, _ = fmt.Fprintf(a.stdout, "listening on %s%s for %s%s; messages in %s; simulated handset: %s; interrupt to end\n", strings.Join(r.listen, ", "), secured, accountsOf(file), httpAddress, where, file.Simulate)
	r.tell(r.notify.Ready("serving " + accountsOf(file)))

	select {
	case err = <-served:
		_ = r.center.Close()
		return err
	case <-cmd.Context().Done():
	}
	r.stopping.Store(true)
	r.tell(r.notify.Stopping())
	grace := r.grace()
	r.log.Info("stopping", "grace", grace)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), grace)
	defer cancel()
	if err := r.center.Shutdown(ctx); err != nil {
		s := r.center.Stats()
		a.warn(cmd, "ended after --grace %v with %d messages and receipts under way", grace, s.Live)
		if r.disk != nil {
			return r.disk.Err()
		}
		return nil
	}
	if r.disk != nil && r.disk.Err() != nil {
		return r.disk.Err() // of what came to its end, not all may be known to the next start
	}
	if s := r.center.Stats(); s.Live > 0 && file.Data == "" {
		a.warn(cmd, "%d messages and receipts that waited are gone", s.Live)
	}
	return nil
}

func accountsOf(file *config.File) string {
	ids := make([]string, len(file.Center.Accounts))
	for i, ac := range file.Center.Accounts {
		ids[i] = ac.ID
	}
	if len(ids) == 1 {
		return "account " + ids[0]
	}
	return "accounts " + strings.Join(ids, ", ")
}
