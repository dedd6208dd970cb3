package smpp

import (
	"context"
	"sync/atomic"
)

// A watch tells the senders that share a context of its end. Each of them
// selecting on the one channel of the context would cost more than all the rest
// of its wait, as it takes the lock of that channel twice.
type watch struct {
	ends  <-chan struct{} // of the context
	stop  func() bool
	ended atomic.Bool // the context has: nobody may rely on the watch any more
}

// watchEvery is how often a request looks whether its context is shared.
const watchEvery = 64

// consider watches the context of a request if that was the context of the last
// one that was considered, too, and no other is watched.
func (s *Session) consider(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch d := ctx.Done(); {
	case s.err != nil || s.watch.Load() != nil:
	case s.maybe != d:
		s.maybe = d
	default:
		w := &watch{ends: d}
		w.stop = context.AfterFunc(ctx, func() { s.endWaits(w) })
		s.watch.Store(w)
	}
}

// endWaits ends the waits of all that rely on a watch. Who registers its request
// later sees that the watch has ended.
func (s *Session) endWaits(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.ended.Store(true)
	for i := range s.win.slots {
		if c, ok := s.win.slots[i].call.(*call); ok && c.watch == w {
			c.done <- false
		}
	}
	for i := range s.ctl {
		if c, ok := s.ctl[i].call.(*call); ok && c.watch == w {
			c.done <- false
		}
	}
}

// unwatch forgets the watch. The lock is held, and no request waits, or all that
// do are about to be told that the session has ended.
func (s *Session) unwatch() {
	s.maybe = nil
	if w := s.watch.Swap(nil); w != nil {
		w.stop()
	}
}
