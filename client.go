package smpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// Defaults of Client.
const (
	DefaultMinBackoff     = 5 * time.Second
	DefaultMaxBackoff     = time.Minute
	DefaultRetryBackoff   = 250 * time.Millisecond
	DefaultRetryLimit     = 15 * time.Second
	DefaultHeld           = 1000
	DefaultConnectTimeout = 30 * time.Second
)

// A Client is a number of sessions, with one or more message centers, that
// behave as one. It binds them, binds them again when they end, and gives each
// request to the one with the most room in its window. A request that could not
// be sent because its session ended goes to another session; one whose outcome
// is unknown never does.
//
// Set the fields, which must not be changed afterwards, and call Connect, or
// just send. The methods may be called concurrently.
//
// # Order
//
// Requests that a message center refuses for the moment, as Retry decides, are
// sent again after a pause, and requests for the same destination that come
// later wait behind them. What was already on its way to the destination is not
// called back: a sender to whom the order of messages matters waits for the
// response to one before it sends the next. Requests for other destinations go
// on.
type Client struct {
	// Targets are the message centers. All are bound at the same time; requests
	// go to those of the lowest Priority that has a session bound.
	Targets []Target

	// Config says how sessions bind and behave; nil is the zero one. Its Handler
	// serves all of them, and SessionFrom tells which one a request came on. Its
	// window and rates are those of one session; its Limiter is for the client as
	// a whole.
	Config *Config

	// Sessions is how many sessions are bound with each target, as Config.Bind
	// says. Zero: 1.
	Sessions int
	// Receivers is how many sessions are bound with each target as receivers
	// beside those; for a Config.Bind of Transmitter, as a rule. Zero: none.
	Receivers int

	// FailFast makes requests fail while no session is bound, with ErrNoSession
	// and never sent, instead of waiting for one until their context ends.
	FailFast bool

	// A session that has ended, or could not be bound, is tried again after a
	// pause of a random length, so that clients which lost the same message
	// center do not return to it as one: at most MinBackoff, twice that after
	// the second failure in a row, and so on up to MaxBackoff. Zero: 5 s and
	// 60 s. ConnectTimeout bounds an attempt, the bind included. Zero: 30 s.
	MinBackoff, MaxBackoff, ConnectTimeout time.Duration

	// GiveUp decides after a failed attempt whether it was the last one. Nil
	// gives up on binds that are refused with pdu.StatusInvalidPassword,
	// pdu.StatusInvalidSystemID or pdu.StatusBindFailed or cannot be encoded: at
	// once if the link was never bound, and at the tenth failure in a row if it
	// was, for then it may be the message center's trouble.
	GiveUp func(Link) bool

	// Retry decides whether a request that a message center refused is sent
	// again after a pause. Nil: for pdu.StatusThrottled and pdu.StatusQueueFull.
	// It must not block.
	Retry func(*ResponseError) bool
	// Attempts is how often such a request is sent at most, the first time
	// included. Zero: until its context ends. 1: no request is sent again.
	Attempts int
	// The pause is between half of RetryBackoff and all of it, twice that after
	// the second refusal, and so on up to MaxRetryBackoff. Zero: 250 ms and 15 s.
	RetryBackoff, MaxRetryBackoff time.Duration

	// Held is how many requests of Go may wait behind others that are to be sent
	// again. Beyond that, Go blocks for destinations where such a one waits.
	// Zero: 1000. The memory that waiting requests of Go take is bounded by Held
	// and the windows.
	Held int

	// LinkChanged is called when a link goes from one state to the next, in
	// their order for each link, and for several links at once. It must not
	// block for long, for the link stands meanwhile. Nil: none.
	LinkChanged func(Link)

	pool  atomic.Pointer[pool] // nil before the start
	order order
	queue queue

	arrivals atomic.Uint64 // requests so far, to put those that are held in order
	moved    atomic.Uint64
	retried  atomic.Uint64

	once     sync.Once
	startErr error
	ctx      context.Context // ends with closing
	cancel   context.CancelFunc
	done     chan struct{} // closed when nothing of the client runs any more
	held     chan struct{} // a place for each request of Go that is held
	log      *slog.Logger

	mu      sync.Mutex
	links   []*link
	closing bool
	running int // links and held requests
	err     error
}

// A Target is a message center that a Client binds to.
type Target struct {
	URL string // see Dial

	// Priority orders targets for fail-over: those of a higher number get
	// requests only while none of a lower one has a session bound.
	Priority int

	// Sessions is how many sessions are bound, instead of Client.Sessions. The
	// share of the requests that a target gets goes by its sessions and windows,
	// and how fast it answers. Zero: Client.Sessions.
	Sessions int
	// Config is how they bind and behave, instead of Client.Config. Nil: that.
	Config *Config
}

var (
	// ErrNoSession fails a request of a Client with FailFast while no session is
	// bound.
	ErrNoSession = errors.New("no session is bound")
	// ErrGaveUp fails the requests of a Client that has given up on all its
	// targets. The error that it is part of says why for each.
	ErrGaveUp = errors.New("the client has given up")
)

// Connect starts the client, unless it has started, and waits until a session
// is bound or the client has given up on all its targets. When ctx ends first
// the client goes on trying; Close ends it. Sending without Connect does the
// same.
func (c *Client) Connect(ctx context.Context) error {
	if err := c.start(); err != nil {
		return err
	}
	_, err := c.session(ctx, 0)
	if err != nil {
		return fmt.Errorf("smpp: %w", err)
	}
	return nil
}

func (c *Client) start() error {
	c.once.Do(c.startOnce)
	return c.startErr
}

func (c *Client) startOnce() {
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.done = make(chan struct{})
	c.held = make(chan struct{}, orElse(max(c.Held, 0), DefaultHeld))
	c.log = slog.Default()
	if c.Config != nil && c.Config.Logger != nil {
		c.log = c.Config.Logger
	}
	links, err := c.makeLinks()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		err = fmt.Errorf("smpp: %w", ErrClosed)
	}
	if err != nil {
		c.startErr, c.err = err, err
		c.cancel()
		c.pool.Store(&pool{err: err})
		close(c.done)
		return
	}
	c.links = links
	c.running = len(links)
	c.pool.Store(new(pool))
	for _, l := range links {
		go l.run()
	}
}

func (c *Client) makeLinks() ([]*link, error) {
	if len(c.Targets) == 0 {
		return nil, errors.New("smpp: the client has no targets")
	}
	var links []*link
	for i, t := range c.Targets {
		var config Config
		switch {
		case t.Config != nil:
			config = *t.Config
		case c.Config != nil:
			config = *c.Config
		}
		host, secure, err := config.target(t.URL)
		if err == nil {
			err = config.check()
		}
		if err != nil {
			if len(c.Targets) > 1 {
				err = fmt.Errorf("target %d of %d: %w", i+1, len(c.Targets), err)
			}
			return nil, err
		}
		add := func(n int, mode BindMode) {
			for range n {
				l := &link{client: c, host: host, secure: secure, priority: t.Priority, config: config}
				l.config.Bind = mode
				l.status = Link{Index: len(links), Target: i, Addr: host, Bind: mode}
				links = append(links, l)
			}
		}
		add(orElse(max(t.Sessions, 0), orElse(max(c.Sessions, 0), 1)), config.Bind)
		add(max(c.Receivers, 0), Receiver)
	}
	return links, nil
}

// Links returns the state of each session that the client has or wants, in the
// order of the targets. It is nil before the start.
func (c *Client) Links() []Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links == nil {
		return nil
	}
	out := make([]Link, len(c.links))
	for i, l := range c.links {
		out[i] = l.status
	}
	return out
}

// ClientStats are counters of a Client.
type ClientStats struct {
	Links    int    // sessions that the client wants
	Bound    int    // of them, bound
	GaveUp   int    // of them, given up
	Waiting  int    // requests that wait for a session, or for room in a window
	Held     int    // requests that wait to be sent again, and those behind them
	Requests uint64 // so far
	Moved    uint64 // requests so far that were given to another session, as their session ended before they were sent
	Retried  uint64 // requests so far that were sent again after a refusal, each time counted
}

// Stats returns the counters of the client. Session.Stats has those of a
// session.
func (c *Client) Stats() ClientStats {
	s := ClientStats{
		Waiting: int(c.queue.waiting.Load()), Held: int(c.order.held.Load()),
		Requests: c.arrivals.Load(), Moved: c.moved.Load(), Retried: c.retried.Load(),
	}
	for _, l := range c.Links() {
		s.Links++
		switch l.State {
		case LinkBound:
			s.Bound++
		case LinkGaveUp:
			s.GaveUp++
		}
	}
	return s
}

// Done returns a channel that is closed when the client has ended: it was
// closed, or has given up on all its targets.
func (c *Client) Done() <-chan struct{} {
	_ = c.start()
	return c.done
}

// Err returns nil while the client lives, and then why it ended: ErrClosed, or
// an error that says for each target why it was given up.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the client and its sessions; see Session.Close. Requests that were
// not sent fail as such. It always returns nil.
func (c *Client) Close() error {
	_ = c.stop(context.Background(), func(s *Session) error { return s.Close() })
	return nil
}

// Shutdown ends the client with nothing left open: requests that were not sent
// fail as such, no new ones are taken, and each session waits for the responses
// that are outstanding; see Session.Shutdown. When ctx ends first, it closes at
// once and returns the context's error.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.stop(ctx, func(s *Session) error { return s.Shutdown(ctx) })
}

func (c *Client) stop(ctx context.Context, end func(*Session) error) error {
	c.mu.Lock()
	c.closing = true
	if c.err == nil {
		c.err = ErrClosed
	}
	c.mu.Unlock()
	if c.start() != nil {
		return nil
	}
	c.cancel()
	c.queue.wakeAll()
	sessions := c.pool.Load().all()
	failed := make(chan error, len(sessions))
	for _, s := range sessions {
		go func() { failed <- end(s) }()
	}
	var err error
	for range sessions {
		err = orElse(err, <-failed)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		err = orElse(err, context.Cause(ctx))
	}
	return err
}

// begin counts something that the end of the client waits for, unless it has
// come.
func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.running == 0 {
		return false
	}
	c.running++
	return true
}

func (c *Client) finish() {
	c.mu.Lock()
	c.running--
	last := c.running == 0
	c.mu.Unlock()
	if last {
		c.cancel()
		close(c.done)
	}
}

// RoundTrip sends a request on one of the sessions and waits for its response;
// see Session.RoundTrip. It waits for a session to be bound and for a place in a
// window, until ctx ends, and sends again what was refused for the moment: see
// Retry. The error is then the last refusal, joined with the context's error if
// that ended the attempts.
func (c *Client) RoundTrip(ctx context.Context, req pdu.Body) (pdu.Body, error) {
	n := c.arrivals.Add(1)
	var t *ticket
	if c.order.held.Load() > 0 {
		if t = c.order.join(n, req); t != nil {
			defer c.order.leave(t)
			if err := c.await(ctx, t); err != nil {
				return nil, &RequestError{Command: req.Command(), Err: err}
			}
		}
	}
	body, err := c.exchange(ctx, req, blocking)
	if err == nil || !c.again(err, 1) {
		return body, err
	}
	if t == nil {
		t = c.order.hold(n, req)
		defer c.order.leave(t)
	}
	return c.retry(ctx, t, req, body, err, blocking)
}

// Send sends a PDU that has no response; see Session.Send.
func (c *Client) Send(ctx context.Context, body pdu.Body) error {
	c.arrivals.Add(1)
	for {
		s, err := c.take(ctx, body)
		if err == nil {
			err = s.Send(ctx, body)
		}
		if err == nil || s == nil || !c.elsewhere(err) {
			return err
		}
	}
}

// Go sends a request on one of the sessions and returns; done is called with
// the response, as RoundTrip would return it. Go blocks while no session is
// bound and while all windows are full, and, for a destination with requests
// that wait to be sent again, while more than Held requests wait. ctx bounds
// that, and how long a request that was refused for the moment is sent again;
// see Retry. An error means that the request was not sent and done will not be
// called.
//
// done runs on the goroutine that reads the session, or on another: it must not
// block, must not wait for another response of the client, and must not panic.
func (c *Client) Go(ctx context.Context, req pdu.Body, done func(pdu.Body, error)) error {
	return c.send(ctx, req, untyped(done), async)
}

func (c *Client) send(ctx context.Context, req pdu.Body, call completer, m manner) error {
	n := c.arrivals.Add(1)
	if c.order.held.Load() > 0 && c.order.busy(req) {
		return c.sendHeld(ctx, n, req, call, m)
	}
	a := &typedCall{asyncCall{c, ctx, n, req, call}}
	call = a
	if m == async {
		call = &a.asyncCall
	}
	for {
		s, err := c.take(ctx, req)
		if err != nil {
			return err
		}
		if _, err = s.submit(ctx, req, call, false); err == nil || !c.elsewhere(err) {
			return err
		}
	}
}

// sendHeld is send behind requests that are to be sent again.
func (c *Client) sendHeld(ctx context.Context, n uint64, req pdu.Body, call completer, m manner) error {
	refuse := func(err error) error { return &RequestError{Command: req.Command(), Err: err} }
	if err := ctx.Err(); err != nil {
		return refuse(context.Cause(ctx))
	}
	select {
	case c.held <- struct{}{}:
	case <-ctx.Done():
		return refuse(context.Cause(ctx))
	case <-c.ctx.Done():
		return refuse(c.ended())
	}
	if !c.begin() {
		<-c.held
		return refuse(c.ended())
	}
	t := c.order.hold(n, req)
	go func() {
		defer c.finish()
		var body pdu.Body
		err := c.await(ctx, t)
		if err != nil {
			err = refuse(err)
		} else if body, err = c.exchange(ctx, req, m); err != nil && c.again(err, 1) {
			body, err = c.retry(ctx, t, req, body, err, m)
		}
		<-c.held
		c.complete(t, call, req.Command(), body, err)
	}()
	return nil
}

// complete tells of a request that was held.
func (c *Client) complete(t *ticket, call completer, id pdu.CommandID, body pdu.Body, err error) {
	c.order.leave(t)
	call.complete(pdu.Header{Command: id.Response()}, body, err)
}

// A manner says how a request is waited for.
type manner uint8

const (
	blocking   manner = iota // by RoundTrip
	async                    // by Go: the end of the context does not end the wait for the response
	asyncTyped               // so, and an empty response is a body
)

// An asyncCall is a request of Go on its way for the first time.
type asyncCall struct {
	client *Client
	ctx    context.Context
	n      uint64
	req    pdu.Body
	call   completer
}

// A typedCall is one that gets an empty body rather than none.
type typedCall struct{ asyncCall }

func (a *typedCall) wantsBody() {}

func (a *typedCall) complete(h pdu.Header, body pdu.Body, err error) {
	a.done(h, body, err, asyncTyped)
}

func (a *asyncCall) complete(h pdu.Header, body pdu.Body, err error) { a.done(h, body, err, async) }

func (a *asyncCall) done(h pdu.Header, body pdu.Body, err error, m manner) {
	c := a.client
	if err == nil || !c.again(err, 1) || !c.begin() {
		a.call.complete(h, body, err)
		return
	}
	t := c.order.hold(a.n, a.req) // now, so that what comes later is behind it
	go func() {
		defer c.finish()
		body, err := c.retry(a.ctx, t, a.req, body, err, m)
		c.complete(t, a.call, a.req.Command(), body, err)
	}()
}

// again reports whether a request that failed at its n-th attempt is to be sent
// again.
func (c *Client) again(err error, n int) bool {
	if c.Attempts > 0 && n >= c.Attempts {
		return false
	}
	var refused *ResponseError
	if !errors.As(err, &refused) || c.ctx.Err() != nil {
		return false
	}
	if c.Retry != nil {
		return c.Retry(refused)
	}
	return refused.Status == pdu.StatusThrottled || refused.Status == pdu.StatusQueueFull
}

// retry sends a request that was refused once until it is not refused any more.
func (c *Client) retry(ctx context.Context, t *ticket, req, body pdu.Body, refusal error, m manner) (pdu.Body, error) {
	for n := 1; ; n++ {
		err := c.pause(ctx, n)
		if err == nil {
			err = c.await(ctx, t)
		}
		if err == nil {
			var answer pdu.Body
			if answer, err = c.exchange(ctx, req, m); Outcome(err) != NeverSent {
				c.retried.Add(1)
				if err == nil || !c.again(err, n+1) {
					return answer, err
				}
				body, refusal = answer, err
				continue
			}
		}
		// What is known of it is that it was refused, not that it was never sent.
		var last *RequestError
		if errors.As(err, &last) {
			err = last.Err
		}
		return body, fmt.Errorf("%w (sent %d times, then: %w)", refusal, n, err)
	}
}

// pause waits before the next attempt after n.
func (c *Client) pause(ctx context.Context, n int) error {
	limit := backoff(n, orElse(c.RetryBackoff, DefaultRetryBackoff), orElse(c.MaxRetryBackoff, DefaultRetryLimit))
	t := time.NewTimer(jitter(limit/2, limit))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return c.ended()
	}
}

// exchange sends a request once and waits for its response.
func (c *Client) exchange(ctx context.Context, req pdu.Body, m manner) (body pdu.Body, err error) {
	for {
		s, err := c.take(ctx, req)
		if err != nil {
			return nil, err
		}
		if m == blocking {
			body, err = s.RoundTrip(ctx, req)
		} else {
			body, err = s.roundTripAsync(ctx, req, m)
		}
		if err == nil || !c.elsewhere(err) {
			return body, err
		}
	}
}

// roundTripAsync is RoundTrip whose context counts until the request is sent.
func (s *Session) roundTripAsync(ctx context.Context, req pdu.Body, m manner) (pdu.Body, error) {
	a := &typedWait{call{done: make(chan struct{}, 1)}}
	var c completer = a
	if m == async {
		c = &a.call
	}
	if _, err := s.submit(ctx, req, c, true); err != nil {
		return nil, err
	}
	<-a.done
	return a.body, a.err
}

// A typedWait is a call that gets an empty body rather than none.
type typedWait struct{ call }

func (*typedWait) wantsBody() {}

// elsewhere reports whether a request was not sent for a reason that lies with
// its session, so that another may do.
func (c *Client) elsewhere(err error) bool {
	var e *RequestError
	if !errors.As(err, &e) || e.Sent {
		return false
	}
	if errors.Is(e.Err, errFull) {
		return true // others were faster
	}
	var ended *SessionError
	var state *StateError
	if errors.As(e.Err, &ended) || errors.As(e.Err, &state) {
		c.moved.Add(1)
		return true
	}
	return false
}

// take returns the session for a request.
func (c *Client) take(ctx context.Context, req pdu.Body) (*Session, error) {
	s, err := c.session(ctx, req.Command())
	if err != nil {
		return nil, &RequestError{Command: req.Command(), Err: err}
	}
	return s, nil
}

// ended returns why no request can be sent any more.
func (c *Client) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
