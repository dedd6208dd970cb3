package front

import (
	"context"
	"sync"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
)

// An intake has the submissions of a session accepted in the order they came,
// where that takes time: those that wait together are committed together. It has
// a goroutine only while there are some.
type intake struct {
	front *Front

	mu      sync.Mutex
	waiting []submitted
	working bool
}

// maxTogether is how many messages are committed together.
const maxTogether = 500

// A submitted is a submission that is fine so far.
type submitted struct {
	ctx  context.Context // of the session
	msgs []*message.Message
	done func(error) // of the commit
	run  func()      // what is to be done instead when it is its turn
}

func (q *intake) push(s submitted) {
	q.mu.Lock()
	q.waiting = append(q.waiting, s)
	start := !q.working
	q.working = true
	q.mu.Unlock()
	if start {
		go q.work()
	}
}

func (q *intake) work() {
	var batch []submitted
	for {
		q.mu.Lock()
		batch, q.waiting = q.waiting, batch[:0]
		if len(batch) == 0 {
			q.working, q.waiting = false, nil
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for rest := batch; len(rest) > 0; {
			n, total := 0, 0
			for n < len(rest) && rest[n].run == nil && (n == 0 || total+len(rest[n].msgs) <= maxTogether) {
				total += len(rest[n].msgs)
				n++
			}
			if n == 0 {
				rest[0].run()
				n = 1
			} else {
				q.front.acceptAll(rest[:n], total)
			}
			rest = rest[n:]
		}
		clear(batch)
	}
}

// acceptAll commits the messages of several requests of a session. What is wrong
// with one is not the fault of the others.
func (f *Front) acceptAll(batch []submitted, total int) {
	msgs := make([]*message.Message, 0, total)
	for i := range batch {
		msgs = append(msgs, batch[i].msgs...)
	}
	err := f.submit(batch[0].ctx, msgs)
	for i := range batch {
		s := batch[i]
		switch {
		case len(batch) == 1:
			s.done(err)
		case err != nil:
			s.done(f.submit(s.ctx, s.msgs))
		default:
			go s.done(nil) // answers that are given at once are written at once
		}
	}
}

func (f *Front) submit(ctx context.Context, msgs []*message.Message) (err error) {
	defer f.guard("submission", func() { err = pdu.StatusSystemError })
	return f.cfg.Dispatcher.Submit(ctx, msgs...)
}

// guard turns a panic into an answer.
func (f *Front) guard(what string, answer func()) {
	if v := recover(); v != nil {
		f.log.Error("handler panicked", "command", what, "panic", v)
		answer()
	}
}

// replaces reports whether a submission may take the place of one before it.
func replaces(body pdu.Body) bool {
	switch p := body.(type) {
	case *pdu.SubmitSM:
		return p.ReplaceIfPresent != 0
	case *pdu.SubmitMulti:
		return p.ReplaceIfPresent != 0
	}
	return false
}

// answer sends the response of a request, whose body may be nil.
func (f *Front) answer(c caller, w smpp.ResponseWriter, id pdu.CommandID, body pdu.Body, err error) {
	defer f.guard(id.String(), func() { _ = w.Respond(pdu.StatusSystemError, nil) })
	status := f.observe(c, id, err)
	if rerr := w.Respond(status, body); rerr != nil {
		f.log.Debug("response not sent", "command", id.String(), "account", c.binding.account.ID, "error", rerr)
	}
}
