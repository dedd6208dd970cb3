package smpp

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/godwit-sms/smpp/pdu"
)

// A Handler answers the requests of a peer. ServeSMPP is called on one of a
// bounded number of goroutines of the session, so it may block, and may send on
// the same session; calls for several requests run at the same time. It may
// return before it has answered: w can be kept and used later. A request that is
// never answered takes its place among those handled as long as the session
// lives.
//
// HandlerFor and Handle make a Handler of a function with typed arguments,
// which is what most programs want.
type Handler interface {
	ServeSMPP(w ResponseWriter, in *Incoming)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(w ResponseWriter, in *Incoming)

// ServeSMPP calls f.
func (f HandlerFunc) ServeSMPP(w ResponseWriter, in *Incoming) { f(w, in) }

// A ResponseWriter answers one request. It may be used once, from any
// goroutine, at any time as long as the session lives.
type ResponseWriter interface {
	// Respond sends the response. A nil body with a status other than
	// pdu.StatusOK sends a header alone; with pdu.StatusOK it sends an empty
	// response of the right kind. A *pdu.Unknown with the command_id of the
	// response or of a generic_nack sends its octets as they are. The error says
	// that the request was answered already, has no response, or that the session has ended.
	Respond(status pdu.Status, body pdu.Body) error
}

// An Incoming is a request, or a PDU without response, that a peer sent. It may
// be kept, unless it is lent (see Borrow); Raw and Body share the memory of the
// PDUs read together with it.
type Incoming struct {
	Header pdu.Header
	Raw    []byte   // the whole PDU
	Body   pdu.Body // nil if the PDU is a header alone and the command calls for more

	session *Session
}

// Session returns the session that the request came on.
func (in *Incoming) Session() *Session { return in.session }

// Context returns a context that is cancelled when the session ends.
func (in *Incoming) Context() context.Context { return in.session.ctx }

// A service is a handler that returns its answer. The session runs it without
// making a ResponseWriter.
type service interface {
	serve(ctx context.Context, body pdu.Body) (pdu.Body, error)
}

type serviceFunc func(ctx context.Context, body pdu.Body) (pdu.Body, error)

func (f serviceFunc) serve(ctx context.Context, body pdu.Body) (pdu.Body, error) { return f(ctx, body) }

// ServeSMPP answers with what f returns.
func (f serviceFunc) ServeSMPP(w ResponseWriter, in *Incoming) {
	body, err := f(in.Context(), in.Body)
	status := in.session.statusOf(in.Header, err)
	if rerr := w.Respond(status, body); rerr != nil && !in.session.opt.reg.Notice(in.Header.Command) {
		in.session.opt.log.Debug("smpp: response not sent", "command", in.Header.Command.String(), "error", rerr)
	}
}

// HandlerFor makes a handler of a function for requests of one type; others
// are refused. The function returns a response, or nil for an empty one; and an
// error that is or wraps a pdu.Status to answer with that status, with the
// response as its body unless it is nil. Any other error answers
// pdu.StatusSystemError; from an ESME, to deliver_sm and data_sm,
// pdu.StatusTemporaryAppError, so that the message center keeps the message.
func HandlerFor[Req pdu.Request[Resp], Resp interface {
	comparable
	pdu.Body
}](fn func(context.Context, Req) (Resp, error)) Handler {
	return serviceFunc(func(ctx context.Context, body pdu.Body) (pdu.Body, error) {
		req, ok := body.(Req)
		if !ok {
			return nil, errUnsupported
		}
		resp, err := fn(ctx, req)
		var none Resp
		if resp == none {
			if err == nil {
				return req.NewResponse(), nil
			}
			return nil, err
		}
		return resp, err
	})
}

// HandlerForNotice makes a handler of a function for PDUs without response.
func HandlerForNotice[N pdu.Body](fn func(context.Context, N)) Handler {
	return serviceFunc(func(ctx context.Context, body pdu.Body) (pdu.Body, error) {
		n, ok := body.(N)
		if !ok {
			return nil, errUnsupported
		}
		fn(ctx, n)
		return nil, nil
	})
}

var errUnsupported = fmt.Errorf("command not supported: %w", pdu.StatusInvalidCommandID)

// Inline marks a handler that never blocks and is quick: it runs on the
// goroutine that reads the session, which is faster and keeps the order of the
// requests. To wait in it for a response of its own session is to wait for ever.
// Inline(mux) makes every handler of the Mux so. It may keep the ResponseWriter; beyond twice the window of those,
// requests are refused.
func Inline(h Handler) Handler { return inlineHandler{h} }

type inlineHandler struct{ Handler }

// Borrow is Inline for a handler that keeps nothing of a request: when it
// returns, the Incoming, the body, and the strings, octets and TLVs of the body
// are used again for the requests to come. What is to outlast the call has to be
// copied, by pdu.Clone for one; a string that is kept would change. The session
// then makes no garbage for the request, which is most of what serving many of
// them costs. A response that is given before the handler returns may share memory
// with the request. The context and a ResponseWriter may be kept. Client.Go keeps
// its request until the answer: give it a copy. Borrow(mux) lends to every handler
// of the Mux; HandleBorrow lends to one.
func Borrow(h Handler) Handler { return borrowHandler{h} }

type borrowHandler struct{ Handler }

// AnyCommand marks a handler that also takes the commands that the registry does
// not know, as a proxy does; their body is a *pdu.Unknown. Without it they are
// answered with a generic_nack. It is to be the handler of the session itself,
// or what Inline or Borrow is given for that.
func AnyCommand(h Handler) Handler { return anyHandler{h} }

type anyHandler struct{ Handler }

func takesAny(h Handler) bool {
	switch v := h.(type) {
	case inlineHandler:
		h = v.Handler
	case borrowHandler:
		h = v.Handler
	}
	_, ok := h.(anyHandler)
	return ok
}

// A Mux hands each request to the handler of its command. The zero value knows
// none; commands without a handler are answered with
// pdu.StatusInvalidCommandID, deliver_sm and data_sm to an ESME with
// pdu.StatusTemporaryAppError. Handlers are to be set before the Mux is used.
type Mux struct {
	common   [commonIDs]Handler // those of the commands with small ids
	handlers map[pdu.CommandID]Handler
	fallback Handler
}

const commonIDs = 8

// NewMux returns an empty Mux.
func NewMux() *Mux { return new(Mux) }

// Handle sets the handler of a command.
func (m *Mux) Handle(id pdu.CommandID, h Handler) {
	if id < commonIDs {
		m.common[id] = h
		return
	}
	if m.handlers == nil {
		m.handlers = make(map[pdu.CommandID]Handler)
	}
	m.handlers[id] = h
}

// HandleAny sets the handler of the commands that have no other.
func (m *Mux) HandleAny(h Handler) { m.fallback = h }

// ServeSMPP hands the request on.
func (m *Mux) ServeSMPP(w ResponseWriter, in *Incoming) {
	m.handler(in.Header.Command).ServeSMPP(w, in)
}

func (m *Mux) handler(id pdu.CommandID) Handler {
	if id < commonIDs {
		if h := m.common[id]; h != nil {
			return h
		}
	} else if h := m.handlers[id]; h != nil {
		return h
	}
	if m.fallback != nil {
		return m.fallback
	}
	return unsupported
}

var unsupported Handler = serviceFunc(func(context.Context, pdu.Body) (pdu.Body, error) { return nil, errUnsupported })

// Handle makes fn the handler of its request type on m; see HandlerFor.
func Handle[Req pdu.Request[Resp], Resp interface {
	comparable
	pdu.Body
}](m *Mux, fn func(context.Context, Req) (Resp, error)) {
	var req Req
	m.Handle(req.Command(), HandlerFor(fn))
}

// HandleInline is Handle for a function that never blocks; see Inline.
func HandleInline[Req pdu.Request[Resp], Resp interface {
	comparable
	pdu.Body
}](m *Mux, fn func(context.Context, Req) (Resp, error)) {
	var req Req
	m.Handle(req.Command(), Inline(HandlerFor(fn)))
}

// HandleBorrow is HandleInline for a function that keeps nothing of its request;
// see Borrow.
func HandleBorrow[Req pdu.Request[Resp], Resp interface {
	comparable
	pdu.Body
}](m *Mux, fn func(context.Context, Req) (Resp, error)) {
	var req Req
	m.Handle(req.Command(), Borrow(HandlerFor(fn)))
}

// HandleNotice makes fn the handler of a PDU without response on m.
func HandleNotice[N pdu.Body](m *Mux, fn func(context.Context, N)) {
	var n N
	m.Handle(n.Command(), HandlerForNotice(fn))
}

// A route is the handler that a command ends up with, and how it is called.
type route struct {
	Handler
	inline  bool
	borrows bool // and inline
}

// resolve finds the handler of a command.
func resolve(h Handler, id pdu.CommandID) (r route) {
	for {
		switch v := h.(type) {
		case nil:
			r.Handler, r.inline = unsupported, true
			return r
		case inlineHandler:
			h, r.inline = v.Handler, true
		case borrowHandler:
			h, r.inline, r.borrows = v.Handler, true, true
		case anyHandler:
			h = v.Handler
		case *Mux:
			if v == nil {
				r.Handler, r.inline = unsupported, true
				return r
			}
			h = v.handler(id)
		default:
			r.Handler = h
			return r
		}
	}
}

type sessionKey struct{}

// SessionFrom returns the session that a handler's context belongs to, or nil.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// statusOf turns what a handler returned into the status to answer with.
func (s *Session) statusOf(h pdu.Header, err error) pdu.Status {
	if err == nil {
		return pdu.StatusOK
	}
	delivery := s.side == ESME && (h.Command == pdu.IDDeliverSM || h.Command == pdu.IDDataSM)
	var status pdu.Status
	switch {
	case delivery && errors.Is(err, errUnsupported):
	case errors.As(err, &status) && status != pdu.StatusOK:
		return status
	case s.ctx.Err() != nil: // the session has ended: nobody gets an answer
	default:
		s.opt.log.Error("smpp: handler failed", "command", h.Command.String(), "sequence", h.Sequence, "error", err)
	}
	if delivery {
		return pdu.StatusTemporaryAppError
	}
	return pdu.StatusSystemError
}

// An exchange is a request together with the way to answer it.
type exchange struct {
	Incoming
	answered atomic.Bool
}

var errAnswered = errors.New("smpp: the request was answered already")

// Respond answers the request.
func (x *exchange) Respond(status pdu.Status, body pdu.Body) error {
	if x.answered.Swap(true) {
		return errAnswered
	}
	defer x.session.in.release(x.session)
	if x.session.opt.reg.Notice(x.Header.Command) {
		return fmt.Errorf("smpp: %v has no response", x.Header.Command)
	}
	return x.session.respond(x.Header, status, body, true)
}

// call runs a handler; a panic of it is an error.
func (s *Session) call(v service, h pdu.Header, req pdu.Body) (resp pdu.Body, err error) {
	defer s.guard(h, func(failed error) { resp, err = nil, failed })
	return v.serve(s.ctx, req)
}

// guard turns a panic of a handler into an answer.
func (s *Session) guard(h pdu.Header, answer func(error)) {
	if v := recover(); v != nil {
		s.opt.log.Error("smpp: handler panicked", "command", h.Command.String(), "sequence", h.Sequence, "panic", v, "stack", string(debug.Stack()))
		answer(errPanicked)
	}
}

var errPanicked = errors.New("handler panicked")
