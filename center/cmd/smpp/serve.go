package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/proxy"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store/pebble"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

type serveFlags struct {
	pcap              *pcapFlags
	proxies           string
	onlyProxies       bool
	listen            []string
	accounts          []string
	tlsCert, tlsKey   string
	simulate          string
	data, config      string
	logLevel          string
	grace             time.Duration
	listenSet, simSet bool
	dataSet           bool
}

// defaultData is where messages are kept when not told otherwise.
const defaultData = "smpp-data"

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
--config names a YAML file. Flags win over it, and the accounts of both count.
All keys, none of which is required:

` + configExample,
		Example: `  smpp serve
  smpp serve --account acme:secret --account shop:hidden --simulate random:seed=42
  smpp serve --simulate 'deliver:undeliverable=10/1,delay=normal(1s p99=4s),throttle=2s/30s,receipt=resp-hex-receipt-dec'
  smpp serve --listen 0.0.0.0:3550 --account acme:secret --tls-cert cert.pem --tls-key key.pem
  smpp serve --config center.yaml --log-level debug
  smpp serve --pcap smpp.pcapng --pcap-session acme
  smpp serve --listen 10.1.0.5:2775 --account acme:secret --proxy-protocol 10.1.0.0/24 --proxy-protocol-only`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.listenSet, f.simSet = cmd.Flags().Changed("listen"), cmd.Flags().Changed("simulate")
			f.dataSet = cmd.Flags().Changed("data")
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
	fs.StringVar(&f.simulate, "simulate", "deliver", "how the simulated handset behaves (`profile`)")
	fs.StringVar(&f.data, "data", defaultData, "`directory` for messages; empty: memory")
	fs.StringVar(&f.config, "config", "", "configuration `file`")
	fs.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error (`level`, default info)")
	fs.DurationVar(&f.grace, "grace", 10*time.Second, "how long to deliver what can be when it ends (`duration`)")
	oneOff(fs, "config") // SMPP_CONFIG names the file of the profiles
	completeFlag(cmd, "simulate", handset.Names()...)
	completeFlag(cmd, "log-level", "debug", "info", "warn", "error")
	if err := cmd.RegisterFlagCompletionFunc("config", completeExtensions("yaml", "yml")); err != nil {
		panic(err) // a mistake of the program: no such flag
	}
	return cmd
}

const configExample = `  listen: [127.0.0.1:2775]
  tls: {cert: cert.pem, key: key.pem}
  system_id: smpp           # what the message center calls itself
  simulate: deliver
  log_level: info
  data: smpp-data           # directory for messages; "" is memory
  zone: Europe/Berlin       # of the dates in receipts; UTC
  accounts:
    - id: acme
      password: secret
      bind: [transmitter, receiver, transceiver]  # allowed ways to bind; all
      addresses: ["8080", "4917*", "^49[0-9]+$"]  # it receives for, bound or not
      window: 100           # its requests handled at once, on a session
      deliver_window: 10    # messages sent to it before the first is answered
  window: 1000              # of accounts that do not say
  deliver_window: 10
  validity: 24h             # of messages that do not say
  max_validity: 720h
  receipt_validity: 24h     # how long a receipt waits for an ESME to take it
  retry: [1s, 5s, 15s, 1m, 5m, 15m, 1h]  # pauses between attempts
  linger: 5m                # how long addresses stay with an ESME that is gone
  max_waiting: 400000       # messages and receipts to come; then ESME_RMSGQFUL
  max_per_account: 200000
  retention: 24h            # how long a message is known after its end
  text_retention: 0s        # and its text
  max_history: 200000       # how many are known, in memory
  enquire_link: 30s
  inactivity: 0s            # 0: sessions may be idle for ever
  response_timeout: 60s`

// A centerConfig is the file of --config.
type centerConfig struct {
	Listen []string `yaml:"listen"`
	TLS    struct {
		Cert string `yaml:"cert"`
		Key  string `yaml:"key"`
	} `yaml:"tls"`
	SystemID        string          `yaml:"system_id"`
	Simulate        string          `yaml:"simulate"`
	LogLevel        string          `yaml:"log_level"`
	Data            *string         `yaml:"data"`
	Zone            string          `yaml:"zone"`
	Accounts        []accountConfig `yaml:"accounts"`
	Window          int             `yaml:"window"`
	DeliverWindow   int             `yaml:"deliver_window"`
	Validity        time.Duration   `yaml:"validity"`
	MaxValidity     time.Duration   `yaml:"max_validity"`
	ReceiptValidity time.Duration   `yaml:"receipt_validity"`
	Retry           []time.Duration `yaml:"retry"`
	Linger          time.Duration   `yaml:"linger"`
	MaxWaiting      int             `yaml:"max_waiting"`
	MaxPerAccount   int             `yaml:"max_per_account"`
	Retention       time.Duration   `yaml:"retention"`
	TextRetention   time.Duration   `yaml:"text_retention"`
	MaxHistory      int             `yaml:"max_history"`
	EnquireLink     time.Duration   `yaml:"enquire_link"`
	Inactivity      time.Duration   `yaml:"inactivity"`
	ResponseTimeout time.Duration   `yaml:"response_timeout"`
}

type accountConfig struct {
	ID            string   `yaml:"id"`
	Password      string   `yaml:"password"`
	Bind          []string `yaml:"bind"`
	Addresses     []string `yaml:"addresses"`
	Window        int      `yaml:"window"`
	DeliverWindow int      `yaml:"deliver_window"`
}

func readCenterConfig(path string) (*centerConfig, error) {
	c := new(centerConfig)
	if path == "" {
		return c, nil
	}
	octets, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	loader, err := yaml.NewLoader(bytes.NewReader(octets), yaml.WithKnownFields())
	if err == nil {
		err = loader.Load(c)
	}
	if err != nil && !errors.Is(err, io.EOF) { // a file of comments only is fine
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, c.check(path)
}

func (c *centerConfig) check(path string) error {
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"window", int64(c.Window)}, {"deliver_window", int64(c.DeliverWindow)}, {"validity", int64(c.Validity)}, {"max_validity", int64(c.MaxValidity)},
		{"receipt_validity", int64(c.ReceiptValidity)}, {"max_waiting", int64(c.MaxWaiting)}, {"max_per_account", int64(c.MaxPerAccount)},
		{"retention", int64(c.Retention)}, {"text_retention", int64(c.TextRetention)}, {"max_history", int64(c.MaxHistory)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s: %s: it is negative; more than 0 is required", path, n.key)
		}
	}
	for _, d := range c.Retry {
		if d <= 0 {
			return fmt.Errorf("%s: retry: %v: more than 0 is required", path, d)
		}
	}
	return nil
}

// settings puts the flags and the file together.
func (f *serveFlags) settings() (cfg center.Config, listen []string, profile, level string, err error) {
	fail := func(err error) (center.Config, []string, string, string, error) {
		return center.Config{}, nil, "", "", &usageError{err}
	}
	file, err := readCenterConfig(f.config)
	if err != nil {
		return fail(fmt.Errorf("--config: %w", err))
	}
	for _, x := range file.Accounts {
		ac := account.Account{ID: x.ID, Password: x.Password, Addresses: x.Addresses, Window: x.Window, DeliverWindow: x.DeliverWindow}
		if ac.Modes, err = account.ParseModes(x.Bind...); err != nil {
			return fail(fmt.Errorf("%s: account %q: %w", f.config, x.ID, err))
		}
		if err := ac.Check(); err != nil {
			return fail(fmt.Errorf("%s: %w", f.config, err))
		}
		for _, address := range ac.Addresses {
			if _, err := route.ParsePattern(pdu.Address{Addr: address}); err != nil {
				return fail(fmt.Errorf("%s: account %q: %w", f.config, x.ID, err))
			}
		}
		cfg.Accounts = append(cfg.Accounts, ac)
	}
	for _, s := range f.accounts {
		ac, err := account.Parse(s)
		if err != nil {
			return fail(fmt.Errorf("--account: %w", err))
		}
		cfg.Accounts = append(cfg.Accounts, ac)
	}
	if len(cfg.Accounts) == 0 {
		cfg.Accounts = []account.Account{account.Default()}
	}
	if _, err := account.NewBook(cfg.Accounts...); err != nil {
		return fail(err)
	}
	profile = f.simulate
	if !f.simSet && file.Simulate != "" {
		profile = file.Simulate
	}
	if cfg.Handset, err = handset.ParseProfile(profile); err != nil {
		return fail(fmt.Errorf("--simulate: %w", err))
	}
	if cfg.TLS, err = loadTLS(first(f.tlsCert, file.TLS.Cert), first(f.tlsKey, file.TLS.Key)); err != nil {
		return fail(err)
	}
	if file.Zone != "" {
		if cfg.Zone, err = time.LoadLocation(file.Zone); err != nil {
			return fail(fmt.Errorf("%s: zone %q: a name such as Europe/Berlin is required", f.config, file.Zone))
		}
	}
	cfg.SystemID = file.SystemID
	cfg.Window, cfg.DeliverWindow = file.Window, file.DeliverWindow
	cfg.Validity, cfg.MaxValidity, cfg.ReceiptValidity = file.Validity, file.MaxValidity, file.ReceiptValidity
	cfg.Retry, cfg.Linger, cfg.Retention, cfg.TextRetention = file.Retry, file.Linger, file.Retention, file.TextRetention
	if !f.dataSet && file.Data != nil {
		f.data = *file.Data
	}
	cfg.MaxWaiting, cfg.MaxPerAccount, cfg.MaxHistory = file.MaxWaiting, file.MaxPerAccount, file.MaxHistory
	cfg.EnquireLink, cfg.Inactivity, cfg.ResponseTimeout = file.EnquireLink, file.Inactivity, file.ResponseTimeout

	listen = f.listen
	if !f.listenSet && len(file.Listen) > 0 {
		listen = file.Listen
	}
	if len(listen) == 0 {
		port := smpp.DefaultPort
		if cfg.TLS != nil {
			port = smpp.DefaultTLSPort
		}
		listen = []string{net.JoinHostPort("127.0.0.1", port)}
	}
	for _, l := range listen {
		if err := mayListen(l, cfg.Accounts); err != nil {
			return fail(err)
		}
	}
	return cfg, listen, profile, first(f.logLevel, file.LogLevel, "info"), nil
}

// first returns the first string that is not empty.
func first(options ...string) string {
	for _, s := range options {
		if s != "" {
			return s
		}
	}
	return ""
}

func loadTLS(cert, key string) (*tls.Config, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("--tls-cert and --tls-key: one makes no sense without the other")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// mayListen refuses addresses that others can reach while a password is one that
// everybody knows.
func mayListen(address string, accounts []account.Account) error {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("--listen %q: %w", address, err)
	}
	if addr.IP.IsLoopback() {
		return nil
	}
	for _, ac := range accounts {
		kind := ""
		switch ac.Password {
		case "":
			kind = "empty"
		case account.Default().Password:
			kind = "the default one"
		default:
			continue
		}
		return fmt.Errorf("--listen %s: others can reach this address, and the password of account %q is %s; give it another with --account %s:PASSWORD, or listen on 127.0.0.1", address, ac.ID, kind, ac.ID)
	}
	return nil
}

func (a *app) serve(cmd *cobra.Command, f *serveFlags) (err error) {
	if f.grace < 0 {
		return usagef("--grace %v: 0 or more is required", f.grace)
	}
	cfg, addresses, profile, levelName, err := f.settings()
	if err != nil {
		return err
	}
	var level slog.Level
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, levelName) || level.UnmarshalText([]byte(levelName)) != nil {
		return usagef("--log-level %q: debug, info, warn or error is required", levelName)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
	var proxies proxy.Config
	switch {
	case f.proxies != "":
		if proxies.Trusted, err = proxy.ParseTrusted(f.proxies); err != nil {
			return usagef("--proxy-protocol: %w", err)
		}
		proxies.OnlyTrusted, proxies.Logger = f.onlyProxies, cfg.Logger
	case f.onlyProxies:
		return usagef("--proxy-protocol-only: it needs --proxy-protocol")
	}

	var listeners []net.Listener
	closeAll := func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	var names []string
	for _, address := range addresses {
		l, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", address)
		if err != nil {
			closeAll()
			return err
		}
		names = append(names, l.Addr().String())
		if f.proxies != "" {
			l = proxy.NewListener(l, proxies)
		}
		listeners = append(listeners, l)
	}
	where := "memory"
	if f.data != "" {
		disk, err := pebble.Open(f.data, pebble.Options{KeepText: cfg.TextRetention > 0, Logger: cfg.Logger})
		if err != nil {
			closeAll()
			return err
		}
		defer func() {
			if cerr := disk.Close(); cerr != nil && err == nil {
				err = cerr
			}
		}()
		cfg.Store, where = disk, f.data
	}
	trace, logged, err := f.pcap.open(a, cmd, cfg.Logger)
	if err != nil {
		closeAll()
		return err
	}
	defer logged()
	cfg.Trace = trace
	c, err := center.New(cfg)
	if err != nil {
		closeAll()
		return &usageError{err}
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { served <- c.Serve(l) }()
	}
	secure := ""
	if cfg.TLS != nil {
		secure = " with TLS"
	}
	ids := make([]string, len(cfg.Accounts))
	for i, ac := range cfg.Accounts {
		ids[i] = ac.ID
	}
	accounts := "account " + ids[0]
	if len(ids) > 1 {
		accounts = "accounts " + strings.Join(ids, ", ")
	}
	_, _ = fmt.Fprintf(a.stdout, "listening on %s%s for %s; messages in %s; simulated handset: %s; interrupt to end\n", strings.Join(names, ", "), secure, accounts, where, profile)

	select {
	case err = <-served:
		_ = c.Close()
		return err
	case <-cmd.Context().Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), f.grace)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		s := c.Stats()
		a.warn(cmd, "ended after --grace %v with %d messages and receipts under way", f.grace, s.Live)
		return nil
	}
	if s := c.Stats(); s.Live > 0 && f.data == "" {
		a.warn(cmd, "%d messages and receipts that waited are gone", s.Live)
	}
	return nil
}
