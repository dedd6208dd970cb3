package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/spf13/cobra"
)

const (
	defaultURL     = "smpp://demo:demo@127.0.0.1:2775"
	defaultPort    = "2775" // of smpp://
	defaultTLSPort = "3550" // of ssmpp://
)

// connectionFlags are the flags of the subcommands that bind to a message
// center. Register them with addConnectionFlags, and have parse read them in
// RunE.
type connectionFlags struct {
	url, bind, version, systemType string
	tlsCA, tlsCert, tlsKey         string
	tlsInsecure                    bool
	timeout                        time.Duration
}

// addConnectionFlags gives cmd the connection flags. bind is the default of
// --bind: transceiver, receiver or transmitter.
func addConnectionFlags(cmd *cobra.Command, bind string) *connectionFlags {
	f := &connectionFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.url, "url", defaultURL, "message center and account, smpp://id:password@host:port, or ssmpp:// for TLS (`URL`)")
	fs.StringVar(&f.bind, "bind", bind, "bind as transceiver, receiver or transmitter (`kind`)")
	fs.StringVar(&f.version, "smpp-version", "3.4", "3.3, 3.4 or 5.0 (`version`)")
	fs.StringVar(&f.systemType, "system-type", "", "system_type of the bind, at most 12 octets (`text`)")
	fs.StringVar(&f.tlsCA, "tls-ca", "", "PEM `file` with the authorities to trust instead of the system's")
	fs.BoolVar(&f.tlsInsecure, "tls-insecure", false, "accept any certificate of the message center")
	fs.StringVar(&f.tlsCert, "tls-cert", "", "PEM `file` with the certificate to show to the message center")
	fs.StringVar(&f.tlsKey, "tls-key", "", "PEM `file` with the key of --tls-cert")
	fs.DurationVar(&f.timeout, "timeout", 10*time.Second, "longest wait for the connection, the bind and each response (`duration`)")
	completeFlag(cmd, "bind", "transceiver", "receiver", "transmitter")
	completeFlag(cmd, "smpp-version", "3.3", "3.4", "5.0")
	return f
}

// A connection is where and how to bind. Its text forms leave out the password.
type connection struct {
	Host, Port string
	SystemID   string
	Password   string
	SystemType string
	Bind       pdu.CommandID // IDBindTransceiver, IDBindReceiver or IDBindTransmitter
	Version    pdu.Version
	TLS        *tls.Config   // nil without TLS
	Timeout    time.Duration // > 0
}

// Addr returns host and port.
func (c *connection) Addr() string { return net.JoinHostPort(c.Host, c.Port) }

// URL returns the URL to dial, without system_id and password.
func (c *connection) URL() string {
	scheme := "smpp://"
	if c.TLS != nil {
		scheme = "ssmpp://"
	}
	return scheme + c.Addr()
}

// String returns the URL with the system_id and without the password.
func (c *connection) String() string {
	scheme, addr, _ := strings.Cut(c.URL(), "://")
	return (&url.URL{Scheme: scheme, User: url.User(c.SystemID), Host: addr}).String()
}

// GoString returns String, so that %#v shows no password either.
func (c *connection) GoString() string { return c.String() }

// LogValue returns String.
func (c *connection) LogValue() slog.Value { return slog.StringValue(c.String()) }

// parse checks the flags, reads the files that they name and returns what they
// say. An error is a usageError, but for one of a file.
func (f *connectionFlags) parse() (*connection, error) {
	c := &connection{SystemType: f.systemType, Timeout: f.timeout}
	secure, err := c.parseURL(f.url)
	if err != nil {
		return nil, usagef("--url: %w", err)
	}
	switch f.bind {
	case "transceiver":
		c.Bind = pdu.IDBindTransceiver
	case "receiver":
		c.Bind = pdu.IDBindReceiver
	case "transmitter":
		c.Bind = pdu.IDBindTransmitter
	default:
		return nil, usagef("--bind %q: transceiver, receiver or transmitter is required", f.bind)
	}
	switch f.version {
	case "3.3":
		c.Version = pdu.V33
	case "3.4":
		c.Version = pdu.V34
	case "5.0", "5":
		c.Version = pdu.V50
	default:
		return nil, usagef("--smpp-version %q: 3.3, 3.4 or 5.0 is required", f.version)
	}
	if c.Version == pdu.V33 && c.Bind == pdu.IDBindTransceiver {
		return nil, usagef("--bind transceiver: SMPP v3.3 has no transceiver, use --bind transmitter or --bind receiver")
	}
	if err := cString(f.systemType, 12); err != nil {
		return nil, usagef("--system-type: %w", err)
	}
	if f.timeout <= 0 {
		return nil, usagef("--timeout %v: more than 0 is required", f.timeout)
	}
	return c, f.parseTLS(c, secure)
}

func (f *connectionFlags) parseTLS(c *connection, secure bool) error {
	if !secure {
		switch {
		case f.tlsCA != "":
			return usagef("--tls-ca: only with an ssmpp:// URL")
		case f.tlsInsecure:
			return usagef("--tls-insecure: only with an ssmpp:// URL")
		case f.tlsCert != "" || f.tlsKey != "":
			return usagef("--tls-cert: only with an ssmpp:// URL")
		}
		return nil
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return usagef("--tls-cert and --tls-key: one needs the other")
	}
	c.TLS = &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.tlsInsecure}
	if f.tlsCA != "" {
		pem, err := os.ReadFile(f.tlsCA)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--tls-ca: %s: no certificate in PEM form", f.tlsCA)
		}
	}
	if f.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		if err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
		c.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// parseURL never puts a part of the URL into an error that may hold the
// password, which is what the errors of net/url do.
func (c *connection) parseURL(s string) (secure bool, err error) {
	u, err := url.Parse(s)
	if err != nil {
		return false, errors.New(urlForm + " is required, with % forms for special characters in id and password (%40 for @, %3A for :, %2F for /, %25 for %)")
	}
	port := defaultPort
	switch u.Scheme {
	case "smpp":
	case "ssmpp":
		secure, port = true, defaultTLSPort
	default:
		return false, errors.New("smpp:// or ssmpp:// is required at its start")
	}
	if u.User.Username() == "" {
		return false, errors.New("no system_id in it: " + urlForm + " is required")
	}
	if u.Hostname() == "" {
		return false, errors.New("no host in it: " + urlForm + " is required")
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return false, errors.New("nothing can follow the port: " + urlForm + " is required, with % forms for special characters in id and password")
	}
	c.Host, c.Port, c.SystemID = u.Hostname(), u.Port(), u.User.Username()
	if c.Port == "" {
		c.Port = port
	}
	if n, err := net.LookupPort("tcp", c.Port); err != nil || n == 0 {
		return false, errors.New("the port is 1 to 65535")
	}
	c.Password, _ = u.User.Password()
	if err := cString(c.SystemID, 15); err != nil {
		return false, fmt.Errorf("system_id: %w", err)
	}
	if err := cString(c.Password, 8); err != nil {
		return false, fmt.Errorf("password: %w", err)
	}
	return secure, nil
}

func cString(s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%d octets, at most %d fit", len(s), most)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return errors.New("no NUL can stand in it")
	}
	return nil
}
