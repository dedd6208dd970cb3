package smpp

import (
	"sync"

	"github.com/godwit-sms/smpp/pdu"
)

// inbound runs the handlers of a session: at most limit requests are being
// handled, as many again wait in a queue. The goroutines are made as needed,
// used again, and let go when the session is idle.
type inbound struct {
	mu      sync.Mutex
	cond    sync.Cond
	queue   []job
	head    int
	limit   int
	busy    int // requests given to a handler and not answered
	running int // goroutines
	idle    int // of them, waiting
	retire  int // of them, to end
	used    bool
	refuses bool // new requests
	closed  bool
	drained []func() // called once when nothing is left to answer
}

type job struct {
	header  pdu.Header
	frame   []byte
	body    pdu.Body
	handler Handler
	lent    bool // frame and body are, for the time of the call
}

func (d *inbound) setLimit(n int) {
	d.mu.Lock()
	d.limit = n
	d.mu.Unlock()
}

func (d *inbound) waiting() int { return len(d.queue) - d.head }

// push queues a request, or reports that there is no room for it.
func (d *inbound) push(s *Session, j job) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses || d.busy+d.waiting() >= 2*d.limit {
		return false
	}
	if d.head > 0 && len(d.queue) == cap(d.queue) {
		n := copy(d.queue, d.queue[d.head:])
		clear(d.queue[n:])
		d.queue, d.head = d.queue[:n], 0
	}
	d.queue = append(d.queue, j)
	d.used = true
	d.more(s)
	return true
}

// more makes another goroutine look at the queue if it can do something there.
func (d *inbound) more(s *Session) {
	if d.waiting() == 0 || d.busy >= d.limit {
		return
	}
	if d.idle > 0 {
		d.cond.Signal()
	} else if d.running < d.limit {
		d.running++
		go d.work(s)
	}
}

func (d *inbound) work(s *Session) {
	d.mu.Lock()
	ran := true
	defer func() {
		if !ran { // runtime.Goexit in the handler
			d.mu.Lock()
			d.running--
			d.more(s)
		}
		d.mu.Unlock()
	}()
	for {
		for !d.closed && (d.waiting() == 0 || d.busy >= d.limit) {
			if d.retire > 0 {
				d.retire--
				d.running--
				return
			}
			d.idle++
			d.cond.Wait()
			d.idle--
		}
		if d.closed {
			d.running--
			return
		}
		j := d.queue[d.head]
		d.queue[d.head] = job{}
		if d.head++; d.head == len(d.queue) {
			d.queue, d.head = d.queue[:0], 0
		}
		d.busy++
		d.more(s)
		d.mu.Unlock()
		ran = false
		s.run(j)
		ran = true
		d.mu.Lock()
	}
}

// working reports whether requests are not answered yet.
func (d *inbound) working() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.busy > 0 || d.waiting() > 0
}

// hold counts a request that an inline handler is given, or reports that too
// many of them were kept.
func (d *inbound) hold() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses || d.busy >= 2*d.limit {
		return false
	}
	d.busy++
	return true
}

// release counts a request as answered.
func (d *inbound) release(s *Session) {
	d.mu.Lock()
	d.busy--
	d.more(s)
	fs := d.takeDrained()
	d.mu.Unlock()
	callAll(fs)
}

func (d *inbound) takeDrained() []func() {
	if d.busy > 0 || d.waiting() > 0 {
		return nil
	}
	fs := d.drained
	d.drained = nil
	return fs
}

func callAll(fs []func()) {
	for _, f := range fs {
		f()
	}
}

// refuse makes push and hold take nothing more.
func (d *inbound) refuse() {
	d.mu.Lock()
	d.refuses = true
	d.mu.Unlock()
}

// whenDrained calls f once all requests are answered, perhaps at once.
func (d *inbound) whenDrained(f func()) {
	d.mu.Lock()
	d.drained = append(d.drained, f)
	fs := d.takeDrained()
	d.mu.Unlock()
	callAll(fs)
}

// relax lets go of goroutines and memory that were not used since the last call.
func (d *inbound) relax() (idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.used || d.busy > 0 || d.waiting() > 0 {
		d.used = false
		return false
	}
	d.queue, d.head = nil, 0
	if d.retire = d.idle; d.retire > 0 {
		d.cond.Broadcast()
	}
	return true
}

func (d *inbound) close() {
	d.mu.Lock()
	d.closed = true
	d.queue, d.head = nil, 0
	fs := d.drained
	d.drained = nil
	d.cond.Broadcast()
	d.mu.Unlock()
	callAll(fs)
}

// run gives a request to its handler.
func (s *Session) run(j job) {
	if v, ok := j.handler.(service); ok {
		s.serve(j, v, true)
		return
	}
	x := &exchange{Incoming: Incoming{Header: j.header, Raw: j.frame, Body: j.body, session: s}}
	notice := s.opt.reg.Notice(j.header.Command)
	defer func() {
		if notice && !x.answered.Swap(true) {
			s.in.release(s)
		}
	}()
	defer s.guard(j.header, func(err error) {
		if !notice {
			_ = x.Respond(s.statusOf(j.header, err), nil) // the session may have ended
		}
	})
	j.handler.ServeSMPP(x, &x.Incoming)
	if j.lent {
		x.Raw, x.Body = nil, nil // a mistake shows at once
	}
}

// serve gives a request to a handler that returns its answer.
func (s *Session) serve(j job, v service, flush bool) {
	defer s.in.release(s)
	notice := s.opt.reg.Notice(j.header.Command)
	defer s.guard(j.header, func(err error) {
		if !notice {
			_ = s.respond(j.header, s.statusOf(j.header, err), nil, flush)
		}
	})
	body, err := v.serve(s.ctx, j.body)
	if notice {
		return
	}
	_ = s.respond(j.header, s.statusOf(j.header, err), body, flush) // fails only when the session has ended
}
