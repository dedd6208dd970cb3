package smpp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	message = &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}
)

// bubble is a test whose time is not real.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// onSubmit makes a handler of what submit_sm is answered with.
func onSubmit(f func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error)) smpp.Handler {
	return smpp.HandlerFor(f)
}

// byAddress answers a submit_sm with its destination as message id.
var byAddress = onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	return &pdu.SubmitSMResp{MessageID: strings.Clone(m.Dest.Addr)}, nil
})

// isRequestError checks what is known of a request that failed.
func isRequestError(t *testing.T, err error, outcome smpp.OutcomeKind, retry bool, is error) {
	t.Helper()
	if err == nil || smpp.Outcome(err) != outcome || smpp.SafeToRetry(err) != retry || is != nil && !errors.Is(err, is) {
		t.Errorf("error %v: outcome %v, safe to retry %v; want %v, %v and %v", err, smpp.Outcome(err), smpp.SafeToRetry(err), outcome, retry, is)
	}
}

// script binds a client to a script over a pipe.
func script(t *testing.T, c *smpp.Config, steps ...smpptest.Step) (*smpp.Session, *smpptest.Script) {
	t.Helper()
	p := smpptest.NewScript(t, append([]smpptest.Step{smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault()}, steps...)...)
	p.Version = pdu.V50
	s, err := smpp.Bind(t.Context(), p.Conn(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, p
}

// A raw is a peer that a test drives octet by octet.
type raw struct {
	net.Conn
	t *testing.T
}

// rawClient connects a raw ESME to a server, over a pipe.
func rawClient(t *testing.T, srv *smpp.Server) (*raw, *smpp.Session) {
	t.Helper()
	near, far := smpptest.Pipe()
	s := srv.ServeConn(far)
	t.Cleanup(func() {
		_ = near.Close()
		<-s.Done()
	})
	return &raw{near, t}, s
}

func (r *raw) send(h pdu.Header, body pdu.Body) {
	r.t.Helper()
	frame, err := pdu.Append(nil, h, body)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(frame)
}

func (r *raw) write(octets []byte) {
	r.t.Helper()
	if _, err := r.Write(octets); err != nil {
		r.t.Fatal(err)
	}
}

// next reads a PDU. A nil frame is the end.
func (r *raw) next() (pdu.Header, pdu.Body, []byte) {
	r.t.Helper()
	frame := make([]byte, pdu.HeaderLen)
	if _, err := io.ReadFull(r, frame); err != nil {
		return pdu.Header{}, nil, nil
	}
	n := binary.BigEndian.Uint32(frame)
	if n < pdu.HeaderLen || n > 1<<20 {
		r.t.Fatalf("command_length %d", n)
	}
	frame = append(frame, make([]byte, n-pdu.HeaderLen)...)
	if _, err := io.ReadFull(r, frame[pdu.HeaderLen:]); err != nil {
		r.t.Fatal(err)
	}
	h, body, err := pdu.Decode(frame)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, pdu.Standard().AppendDump(nil, frame))
	}
	return h, body, frame
}

// want reads a PDU that must have the given header.
func (r *raw) want(h pdu.Header) pdu.Body {
	r.t.Helper()
	got, body, frame := r.next()
	if frame == nil {
		r.t.Fatalf("the connection was closed, %v was to come", h)
	}
	if got != h {
		r.t.Fatalf("got %v, not %v", got, h)
	}
	return body
}

func (r *raw) wantEnd() {
	r.t.Helper()
	if h, _, frame := r.next(); frame != nil {
		r.t.Fatalf("got %v, the connection was to be closed", h)
	}
}

// alive has an enquire_link answered.
func (r *raw) alive() {
	r.t.Helper()
	r.send(pdu.Header{Sequence: 0x7FFFFFF0}, &pdu.EnquireLink{})
	r.want(pdu.Header{Command: pdu.IDEnquireLinkResp, Sequence: 0x7FFFFFF0})
}

// bind binds and returns the response.
func (r *raw) bind(req pdu.BindRequest) (pdu.Header, *pdu.BindResp) {
	r.t.Helper()
	r.send(pdu.Header{Sequence: 0x7FFFFFF1}, req)
	h, body, frame := r.next()
	if frame == nil || h.Command != req.Command().Response() || h.Sequence != 0x7FFFFFF1 {
		r.t.Fatalf("bind answered with %v", h)
	}
	if b, ok := body.(pdu.BindResponse); ok {
		return h, b.BindRespFields()
	}
	return h, nil
}

// bound binds as a transceiver that speaks v5.0.
func (r *raw) bound() *raw {
	r.t.Helper()
	if h, _ := r.bind(&pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}}); h.Status != pdu.StatusOK {
		r.t.Fatal(h.Status)
	}
	return r
}

// A gate is a handler that holds submit_sm until it is told to answer.
type gate struct {
	mu      sync.Mutex
	entered int
	open    chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) handler() smpp.Handler {
	return onSubmit(func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		g.mu.Lock()
		g.entered++
		g.mu.Unlock()
		select {
		case <-g.open:
			return &pdu.SubmitSMResp{MessageID: strings.Clone(m.Dest.Addr)}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.entered
}

func to(n int) *pdu.SubmitSM {
	return &pdu.SubmitSM{Dest: pdu.International(fmt.Sprint(n))}
}
