package smpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Client.
const (
	DefaultMinBackoff      = 5 * time.Second
	DefaultMaxBackoff      = time.Minute
	DefaultRetryBackoff    = 250 * time.Millisecond
	DefaultMaxRetryBackoff = 15 * time.Second
	DefaultHeld            = 1000
	DefaultConnectTimeout  = 30 * time.Second
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
	// says. One goes ahead, and the others follow when it is bound, so that a
	// wrong password is tried once. Zero: 1.
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

	sharing sync.Mutex

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
			var leader *link
			for range n {
				l := &link{client: c, host: host, secure: secure, priority: t.Priority, config: config}
				l.config.Bind = mode
				l.status = Link{Index: len(links), Target: i, Addr: host, Bind: mode}
				if l.leader = leader; leader == nil {
					leader, l.proven = l, make(chan struct{})
				} else {
					l.status.State = LinkWaiting
				}
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

// ended returns why no request can be sent any more.
func (c *Client) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
