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
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Server is the side of the message center: it accepts connections, lets
// ESMEs bind, and gives their requests to a handler. The fields must not be
// changed once it serves; SetLimits and SetTimers change what they can.
type Server struct {
	Addr    string  // address of ListenAndServe; empty: ":2775", or ":3550" with TLS
	Handler Handler // nil refuses every operation

	// Authenticate decides on a bind. It returns the grant, or an error that is
	// or wraps the pdu.Status to answer with; any other error answers
	// pdu.StatusSystemError. It may block; ctx ends with the session, and after
	// AuthenticateTimeout, when the bind is answered with pdu.StatusSystemError.
	// SessionFrom(ctx) tells about the connection: RemoteAddr, BindMode, TLS.
	// SecureEqual compares passwords. Nil lets everybody in: set it.
	Authenticate func(ctx context.Context, b *pdu.Bind) (*Account, error)

	// Bound, when set, is called on a goroutine of its own for each session
	// that has bound.
	Bound func(s *Session)
	// Ready, when set, is called with each session that has bound before its ESME
	// is told so, for what has to be in place by then, such as a route to it. It
	// must not block. What it sends on the session follows the bind response.
	Ready func(s *Session)

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

	// Limits bound what peers may take. See also Account.
	Limits Limits

	// Timers: zero is the default, negative is off.
	HandshakeTimeout    time.Duration // of TLS; default 10 s
	AuthenticateTimeout time.Duration // for Authenticate to decide; default 60 s
	SessionInit         time.Duration // for a bind to come; default 30 s
	ResponseTimeout     time.Duration // for a response, an enquire_link to be answered, a write to be taken; default 60 s
	EnquireLink         time.Duration // silence of the peer after which an enquire_link is sent; default 30 s
	Inactivity          time.Duration // time without a transaction after which a session is closed; default off

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
	closing   chan struct{} // closed with the server; made by options
	opt       *options
	limits    atomic.Pointer[Limits] // in the place of Limits; nil: those
	gate      gate
	stats     serverStats
}

// An Account is what Authenticate grants. Sessions of the same identity on a
// server share the limits; those that were granted last hold for all.
type Account struct {
	SystemID string   // identity of the ESME; empty: the system_id it bound with
	Window   int      // see Server.Window; zero: that
	TLVs     tlv.List // sent with the bind response

	// ForceVersion is the version of the session whatever the two sides have
	// announced, for an ESME that tells the wrong one. Zero: as agreed.
	ForceVersion pdu.Version

	Value any // the application's own

	// How many sessions may be bound at once; zero: any number. A bind beyond
	// them is answered with Limits.BindStatus.
	MaxBinds        int // in all modes
	MaxTransmitters int
	MaxReceivers    int
	MaxTransceivers int

	// Rate is how many requests the sessions take together, SessionRate each of
	// them. A submit_multi counts as its destinations, its lists as ListLen says,
	// any other request as one; enquire_link and unbind count as nothing. What is
	// beyond is answered with pdu.StatusThrottled and reaches no handler; but parts
	// of a concatenated message after the first are taken, up to 255 of them, and
	// count towards what comes next: a long message is refused as a whole or not at
	// all. The zero value is no limit.
	Rate, SessionRate Rate

	// ListLen returns how many destinations a distribution list of a submit_multi
	// counts as, for Rate and SessionRate; less than 1 is 1, as for a list that is
	// not known. It is called on the goroutine that reads the session, and must
	// not block. Nil: each list counts as one.
	ListLen func(name string) int
}

func (srv *Server) options() *options {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.opt == nil {
		srv.closing = make(chan struct{})
		srv.opt = srv.optionsWith(Timers{srv.ResponseTimeout, srv.EnquireLink, srv.Inactivity})
	}
	return srv.opt
}

func (srv *Server) optionsWith(t Timers) *options {
	window := windowOf(srv.Window)
	return &options{
		window:  window,
		inbound: window,

		tellsNothing: srv.NoCongestion,
		congestion:   srv.Congestion,

		periods: periods{
			response:    timer(t.ResponseTimeout, DefaultResponseTimeout),
			enquireLink: timer(t.EnquireLink, DefaultEnquireLink),
			inactivity:  timer(t.Inactivity, 0),
			sessionInit: timer(srv.SessionInit, DefaultSessionInit),
		},
		reg:        orElse(srv.Registry, pdu.Standard()),
		strictness: srv.Strictness,
		grace:      DefaultLateGrace,
		maxPDU:     maxPDUOf(srv.MaxPDU),
		log:        orElse(srv.Logger, slog.Default()),
		trace:      orElse(srv.Trace, &noTrace),
	}
}

// SetLimits puts other limits in the place of the field Limits, on a server that
// serves or not. Nobody who is there is turned away: connections that came before
// limits of addresses were set count towards the server's only. It may be called
// concurrently.
func (srv *Server) SetLimits(l Limits) { srv.limits.Store(&l) }

func (srv *Server) limitsNow() *Limits {
	if l := srv.limits.Load(); l != nil {
		return l
	}
	return &srv.Limits
}

// Timers are those of a Server that can be changed while it serves; see its
// fields of these names. Zero is the default, negative is off.
type Timers struct{ ResponseTimeout, EnquireLink, Inactivity time.Duration }

// SetTimers puts other timers in the place of the server's, for connections that
// come from then on. It may be called concurrently.
func (srv *Server) SetTimers(t Timers) {
	srv.options()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.opt = srv.optionsWith(t) // sessions keep theirs
}

// ListenAndServe listens on Addr and serves; see Serve.
func (srv *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", orElse(srv.Addr, ":"+DefaultPort))
	if err != nil {
		return fmt.Errorf("smpp: %w", err)
	}
	return srv.Serve(l)
}

// ListenAndServeTLS listens on Addr and serves with TLS; see ServeTLS.
func (srv *Server) ListenAndServeTLS(certFile, keyFile string) error {
	l, err := net.Listen("tcp", orElse(srv.Addr, ":"+DefaultTLSPort))
	if err != nil {
		return fmt.Errorf("smpp: %w", err)
	}
	return srv.ServeTLS(l, certFile, keyFile)
}

// ServeTLS is Serve with TLS, v1.2 or later, on the connections that l accepts.
// The files may be empty when TLSConfig has certificates. When it has none, the
// files are read again when they change; see CertReloader.
func (srv *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	c := srv.TLSConfig.Clone()
	if c == nil {
		c = new(tls.Config)
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if certFile != "" || keyFile != "" {
		r, err := NewCertReloader(certFile, keyFile, func(err error) {
			srv.options().log.Error("smpp: the certificate before stays in use", "error", err)
		})
		switch {
		case err != nil:
			_ = l.Close()
			return err
		case len(c.Certificates) == 0 && c.GetCertificate == nil:
			c.GetCertificate = r.GetCertificate
		default:
			c.Certificates = append(slices.Clone(c.Certificates), *r.Certificate())
		}
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		_ = l.Close()
		return errors.New("smpp: TLS without a certificate: name the files, or set TLSConfig")
	}
	return srv.Serve(tls.NewListener(l, c))
}

// Serve accepts connections on l until the server is closed or l fails, and
// closes l. It always returns an error: ErrServerClosed after Shutdown or Close.
//
// The peer's address is what the connection says. A connection may block in
// RemoteAddr or in its first Read, as one that waits for the header of the PROXY
// protocol or for a TLS handshake does, without keeping others from being
// accepted.
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
	for {
		conn, err := accept(l, srv.options().log, srv.closing)
		switch {
		case err == nil:
			srv.ServeConn(conn)
		case srv.isClosed():
			return ErrServerClosed
		default:
			return fmt.Errorf("smpp: %w", err)
		}
	}
}

// accept returns the next connection. What passes, such as a lack of file
// descriptors or a connection that ended too soon, is waited for until stopped is
// closed.
func accept(l net.Listener, log *slog.Logger, stopped <-chan struct{}) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		select {
		case <-stopped:
			return nil, err
		default:
		}
		if temporary, ok := err.(interface{ Temporary() bool }); !ok || !temporary.Temporary() {
			return nil, err
		}
		log.Error("smpp: accept failed", "error", err, "pause", pause)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-stopped:
			t.Stop()
			return nil, err
		}
	}
}

func (srv *Server) serve(l *net.Listener) error {
	srv.options()
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
// session owns conn. On a closed server, or beyond Limits.Connections or
// Limits.Unbound, the connection is closed and the result is nil.
func (srv *Server) ServeConn(conn net.Conn) *Session {
	s := srv.admit(conn)
	if s != nil {
		s.start()
	}
	return s
}

// admit makes a session of a connection, which is closed when there is none.
func (srv *Server) admit(conn net.Conn) *Session {
	s := newSession(conn, MC, srv.options(), srv.Handler)
	s.server, s.guest, s.owedMax = srv, new(guest), unboundOwed
	srv.stats.accepted.Add(1)
	if !srv.gate.enter(s, srv.limitsNow()) {
		srv.stats.refusedServer.Add(1)
		_ = conn.Close()
		return nil
	}
	srv.mu.Lock()
	if srv.closed {
		srv.mu.Unlock()
		srv.gate.leave(s.guest)
		_ = conn.Close()
		return nil
	}
	if srv.sessions == nil {
		srv.sessions = make(map[*Session]bool)
	}
	srv.sessions[s] = true
	srv.mu.Unlock()
	srv.stats.running.Add(1)
	return s
}

// greet does what comes before reading and may block: the connection tells its
// address, and TLS shakes hands.
func (srv *Server) greet(s *Session) error {
	if !srv.gate.locate(s, addressOf(s.conn.RemoteAddr()), srv.limitsNow()) {
		srv.stats.refusedAddress.Add(1)
		return ErrTooManyConnections
	}
	c, ok := s.conn.(interface{ HandshakeContext(context.Context) error })
	if !ok {
		return nil
	}
	ctx := s.ctx
	if d := timer(srv.HandshakeTimeout, DefaultHandshakeTimeout); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if err := c.HandshakeContext(ctx); err != nil {
		srv.stats.handshakesFailed.Add(1)
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return nil
}

func (srv *Server) forget(s *Session) {
	srv.gate.leave(s.guest)
	srv.stats.running.Add(^uint64(0))
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
	srv.options()
	srv.mu.Lock()
	if !srv.closed {
		srv.closed = true
		close(srv.closing)
	}
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
	l := srv.limitsNow()
	wait := srv.gate.penalty(s.guest.from, l)
	if wait == 0 {
		go srv.decide(s, h, req)
		return
	}
	srv.stats.bindsDelayed.Add(1)
	srv.gate.hold(s.guest, wait, func() { srv.decide(s, h, req) })
}

// decide has Authenticate decide on a bind, and answers it.
func (srv *Server) decide(s *Session, h pdu.Header, req pdu.BindRequest) {
	account, err := srv.authenticate(s, req)
	if err != nil {
		status := s.statusOf(h, err)
		srv.stats.bindsFailed.Add(1)
		switch status {
		case pdu.StatusBindFailed, pdu.StatusInvalidPassword, pdu.StatusInvalidSystemID:
			srv.gate.punish(s.guest.from)
		}
		srv.refuseBind(s, h, status)
		return
	}
	if srv.grant(s, h, req, account) && srv.Bound != nil {
		defer s.guard(h, func(error) {})
		srv.Bound(s)
	}
}

// refuseBind answers a bind that is not granted, and is through with an ESME that
// has tried often enough.
func (srv *Server) refuseBind(s *Session, h pdu.Header, status pdu.Status) {
	most := srv.limitsNow().BindAttempts
	if most == 0 {
		most = DefaultBindAttempts
	}
	s.mu.Lock()
	s.timers.binding = false
	s.clock = time.Since(s.opened)
	s.touch()
	s.guest.failed++
	last := most > 0 && s.guest.failed >= most && s.err == nil
	if last {
		if s.closing == nil {
			s.closing = ErrTooManyBinds
		}
		s.leaving.Store(true)
		s.hangUp = true
		s.setState(StateUnbound)
		s.wake()
	}
	err := s.addResponse(h, h.Command.Response(), status, nil) // fails only when the session has ended
	write := err == nil && !s.writing
	s.writing = s.writing || write
	s.mu.Unlock()
	if write {
		s.drain(false)
	}
}

// authenticate asks Authenticate, for as long as there is time.
func (srv *Server) authenticate(s *Session, req pdu.BindRequest) (*Account, error) {
	if srv.Authenticate == nil {
		return new(Account), nil
	}
	d := timer(srv.AuthenticateTimeout, DefaultAuthenticateTimeout)
	if d <= 0 {
		return srv.ask(s.ctx, s, req)
	}
	// Not a child of the session's context, which would hold what that takes for
	// as long as the session lives.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(s.ctx), d, errUndecided)
	defer cancel()
	srv.gate.decide(s.guest, cancel)
	defer srv.gate.decide(s.guest, nil)
	if s.ctx.Err() != nil {
		cancel()
	}
	type answer struct {
		account *Account
		err     error
	}
	c := make(chan answer, 1)
	go func() {
		a, err := srv.ask(ctx, s, req)
		c <- answer{a, err}
	}()
	select {
	case a := <-c:
		return a.account, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errUndecided = errors.New("smpp: Authenticate has not decided in time")

func (srv *Server) ask(ctx context.Context, s *Session, req pdu.BindRequest) (account *Account, err error) {
	account, err = nil, errPanicked // of runtime.Goexit, too
	defer s.guard(pdu.Header{Command: req.Command()}, func(p error) { err = p })
	account, err = srv.Authenticate(ctx, req.BindFields())
	if account == nil && err == nil {
		account = new(Account)
	}
	return account, err
}

// ready calls Ready.
func (srv *Server) ready(s *Session, h pdu.Header) {
	if srv.Ready == nil {
		return
	}
	defer s.guard(h, func(error) {})
	srv.Ready(s)
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
	if a.ForceVersion != 0 {
		version = a.ForceVersion.Known()
		withoutTLVs = version < pdu.V34
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
	system := orElse(a.SystemID, b.SystemID)
	switch {
	case err == nil && srv.gate.join(s, system, modeOf(h.Command), a):
	case err == nil:
		s.settle(pdu.V50, false)
		s.mu.Unlock()
		srv.stats.bindsRefused.Add(1)
		s.opt.log.Warn("smpp: bind refused", "system_id", system, "remote", s.conn.RemoteAddr(), "reason", "the account has as many sessions as it may have")
		srv.refuseBind(s, h, orElse(srv.limitsNow().BindStatus, pdu.StatusBindFailed))
		return false
	default:
		s.settle(pdu.V50, false)
		s.timers.binding = false
		s.clock = time.Since(s.opened)
		s.touch()
		s.mu.Unlock()
		s.opt.log.Error("smpp: bind response cannot be encoded", "error", err)
		_ = s.respond(h, pdu.StatusSystemError, nil, true)
		return false
	}
	s.out = out
	s.sent.count(h.Command.Response(), pdu.StatusOK, len(out)-from)
	if s.opt.trace.Sent != nil {
		s.opt.trace.Sent(s, s.out[from:len(s.out):len(s.out)])
	}
	s.settle(version, withoutTLVs)
	s.account, s.bindReq, s.timers.binding = a, b, false
	s.peerID = system
	s.setState(boundState(h.Command))
	s.owedMax = max(unboundOwed, owedPer*2*s.opt.inbound)
	srv.stats.binds.Add(1)
	srv.stats.bound.Add(1)
	if a.Window > 0 {
		s.owedMax = max(unboundOwed, owedPer*2*min(a.Window, maxWindow))
		s.win.resize(min(a.Window, maxWindow))
		s.in.setLimit(min(a.Window, maxWindow))
	}
	write := !s.writing
	s.writing = true
	s.mu.Unlock()
	srv.ready(s, h)
	if write {
		s.drain(false)
	}
	if s.opt.trace.Bound != nil {
		s.opt.trace.Bound(s)
	}
	return true
}

// parted has a session that is bound no more count as such no more. The session's
// lock is held.
func (srv *Server) parted(s *Session) {
	if srv.gate.part(s.guest, modeOf(s.bindID)) {
		srv.stats.bound.Add(^uint64(0))
	}
}

func modeOf(id pdu.CommandID) BindMode {
	switch id {
	case pdu.IDBindTransmitter:
		return Transmitter
	case pdu.IDBindReceiver:
		return Receiver
	}
	return Transceiver
}
