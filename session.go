package smpp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// maxGathered is how many octets may wait for the connection to take them
// before senders block and reading stops.
const maxGathered = 1 << 20

// writePiece is how many octets a write may wait with.
const writePiece = 64 << 10

// maxKept is how large a buffer for writing may be and be used again. The
// sweep lets go of it when the session is idle.
const maxKept = 512 << 10

// eagerWrite is how many octets are written without waiting for more.
const eagerWrite = 16 << 10

// smallWrite is how many octets a writer waits for, if senders whose requests
// were answered are about to add to them, before it looks whether it can write.
const smallWrite = 4 << 10

// patience is how often a writer lets others go first for that.
const patience = 3

// A Session is one connection between an ESME and a message center, from either
// side. Its methods may be called concurrently.
//
// A session owns one goroutine, which reads. Writing is done by whoever finds
// that nobody else is: one write carries all that has gathered.
type Session struct {
	// What does not change, or seldom, and is read all the time.
	conn    net.Conn
	opt     *options
	limit   *Limiter // of this session; nil: none
	handler Handler
	server  *Server       // of the MC side, nil otherwise
	guest   *guest        // with server
	kind    atomic.Uint32 // State, for State()
	bigRead atomic.Bool   // the reader holds a big buffer
	paused  atomic.Bool
	leaving atomic.Bool   // closing is set
	ttl     time.Duration // of a request, with what the sweep may be late
	// calls are those to be used again. They are not shared by sessions: a
	// channel belongs to the bubble of testing/synctest that made it.
	calls sync.Pool
	watch atomic.Pointer[watch]
	done  chan struct{} // closed when the session has ended

	// Of a session that is one of several of a Client, which is shared: freed is
	// called, with the lock held, when the window has room, with how much; free is
	// how much. Requests do not wait for its window but for any.
	shared atomic.Bool
	free   atomic.Int32
	freed  func(slots int)

	// What each request changes, with the lock held, comes together: when many
	// send, it moves from one processor to the other.
	mu       sync.Mutex
	state    State
	side     Side
	writing  bool   // somebody writes, or is about to
	yielding bool   // who is about to has let others go first
	rttDue   bool   // the next request is to be timed
	touched  bool   // since the last sweep
	crowd    int32  // requests that the last responses answered: as many senders may be about to send again
	coming   int32  // of the crowd, those that have not
	rttSeq   uint32 // the request that is timed; 0: none
	win      window
	granted  int   // slots promised to waiters that were woken
	err      error // why the session ended
	closing  error // why this side is ending it; nil: it is not
	waiters  []*waiter
	waited   *waiter // to be used again
	enc      *pdu.Codec
	out      []byte        // gathered for the next write
	clock    time.Duration // the time of the last read, sweep or first request
	sent     Traffic
	timers   timers

	spare       []byte
	raw         *rawWriter    // of who writes; nil while nobody does
	owed        int           // octets of responses in out
	owedMax     int           // beyond which reading stands
	ctl         []control     // requests outside the window
	unslotted   []*waiter     // for room in out only
	late        []lateRequest // timed out not long ago
	version     pdu.Version
	withoutTLVs bool
	held        bool // holding runs, and no slot may be taken
	tells       bool // responses carry the load of this side
	obeys       bool // the load that the peer tells of matters
	hangUp      bool // close the connection once out is empty
	sweeping    bool // a sweep tells of what it found
	halted      bool // reading stands for a while
	flow        flow // changed by the reader only
	holding     *time.Timer
	received    received // as of the last batch
	timeouts    uint64
	rtt         time.Duration
	emptied     chan struct{} // closed when no slot is taken; nil: nobody waits for that
	room        sync.Cond     // for the reader: out has room again
	opened      time.Time     // when the session began; all other times are since then
	sweepAt     time.Duration
	sweeper     *time.Timer
	maybe       <-chan struct{} // of the context that may be watched next

	whenBound chan struct{}     // closed when the session is bound; nil: nobody waits for that
	outbinds  chan *pdu.Outbind // gets the one that an ESME waits for; nil: it waits for none

	account  *Account
	peerID   string // system_id of the peer
	bindResp *pdu.BindResp
	bindReq  *pdu.Bind
	bindID   pdu.CommandID // of the bind that is decided on, or was granted

	ctx    context.Context
	cancel context.CancelFunc
	in     inbound

	// of the reader
	hearsLoad   bool // it may come as congestion_state
	transacts   bool // a PDU of the batch was a transaction
	peerUnbound bool
	dec         *pdu.Codec
	resps       []response
	idles       int // PDUs that no handler saw, and that are not charged for yet
	rx          received
	nacked      int    // generic_nack in a row that tell of lost framing
	nackedAt    uint64 // PDUs received at the last
}

// control is a request that takes no slot of the window.
type control struct {
	seq  uint32
	want pdu.CommandID
	due  time.Duration // since the session began
	call completer
}

type response struct {
	frame  []byte
	header pdu.Header
	call   completer
	want   pdu.CommandID
	after  time.Duration // since the request was sent
}

// A waiter is a sender that waits for a slot.
type waiter struct{ ready chan struct{} }

func newSession(conn net.Conn, side Side, opt *options, h Handler) *Session {
	s := &Session{conn: conn, side: side, opt: opt, handler: h, done: make(chan struct{}), version: pdu.V50}
	ctx, cancel := context.WithCancel(context.Background())
	s.ctx, s.cancel = context.WithValue(ctx, sessionKey{}, s), cancel
	s.win.size, s.win.allowed, s.in.limit = opt.window, opt.window, opt.inbound
	s.obeys = side == ESME && !opt.heedless
	s.flow = flow{most: float64(opt.window), window: float64(opt.window)}
	s.limit = NewLimiter(opt.messages, opt.parts)
	s.owedMax = max(unboundOwed, owedPer*2*opt.inbound)
	s.in.cond.L, s.room.L = &s.in.mu, &s.mu
	s.opened, s.timers.periods = time.Now(), &opt.periods
	s.ttl = 100 * 365 * 24 * time.Hour
	if opt.response > 0 {
		s.ttl = opt.response + s.timers.sweepEvery()
	}
	return s
}

// encoder returns the codec to encode with, which an idle session does without.
func (s *Session) encoder() *pdu.Codec {
	if s.enc == nil {
		s.enc = pdu.NewCodec(s.opt.reg, s.version)
		s.enc.SetWithoutTLVs(s.withoutTLVs)
	}
	return s.enc
}

// encode appends a PDU to what has gathered. A body whose Fields method panics,
// a nil pointer for one, is an error like any other: the lock is held.
func (s *Session) encode(h pdu.Header, body pdu.Body) (out []byte, err error) {
	switch body.(type) {
	case *pdu.EnquireLink, *pdu.EnquireLinkResp: // a header alone, for which an idle session needs no codec
		out = binary.BigEndian.AppendUint32(s.out, pdu.HeaderLen)
		out = binary.BigEndian.AppendUint32(out, uint32(body.Command()))
		out = binary.BigEndian.AppendUint32(out, uint32(h.Status))
		return binary.BigEndian.AppendUint32(out, h.Sequence), nil
	}
	defer func() {
		if v := recover(); v != nil {
			s.enc = nil
			err = &pdu.EncodeError{Command: body.Command(), Field: "body", Value: fmt.Sprintf("of type %T", body),
				Reason: fmt.Sprintf("its Fields method panicked: %v", v), Status: pdu.StatusSystemError}
		}
	}()
	return s.encoder().Append(s.out, h, body)
}

// encodeResponse appends the response to a request.
func (s *Session) encodeResponse(h pdu.Header, id pdu.CommandID, status pdu.Status, body pdu.Body) ([]byte, error) {
	if body != nil && body.Command() != id && body.Command() != pdu.IDGenericNack {
		return nil, &pdu.EncodeError{Command: body.Command(), Field: "command_id", Value: fmt.Sprintf("0x%08X", uint32(body.Command())),
			Reason: "it is no response to " + h.Command.String(), Status: pdu.StatusSystemError}
	}
	return s.encode(pdu.Header{Command: id, Status: status.For(s.version), Sequence: h.Sequence}, body)
}

// settle makes what a bind has settled the rule for what is sent.
func (s *Session) settle(v pdu.Version, withoutTLVs bool) {
	s.version, s.withoutTLVs, s.enc = v, withoutTLVs, nil
	s.tells = s.side == MC && v >= pdu.V50 && !s.opt.tellsNothing
}

// start begins reading.
func (s *Session) start() {
	s.mu.Lock()
	if s.opt.trace.Connected != nil {
		s.opt.trace.Connected(s)
	}
	_, wait := s.timers.step(s.clock, s.state)
	s.sweepAt = s.clock + wait
	s.sweeper = time.AfterFunc(wait, s.sweep)
	s.mu.Unlock()
	go s.read()
}

// State returns how far the session has come.
func (s *Session) State() State { return State(s.kind.Load()) }

func (s *Session) setState(st State) {
	if s.guest != nil && s.state.Bound() && !st.Bound() {
		s.server.parted(s)
	}
	from := s.state
	s.state = st
	s.kind.Store(uint32(st))
	if s.opt.trace.State != nil && st != from {
		s.opt.trace.State(s, from, st)
	}
	if s.whenBound != nil && st.Bound() {
		close(s.whenBound)
		s.whenBound = nil
	}
}

// Side returns which end of the session this is.
func (s *Session) Side() Side { return s.side }

// Version returns the version of SMPP that the bind has settled.
func (s *Session) Version() pdu.Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// SystemID returns the identity that the peer gave: the system_id of the bind
// on the side of the message center, that of its response on the other.
func (s *Session) SystemID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peerID
}

// BindRequest returns what the ESME bound with, its password included, or nil
// before the bind.
func (s *Session) BindRequest() *pdu.Bind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bindReq
}

// BindResponse returns what the message center answered to the bind, on the
// side of the ESME, or nil.
func (s *Session) BindResponse() *pdu.BindResp {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bindResp
}

// BindMode returns what the session is bound for, or, while Server.Authenticate
// decides on a bind, what the ESME asks for.
func (s *Session) BindMode() BindMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return modeOf(s.bindID)
}

// Account returns what Server.Authenticate granted, on the side of the message
// center, or nil.
func (s *Session) Account() *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.account
}

// LocalAddr returns the address of this end.
func (s *Session) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr returns the address of the peer.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// NetConn returns the connection, to look at: its TLS state, for one. Reading,
// writing or closing it breaks the session.
func (s *Session) NetConn() net.Conn { return s.conn }

// Outstanding returns how many requests of this side wait for a response, not
// counting enquire_link, unbind and binds.
func (s *Session) Outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.win.used
}

// Done returns a channel that is closed when the session has ended and every
// request on it has been told.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns nil while the session lives, and then why it ended, a
// *SessionError.
func (s *Session) Err() error {
	select {
	case <-s.done:
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// A call is a request whose sender waits.
type call struct {
	done   chan bool // gets true with the outcome, and false if the watch gives up
	header pdu.Header
	body   pdu.Body
	err    error
	watch  *watch // that the sender relies on to be told of the end of its context
}

func (c *call) complete(h pdu.Header, body pdu.Body, err error) {
	c.header, c.body, c.err = h, body, err
	c.done <- true
}

// RoundTrip sends a request and waits for its response. The body is nil when
// the response is a header alone. A response with a status other than
// pdu.StatusOK is a *ResponseError, beside the body if there is one; any other
// failure is a *RequestError. The end of ctx ends the wait, not the request:
// its slot of the window stays taken until its response or its timeout.
func (s *Session) RoundTrip(ctx context.Context, req pdu.Body) (pdu.Body, error) {
	c, _ := s.calls.Get().(*call)
	if c == nil {
		c = &call{done: make(chan bool, 2)}
	}
	d := ctx.Done()
	if w := s.watch.Load(); w != nil && w.ends == d {
		c.watch = w
	}
	seq, err := s.submit(ctx, req, c, true)
	if err != nil {
		c.watch = nil
		s.calls.Put(c)
		return nil, err
	}
	if c.watch != nil && c.watch == s.watch.Load() && !c.watch.ended.Load() {
		if !<-c.done {
			err = s.unlessKnown(ctx, req.Command(), seq, c.done)
		}
	} else {
		if d != nil && c.watch == nil && seq%watchEvery == 0 {
			s.consider(ctx)
		}
		err = s.awaitCall(ctx, req.Command(), seq, c.done)
	}
	if err != nil {
		return nil, err // the response may still come, so the call is not used again
	}
	body, err := c.body, c.err
	if c.watch == nil || !c.watch.ended.Load() { // or there may be another value in its channel
		c.body, c.err, c.watch = nil, nil, nil
		s.calls.Put(c)
	}
	return body, err
}

// awaitCall waits for the end of a call, or gives the request up when ctx ends.
func (s *Session) awaitCall(ctx context.Context, id pdu.CommandID, seq uint32, done <-chan bool) error {
	d := ctx.Done()
	if d == nil {
		<-done
		return nil
	}
	select {
	case known := <-done:
		if known {
			return nil
		}
	case <-d:
	}
	return s.unlessKnown(ctx, id, seq, done)
}

// unlessKnown gives a request up whose context has ended, unless its outcome
// came at the same time: what is known counts.
func (s *Session) unlessKnown(ctx context.Context, id pdu.CommandID, seq uint32, done <-chan bool) error {
	for {
		select {
		case known := <-done:
			if known {
				return nil
			}
		default:
			return s.gaveUp(ctx, id, seq)
		}
	}
}

// gaveUp is the error of a request that nobody waits for any more, as ctx ended.
func (s *Session) gaveUp(ctx context.Context, id pdu.CommandID, seq uint32) error {
	s.forsake(seq)
	return &RequestError{Command: id, Sequence: seq, Sent: true, Err: context.Cause(ctx)}
}

// A RoundTripper sends a request and waits for its response, as
// Session.RoundTrip does. A *Session and a *Client are RoundTrippers.
type RoundTripper interface {
	RoundTrip(ctx context.Context, req pdu.Body) (pdu.Body, error)
}

// An AsyncRoundTripper sends a request and calls back with its response, as
// Session.Go does. A *Session and a *Client are AsyncRoundTrippers; a *Client
// needs the request unchanged until it calls back.
type AsyncRoundTripper interface {
	Go(ctx context.Context, req pdu.Body, done func(pdu.Body, error)) error
}

// Do sends a request and waits for its response; see Session.RoundTrip. The
// response is not nil on success, and is nil beside an error unless the peer
// sent a body with it.
func Do[R pdu.Body](ctx context.Context, rt RoundTripper, req pdu.Request[R]) (R, error) {
	body, err := rt.RoundTrip(ctx, req)
	r, ok := body.(R)
	switch {
	case ok || err != nil:
	case body != nil:
		err = unregistered(req.Command(), body)
	default:
		r = req.NewResponse()
	}
	return r, err
}

// unregistered is the error of a response that is not what its request calls
// for, which is a matter of the registry.
func unregistered(id pdu.CommandID, body pdu.Body) error {
	return &RequestError{Command: id, Sent: true, Err: fmt.Errorf("the response is a %T: its type is not in the registry of the session", body)}
}

// Go sends a request and returns; done is called with the response, as Do would
// return it. See Session.Go and Client.Go.
func Go[R pdu.Body](ctx context.Context, rt AsyncRoundTripper, req pdu.Request[R], done func(R, error)) error {
	switch rt := rt.(type) {
	case *Session:
		_, err := rt.submit(ctx, req, callback[R](done), false)
		return err
	case *Client:
		return rt.send(ctx, req, callback[R](done), asyncTyped)
	}
	return rt.Go(ctx, req, func(body pdu.Body, err error) {
		if body == nil && err == nil {
			body = req.NewResponse()
		}
		callback[R](done).complete(pdu.Header{}, body, err)
	})
}

// Go sends a request and returns; done is called with the response, as
// RoundTrip would return it. Go blocks only while the window is full or much is
// waiting to be written, until ctx ends; after that ctx does not matter. An
// error means that the request was not sent and done will not be called.
//
// done runs on the goroutine that reads the session, or on one of a timer when
// there was no response in time: it must not block, must not wait for another
// response of the session, and must not panic. The function Go does the same
// with a response of a type that is known.
func (s *Session) Go(ctx context.Context, req pdu.Body, done func(pdu.Body, error)) error {
	_, err := s.submit(ctx, req, untyped(done), false)
	return err
}

type untyped func(pdu.Body, error)

func (f untyped) complete(_ pdu.Header, body pdu.Body, err error) { f(body, err) }

type callback[R pdu.Body] func(R, error)

func (f callback[R]) complete(_ pdu.Header, body pdu.Body, err error) {
	r, ok := body.(R)
	if !ok && body != nil && err == nil {
		err = unregistered(body.Command().Request(), body)
	}
	f(r, err)
}

// wantsBody marks a completer that gets an empty body rather than none.
func (callback[R]) wantsBody() {}

// Send sends a PDU that has no response, such as an alert_notification.
func (s *Session) Send(ctx context.Context, body pdu.Body) error {
	if id := body.Command(); s.opt.reg.Known(id) && !s.opt.reg.Notice(id) {
		return &RequestError{Command: id, Err: errHasResponse}
	}
	_, err := s.submit(ctx, body, nil, true)
	return err
}

var errHasResponse = errors.New("it has a response or is one: Do and RoundTrip send requests")

// errFull makes a Client look for another session.
var errFull = errors.New("the window is full")

var errNoRequest = errors.New("it is no request that has a response")

func outsideWindow(id pdu.CommandID) bool {
	switch id {
	case pdu.IDEnquireLink, pdu.IDUnbind, pdu.IDBindReceiver, pdu.IDBindTransmitter, pdu.IDBindTransceiver:
		return true
	}
	return false
}

// submit registers and encodes a request. A nil call is for PDUs without
// response. With flush, the caller's goroutine may write.
func (s *Session) submit(ctx context.Context, req pdu.Body, call completer, flush bool) (uint32, error) {
	if s.limit != nil || s.opt.limiter != nil {
		return s.submitLimited(ctx, req, call, flush)
	}
	return s.submitNow(ctx, req, call, flush)
}

// submitLimited is submitNow once the rates allow it.
func (s *Session) submitLimited(ctx context.Context, req pdu.Body, call completer, flush bool) (uint32, error) {
	if err := s.limit.wait(ctx, s.done, req); err != nil {
		return 0, &RequestError{Command: req.Command(), Err: err}
	}
	if err := s.opt.limiter.wait(ctx, s.done, req); err != nil {
		s.limit.refund(req)
		return 0, &RequestError{Command: req.Command(), Err: err}
	}
	seq, err := s.submitNow(ctx, req, call, flush)
	if err != nil {
		s.limit.refund(req)
		s.opt.limiter.refund(req)
	}
	return seq, err
}

func (s *Session) submitNow(ctx context.Context, req pdu.Body, call completer, flush bool) (uint32, error) {
	seq, write, many, err := s.register(ctx, req, call, flush)
	switch {
	case !write:
	case !flush:
		s.flushLater()
	case many:
		// Let others add to the batch: one write for all of it, or for a piece of
		// it that whoever completes it sees off.
		for n := range patience {
			runtime.Gosched()
			if s.drainYielded(n == patience-1) {
				break
			}
		}
	default:
		s.drain(false)
	}
	return seq, err
}

func (s *Session) register(ctx context.Context, req pdu.Body, call completer, yieldable bool) (seq uint32, write, many bool, err error) {
	id := req.Command()
	windowed := call != nil && !outsideWindow(id)
	refuse := func(err error) (uint32, bool, bool, error) {
		return 0, false, false, &RequestError{Command: id, Err: err}
	}
	if id.IsResponse() || call != nil && s.opt.reg.Notice(id) {
		return refuse(errNoRequest)
	}
	if err := ctx.Err(); err != nil {
		return refuse(context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	woken := false
	for {
		if err := s.maySend(id); err != nil {
			if woken {
				s.granted--
				s.wake()
			}
			return refuse(err)
		}
		if !windowed && len(s.out) < maxGathered || outsideWindow(id) {
			break
		}
		if woken {
			s.granted--
			break
		}
		if len(s.waiters) == 0 && s.win.used+s.granted < s.win.allowed && len(s.out) < maxGathered {
			break
		}
		if !windowed {
			if err := s.waitForRoom(ctx); err != nil {
				return refuse(err)
			}
			continue
		}
		if s.shared.Load() && (len(s.waiters) > 0 || s.win.used+s.granted >= s.win.allowed) {
			return refuse(errFull)
		}
		if err := s.wait(ctx); err != nil {
			return refuse(err)
		}
		woken = true
	}
	if s.win.used == 0 {
		s.clock = time.Since(s.opened)
		s.touch()
	}
	if s.rttDue || s.opt.trace.Response != nil {
		s.clock = time.Since(s.opened)
	}
	due := s.clock + s.ttl
	switch {
	case windowed:
		seq = s.win.add(id.Response(), due, call)
		if s.rttDue {
			s.rttSeq, s.rttDue = seq, false
		}
	default:
		s.touch()
		seq = s.nextSequence()
		if call != nil {
			s.ctl = append(s.ctl, control{seq, id.Response(), due, call})
		}
	}
	from := len(s.out)
	out, err := s.encode(pdu.Header{Sequence: seq}, req)
	if err != nil {
		s.forget(seq)
		s.win.last-- // the number was not used
		seq = 0
		s.wake()
		return refuse(err)
	}
	s.out = out
	s.sent.count(id, pdu.StatusOK, len(out)-from)
	if s.opt.trace.Sent != nil {
		s.opt.trace.Sent(s, s.out[from:len(s.out):len(s.out)])
	}
	if id != pdu.IDEnquireLink && s.timers.active != s.clock {
		s.timers.active = s.clock
	}
	switch id {
	case pdu.IDUnbind:
		s.setState(StateUnbound) // nothing new after this
	case pdu.IDOutbind:
		s.setState(StateOutbound)
		s.timers.awaited = s.clock
	}
	many = s.win.used > 1 || s.crowd > 1
	all := s.coming == 1 // that were answered with the last responses have sent again
	if s.coming > 0 {
		s.coming--
	}
	switch {
	case !s.writing:
		write = true
		s.yielding = many && yieldable
	case s.yielding && (len(s.out) >= eagerWrite || all):
		// Enough for a write, while the peer has nothing to do.
		write, many, s.yielding = true, false, false
	}
	s.writing = true
	s.noteFree()
	return seq, write, many, nil
}

// share makes the session one of several of a Client, or the only one.
func (s *Session) share(with bool) {
	s.mu.Lock()
	s.shared.Store(with)
	s.noteFree()
	s.mu.Unlock()
}

// noteFree tells the Client of the session, if there are others to choose from,
// how many slots nobody has or waits for.
func (s *Session) noteFree() int {
	if !s.shared.Load() {
		return 0
	}
	n := s.win.allowed - s.win.used - s.granted - len(s.waiters)
	s.free.Store(int32(n))
	return n
}

func (s *Session) nextSequence() uint32 {
	seq := next(s.win.last)
	for s.taken(seq) {
		seq = next(seq)
	}
	s.win.last = seq
	return seq
}

func (s *Session) taken(seq uint32) bool {
	if n := len(s.win.slots); n > 0 && s.win.slots[seq&uint32(n-1)].seq == seq {
		return true
	}
	return slices.ContainsFunc(s.ctl, func(c control) bool { return c.seq == seq })
}

// forget takes back what register noted for a request that was not encoded.
func (s *Session) forget(seq uint32) {
	if _, ok := s.win.take(seq); !ok {
		s.takeControl(seq)
	}
}

func (s *Session) takeControl(seq uint32) (control, bool) {
	for i, c := range s.ctl {
		if c.seq == seq {
			s.ctl = slices.Delete(s.ctl, i, i+1)
			return c, true
		}
	}
	return control{}, false
}

// maySend reports why a request cannot be sent now.
func (s *Session) maySend(id pdu.CommandID) error {
	switch {
	case s.err != nil:
		return s.err
	case s.closing != nil && id != pdu.IDUnbind && id != pdu.IDEnquireLink:
		return &SessionError{s.closing}
	case !may(s.side, id).has(s.state):
		return &StateError{s.side, s.state}
	}
	return nil
}

// wait waits for a slot. It is called, and returns, with the lock held; a nil
// error means that a slot was granted.
func (s *Session) wait(ctx context.Context) error {
	w := s.waited
	if s.waited = nil; w == nil {
		w = &waiter{make(chan struct{}, 1)}
	}
	s.waiters = append(s.waiters, w)
	s.noteFree()
	s.mu.Unlock()
	if t := s.opt.trace; t.WindowFull != nil || t.Waited != nil {
		if t.WindowFull != nil {
			t.WindowFull(s)
		}
		if t.Waited != nil {
			since := time.Now()
			defer func() { t.Waited(s, time.Since(since)) }()
		}
	}
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.mu.Lock()
	if err == nil {
		s.waited = w
		return nil
	}
	if i := slices.Index(s.waiters, w); i >= 0 {
		s.waiters = slices.Delete(s.waiters, i, i+1)
	} else { // granted in the meantime: pass it on
		s.granted--
	}
	s.wake()
	return err
}

// waitForRoom waits for room in what is written, without a slot. It is called,
// and returns, with the lock held.
func (s *Session) waitForRoom(ctx context.Context) error {
	w := &waiter{make(chan struct{}, 1)}
	s.unslotted = append(s.unslotted, w)
	s.mu.Unlock()
	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.mu.Lock()
	if i := slices.Index(s.unslotted, w); i >= 0 {
		s.unslotted = slices.Delete(s.unslotted, i, i+1)
	}
	return err
}

// wake grants what is free to those who wait, in order. It is called whenever
// a slot was freed.
func (s *Session) wake() {
	if s.emptied != nil && s.win.used == 0 {
		close(s.emptied)
		s.emptied = nil
	}
	if len(s.unslotted) > 0 && (s.err != nil || s.closing != nil || len(s.out) < maxGathered) {
		for _, w := range s.unslotted {
			w.ready <- struct{}{}
		}
		s.unslotted = nil
	}
	n := 0
	for n < len(s.waiters) && (s.err != nil || s.closing != nil ||
		s.win.used+s.granted < s.win.allowed && len(s.out) < maxGathered) {
		s.granted++
		s.waiters[n].ready <- struct{}{}
		n++
	}
	if n > 0 {
		s.waiters = slices.Delete(s.waiters, 0, n)
	}
	if n := s.noteFree(); n > 0 {
		s.freed(n)
	}
}

// touch notes that something is going on, so that the sweep looks soon.
func (s *Session) touch() {
	s.touched = true
	if soon := s.timers.sweepEvery(); s.sweeper != nil && s.sweepAt-s.clock > soon {
		s.sweepAt = s.clock + soon
		s.sweeper.Reset(soon)
	}
}

// sweep looks after all that is due. One runs at a time.
func (s *Session) sweep() {
	now := time.Since(s.opened)
	s.mu.Lock()
	if s.err != nil || s.sweeping {
		s.mu.Unlock()
		return
	}
	s.sweeping = true
	s.clock = now
	late := s.win.expire(s.clock)
	if len(late) > 0 || len(s.late) > 0 {
		s.remember(late)
	}
	var lateCtl []control
	for i := 0; i < len(s.ctl); {
		if c := s.ctl[i]; s.clock >= c.due {
			lateCtl = append(lateCtl, c)
			s.timeouts++
			s.ctl = slices.Delete(s.ctl, i, i+1)
			continue
		}
		i++
	}
	if len(late) > 0 {
		s.wake()
	}
	if s.timers.inactivity > 0 && (s.win.used > 0 || s.in.working()) {
		s.timers.active = now // a transaction goes on
	}
	act, wait := s.timers.step(now, s.state)
	if slices.ContainsFunc(lateCtl, func(c control) bool { return c.want == pdu.IDUnbindResp }) {
		act = doDeadPeer // what else could come
	}
	if act == doEnquire {
		s.timers.enquired = max(now, 1)
	}
	if s.win.used == 0 && len(s.ctl) == 0 && !s.touched {
		s.unwatch()
	}
	quiet := !s.touched && s.win.used == 0 && len(s.late) == 0 && len(s.ctl) == 0 && !s.writing && len(s.out) == 0
	if s.in.relax() && quiet {
		s.win.slots, s.out, s.spare, s.enc, s.raw, s.waited = nil, nil, nil, nil, nil, nil
		if len(s.waiters) == 0 {
			s.waiters = nil
		}
		if s.bigRead.Load() {
			_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // the reader lets go of its buffer
		}
	} else {
		wait = min(wait, s.timers.sweepEvery())
	}
	s.touched = false
	s.sweepAt = now + wait
	s.mu.Unlock()

	for _, l := range late {
		l.call.complete(pdu.Header{Command: l.want, Sequence: l.seq}, nil, s.timeoutError(l.want, l.seq))
	}
	for _, l := range lateCtl {
		l.call.complete(pdu.Header{Command: l.want, Sequence: l.seq}, nil, s.timeoutError(l.want, l.seq))
	}
	s.mu.Lock()
	s.sweeping = false
	if s.err == nil {
		s.sweeper.Reset(max(s.sweepAt-time.Since(s.opened), 0))
	}
	s.room.Broadcast()
	s.mu.Unlock()
	switch act {
	case doEnquire:
		_, _ = s.submit(context.Background(), &pdu.EnquireLink{}, ignore{}, true) // whatever is heard counts as the answer
	case doDeadPeer:
		s.end(ErrDeadPeer)
	case doStuck:
		s.end(ErrPeerStuck)
	case doNeverBound:
		s.end(ErrNotBound)
	case doInactive:
		go s.closeWith(ErrInactive)
	}
}

func (s *Session) timeoutError(want pdu.CommandID, seq uint32) error {
	return &RequestError{Command: want.Request(), Sequence: seq, Sent: true, After: s.opt.response, Err: ErrTimeout}
}

type ignore struct{}

func (ignore) complete(pdu.Header, pdu.Body, error) {}

// respond sends a response. With flush, the caller's goroutine may write.
func (s *Session) respond(h pdu.Header, status pdu.Status, body pdu.Body, flush bool) error {
	id := h.Command.Response()
	if status == pdu.StatusOK && body == nil {
		body, _ = s.opt.reg.New(id)
	}
	write, err := s.appendResponse(h, id, status, body)
	if err != nil {
		var e *pdu.EncodeError
		if !errors.As(err, &e) {
			return err
		}
		s.opt.log.Error("smpp: response cannot be encoded", "command", id.String(), "sequence", h.Sequence, "error", err)
		if write, _ = s.appendResponse(h, id, pdu.StatusSystemError, nil); write {
			s.drain(false)
		}
		return err
	}
	if write {
		if flush {
			runtime.Gosched()
		}
		s.drain(false)
	}
	return nil
}

// appendResponse adds a response to what is written next, and reports whether
// the caller is the one to write it.
func (s *Session) appendResponse(h pdu.Header, id pdu.CommandID, status pdu.Status, body pdu.Body) (write bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.addResponse(h, id, status, body); err != nil {
		return false, err
	}
	write = !s.writing
	s.writing = true
	return write, nil
}

// addResponse adds a response to what has gathered. The lock is held.
func (s *Session) addResponse(h pdu.Header, id pdu.CommandID, status pdu.Status, body pdu.Body) error {
	if s.err != nil {
		return s.err
	}
	from := len(s.out)
	out, err := s.encodeResponse(h, id, status, body)
	if err != nil {
		return err
	}
	s.out = out
	if s.tells && status == pdu.StatusOK {
		s.tell(from, body)
	}
	s.sent.count(id, status, len(s.out)-from)
	s.owed += len(s.out) - from
	if s.opt.trace.Sent != nil {
		s.opt.trace.Sent(s, s.out[from:len(s.out):len(s.out)])
	}
	return nil
}

// flushLater has what has gathered written by another goroutine. The caller has
// set writing.
func (s *Session) flushLater() {
	go s.drain(false)
}

// drainYielded is drain for a writer that has let others go first, unless one of
// them took over. It reports false if the writer is to do so once more.
func (s *Session) drainYielded(last bool) bool {
	s.mu.Lock()
	mine := s.yielding
	if mine && !last && s.coming > 0 && len(s.out) < smallWrite {
		s.mu.Unlock()
		return false
	}
	s.yielding = false
	s.mu.Unlock()
	if mine {
		s.drain(true)
	}
	return true
}

// drain writes what has gathered until nothing is left. The caller has set
// writing. It never waits for the connection: what that does not take at once
// is left to a goroutine.
func (s *Session) drain(yield bool) {
	for range 16 {
		buf := s.takeOut()
		if buf == nil {
			return
		}
		if s.raw == nil {
			s.raw = newRawWriter(s.conn)
		}
		n, err := s.raw.write(buf)
		if err != nil {
			s.writeFailed(err)
			return
		}
		if n < len(buf) {
			go s.drainWaiting(buf, n)
			return
		}
		s.recycle(buf)
		if yield {
			runtime.Gosched()
		}
	}
	// Others keep adding: this goroutine has its own work to do.
	go s.drainWaiting(nil, 0)
}

// drainWaiting is drain, waiting for the connection. buf is what was taken, of
// which n octets are written.
func (s *Session) drainWaiting(buf []byte, n int) {
	for {
		if buf == nil {
			if buf = s.takeOut(); buf == nil {
				return
			}
			n = 0
		}
		s.mu.Lock()
		s.clock = max(time.Since(s.opened), 1)
		s.timers.writeSince = s.clock
		s.touch()
		s.mu.Unlock()
		// In pieces, so that a slow peer is told from one that does not read.
		m, err := s.conn.Write(buf[n:min(n+writePiece, len(buf))])
		s.mu.Lock()
		s.timers.writeSince = 0
		s.mu.Unlock()
		if err != nil {
			s.writeFailed(err)
			return
		}
		if n += m; n < len(buf) {
			continue
		}
		s.recycle(buf)
		buf = nil
	}
}

// takeOut returns what has gathered, or nil and stops being the writer.
func (s *Session) takeOut() []byte {
	s.mu.Lock()
	if len(s.out) == 0 || s.err != nil {
		s.writing = false
		if s.err != nil {
			s.room.Broadcast()
		}
		last := s.hangUp && s.err == nil
		s.hangUp = s.hangUp && !last
		s.mu.Unlock()
		if last {
			s.halfClose()
		}
		return nil
	}
	defer s.mu.Unlock()
	buf := s.out
	s.out, s.spare = s.spare, nil
	if len(buf) >= maxGathered {
		s.wake()
	}
	if s.timers.standing {
		s.room.Broadcast()
	}
	s.owed = 0
	return buf
}

func (s *Session) recycle(buf []byte) {
	if cap(buf) > maxKept {
		return
	}
	s.mu.Lock()
	if s.out == nil {
		s.out = buf[:0]
	} else {
		s.spare = buf[:0]
	}
	s.mu.Unlock()
}

func (s *Session) writeFailed(err error) {
	s.end(err)
	s.mu.Lock()
	s.writing = false
	s.room.Broadcast()
	s.mu.Unlock()
}

// lingering is how long a peer that was told that nothing more comes has to
// hang up.
const lingering = time.Second

// halfClose tells the peer that nothing more comes, and gives it a moment to
// hang up.
func (s *Session) halfClose() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		_ = s.conn.SetReadDeadline(time.Now().Add(lingering))
		return
	}
	_ = s.conn.Close()
}

// end ends the session now. The reader does the rest.
func (s *Session) end(why error) {
	s.mu.Lock()
	if s.err == nil {
		if s.closing != nil {
			why = s.closing
		}
		s.err = &SessionError{why}
		s.setState(StateClosed)
		s.wake()
		s.room.Broadcast()
	}
	s.mu.Unlock()
	_ = s.conn.Close()
}

// finish tells everybody that the session has ended. The reader calls it last.
func (s *Session) finish(why error) {
	s.end(why)
	s.mu.Lock()
	s.sweeper.Stop()
	if s.holding != nil {
		s.holding.Stop()
	}
	err := s.err
	late := s.win.drain()
	ctl := s.ctl
	s.ctl, s.out, s.spare, s.win.slots, s.late = nil, nil, nil, nil, nil
	s.received = s.rx
	s.unwatch()
	s.wake()
	s.mu.Unlock()
	s.cancel()
	for _, l := range late {
		l.call.complete(pdu.Header{Command: l.want, Sequence: l.seq}, nil, &RequestError{Command: l.want.Request(), Sequence: l.seq, Sent: true, Err: err})
	}
	for _, l := range ctl {
		l.call.complete(pdu.Header{Command: l.want, Sequence: l.seq}, nil, &RequestError{Command: l.want.Request(), Sequence: l.seq, Sent: true, Err: err})
	}
	s.in.close()
	s.mu.Lock()
	for s.writing || s.sweeping {
		s.room.Wait()
	}
	s.mu.Unlock()
	if s.server != nil {
		s.server.forget(s)
	}
	if s.opt.trace.Ended != nil {
		s.opt.trace.Ended(s, err)
	}
	close(s.done)
}

// Close ends the session: it tells the peer with an unbind, waits at most a
// second for the answer, and closes the connection. Requests without a response
// fail with an unknown outcome; Shutdown waits for them. Close may be called
// more than once; in a callback of Go or an Inline handler, call it on a
// goroutine of its own. It always returns nil.
func (s *Session) Close() error {
	s.closeWith(ErrClosed)
	return nil
}

func (s *Session) closeWith(why error) {
	s.refuseNew(why)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.unbind(ctx)
	s.end(why)
	<-s.done
}

// refuseNew makes requests of this side fail from now on.
func (s *Session) refuseNew(why error) {
	s.mu.Lock()
	if s.closing == nil {
		s.closing = why
	}
	s.leaving.Store(true)
	s.wake()
	s.mu.Unlock()
}

// unbind sends an unbind, if the state has one, and waits for its response. If
// the peer was first, or this side is closing because of what came, what that is
// answered with is yet to be written and the end is near.
func (s *Session) unbind(ctx context.Context) {
	c := &call{done: make(chan bool, 1)}
	if _, err := s.submit(ctx, &pdu.Unbind{}, c, true); err != nil && s.State() != StateUnbound {
		return
	}
	select {
	case <-c.done:
	case <-s.done:
	case <-ctx.Done():
	}
}

// Shutdown ends the session with nothing left open: it refuses new requests of
// both sides, waits for the responses that are outstanding and for the handlers
// that run, unbinds and closes. The peer's new requests are answered with
// pdu.StatusThrottled, or pdu.StatusTemporaryAppError by an ESME. When ctx ends
// first it closes at once and returns the context's error. Called in a handler of
// the session, it would wait for itself.
func (s *Session) Shutdown(ctx context.Context) error {
	s.refuseNew(ErrClosed)
	s.in.refuse() // the reader may have looked at leaving just before
	answered := make(chan struct{})
	s.in.whenDrained(func() { close(answered) })
	err := s.await(ctx, answered)
	if err == nil {
		err = s.awaitOutstanding(ctx)
	}
	if err == nil {
		s.unbind(ctx)
		err = context.Cause(ctx)
	}
	s.end(ErrClosed)
	<-s.done
	return err
}

func (s *Session) await(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
	case <-s.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// awaitOutstanding waits until no request of this side is open.
func (s *Session) awaitOutstanding(ctx context.Context) error {
	s.mu.Lock()
	if s.win.used == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.emptied == nil {
		s.emptied = make(chan struct{})
	}
	emptied := s.emptied
	s.mu.Unlock()
	return s.await(ctx, emptied)
}

// Pause stops reading, after the PDU that is being handled. Nothing that the
// peer sends is lost; it is read after Resume. While reading stands, responses
// are not read either, and a silent peer is not held for dead.
func (s *Session) Pause() {
	s.paused.Store(true)
}

// Resume makes reading go on after Pause.
func (s *Session) Resume() {
	s.mu.Lock()
	s.paused.Store(false)
	s.room.Broadcast()
	s.mu.Unlock()
}

// closedByPeer turns what a read returned into the reason for the end.
func (s *Session) closedByPeer(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == StateUnbound && s.closing == nil {
		return ErrUnbound
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the peer closed the connection: %w", io.EOF)
	}
	return err
}
