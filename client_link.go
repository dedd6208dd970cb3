package smpp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A LinkState is how far a session of a Client has come.
type LinkState uint8

// The states of a link.
const (
	LinkConnecting LinkState = iota // the connection is being made
	LinkBinding                     // it is made, and the bind is on its way
	LinkBound                       // the session takes requests
	LinkWaiting                     // the next attempt waits for its time
	LinkGaveUp                      // there will be no other attempt
	LinkClosed                      // the client was closed
)

var linkStateNames = [...]string{"connecting", "binding", "bound", "waiting", "gave up", "closed"}

// String returns the name of the state.
func (s LinkState) String() string { return nameOf(linkStateNames[:], "LinkState", s) }

// A Link is what a Client knows of one of the sessions that it has or wants.
type Link struct {
	Index  int    // in Client.Links
	Target int    // in Client.Targets
	Addr   string // host and port
	Bind   BindMode

	State    LinkState
	Since    time.Time     // when it came into that state
	Session  *Session      // the session, when State is LinkBound; the one that was lost, when Lost
	Err      error         // why the last session ended or the last attempt failed; nil while bound
	Lost     bool          // Err is of a session that was bound
	Wait     time.Duration // until the next attempt, from Since, when State is LinkWaiting
	Binds    int           // sessions bound so far
	Failures int           // attempts that have failed in a row
}

// A link keeps one session of a Client bound.
type link struct {
	client   *Client
	host     string
	secure   bool
	priority int
	config   Config
	status   Link // under client.mu

	leader  *link         // that goes ahead, nil for itself
	proven  chan struct{} // of a leader: closed once it was bound, or has given up
	proving sync.Once
}

func (l *link) prove() {
	if l.leader == nil {
		l.proving.Do(func() { close(l.proven) })
	}
}

// follow waits for the leader, and reports whether there is a point in going
// on.
func (l *link) follow() bool {
	if l.leader == nil {
		return true
	}
	c := l.client
	select {
	case <-l.leader.proven:
	case <-c.ctx.Done():
		l.set(LinkClosed, nil)
		return false
	}
	c.mu.Lock()
	leader := l.leader.status
	c.mu.Unlock()
	if leader.State != LinkGaveUp {
		return true
	}
	l.set(LinkGaveUp, func(s *Link) { s.Err = leader.Err })
	l.retire()
	return false
}

// set notes a change and tells of it.
func (l *link) set(state LinkState, change func(*Link)) Link {
	c := l.client
	c.mu.Lock()
	now := l.note(state, change)
	c.mu.Unlock()
	l.tell(now)
	return now
}

// note notes a change. The lock of the client is held.
func (l *link) note(state LinkState, change func(*Link)) Link {
	s := &l.status
	s.State, s.Since, s.Wait, s.Session = state, time.Now(), 0, nil
	if change != nil {
		change(s)
	}
	return *s
}

func (l *link) tell(now Link) {
	if changed := l.client.LinkChanged; changed != nil {
		changed(now)
	}
}

// run binds the session and binds it again, until the client is closed or gives
// up.
func (l *link) run() {
	c := l.client
	defer c.finish()
	defer l.prove()
	if !l.follow() {
		return
	}
	lowest := orElse(max(c.MinBackoff, 0), DefaultMinBackoff)
	highest := orElse(max(c.MaxBackoff, 0), DefaultMaxBackoff)
	step := 0 // of the backoff; unlike Failures it counts sessions that ended soon
	for {
		s, err := l.attempt()
		lost := err == nil
		if lost {
			from := time.Now()
			l.live(s)
			err = s.Err()
			if time.Since(from) >= highest {
				step = 0
			}
		}
		step++
		if c.ctx.Err() != nil {
			l.set(LinkClosed, func(s *Link) { s.Err = err })
			return
		}
		failed := func(st *Link) {
			st.Err, st.Lost = err, lost
			if lost {
				st.Session = s
			} else {
				st.Failures++
			}
		}
		if !lost && l.givesUp(failed) {
			c.log.Error("smpp: gave up", "address", l.host, "bind", l.config.Bind.String(), "error", err)
			l.set(LinkGaveUp, failed)
			l.retire()
			return
		}
		limit := backoff(step, lowest, highest)
		wait := jitter(0, limit)
		c.log.Warn("smpp: no session", "address", l.host, "bind", l.config.Bind.String(), "error", err, "lost", lost, "retry", wait)
		l.set(LinkWaiting, func(s *Link) { failed(s); s.Wait = wait })
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-c.ctx.Done():
			t.Stop()
			l.set(LinkClosed, nil)
			return
		}
	}
}

// attempt connects and binds.
func (l *link) attempt() (*Session, error) {
	c := l.client
	ctx, cancel := context.WithTimeout(c.ctx, orElse(max(c.ConnectTimeout, 0), DefaultConnectTimeout))
	defer cancel()
	l.set(LinkConnecting, nil)
	conn, err := l.config.connect(ctx, l.host, l.secure)
	if err != nil {
		return nil, err
	}
	l.set(LinkBinding, nil)
	return bind(ctx, conn, &l.config, c.queue.wake)
}

// live lets a bound session take requests until it ends.
func (l *link) live(s *Session) {
	c := l.client
	c.mu.Lock()
	closing := c.closing
	var st Link
	if !closing { // who finds the session in the pool finds it among those bound, too
		st = l.note(LinkBound, func(st *Link) {
			st.Session, st.Err, st.Lost, st.Failures = s, nil, false, 0
			st.Binds++
		})
		c.pool.Store(c.pool.Load().with(s, l.priority))
	}
	c.mu.Unlock()
	if closing {
		_ = s.Close()
		return
	}
	c.share()
	c.queue.wakeAll()
	l.tell(st)
	l.prove()
	c.log.Debug("smpp: bound", "address", l.host, "bind", l.config.Bind.String(), "version", s.Version().String(), "binds", st.Binds)
	<-s.Done()
	c.mu.Lock()
	c.pool.Store(c.pool.Load().without(s))
	c.mu.Unlock()
	c.share()
	c.queue.wakeAll()
}

// givesUp asks whether a failure is the last one. The link is not changed.
func (l *link) givesUp(failed func(*Link)) bool {
	c := l.client
	c.mu.Lock()
	st := l.status
	c.mu.Unlock()
	failed(&st)
	if c.GiveUp != nil {
		return c.GiveUp(st)
	}
	return givesUp(st)
}

// givesUp is the GiveUp of a Client without one of its own.
func givesUp(l Link) bool {
	var encode *pdu.EncodeError
	if errors.As(l.Err, &encode) {
		return true
	}
	var refused *ResponseError
	if !errors.As(l.Err, &refused) {
		return false
	}
	switch refused.Status {
	case pdu.StatusInvalidPassword, pdu.StatusInvalidSystemID, pdu.StatusBindFailed:
		return l.Binds == 0 || l.Failures >= 10
	}
	return false
}

// retire notes that a link has given up. The last one ends the client.
func (l *link) retire() {
	c := l.client
	defer c.queue.wakeAll() // somebody may have waited for this link
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.links {
		if l.status.State != LinkGaveUp {
			return
		}
	}
	if c.err == nil {
		c.err = gaveUp(c.links)
		c.pool.Store(&pool{err: c.err})
		c.cancel()
	}
}

// gaveUp returns the error of links that were given up. What holds for a leader
// is said once.
func gaveUp(links []*link) error {
	err, sep := ErrGaveUp, ": "
	for _, l := range links {
		if l.leader == nil || l.status.Binds > 0 {
			err, sep = fmt.Errorf("%w%s%w", err, sep, l.status.Err), "; "
		}
	}
	return err
}
