// Package center is a message center: it takes messages from ESMEs over SMPP,
// keeps them, brings them to the ESMEs that receive for their destinations or to
// a simulated network, and reports back with receipts.
//
// Everything is done by a room of its own: account knows who may bind, message
// the life cycle, store keeps messages, dispatch delivers them in order and at
// their time, route knows who gets them, handset simulates mobiles, and front
// speaks SMPP. This package puts them together.
package center

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/front"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
)

// DefaultRetention is how long messages stay known after their end when not told
// otherwise.
const DefaultRetention = 24 * time.Hour

// maxInMemory is Config.MaxWaiting when the content of messages is in memory too.
const maxInMemory = 400_000

// ErrClosed is what Serve returns after Shutdown or Close.
var ErrClosed = smpp.ErrServerClosed

// Config says how a Center works. The zero value is a center for the account
// demo with the password demo that keeps messages in memory.
type Config struct {
	// Accounts may bind. Empty: the one of account.Default.
	Accounts []account.Account
	// SystemID is what the center calls itself, at most 15 octets. Empty: "smpp".
	SystemID string

	// Handset says how the mobiles behave that every number has which no ESME
	// receives for. The zero value delivers everything after 100 ms.
	Handset handset.Profile

	// Window is how many requests of a session are handled at once; as many again
	// wait, more are refused with ESME_RTHROTTLED. Zero: 1000. Accounts may have
	// their own.
	Window int
	// DeliverWindow is how many messages and receipts an ESME is sent before it
	// has answered the first, on a session. Zero: 10. Accounts may have their own.
	DeliverWindow int

	// Validity is that of messages that do not say. Zero: 24 hours. Longer ones
	// than MaxValidity (zero: 30 days) are cut to it.
	Validity, MaxValidity time.Duration
	// ReceiptValidity is how long a receipt waits for somebody to take it, and a
	// delivery pending flag for its destination. Zero: 24 hours.
	ReceiptValidity time.Duration
	// Transaction is how long a delivery in transaction mode may take before it has
	// failed. Zero: 30 seconds.
	Transaction time.Duration
	// Retry is how long to wait after the first, the second and further failed
	// attempts to deliver; the last stands for all after it. Empty: 1 s, 5 s,
	// 15 s, 1 min, 5 min, 15 min, 1 h.
	Retry []time.Duration
	// Linger is how long the addresses of an address_range stay with the account
	// after its last session for them has ended. Zero: 5 minutes; negative: not
	// at all.
	Linger time.Duration

	// DefaultTexts are the canned messages by their sm_default_msg_id, 1 to 255.
	// Each has to fit into one message.
	DefaultTexts map[uint8]string
	// Lists are the distribution lists of submit_multi that every account may use,
	// by name. Accounts may have their own.
	Lists map[string][]pdu.Address
	// ServiceTypes are those that may be submitted, beside the empty one; others
	// are refused with ESME_RINVSERTYP. Empty: all.
	ServiceTypes []string
	// Areas are the names of the areas that may be broadcast to; others are
	// refused with ESME_RINVBCASTALIAS_NAME. Empty: all.
	Areas []string

	// MaxWaiting is how many messages and receipts may wait; more are refused with
	// ESME_RMSGQFUL. Each takes about half a kilobyte of memory, and as much again
	// for its content when that is kept in memory too. Zero: 2,000,000, or 400,000 without a
	// Store. MaxPerAccount is the same for a single account. Zero: half of it.
	MaxWaiting, MaxPerAccount int
	// Retention is how long a message is known after its end, for query_sm. Zero:
	// 24 hours. TextRetention is how long its text is; it is for a store that
	// keeps it, and longer than Retention is of no use. MaxHistory is how many
	// messages are known at most in memory. Zero: 200,000.
	Retention, TextRetention time.Duration
	MaxHistory               int

	// Store keeps the messages; Close and Shutdown do not close it. Nil: memory,
	// which ends with the process.
	Store store.Store

	// TLS, when set, is for the connections of Serve.
	TLS *tls.Config
	// Zone is that of the dates in receipts. Nil: UTC.
	Zone *time.Location
	// EnquireLink, Inactivity and ResponseTimeout are those of smpp.Server.
	EnquireLink, Inactivity, ResponseTimeout time.Duration

	// Limits bound what peers may take; see smpp.Limits.
	Limits smpp.Limits
	// WrongSystemID and WrongPassword answer binds with credentials that are not
	// right. Zero: ESME_RBINDFAIL for both.
	WrongSystemID, WrongPassword pdu.Status
	// Observe, when set, is called with the status that each request of an ESME
	// was answered with. It must be quick.
	Observe func(pdu.CommandID, pdu.Status)

	// Trace is called as PDUs pass by; see package pdulog for one that logs them.
	// Nil: none.
	Trace *smpp.Trace

	Logger *slog.Logger // nil: slog.Default()
}

// A Center is a message center that runs. Its methods may be called
// concurrently.
type Center struct {
	book       *account.Book
	server     *smpp.Server
	front      *front.Front
	dispatcher *dispatch.Dispatcher
	table      *route.Table
	handset    *handset.Handset
	store      store.Store
	ownStore   bool
	tls        *tls.Config
	log        *slog.Logger

	changing sync.Mutex // of settings
	now      atomic.Pointer[settings]
	replan   chan struct{} // they have changed

	ready   atomic.Bool // front and server are there
	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

// New starts a center, which takes up what its store holds. End it with Shutdown
// or Close. The error names the setting at fault.
func New(cfg Config) (*Center, error) {
	if cfg.SystemID == "" {
		cfg.SystemID = "smpp"
	}
	if len(cfg.SystemID) > 15 {
		return nil, fmt.Errorf("center: system id %q: %d octets; at most 15 are allowed", cfg.SystemID, len(cfg.SystemID))
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Center{store: cfg.Store, tls: cfg.TLS, log: cfg.Logger, replan: make(chan struct{}, 1), stop: make(chan struct{})}
	if c.store == nil {
		c.store, c.ownStore = &memory.Store{History: cfg.MaxHistory}, true
		cfg.Store = c.store
	}
	set, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	c.now.Store(set)
	if c.book, err = account.NewBook(set.accounts...); err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	if c.handset, err = handset.New(set.handset); err != nil {
		return nil, fmt.Errorf("center: %w", err)
	}
	book := c.book
	_, inMemory := store.Base(c.store).(*memory.Store)
	cells := front.NewCells()
	claims, err := c.claims(context.Background(), set.linger)
	if err != nil {
		c.handset.Close()
		return nil, fmt.Errorf("center: %w", err)
	}
	c.table = route.New(route.Config{Default: c.handset, Owned: owned(book), Linger: set.linger, Changed: c.changed, Starved: c.starved, Broadcast: cells, Claims: claims, Keep: c.keep, Delivery: func(id string) route.Delivery {
		if a := book.Get(id); a != nil {
			return route.Delivery{Spread: a.Delivery.Spread, AtMostOnce: a.Delivery.AtMostOnce}
		}
		return route.Delivery{}
	}})
	c.dispatcher, err = dispatch.New(context.Background(), dispatch.Config{
		Store: c.store, Router: c.table, Retry: set.dispatch.Retry, MaxWaiting: set.dispatch.MaxWaiting, MaxPerAccount: set.dispatch.MaxPerAccount,
		Receipt: func(m *message.Message, kind message.Kind, at time.Time) *message.Message {
			return c.now.Load().receipt(m, kind, at)
		},
		Alert:  func(m *message.Message, at time.Time) *message.Message { return c.now.Load().alert(m, at) },
		Logger: cfg.Logger,
	})
	if err != nil {
		c.handset.Close()
		return nil, fmt.Errorf("center: %w", err)
	}
	c.front = front.New(front.Config{
		Accounts: book, Table: c.table, Dispatcher: c.dispatcher, Store: c.store, Cells: cells,
		SystemID: cfg.SystemID, Settings: set.front, Admit: c.handset.Admit, Inline: inMemory, Observe: cfg.Observe, Logger: cfg.Logger,
	})
	c.server = c.front.Server()
	c.server.Trace, c.server.Limits = cfg.Trace, set.limits
	c.server.EnquireLink, c.server.Inactivity, c.server.ResponseTimeout = cfg.EnquireLink, cfg.Inactivity, cfg.ResponseTimeout
	c.stopped.Go(c.prune)
	c.ready.Store(true)
	c.table.Start()
	for _, a := range book.All() {
		c.table.Poke(a.ID) // something may wait since before
	}
	c.stopped.Go(func() { c.handset.Originate(context.Background(), network{c}) })
	return c, nil
}

// changed tells the dispatcher of a target that can take more, or is gone. ESMEs
// bind only after New has returned.
func (c *Center) changed(t dispatch.Target, gone bool) {
	if gone {
		c.dispatcher.Reroute(t)
	} else {
		c.dispatcher.Wake(t)
	}
}

// starved has the ESME of an account asked to bind, as something waits for it.
func (c *Center) starved(id string) {
	if c.ready.Load() {
		c.front.Call(id)
	}
}

// Serve accepts connections on l until the center is shut down or l fails, and
// closes l. It may be called for several listeners. It always returns an error:
// ErrClosed after Shutdown or Close.
func (c *Center) Serve(l net.Listener) error {
	if c.tls != nil {
		l = tls.NewListener(l, c.tls)
	}
	return c.server.Serve(l)
}

// ServeConn serves one connection that exists, such as one end of a pipe.
func (c *Center) ServeConn(conn net.Conn) { c.server.ServeConn(conn) }

// Stats are numbers about a Center.
type Stats struct {
	Sessions int // connections, bound or not
	dispatch.Stats
}

// Stats returns the numbers of now.
func (c *Center) Stats() Stats {
	return Stats{Sessions: len(c.server.Sessions()), Stats: c.dispatcher.Stats()}
}

// Shutdown ends the center with nothing left half done: new binds and messages
// are refused, what can be delivered now is, with its receipts, and the sessions
// are unbound. What waits for a time, or for somebody to bind, stays in the
// store. When ctx ends first the rest is cut short, and the error is that of ctx.
func (c *Center) Shutdown(ctx context.Context) error {
	c.front.StopBinds()
	err := c.dispatcher.Drain(ctx)
	if errors.Is(err, dispatch.ErrStopping) {
		err = nil // it was closed already
	}
	if serr := c.server.Shutdown(ctx); err == nil {
		err = serr
	}
	c.end()
	return err
}

// Close ends the center at once. Sessions are unbound as a courtesy.
func (c *Center) Close() error {
	err := c.server.Close()
	c.end()
	return err
}

func (c *Center) end() {
	c.once.Do(func() {
		c.changing.Lock()
		close(c.stop)
		c.changing.Unlock()
		c.table.Close()
		c.front.Close()
		c.handset.Close()
		c.dispatcher.Close()
		c.stopped.Wait()
		if c.ownStore {
			_ = c.store.Close() // memory
		}
	})
}
