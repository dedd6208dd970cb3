package center

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/front"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/pdu"
)

// owned returns the addresses that the accounts of a book receive for. They are
// valid, or the book would not be there.
func owned(b *account.Book) map[string][]route.Pattern {
	owned := make(map[string][]route.Pattern)
	for _, a := range b.All() {
		for _, text := range a.Addresses {
			if p, err := route.ParsePattern(pdu.Address{Addr: text}); err == nil {
				owned[a.ID] = append(owned[a.ID], p)
			}
		}
	}
	return owned
}

// Accounts returns the ids of the accounts, in the order they were given.
func (c *Center) Accounts() []string {
	var ids []string
	for _, a := range c.book.All() {
		ids = append(ids, a.ID)
	}
	return ids
}

// A Session is one with an ESME, or with somebody who has not bound yet.
type Session struct {
	ID      uint64 // for EndSession; 0: not bound
	Account string // empty: not bound
	Remote  net.Addr
	Mode    smpp.BindMode
	Version pdu.Version
	Stats   smpp.Stats
}

// Sessions returns the sessions of now, those that are not bound first, the
// others as they came.
func (c *Center) Sessions() []Session {
	var all []Session
	for _, s := range c.server.Sessions() {
		x := Session{Remote: s.RemoteAddr(), Stats: s.Stats()}
		if id, n, ok := front.Binding(s); ok {
			x.ID, x.Account, x.Mode, x.Version = n, id, s.BindMode(), s.Version()
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), a.Stats.Since.Compare(b.Stats.Since))
	})
	return all
}

// ErrNoSession means that there is no such session, or none any more.
var ErrNoSession = fmt.Errorf("center: no such session")

// EndSession ends a session: it is finished with what it has begun, or ctx has
// ended, and unbound.
func (c *Center) EndSession(ctx context.Context, id uint64) error {
	for _, s := range c.server.Sessions() {
		if _, n, ok := front.Binding(s); ok && n == id {
			return s.Shutdown(ctx)
		}
	}
	return ErrNoSession
}

// ServerStats returns what the server has counted.
func (c *Center) ServerStats() smpp.ServerStats { return c.server.Stats() }

// Queues returns the n longest queues, longest first. It looks at all that
// waits, a little at a time.
func (c *Center) Queues(n int) []dispatch.Queue { return c.dispatcher.Queues(n) }
