package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Server is the side of the message center: it accepts connections, lets
// ESMEs bind, and gives their requests to a handler. The fields must not be
// changed once it serves.
type Server struct {
	Addr    string  // address of ListenAndServe; empty: ":2775", or ":3550" with TLS
	Handler Handler // nil refuses every operation

	// Authenticate decides on a bind. It returns the grant, or an error that is
	// or wraps the pdu.Status to answer with; any other error answers
	// pdu.StatusSystemError. It may block. Nil lets everybody in: set it.
	Authenticate func(ctx context.Context, b *pdu.Bind) (*Account, error)

	// Bound, when set, is called on a goroutine of its own for each session
	// that has bound.
	Bound func(s *Session)

	SystemID string      // identity given to ESMEs, at most 15 octets
	Version  pdu.Version // highest version spoken; zero: v5.0

	// Window is how many requests of a session are handled at once; as many
	// again wait, more are refused with pdu.StatusThrottled. It is also how many
	// requests to the ESME may wait for a response. Account.Window wins.
	// Zero: 10.
	Window int

	// Congestion changes the congestion_state that responses to ESMEs of v5.0
	// carry. It is given what was measured, the requests of the session that are
	// handled or wait: 80 when as many are handled as may be, 100 when the next
	// one would be refused, 0 when none are, as with Inline handlers. Above 100
	// nothing is sent. It is called with locks held, often, and must be quick and
	// not use the session. Nil sends what was measured from 50 on; less than that
	// tells an ESME no more than silence does.
	Congestion func(measured pdu.Congestion) pdu.Congestion
	// NoCongestion keeps congestion_state out of all responses.
	NoCongestion bool

	// Timers: zero is the default, negative is off.
	SessionInit     time.Duration // for a bind to come; default 30 s
	ResponseTimeout time.Duration // for a response, an enquire_link to be answered, a write to be taken; default 60 s
	EnquireLink     time.Duration // silence of the peer after which an enquire_link is sent; default 30 s
	Inactivity      time.Duration // time without a transaction after which a session is closed; default off

	TLSConfig  *tls.Config   // for ListenAndServeTLS and ServeTLS
	Registry   *pdu.Registry // commands and TLVs; nil: pdu.Standard()
	Strictness pdu.Strictness
	MaxPDU     int          // octets of a PDU that is accepted; zero: pdu.DefaultMaxLen
	Logger     *slog.Logger // nil: slog.Default()
	Trace      *Trace       // nil: none

	mu        sync.Mutex
	listeners map[*net.Listener]bool // by pointer: a listener may be of a type that is no key
	sessions  map[*Session]bool
	closed    bool
	opt       *options
}

// An Account is what Authenticate grants.
type Account struct {
	SystemID string   // identity of the ESME; empty: the system_id it bound with
	Window   int      // see Server.Window; zero: that
	TLVs     tlv.List // sent with the bind response
	Value    any      // the application's own
}

func (srv *Server) options() *options {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.opt == nil {
		window := windowOf(srv.Window)
		srv.opt = &options{
			window:  window,
			inbound: window,

			tellsNothing: srv.NoCongestion,
			congestion:   srv.Congestion,

			response:    timer(srv.ResponseTimeout, DefaultResponseTimeout),
			enquire:     timer(srv.EnquireLink, DefaultEnquireLink),
			inactivity:  timer(srv.Inactivity, 0),
			sessionInit: timer(srv.SessionInit, DefaultSessionInit),
			reg:         orElse(srv.Registry, pdu.Standard()),
			strictness:  srv.Strictness,
			maxPDU:      maxPDUOf(srv.MaxPDU),
			log:         orElse(srv.Logger, slog.Default()),
			trace:       orElse(srv.Trace, &noTrace),
		}
	}
	return srv.opt
}

// ListenAndServe listens on Addr and serves; see Serve.
func (srv *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", orElse(srv.Addr, ":"+DefaultPort))
	if err != nil {
		return fmt.Errorf("smpp: %w", err)
	}
	return srv.Serve(l)
}

// ListenAndServeTLS listens on Addr and serves with TLS. The files may be empty
// when TLSConfig has certificates.
func (srv *Server) ListenAndServeTLS(certFile, keyFile string) error {
	l, err := net.Listen("tcp", orElse(srv.Addr, ":"+DefaultTLSPort))
	if err != nil {
		return fmt.Errorf("smpp: %w", err)
	}
	return srv.ServeTLS(l, certFile, keyFile)
}

// ServeTLS is Serve with TLS on the connections that l accepts.
func (srv *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	c := srv.TLSConfig.Clone()
	if c == nil {
		c = new(tls.Config)
	}
	if certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			_ = l.Close()
			return fmt.Errorf("smpp: certificate: %w", err)
		}
		c.Certificates = append(slices.Clone(c.Certificates), cert)
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		_ = l.Close()
		return errors.New("smpp: TLS without a certificate: name the files, or set TLSConfig")
	}
	return srv.Serve(tls.NewListener(l, c))
}

// Serve accepts connections on l until the server is closed or l fails, and
// closes l. It always returns an error: ErrServerClosed after Shutdown or Close.
func (srv *Server) Serve(l net.Listener) error {
	if err := srv.serve(&l); err != nil {
		return err
	}
	defer func() {
		srv.mu.Lock()
		delete(srv.listeners, &l)
		srv.mu.Unlock()
		_ = l.Close()
	}()
	pause := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			srv.ServeConn(conn)
			continue
		case srv.isClosed():
			return ErrServerClosed
		}
		// Out of file descriptors, or a connection that ended too soon: go on.
		if temporary, ok := err.(interface{ Temporary() bool }); !ok || !temporary.Temporary() {
			return fmt.Errorf("smpp: %w", err)
		}
		srv.options().log.Error("smpp: accept failed", "error", err, "pause", pause)
		t := time.NewTimer(pause)
		<-t.C
		pause = min(2*pause, time.Second)
	}
}

func (srv *Server) serve(l *net.Listener) error {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		_ = (*l).Close()
		return ErrServerClosed
	}
	if srv.listeners == nil {
		srv.listeners = make(map[*net.Listener]bool)
	}
	srv.listeners[l] = true
	return nil
}

func (srv *Server) isClosed() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.closed
}

// ServeConn starts a session on a connection that exists, and returns it. The
// session owns conn. On a closed server the connection is closed and the result
// is nil.
func (srv *Server) ServeConn(conn net.Conn) *Session {
	s := newSession(conn, MC, srv.options(), srv.Handler)
	s.server = srv
	srv.mu.Lock()
	if srv.closed {
		srv.mu.Unlock()
		_ = conn.Close()
		return nil
	}
	if srv.sessions == nil {
		srv.sessions = make(map[*Session]bool)
	}
	srv.sessions[s] = true
	srv.mu.Unlock()
	s.start()
	return s
}

func (srv *Server) forget(s *Session) {
	srv.mu.Lock()
	delete(srv.sessions, s)
	srv.mu.Unlock()
}

// Sessions returns the sessions that live, bound or not, in no order.
func (srv *Server) Sessions() []*Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return slices.Collect(maps.Keys(srv.sessions))
}

// Close stops listening and closes every session, with an unbind as a courtesy.
func (srv *Server) Close() error {
	return srv.stop(func(s *Session) error { return s.Close() })
}

// Shutdown stops listening and ends every session with nothing left open; see
// Session.Shutdown.
func (srv *Server) Shutdown(ctx context.Context) error {
	return srv.stop(func(s *Session) error { return s.Shutdown(ctx) })
}

func (srv *Server) stop(end func(*Session) error) error {
	srv.mu.Lock()
	srv.closed = true
	listeners := slices.Collect(maps.Keys(srv.listeners))
	sessions := slices.Collect(maps.Keys(srv.sessions))
	srv.mu.Unlock()
	var errs []error
	for _, l := range listeners {
		if err := (*l).Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	failed := make([]error, len(sessions))
	var wg sync.WaitGroup
	for i, s := range sessions {
		wg.Go(func() { failed[i] = end(s) })
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			errs = append(errs, err)
			break // one stands for all
		}
	}
	return errors.Join(errs...)
}

// bind handles a bind on a session. Authenticate may block, so it has a
// goroutine of its own.
func (srv *Server) bind(s *Session, h pdu.Header, req pdu.BindRequest) {
	s.mu.Lock()
	busy := s.timers.binding
	s.timers.binding = true
	if !busy {
		s.bindID = h.Command
	}
	s.mu.Unlock()
	if busy {
		_ = s.reply(h, h.Command.Response(), pdu.StatusInvalidBindStatus, nil)
		return
	}
	go func() {
		account, err := srv.authenticate(s, req)
		if err != nil {
			s.mu.Lock()
			s.timers.binding = false
			s.touch(time.Now())
			s.mu.Unlock()
			_ = s.respond(h, s.statusOf(h, err), nil, true) // fails only when the session has ended
			return
		}
		if srv.grant(s, h, req, account) && srv.Bound != nil {
			srv.Bound(s)
		}
	}()
}

func (srv *Server) authenticate(s *Session, req pdu.BindRequest) (account *Account, err error) {
	if srv.Authenticate == nil {
		return new(Account), nil
	}
	defer s.guard(pdu.Header{Command: req.Command()}, func(p error) { err = p })
	account, err = srv.Authenticate(s.ctx, req.BindFields())
	if account == nil && err == nil {
		account = new(Account)
	}
	return account, err
}

// grant answers a bind and makes it take effect, in one step.
func (srv *Server) grant(s *Session, h pdu.Header, req pdu.BindRequest, a *Account) bool {
	b := pdu.Clone(&pdu.BindTransceiver{Bind: *req.BindFields()}).BindFields() // without the frame
	own := orElse(srv.Version, pdu.V50).Known()
	version := min(b.InterfaceVersion.Known(), own)
	resp := pdu.BindResp{SystemID: srv.SystemID, TLVs: a.TLVs.Clone()}
	withoutTLVs := version < pdu.V34
	if b.InterfaceVersion >= pdu.V34 {
		pdu.TLVSCInterfaceVersion.Set(&resp.TLVs, own)
	}
	if h.Command == pdu.IDBindTransceiver && version < pdu.V34 {
		version = pdu.V34 // what it binds as, v3.3 does not have
	}
	s.mu.Lock()
	if s.err != nil || s.state != StateOpen && s.state != StateOutbound {
		s.mu.Unlock()
		return false
	}
	// An ESME of v3.4 is told of a message center of v3.3, in a TLV.
	s.settle(max(version, pdu.V34), b.InterfaceVersion < pdu.V34)
	from := len(s.out)
	out, err := s.encode(pdu.Header{Sequence: h.Sequence}, req.NewBindResp(resp))
	if err != nil {
		s.timers.binding = false
		s.touch(time.Now())
		s.settle(pdu.V50, false)
		s.mu.Unlock()
		s.opt.log.Error("smpp: bind response cannot be encoded", "error", err)
		_ = s.respond(h, pdu.StatusSystemError, nil, true)
		return false
	}
	s.out = out
	if s.opt.trace.Sent != nil {
		s.opt.trace.Sent(s, s.out[from:len(s.out):len(s.out)])
	}
	s.settle(version, withoutTLVs)
	s.account, s.bindReq, s.timers.binding = a, b, false
	s.peerID = orElse(a.SystemID, b.SystemID)
	s.setState(boundState(h.Command))
	if a.Window > 0 {
		s.win.resize(min(a.Window, maxWindow))
		s.in.setLimit(min(a.Window, maxWindow))
	}
	write := !s.writing
	s.writing = true
	s.mu.Unlock()
	if write {
		s.drain(false)
	}
	return true
}
