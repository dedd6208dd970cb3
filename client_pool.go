package smpp

import (
	"cmp"
	"container/list"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/godwit-sms/smpp/pdu"
)

// A pool is the sessions of a Client that are bound. It is never changed, but
// replaced.
type pool struct {
	groups []group // in the order of their priority
	only   *Session
	err    error // why there will never be a session again
}

type group struct {
	priority int
	sessions []*Session
}

func (p *pool) all() []*Session {
	if p == nil {
		return nil
	}
	var out []*Session
	for _, g := range p.groups {
		out = append(out, g.sessions...)
	}
	return out
}

// with returns the pool with a session more.
func (p *pool) with(s *Session, priority int) *pool {
	q := p.clone()
	i, ok := slices.BinarySearchFunc(q.groups, priority, func(g group, n int) int { return cmp.Compare(g.priority, n) })
	if !ok {
		q.groups = slices.Insert(q.groups, i, group{priority: priority})
	}
	q.groups[i].sessions = append(q.groups[i].sessions, s)
	q.setOnly()
	return q
}

// without returns the pool with a session less.
func (p *pool) without(s *Session) *pool {
	q := p.clone()
	for i := range q.groups {
		q.groups[i].sessions = slices.DeleteFunc(q.groups[i].sessions, func(t *Session) bool { return t == s })
	}
	q.groups = slices.DeleteFunc(q.groups, func(g group) bool { return len(g.sessions) == 0 })
	q.setOnly()
	return q
}

func (p *pool) clone() *pool {
	q := &pool{groups: slices.Clone(p.groups), err: p.err}
	for i := range q.groups {
		q.groups[i].sessions = slices.Clone(q.groups[i].sessions)
	}
	return q
}

func (p *pool) setOnly() {
	p.only = nil
	if len(p.groups) == 1 && len(p.groups[0].sessions) == 1 {
		p.only = p.groups[0].sessions[0]
	}
}

// share tells the sessions whether they are several, after a change of the pool.
// Client.mu is not held: it may be wanted by those who hold the lock of a session.
func (c *Client) share() {
	c.sharing.Lock()
	defer c.sharing.Unlock()
	p := c.pool.Load()
	for _, s := range p.all() {
		s.share(p.only == nil)
	}
}

// pick returns the session with the most room of those that may send a command
// and have the lowest priority, or nil. An id of 0 is for any bound session.
// Without room, only a session that is alone is worth waiting for: of several,
// nobody knows which will have room first.
func (p *pool) pick(id pdu.CommandID) (best *Session, room bool) {
	set := anyBound
	if id != 0 {
		set = may(ESME, id) & anyBound
	}
	if s := p.only; s != nil {
		if set.has(s.State()) && !s.leaving.Load() {
			return s, true
		}
		return nil, false
	}
	for _, g := range p.groups {
		most := int32(-1 << 31)
		n := len(g.sessions)
		at := rand.IntN(n) // or the first would get all while the load is light
		for range n {
			s := g.sessions[at]
			if at++; at == n {
				at = 0
			}
			if free := s.free.Load(); free > most && set.has(s.State()) && !s.leaving.Load() {
				best, most = s, free
			}
		}
		if best != nil {
			return best, most > 0 || id == 0 || outsideWindow(id)
		}
	}
	return nil, false
}

// session returns the session for a command. It waits for one to be bound and
// to have room.
func (c *Client) session(ctx context.Context, id pdu.CommandID) (*Session, error) {
	p := c.pool.Load()
	if p == nil {
		if err := c.start(); err != nil {
			return nil, err
		}
		p = c.pool.Load()
	}
	if s, room := p.pick(id); room && c.ctx.Err() == nil {
		return s, nil
	}
	return c.waitSession(ctx, id)
}

func (c *Client) waitSession(ctx context.Context, id pdu.CommandID) (*Session, error) {
	waited := false
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if c.ctx.Err() != nil {
			return nil, c.ended()
		}
		w := c.queue.add(waited) // before the look, so that no change is missed
		p := c.pool.Load()
		s, room := p.pick(id)
		var err error
		switch {
		case room:
			c.queue.drop(w)
			return s, nil
		case p.err != nil:
			err = p.err
		case s == nil && id != 0:
			if err = c.hopeless(id); err == nil && c.FailFast {
				err = ErrNoSession
			}
		}
		if err != nil {
			c.queue.drop(w)
			return nil, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
		if !c.queue.drop(w) && ctx.Err() != nil {
			c.queue.wake(1) // the slot is for somebody else
		}
		waited = true
	}
}

// hopeless returns why there will be no session that may send a command, or nil
// if there may be one.
func (c *Client) hopeless(id pdu.CommandID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lost []*link
	var state State
	for _, l := range c.links {
		state = boundState(l.config.Bind.request(pdu.Bind{}).Command())
		switch {
		case !may(ESME, id).has(state):
		case l.status.State != LinkGaveUp:
			return nil
		default:
			lost = append(lost, l)
		}
	}
	if lost == nil {
		return &StateError{ESME, state}
	}
	return gaveUp(lost)
}

// A queue is the senders that wait for a session or for room in one.
type queue struct {
	waiting atomic.Int32
	mu      sync.Mutex
	list    list.List // of *queued
}

type queued struct {
	ready chan struct{} // gets a value when it is woken
	at    *list.Element // nil: woken, or dropped
}

// add adds a waiter: at the front if it has waited before.
func (q *queue) add(front bool) *queued {
	w := &queued{ready: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	if front {
		w.at = q.list.PushFront(w)
	} else {
		w.at = q.list.PushBack(w)
	}
	q.waiting.Add(1)
	return w
}

// drop takes a waiter out, or reports that it was woken.
func (q *queue) drop(w *queued) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.at == nil {
		return false
	}
	q.remove(w)
	return true
}

func (q *queue) remove(w *queued) {
	q.list.Remove(w.at)
	w.at = nil
	q.waiting.Add(-1)
}

// wake wakes the first n waiters. It is called with the lock of a session held.
func (q *queue) wake(n int) {
	if q.waiting.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; n > 0 && q.list.Len() > 0; n-- {
		w := q.list.Front().Value.(*queued)
		q.remove(w)
		w.ready <- struct{}{}
	}
}

func (q *queue) wakeAll() { q.wake(1 << 30) }
