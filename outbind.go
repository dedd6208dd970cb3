package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/godwit-sms/smpp/pdu"
)

// Outbind connects to an ESME that listens for it, sends an outbind and waits
// for the ESME to bind on the same connection, as it does before a message center
// delivers to an ESME that does not keep a session. address is a URL as in Dial,
// without credentials; for ssmpp the TLSConfig is that of a client. A nil o names
// Server.SystemID, without a password. The bind goes through Authenticate as any
// other, and the session counts as one that was accepted.
//
// ctx bounds connecting and the wait, as SessionInit does; it does not bound the
// session. SMPP v5.0, section 2.3.7.
func (srv *Server) Outbind(ctx context.Context, address string, o *pdu.Outbind) (*Session, error) {
	c := Config{TLSConfig: srv.TLSConfig}
	host, secure, err := c.target(address)
	if err != nil {
		return nil, err
	}
	conn, err := c.connect(ctx, host, secure)
	if err != nil {
		return nil, err
	}
	return srv.OutbindConn(ctx, conn, o)
}

// OutbindConn is Outbind on a connection that exists. The session owns conn,
// which is closed if no bind comes.
func (srv *Server) OutbindConn(ctx context.Context, conn net.Conn, o *pdu.Outbind) (*Session, error) {
	if o == nil {
		o = &pdu.Outbind{SystemID: srv.SystemID}
	}
	s := srv.admit(conn)
	if s == nil {
		if srv.isClosed() {
			return nil, ErrServerClosed
		}
		return nil, fmt.Errorf("smpp: outbind to %v: %w", conn.RemoteAddr(), ErrTooManyConnections)
	}
	bound := make(chan struct{})
	s.mu.Lock() // Close may know of the session already
	s.whenBound = bound
	s.mu.Unlock()
	s.start()
	err := s.Send(ctx, o)
	if err == nil {
		select {
		case <-bound:
			return s, nil
		case <-s.done:
			err = s.Err()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	s.end(ErrClosed)
	<-s.done
	return nil, fmt.Errorf("smpp: outbind to %v as %q: %w", conn.RemoteAddr(), o.SystemID, err)
}

var errNoCheck = errors.New("smpp: outbind without a check: whoever connects would be told the password")

// AcceptOutbind is the ESME's end of an outbind: it waits for one on a
// connection that a message center has made, hands it to check, and binds on the
// same connection. Until the outbind has come, everything but enquire_link is
// answered with pdu.StatusInvalidBindStatus; Config.SessionInit is the time for
// it. An error of check closes the connection; check must not be nil, since the
// bind shows whoever sent the outbind a password. ctx bounds it all, but not the
// session, which owns conn.
func AcceptOutbind(ctx context.Context, conn net.Conn, config *Config, check func(context.Context, *pdu.Outbind) error) (*Session, error) {
	var c Config
	if config != nil {
		c = *config
	}
	err := c.check()
	if err == nil && check == nil {
		err = errNoCheck
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	opt := c.options()
	opt.sessionInit = timer(c.SessionInit, DefaultSessionInit)
	s := newSession(conn, ESME, opt, c.Handler)
	s.outbinds = make(chan *pdu.Outbind, 1)
	s.start()
	err = func() error {
		select {
		case o := <-s.outbinds:
			if err := check(ctx, o); err != nil {
				return fmt.Errorf("outbind of %q refused: %w", o.SystemID, err)
			}
			return s.bind(ctx, &c)
		case <-s.done:
			return s.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}()
	if err != nil {
		s.end(ErrClosed)
		<-s.done
		return nil, fmt.Errorf("smpp: outbind from %v: %w", conn.RemoteAddr(), err)
	}
	return s, nil
}

// outbind takes note of the outbind that was waited for. The state lets only one
// come.
func (s *Session) outbind(o *pdu.Outbind) {
	s.mu.Lock()
	if s.err == nil {
		s.setState(StateOutbound)
	}
	s.timers.binding = true // session_init has done its work
	s.mu.Unlock()
	s.outbinds <- pdu.Clone(o)
}

// maxOutbinds is how many connections an OutbindListener works on at once.
const maxOutbinds = 64

// An OutbindListener makes sessions of the connections that message centers make
// to an ESME. Its methods may be called concurrently.
type OutbindListener struct {
	listener net.Listener
	config   Config
	check    func(context.Context, *pdu.Outbind) error

	ctx      context.Context
	cancel   context.CancelFunc
	sessions chan *Session
	working  sync.WaitGroup
	once     sync.Once
	ended    chan struct{} // closed when err is set
	err      error
}

// ListenOutbind accepts connections on l, up to 64 at the same time until they
// are bound, and does with each what AcceptOutbind says. What fails before the
// bind is logged to Config.Logger.
func ListenOutbind(l net.Listener, config *Config, check func(context.Context, *pdu.Outbind) error) *OutbindListener {
	ol := &OutbindListener{listener: l, check: check, sessions: make(chan *Session), ended: make(chan struct{})}
	if config != nil {
		ol.config = *config
	}
	ol.ctx, ol.cancel = context.WithCancel(context.Background())
	ol.working.Add(1)
	go ol.serve()
	return ol
}

func (l *OutbindListener) serve() {
	defer l.working.Done()
	log := l.config.options().log
	slots := make(chan struct{}, maxOutbinds)
	for {
		conn, err := accept(l.listener, log, l.ctx.Done())
		if err != nil {
			l.stop(fmt.Errorf("smpp: %w", err))
			return
		}
		select {
		case slots <- struct{}{}:
		case <-l.ctx.Done():
			_ = conn.Close()
			continue
		}
		l.working.Go(func() {
			defer func() { <-slots }()
			s, err := AcceptOutbind(l.ctx, conn, &l.config, l.check)
			if err != nil {
				if l.ctx.Err() == nil {
					log.Warn("smpp: outbind failed", "remote", conn.RemoteAddr().String(), "error", err)
				}
				return
			}
			select {
			case l.sessions <- s:
			case <-l.ctx.Done():
				_ = s.Close()
			}
		})
	}
}

// Accept returns the next session that was bound. After Close it returns
// net.ErrClosed, and the error of the listener if that failed. A session that
// nobody accepts stays bound and answers for itself.
func (l *OutbindListener) Accept() (*Session, error) {
	select {
	case s := <-l.sessions:
		return s, nil
	case <-l.ended:
		return nil, l.err
	}
}

// Addr returns the address of the listener.
func (l *OutbindListener) Addr() net.Addr { return l.listener.Addr() }

// Close closes the listener and what is not accepted yet, and waits for that.
// Sessions that were accepted live on.
func (l *OutbindListener) Close() error {
	l.stop(fmt.Errorf("smpp: %w", net.ErrClosed))
	l.working.Wait()
	return nil
}

func (l *OutbindListener) stop(why error) {
	l.once.Do(func() {
		l.err = why
		l.cancel()
		_ = l.listener.Close()
		close(l.ended)
	})
}
