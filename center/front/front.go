// Package front is the face that the message center shows to ESMEs: it turns
// their requests into operations on messages, and hands them messages and
// receipts.
package front

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/account"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/route"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/pdu"
)

// Defaults of Config.
const (
	DefaultWindow        = 1000
	DefaultDeliverWindow = 10
	DefaultValidity      = 24 * time.Hour
	DefaultMaxValidity   = 30 * 24 * time.Hour
	DefaultTransaction   = 30 * time.Second
)

// Config says how a Front works. Accounts, Table, Dispatcher and Store are
// required.
type Config struct {
	Accounts   *account.Book
	Table      *route.Table
	Dispatcher *dispatch.Dispatcher
	Store      store.Store
	Cells      *Cells // those that the dispatcher broadcasts to; nil: none

	SystemID string // of the message center; at most 15 octets

	Settings Settings // to begin with

	// Admit may refuse a message that is submitted, with a pdu.Status, and change
	// it. Nil: everything is admitted.
	Admit func(*message.Message) error

	// Inline has requests handled where they are read, which keeps them in order
	// and is fastest. It is for a store that does not block.
	Inline bool

	// Observe, when set, is called with the status that each request was answered
	// with. It must be quick.
	Observe func(pdu.CommandID, pdu.Status)

	Logger *slog.Logger // nil: slog.Default()
}

// Settings are what can change while a Front works; see Front.Set.
type Settings struct {
	Window        int           // of an account that does not say; zero: DefaultWindow
	DeliverWindow int           // of an account that does not say; zero: DefaultDeliverWindow
	Validity      time.Duration // of a message that does not say; zero: DefaultValidity
	MaxValidity   time.Duration // longer ones are cut to this; zero: DefaultMaxValidity
	Transaction   time.Duration // how long a delivery in transaction mode may take; zero: DefaultTransaction

	// Texts are the canned messages by sm_default_msg_id; see ParseTexts.
	Texts map[uint8]Text
	// Lists are the distribution lists that every account may submit to.
	Lists map[string][]pdu.Address
	// ServiceTypes are those that may be submitted, beside the empty one. Empty:
	// all.
	ServiceTypes []string
	// Areas are the names of the areas that may be broadcast to. Empty: all.
	Areas []string

	// WrongSystemID and WrongPassword answer binds with credentials that are not
	// right; the first those of an account that is not there. Zero:
	// ESME_RBINDFAIL for both, which tells less.
	WrongSystemID, WrongPassword pdu.Status
}

func (s Settings) withDefaults() *Settings {
	positive(&s.Window, DefaultWindow)
	positive(&s.DeliverWindow, DefaultDeliverWindow)
	positive(&s.Validity, DefaultValidity)
	positive(&s.MaxValidity, DefaultMaxValidity)
	positive(&s.Transaction, DefaultTransaction)
	positive(&s.WrongSystemID, pdu.StatusBindFailed)
	positive(&s.WrongPassword, pdu.StatusBindFailed)
	return &s
}

// positive gives what is not positive its default.
func positive[T int | time.Duration | pdu.Status](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// A Front answers ESMEs. Server makes the server that it works in.
type Front struct {
	cfg      Config
	settings atomic.Pointer[Settings]
	log      *slog.Logger
	sessions atomic.Uint64 // numbers given out
	alias    atomic.Uint32
	closing  atomic.Bool
	server   *smpp.Server
	outbinds outbinds
	// of broadcasts
	cells      *Cells
	references references
}

// New returns a front.
func New(cfg Config) *Front {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Cells == nil {
		cfg.Cells = NewCells()
	}
	f := &Front{cfg: cfg, log: cfg.Logger, cells: cfg.Cells, references: references{store: cfg.Store, log: cfg.Logger}}
	f.Set(cfg.Settings)
	f.outbinds.init()
	// 16 a second on average pass before a number comes again within eight
	// years, whatever the restarts.
	f.alias.Store(uint32(time.Now().Unix() << 4))
	return f
}

// Set puts other settings in the place of those that hold. Windows count for
// sessions that bind from then on, the rest for the next request. It may be
// called concurrently; the maps and slices must not be changed any more.
func (f *Front) Set(s Settings) { f.settings.Store(s.withDefaults()) }

func (f *Front) set() *Settings { return f.settings.Load() }

// Server returns a server whose requests this front answers. The caller may set
// what is about connections: timers, TLS, limits.
func (f *Front) Server() *smpp.Server {
	mux := smpp.NewMux()
	handle(f, mux, f.submitSM)
	handle(f, mux, f.submitMulti)
	handle(f, mux, f.dataSM)
	handle(f, mux, f.querySM)
	handle(f, mux, f.cancelSM)
	handle(f, mux, f.replaceSM)
	handle(f, mux, f.broadcastSM)
	handle(f, mux, f.queryBroadcastSM)
	handle(f, mux, f.cancelBroadcastSM)
	f.server = &smpp.Server{Handler: mux, Authenticate: f.authenticate, Bound: f.bound, Ready: f.ready, SystemID: f.cfg.SystemID, Window: f.set().Window, Logger: f.log}
	return f.server
}

// Close ends what the front has going on by itself: the outbinds.
func (f *Front) Close() { f.outbinds.close() }

// StopBinds has new binds refused.
func (f *Front) StopBinds() { f.closing.Store(true) }

// A caller is who sends a request.
type caller struct {
	session *smpp.Session
	binding *binding
	account *account.Account // as it is now
	version pdu.Version
	// later, when set, gets the messages that are to be accepted, instead of that
	// being done and waited for.
	later *[]*message.Message
}

// A binding is what a session was granted.
type binding struct {
	account *account.Account
	id      uint64 // of the session, for message.Message.Origin
	pattern route.Pattern
	areas   []string // whose broadcasts it wants, beside those of its account
	plain   bool     // it is of v3.3, or says so, and takes no TLVs

	intake   intake
	receiver *receiver // once it is bound as one
}

// caller returns who sends what comes on a session, or false before the bind,
// when nothing is handled.
func (f *Front) caller(s *smpp.Session) (c caller, ok bool) {
	c = caller{session: s, version: s.Version()}
	if a := s.Account(); a != nil {
		c.binding, ok = a.Value.(*binding)
	}
	if !ok {
		return c, false
	}
	c.account = f.accountOf(c.binding.account)
	return c, true
}

// accountOf returns an account that a session bound as, as it is now.
func (f *Front) accountOf(bound *account.Account) *account.Account {
	if a := f.cfg.Accounts.Get(bound.ID); a != nil {
		return a
	}
	return bound // it is gone, and its sessions are about to be
}

// observe returns the status that answers a request, and tells of it.
func (f *Front) observe(c caller, id pdu.CommandID, err error) (status pdu.Status) {
	if err != nil && !errors.As(err, &status) {
		f.log.Error("request failed", "command", id.String(), "account", c.binding.account.ID, "error", err)
		status = pdu.StatusSystemError
	}
	if f.cfg.Observe != nil {
		f.cfg.Observe(id, status)
	}
	return status
}

// handle makes fn the handler of its request, in the way that suits the store.
func handle[Req pdu.Request[Resp], Resp interface {
	comparable
	pdu.Body
}](f *Front, mux *smpp.Mux, fn func(context.Context, caller, Req) (Resp, error)) {
	inner := smpp.HandlerFor(func(ctx context.Context, req Req) (resp Resp, err error) {
		c, ok := f.caller(smpp.SessionFrom(ctx))
		if !ok {
			return resp, pdu.StatusInvalidBindStatus
		}
		resp, err = fn(ctx, c, req)
		if status := f.observe(c, req.Command(), err); status != pdu.StatusOK {
			return resp, status
		}
		return resp, nil
	})
	var req Req
	id := req.Command()
	switch {
	case f.cfg.Inline && !mayBlock(id):
		mux.Handle(id, smpp.Inline(inner))
	case f.cfg.Inline:
		mux.Handle(id, smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			if waits(in.Body) {
				go f.serveApart(inner, w, in)
			} else {
				inner.ServeSMPP(w, in)
			}
		})))
	case !submits(id):
		mux.Handle(id, inner)
	default:
		mux.Handle(id, smpp.Inline(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			req, isOne := in.Body.(Req)
			c, bound := f.caller(in.Session())
			switch {
			case !isOne || !bound || waits(in.Body):
				go f.serveApart(inner, w, in)
				return
			case replaces(in.Body):
				c.binding.intake.push(submitted{run: func() { f.serveApart(inner, w, in) }})
				return
			}
			var msgs []*message.Message
			c.later = &msgs
			resp, err := fn(in.Context(), c, req)
			if err == nil && len(msgs) > 0 {
				c.binding.intake.push(submitted{ctx: in.Context(), msgs: msgs, done: func(err error) {
					if errors.Is(err, store.ErrExists) { // the alias: it needs another one
						f.serveApart(inner, w, in)
						return
					}
					if err != nil {
						f.answer(c, w, id, nil, statusOf(err, pdu.StatusSubmitFailed))
						return
					}
					f.answer(c, w, id, resp, nil)
				}})
				return
			}
			var none Resp
			if resp == none {
				f.answer(c, w, id, nil, err)
				return
			}
			f.answer(c, w, id, resp, err)
		})))
	}
}

// serveApart answers a request on another goroutine than that of the session.
func (f *Front) serveApart(h smpp.Handler, w smpp.ResponseWriter, in *smpp.Incoming) {
	defer f.guard(in.Header.Command.String(), func() {
		_ = w.Respond(pdu.StatusSystemError, nil) // the session may have ended
	})
	h.ServeSMPP(w, in)
}

// submits reports whether a request is a submission.
func submits(id pdu.CommandID) bool { return mayBlock(id) || id == pdu.IDSubmitMulti }

// mayBlock reports whether a request may have to wait for a delivery.
func mayBlock(id pdu.CommandID) bool { return id == pdu.IDSubmitSM || id == pdu.IDDataSM }

// waits reports whether a request has to: in transaction mode it is answered when
// the message is delivered.
func waits(body pdu.Body) bool {
	switch p := body.(type) {
	case *pdu.SubmitSM:
		return p.ESMClass.Mode() == pdu.ModeForward
	case *pdu.DataSM:
		return p.ESMClass.Mode() == pdu.ModeForward
	}
	return false
}

func (f *Front) authenticate(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
	s := smpp.SessionFrom(ctx)
	remote := s.RemoteAddr().String()
	if f.closing.Load() {
		return nil, pdu.StatusSystemError
	}
	shown := account.Credentials{ID: b.SystemID, Password: b.Password}
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		shown.Addr = ap.Addr()
	}
	if st := s.TLS(); st != nil && len(st.VerifiedChains) > 0 {
		shown.Certificate = st.PeerCertificates[0]
	}
	a, err := f.cfg.Accounts.Authenticate(ctx, shown)
	if err != nil {
		f.log.Warn("bind refused", "system_id", b.SystemID, "remote", remote, "reason", err)
		switch {
		case errors.Is(err, account.ErrUnknown):
			return nil, f.set().WrongSystemID
		case errors.Is(err, account.ErrPassword):
			return nil, f.set().WrongPassword
		case errors.Is(err, account.ErrNetwork), errors.Is(err, account.ErrCertificate):
			return nil, pdu.StatusBindFailed
		}
		return nil, pdu.StatusSystemError // try again later
	}
	if mode := modes[s.BindMode()]; !a.Modes.Has(mode) {
		f.log.Warn("bind refused", "system_id", b.SystemID, "remote", remote, "reason", "the account may not bind as "+mode.String()+", but as "+a.Modes.String())
		return nil, pdu.StatusBindFailed
	}
	pattern, err := route.ParsePattern(b.AddressRange)
	if err != nil {
		f.log.Warn("bind refused", "system_id", b.SystemID, "remote", remote, "reason", err)
		return nil, pdu.StatusBindFailed
	}
	window := a.Window
	if window == 0 {
		window = f.set().Window
	}
	return &smpp.Account{
		SystemID: a.ID, Window: window, Value: &binding{account: a, id: f.sessions.Add(1), pattern: pattern, areas: areasOf(b), plain: b.InterfaceVersion < pdu.V34, intake: intake{front: f}},
		MaxBinds: a.MaxBinds, MaxTransmitters: a.MaxTransmitters, MaxReceivers: a.MaxReceivers, MaxTransceivers: a.MaxTransceivers,
		Rate: a.Rate, SessionRate: a.SessionRate, ListLen: func(name string) int { return len(f.list(f.accountOf(a), name)) },
	}, nil
}

// areasOf returns the areas that a bind names, whose broadcasts it wants.
func areasOf(b *pdu.Bind) (areas []string) {
	for id := range b.TLVs.All(pdu.TLVBroadcastAreaIdentifier.Tag()) {
		areas = append(areas, areaName(string(id)))
	}
	return areas
}

// modes are the account's names of what an ESME binds as.
var modes = map[smpp.BindMode]account.Modes{
	smpp.Transmitter: account.Transmitter,
	smpp.Receiver:    account.Receiver,
	smpp.Transceiver: account.Transceiver,
}

// ready makes a session one that is delivered to, before its ESME knows that it
// is bound: what is sent to it from then on must find it.
func (f *Front) ready(s *smpp.Session) {
	if modes[s.BindMode()]&(account.Receiver|account.Transceiver) == 0 {
		return
	}
	b := s.Account().Value.(*binding)
	window := b.account.DeliverWindow
	if window == 0 {
		window = f.set().DeliverWindow
	}
	b.receiver = &receiver{front: f, session: s, id: b.id, window: window, version: s.Version(), plain: b.plain, data: b.account.Delivery.Data}
	f.cells.add(b.receiver, append(b.areas, b.account.Delivery.Areas...))
	f.cfg.Table.Add(b.receiver, b.account.ID, b.pattern)
}

// bound looks after a session as long as it lives.
func (f *Front) bound(s *smpp.Session) {
	b := s.Account().Value.(*binding)
	log := f.log.With("account", b.account.ID, "remote", s.RemoteAddr().String())
	log.Info("bound", "as", modes[s.BindMode()].String(), "version", s.Version().String(), "address_range", b.pattern.String())
	<-s.Done()
	if b.receiver != nil {
		f.cfg.Table.Remove(b.receiver)
		f.cells.remove(b.receiver)
	}
	log.Info("session ended", "reason", s.Err())
}

// statusOf returns the status that tells a submitter of an error.
func statusOf(err error, otherwise pdu.Status) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dispatch.ErrFull), errors.Is(err, store.ErrFull):
		return pdu.StatusQueueFull
	case errors.Is(err, dispatch.ErrStopping):
		return pdu.StatusSystemError
	case errors.Is(err, dispatch.ErrFinal), errors.Is(err, dispatch.ErrAway), errors.Is(err, store.ErrNotFound):
		return otherwise
	}
	return err
}

// Binding returns the account and the number of a session that has bound to a
// front.
func Binding(s *smpp.Session) (id string, number uint64, ok bool) {
	a := s.Account()
	if a == nil {
		return "", 0, false
	}
	b, ok := a.Value.(*binding)
	if !ok {
		return "", 0, false
	}
	return b.account.ID, b.id, true
}
