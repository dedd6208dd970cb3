package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// dial connects and binds as the connection flags say. What config has beside
// that stays.
func (c *connection) dial(ctx context.Context, config smpp.Config) (*smpp.Session, error) {
	c.configure(&config)
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	s, err := smpp.Dial(ctx, c.URL(), &config)
	if err != nil {
		return nil, explain(err, c)
	}
	return s, nil
}

// configure sets what the connection flags say.
func (c *connection) configure(config *smpp.Config) {
	config.SystemID, config.Password, config.SystemType = c.SystemID, c.Password, c.SystemType
	config.Version, config.TLSConfig = c.Version, c.TLS
	config.ResponseTimeout = c.Timeout
	switch c.Bind {
	case pdu.IDBindReceiver:
		config.Bind = smpp.Receiver
	case pdu.IDBindTransmitter:
		config.Bind = smpp.Transmitter
	}
}

// explain adds to an error of a connection what most often is behind it.
func explain(err error, c *connection) error {
	hint := func(text string) error { return fmt.Errorf("%w: %s", err, text) }
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
		resp      *smpp.ResponseError
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return hint("nothing listens there; start a message center with \"smpp serve\", or check host and port of --url")
	case errors.As(err, &dns):
		return hint("check the host name in --url")
	case errors.As(err, &authority):
		return hint("name the authority with --tls-ca, or accept any certificate with --tls-insecure")
	case errors.As(err, &hostname):
		return hint("the certificate is for another name: check the host in --url")
	case errors.As(err, &record):
		return hint("the peer does not speak TLS there: try smpp:// instead of ssmpp://")
	case errors.As(err, &resp):
		switch resp.Status {
		case pdu.StatusBindFailed, pdu.StatusInvalidPassword, pdu.StatusInvalidSystemID:
			return hint("check the id and password in --url; if they are right, the account may not bind from here, not in this way (--bind), or not again")
		case pdu.StatusInvalidCommandID:
			return hint("the message center may not know this kind of bind: try --bind transmitter or --bind receiver")
		case pdu.StatusAlreadyBound:
			return hint("the account may be bound from elsewhere, or may have no more sessions")
		case pdu.StatusInvalidSystemType:
			return hint("ask the operator for the right --system-type")
		}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, smpp.ErrTimeout):
		return hint(fmt.Sprintf("no answer within %v (--timeout): a firewall may drop the connection, or the port may speak another protocol, TLS for one (ssmpp://)", c.Timeout))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return hint("the peer hung up before it answered the bind: it may want TLS (ssmpp://), or not accept connections from this address")
	}
	return err
}
