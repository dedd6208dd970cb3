package smpp

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// TLS returns the state of the connection's TLS, or nil if it has none. The
// handshake is over before Server.Authenticate is called, which can so hold a
// system_id against the certificate that the ESME has shown: with
// tls.RequireAndVerifyClientCert, PeerCertificates[0] is verified. Before, TLS
// waits for the handshake.
func (s *Session) TLS() *tls.ConnectionState {
	c, ok := s.conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	st := c.ConnectionState()
	return &st
}

// A CertReloader serves a certificate from files that may be replaced while it
// is in use: GetCertificate for the tls.Config of a server, GetClientCertificate
// for that of a client. The files are looked at when a handshake needs them, at
// most once a second. When what they hold is no pair of a certificate and its
// key, the one before stays in use. Its methods may be called concurrently.
type CertReloader struct {
	certFile, keyFile string
	failed            func(error)

	mu      sync.Mutex
	cert    *tls.Certificate
	seen    [2]fileState // of what was loaded, or has failed to
	checked time.Time
}

// fileState tells two contents of a file apart.
type fileState struct {
	size int64
	mod  time.Time
	info os.FileInfo
}

func stateOf(name string) fileState {
	info, err := os.Stat(name)
	if err != nil {
		return fileState{size: -1}
	}
	return fileState{info.Size(), info.ModTime(), info}
}

func (a fileState) same(b fileState) bool {
	if a.info == nil || b.info == nil {
		return a.info == nil && b.info == nil
	}
	return a.size == b.size && a.mod.Equal(b.mod) && os.SameFile(a.info, b.info)
}

// NewCertReloader reads a certificate, with the chain that belongs to it, and its
// key from PEM files. What goes wrong later is told to failed, once for each
// change of the files, in the handshake that meets it; nil: nobody.
func NewCertReloader(certFile, keyFile string, failed func(error)) (*CertReloader, error) {
	r := &CertReloader{certFile: certFile, keyFile: keyFile, failed: failed}
	if err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// Reload reads the files now, whether they have changed or not. On an error the
// certificate in use stays.
func (r *CertReloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked = time.Now()
	r.seen = r.states()
	return r.load()
}

func (r *CertReloader) states() [2]fileState {
	return [2]fileState{stateOf(r.certFile), stateOf(r.keyFile)}
}

func (r *CertReloader) load() error {
	cert, err := tls.LoadX509KeyPair(r.certFile, r.keyFile)
	if err != nil {
		return fmt.Errorf("smpp: certificate: %w", err)
	}
	r.cert = &cert
	return nil
}

// Certificate returns the certificate in use, after a look at the files.
func (r *CertReloader) Certificate() *tls.Certificate {
	r.mu.Lock()
	var err error
	if now := time.Now(); now.Sub(r.checked) >= time.Second {
		r.checked = now
		// The state from before the reading: a change in between is seen next time.
		if seen := r.states(); !seen[0].same(r.seen[0]) || !seen[1].same(r.seen[1]) {
			r.seen = seen
			err = r.load()
		}
	}
	cert := r.cert
	r.mu.Unlock()
	if err != nil && r.failed != nil {
		r.failed(err)
	}
	return cert
}

// GetCertificate is for the field of that name of a tls.Config.
func (r *CertReloader) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return r.Certificate(), nil
}

// GetClientCertificate is for the field of that name of a tls.Config.
func (r *CertReloader) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return r.Certificate(), nil
}
