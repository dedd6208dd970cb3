package smpp

import (
	"bytes"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

const (
	smallRead = 256      // octets of the buffer of a session without much traffic
	midRead   = 16 << 10 // of one that has some
	bigRead   = 64 << 10 // and of one with much
	maxBatch  = 8 << 10  // octets of PDUs that share one allocation
)

// plainEvery is how often one of the sessions reads in a way that the scheduler
// sees, so that its monitor is awake to preempt whoever works for longer than a
// time slice of the scheduler, which is as long.
const plainEvery = 10 * time.Millisecond

// lastPlain is when a session last did, in nanoseconds since began.
var (
	began     = time.Now()
	lastPlain atomic.Int64
)

var bigBuffers = sync.Pool{New: func() any { b := make([]byte, bigRead); return &b }}

// A source reads PDUs in batches. It holds a small buffer until one is not
// enough, and memory for a PDU that is larger than its buffers only as the
// octets arrive.
type source struct {
	s       *Session
	small   []byte
	big     *[]byte
	buf     []byte
	r, w    int           // octets in buf that are not used yet
	hold    time.Duration // for which reading is to stand
	full    bool          // the last read filled buf
	raw     *rawReader    // of a busy session, where there is such a thing
	now     time.Duration // of the last read, since the session began
	opened  time.Duration // when that was, since began
	flooded bool          // idled is overdrawn
	idled   bucket        // of the PDUs that no handler sees
	refused uint64        // requests, as of the last charge
}

// read is the goroutine of the session.
func (s *Session) read() {
	src := source{s: s, small: make([]byte, smallRead), opened: s.opened.Sub(began)}
	src.buf = src.small
	var err error
	if s.server != nil {
		err = s.server.greet(s)
	}
	if err == nil {
		err = src.run()
	}
	src.release()
	s.finish(err)
}

func (src *source) run() error {
	s := src.s
	for {
		s.dec = s.opt.decoder()
		more := false
		for {
			batch, err := src.take()
			if err != nil {
				s.completeResponses()
				s.flushRead()
				src.lostFraming(err)
				return err
			}
			if batch == nil {
				break
			}
			own := false
			for len(batch) > 0 {
				h, n, _ := pdu.ParseHeader(batch)
				to := s.route(h.Command)
				if !to.borrows && !own { // what the others are given is theirs
					batch, own = bytes.Clone(batch), true
				}
				s.got(h, batch[:n:n], to)
				batch = batch[n:]
				if s.paused.Load() {
					s.completeResponses()
					s.flushRead()
					if !own { // the buffer may change while reading stands
						batch, own = bytes.Clone(batch), true
					}
					if err := src.stand(); err != nil {
						return err
					}
				}
			}
			if (s.idles > 0 || s.rx.refused > src.refused) && src.pace() {
				more = true
				break
			}
		}
		s.completeResponses()
		s.flushRead()
		s.opt.decoders.Put(s.dec)
		s.dec = nil // an idle session does without
		if err := src.stand(); err != nil {
			return err
		}
		if more {
			continue
		}
		if err := src.fill(); err != nil {
			return s.closedByPeer(err)
		}
		src.now = s.heardNow()
		if s.paused.Load() {
			if err := src.stand(); err != nil {
				return err
			}
		}
	}
}

// limit returns how long a PDU may be.
func (src *source) limit() int {
	s := src.s
	if s.server != nil && s.State() < StateBoundTX {
		return min(s.opt.maxPDU, unboundPDU)
	}
	return s.opt.maxPDU
}

// pace charges the session of a server for PDUs that no handler saw, and reports
// whether reading is to stand.
func (src *source) pace() bool {
	s := src.s
	idles, refusals := s.idles, int(s.rx.refused-src.refused)
	s.idles, src.refused = 0, s.rx.refused
	if s.server == nil {
		return false
	}
	if src.idled.each == 0 {
		src.idled = newBucket(s.server.limitsNow().idle())
		src.idled.each /= refusalsPerIdle
	}
	wait := src.idled.take(time.Since(s.opened), idles*refusalsPerIdle+refusals)
	src.flooded = wait > 0
	if src.flooded {
		least := minStanding
		if idles == 0 {
			least /= refusalsPerIdle // who is refused may be served next
		}
		src.hold = max(wait, least)
		s.server.stats.stood.Add(1)
	}
	return true
}

// take cuts the whole PDUs that have been read, up to a batch of them, out of
// the buffer, whose memory they are.
func (src *source) take() (batch []byte, err error) {
	b := src.buf[src.r:src.w]
	limit := src.limit()
	n := 0
	for {
		frame, _, err := pdu.Split(b[n:], limit)
		if err != nil {
			if n == 0 {
				return nil, err
			}
			break // after what came before it
		}
		if frame == nil {
			break
		}
		if n > 0 && n+len(frame) > maxBatch {
			break
		}
		n += len(frame)
	}
	if n == 0 {
		return nil, nil
	}
	src.r += n
	return b[:n:n], nil
}

// fill reads what there is, at least one octet.
func (src *source) fill() error {
	switch {
	case src.r < src.w:
		src.w = copy(src.buf, src.buf[src.r:src.w])
	case len(src.buf) > bigRead: // of a PDU that is done with
		src.big = bigBuffers.Get().(*[]byte)
		src.buf = *src.big
		fallthrough
	default:
		src.w = 0
	}
	src.r = 0
	// A full buffer tells that there is more where that came from; who floods is
	// not given a larger one for it.
	if src.w == len(src.buf) || src.full && !src.flooded {
		src.grow()
	}
	for {
		n, err := src.read(src.buf[src.w:])
		src.w += n
		if n > 0 {
			src.full = src.w == len(src.buf) && len(src.buf) < min(src.limit(), bigRead)
			return nil
		}
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && src.idle() {
			continue
		}
		return err
	}
}

func (src *source) read(b []byte) (int, error) {
	if src.raw == nil {
		return src.s.conn.Read(b)
	}
	now := int64(src.opened + src.now)
	if now-lastPlain.Load() < int64(plainEvery) {
		return src.raw.read(b)
	}
	lastPlain.Store(now)
	return src.s.conn.Read(b)
}

// idle handles the end of a read deadline, which asks the reader to let go of
// its big buffer.
func (src *source) idle() bool {
	s := src.s
	s.mu.Lock()
	live := s.err == nil && s.state != StateUnbound
	if live { // with the lock held: once it is not, there is a deadline that counts
		_ = s.conn.SetReadDeadline(time.Time{})
	}
	s.mu.Unlock()
	if live {
		src.shrink()
	}
	return live
}

// shrink lets go of a buffer that is larger than what it holds, if the small one
// has room for more besides: who reads goes on with it as it is.
func (src *source) shrink() {
	if src.w-src.r < smallRead && len(src.buf) > smallRead {
		src.w = copy(src.small, src.buf[src.r:src.w])
		src.r = 0
		src.release()
		src.buf, src.raw = src.small, nil
		src.s.bigRead.Store(false)
	}
}

// grow makes the buffer larger: a middling one, a big one, and then, for a PDU
// that does not fit that, one that doubles with what has arrived.
func (src *source) grow() {
	var larger []byte
	var big *[]byte
	switch n, limit := len(src.buf), src.limit(); {
	case n < limit && limit < midRead: // before the bind
		larger = make([]byte, limit)
	case n < midRead:
		larger = make([]byte, midRead)
	case n < bigRead:
		big = bigBuffers.Get().(*[]byte)
		larger = *big
	default:
		larger = make([]byte, min(2*n, max(src.s.opt.maxPDU, bigRead)+bigRead))
	}
	src.w = copy(larger, src.buf[src.r:src.w])
	src.r = 0
	src.release()
	src.buf, src.big = larger, big
	if src.raw == nil {
		src.raw = newRawReader(src.s.conn)
	}
	src.s.bigRead.Store(true)
}

func (src *source) release() {
	if src.big != nil {
		bigBuffers.Put(src.big)
		src.big = nil
	}
}

// heardNow notes that the peer is alive.
func (s *Session) heardNow() time.Duration {
	now := time.Since(s.opened)
	s.mu.Lock()
	s.clock = now
	s.timers.heard, s.timers.enquired = now, 0
	s.rttDue = s.rttSeq == 0
	s.touch()
	s.mu.Unlock()
	return now
}

// stand waits while reading is paused or halted, or too much waits to be written.
func (src *source) stand() error {
	s := src.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if src.hold > 0 {
		s.halted = true
		t := time.AfterFunc(src.hold, func() {
			s.mu.Lock()
			s.halted = false
			s.room.Broadcast()
			s.mu.Unlock()
		})
		defer t.Stop()
		src.hold = 0
	}
	for s.err == nil && (s.paused.Load() || s.halted || s.owed >= s.owedMax || len(s.out) >= maxGathered) {
		src.shrink()
		s.timers.standing = true
		s.room.Wait()
		s.timers.standing = false
		s.timers.heard, s.timers.enquired = time.Since(s.opened), 0
	}
	s.halted = false
	return s.err
}

// flushRead writes what the PDUs of a batch were answered with.
func (s *Session) flushRead() {
	s.mu.Lock()
	if s.transacts {
		s.timers.active, s.transacts = s.clock, false
	}
	s.received = s.rx
	write := len(s.out) > 0 && !s.writing
	if write {
		s.writing = true
	}
	s.mu.Unlock()
	if write {
		s.drain(false)
	}
}

// lostFraming answers a command_length that cannot be. What follows it is read
// and thrown away until the peer, told that nothing more comes, hangs up: closing
// at once could cost it the answer.
func (src *source) lostFraming(err error) {
	var e *pdu.FrameError
	if !errors.As(err, &e) {
		return
	}
	s := src.s
	s.refuseNew(err)
	_ = s.conn.SetReadDeadline(time.Now().Add(lingering))
	s.mu.Lock()
	if s.err == nil {
		s.setState(StateUnbound)
	}
	s.hangUp = true
	s.mu.Unlock()
	if write, _ := s.appendResponse(pdu.Header{Sequence: e.Sequence}, pdu.IDGenericNack, pdu.StatusInvalidCommandLength, nil); write {
		s.drain(false)
	}
	for {
		if _, err := s.conn.Read(src.buf); err != nil {
			return
		}
	}
}

// route finds who handles a request.
func (s *Session) route(id pdu.CommandID) route {
	if id.IsResponse() {
		return route{}
	}
	to := resolve(s.handler, id)
	// The session itself keeps binds.
	to.borrows = to.borrows && !outsideWindow(id) && id != pdu.IDOutbind
	return to
}

// got handles one PDU, in memory that it may keep unless to borrows it.
func (s *Session) got(h pdu.Header, frame []byte, to route) {
	if s.opt.trace.Received != nil {
		s.opt.trace.Received(s, frame)
	}
	s.rx.traffic.count(h.Command, h.Status, len(frame))
	if h.Command.IsResponse() {
		if s.State() < StateBoundTX {
			s.idles++
		}
		// Field by field: a copy of what was just written in parts waits for it.
		s.resps = append(s.resps, response{})
		r := &s.resps[len(s.resps)-1]
		r.frame, r.header.Command, r.header.Status, r.header.Sequence = frame, h.Command, h.Status, h.Sequence
		if outsideWindow(h.Command.Request()) {
			s.completeResponses()
		}
		return
	}
	s.completeResponses() // in the order of the wire
	s.request(h, frame, to)
}

// completeResponses tells the requests whose responses have been read.
func (s *Session) completeResponses() {
	if len(s.resps) == 0 {
		return
	}
	s.mu.Lock()
	s.crowd = int32(len(s.resps))
	s.coming = s.crowd
	for i := range s.resps {
		r := &s.resps[i]
		if slot, ok := s.win.take(r.header.Sequence); ok {
			r.call, r.want, r.after = slot.call, slot.want, s.clock+s.ttl-slot.due
			if slot.seq == s.rttSeq {
				s.rtt, s.rttSeq = r.after, 0
			}
		} else if c, ok := s.takeControl(r.header.Sequence); ok {
			r.call, r.want, r.after = c.call, c.want, s.clock+s.ttl-c.due
		}
	}
	if len(s.waiters) > 0 || s.emptied != nil || s.shared.Load() {
		s.wake()
	}
	s.mu.Unlock()
	for i := range s.resps {
		r := s.resps[i]
		s.resps[i] = response{}
		s.complete(&r)
	}
	s.resps = s.resps[:0]
	if cap(s.resps) > 1024 {
		s.resps = nil
	}
}

func (s *Session) complete(r *response) {
	h := r.header
	if r.call == nil {
		s.stray(r)
		return
	}
	if h.Status != pdu.StatusOK && (h.Status == pdu.StatusThrottled || h.Status == pdu.StatusQueueFull) {
		s.rx.throttled++
	}
	if s.opt.trace.Response != nil {
		s.opt.trace.Response(s, h, max(0, r.after))
	}
	if h.Command == pdu.IDUnbindResp && r.want == h.Command {
		// The peer closes now. It gets a few seconds for that.
		_ = s.conn.SetReadDeadline(time.Now().Add(3 * lingering))
	}
	if c, ok := r.call.(*rawCall); ok {
		if s.obeys {
			s.obey(h, nil)
		}
		c.frame = r.frame
		c.complete(h, nil, nil)
		return
	}
	failed := func(err error) error {
		return &RequestError{Command: r.want.Request(), Sequence: h.Sequence, Sent: true, Err: err}
	}
	switch h.Command {
	case r.want:
		body, err := s.decode(h, r.frame, false)
		if s.obeys {
			s.obey(h, body)
		}
		switch {
		case h.Status != pdu.StatusOK:
			// A body that does not decode is as good as none: the status stands.
			if err != nil {
				body = nil
			}
			err = &ResponseError{Command: r.want.Request(), Sequence: h.Sequence, Status: h.Status}
		case err != nil:
			err = failed(err)
		case body == nil:
			if _, ok := r.call.(interface{ wantsBody() }); ok {
				body, _ = s.opt.reg.New(h.Command)
			}
		}
		r.call.complete(h, body, err)
	case pdu.IDGenericNack:
		if s.obeys {
			s.obey(h, nil)
		}
		r.call.complete(h, nil, &ResponseError{Command: r.want.Request(), Sequence: h.Sequence, Status: h.Status, Nack: true})
	default:
		r.call.complete(h, nil, failed(&pdu.DecodeError{Command: h.Command, Field: "command_id", Offset: 4, Status: pdu.StatusInvalidCommandID,
			Reason: "it answers a " + r.want.Request().String()}))
	}
}

// decode reads a PDU, into a body that the next one may use again if that is
// said. A Fields method of the user's that panics does not take the process with
// it: the peer chooses its input.
func (s *Session) decode(h pdu.Header, frame []byte, reuse bool) (body pdu.Body, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.opt.log.Error("smpp: Fields panicked", "command", h.Command.String(), "panic", v, "stack", string(debug.Stack()))
			err = &pdu.DecodeError{Command: h.Command, Field: "body", Offset: pdu.HeaderLen, Status: pdu.StatusSystemError, Reason: "its Fields method panicked"}
			body, s.dec = nil, s.opt.decoder()
		}
	}()
	if s.opt.strictness == pdu.ReportOnly {
		s.dec.SetStrictness(pdu.Strict)
		_, _, err := s.dec.Decode(frame)
		s.dec.SetStrictness(pdu.ReportOnly)
		if err != nil {
			s.report(h, err)
		}
	}
	s.dec.SetReuse(reuse)
	_, body, err = s.dec.Decode(frame)
	return body, err
}

// request handles a PDU that is no response.
func (s *Session) request(h pdu.Header, frame []byte, to route) {
	reply := func(id pdu.CommandID, status pdu.Status, body pdu.Body) {
		_ = s.reply(h, id, status, body)
	}
	known := s.opt.reg.Known(h.Command)
	if !known && !takesAny(s.handler) {
		s.idles++
		reply(pdu.IDGenericNack, pdu.StatusInvalidCommandID, nil)
		return
	}
	if h.Command != pdu.IDEnquireLink {
		s.transacts = true
	}
	notice := s.opt.reg.Notice(h.Command)
	status := refusal(s.side, s.State(), h.Command)
	if status == pdu.StatusOK && s.opt.strictness != pdu.Lenient {
		status = s.irregular(h)
	}
	if status != pdu.StatusOK {
		s.idles++
		if !notice {
			reply(h.Command.Response(), status, nil)
		}
		return
	}
	body, err := s.decode(h, frame, to.borrows)
	if err != nil {
		s.idles++
		if notice {
			reply(pdu.IDGenericNack, pdu.StatusInvalidCommandLength, nil)
		} else {
			reply(h.Command.Response(), pdu.StatusOf(err), nil)
		}
		return
	}
	switch b := body.(type) {
	case *pdu.EnquireLink:
		s.idles++
		reply(pdu.IDEnquireLinkResp, pdu.StatusOK, &pdu.EnquireLinkResp{})
		return
	case *pdu.Unbind:
		s.peerUnbinds(h)
		return
	case *pdu.Outbind:
		if s.outbinds != nil {
			s.outbind(b)
			return
		}
	case pdu.BindRequest:
		if s.server != nil && outsideWindow(h.Command) {
			s.idles++
			s.server.bind(s, h, b)
			return
		}
	}
	if s.leaving.Load() { // or a peer that goes on sending could keep Shutdown waiting for ever
		s.busy(h, notice)
		return
	}
	if v := s.guest; v != nil && v.tally != nil && !notice && !v.admits(body) {
		s.server.stats.throttled.Add(1)
		s.busy(h, notice)
		return
	}
	switch v, ok := to.Handler.(service); {
	case to.inline && ok:
		s.serveInline(h, body, v)
	case to.inline && s.in.hold():
		s.run(job{header: h, frame: frame, body: body, handler: to.Handler, lent: to.borrows})
	case !to.inline && s.in.push(s, job{header: h, frame: frame, body: body, handler: to.Handler}):
	default:
		s.busy(h, notice)
	}
}

// busy refuses a request for which there is no room now.
func (s *Session) busy(h pdu.Header, notice bool) {
	s.rx.refused++
	if notice {
		return
	}
	status := pdu.StatusThrottled
	if s.side == ESME {
		status = pdu.StatusTemporaryAppError
	}
	_ = s.reply(h, h.Command.Response(), status, nil)
}

// reply adds a response to what is written when the batch ends.
func (s *Session) reply(h pdu.Header, id pdu.CommandID, status pdu.Status, body pdu.Body) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addResponse(h, id, status, body)
}

// serveInline gives a request to a handler on the reader.
func (s *Session) serveInline(h pdu.Header, body pdu.Body, v service) {
	resp, err := s.call(v, h, body)
	if s.opt.reg.Notice(h.Command) {
		return
	}
	status := s.statusOf(h, err)
	id := h.Command.Response()
	if status == pdu.StatusOK && resp == nil {
		resp, _ = s.opt.reg.New(id)
	}
	if err := s.reply(h, id, status, resp); err != nil {
		var e *pdu.EncodeError
		if errors.As(err, &e) {
			s.opt.log.Error("smpp: response cannot be encoded", "command", id.String(), "sequence", h.Sequence, "error", err)
			_ = s.reply(h, id, pdu.StatusSystemError, nil)
		}
	}
}

// peerUnbinds answers an unbind once all other requests are answered.
func (s *Session) peerUnbinds(h pdu.Header) {
	s.mu.Lock()
	if s.err == nil {
		s.setState(StateUnbound)
	}
	s.mu.Unlock()
	if s.peerUnbound {
		s.idles++
		_ = s.reply(h, pdu.IDUnbindResp, pdu.StatusOK, &pdu.UnbindResp{}) // once more
		return
	}
	s.peerUnbound = true
	s.in.whenDrained(func() {
		_ = s.reply(h, pdu.IDUnbindResp, pdu.StatusOK, &pdu.UnbindResp{})
		s.mu.Lock()
		s.hangUp = true
		write := s.err == nil && !s.writing
		s.writing = s.writing || write
		s.mu.Unlock()
		if write {
			s.drain(false)
		}
	})
}
