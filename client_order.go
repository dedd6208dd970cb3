package smpp

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/godwit-sms/smpp/pdu"
)

// An order keeps the requests for a destination in the order in which they came
// while one of them waits to be sent again. It knows those that wait only.
type order struct {
	held  atomic.Int64 // tickets out
	mu    sync.Mutex
	lanes map[string][]*ticket // by destination, none empty; the first may be sent
}

// A ticket is the place of a request in the lanes of its destinations.
type ticket struct {
	n     uint64 // which request it is
	keys  []string
	ready chan struct{} // gets a value when t may have become the first
}

// destinations returns the lanes of a request, none if order says nothing to it.
func destinations(req pdu.Body) []string {
	var keys []string
	switch m := req.(type) {
	case *pdu.SubmitSM:
		if m != nil {
			keys = append(keys, m.Dest.Addr)
		}
	case *pdu.DataSM:
		if m != nil {
			keys = append(keys, m.Dest.Addr)
		}
	case *pdu.SubmitMulti:
		if m == nil {
			break
		}
		for _, d := range m.Dests {
			key := d.Address.Addr
			if d.List != "" {
				key = "\x00" + d.List // no address
			}
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// busy reports whether a request has to wait behind others.
func (o *order) busy(req pdu.Body) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.blocked(destinations(req))
}

func (o *order) blocked(keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return len(o.lanes[k]) > 0 })
}

// join returns a ticket for the n-th request if it has to wait behind others,
// else nil.
func (o *order) join(n uint64, req pdu.Body) *ticket {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := destinations(req)
	if !o.blocked(keys) {
		return nil
	}
	return o.add(n, keys)
}

// hold returns a ticket for the n-th request: what comes later waits behind it.
func (o *order) hold(n uint64, req pdu.Body) *ticket {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.add(n, destinations(req))
}

func (o *order) add(n uint64, keys []string) *ticket {
	for i, k := range keys {
		keys[i] = strings.Clone(k) // the request may be lent, or one of many read together
	}
	t := &ticket{n: n, keys: keys, ready: make(chan struct{}, 1)}
	if o.lanes == nil {
		o.lanes = make(map[string][]*ticket)
	}
	for _, k := range keys {
		lane := o.lanes[k]
		i := len(lane)
		for i > 0 && lane[i-1].n > n {
			i--
		}
		o.lanes[k] = slices.Insert(lane, i, t)
	}
	o.held.Add(1)
	return t
}

// leave gives a ticket back and lets the next ones know.
func (o *order) leave(t *ticket) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range t.keys {
		lane := slices.DeleteFunc(o.lanes[k], func(u *ticket) bool { return u == t })
		if len(lane) == 0 {
			delete(o.lanes, k)
			continue
		}
		o.lanes[k] = lane
		select {
		case lane[0].ready <- struct{}{}:
		default:
		}
	}
	o.held.Add(-1)
}

func (o *order) first(t *ticket) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.ContainsFunc(t.keys, func(k string) bool { return o.lanes[k][0] != t })
}

// await waits until a ticket is the first in all its lanes.
func (c *Client) await(ctx context.Context, t *ticket) error {
	for !c.order.first(t) {
		select {
		case <-t.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.ctx.Done():
			return c.ended()
		}
	}
	return nil
}
