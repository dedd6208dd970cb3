// Command proxy stands between ESMEs and a message center. Each ESME that binds
// gets a session of its own with the message center, bound with the credentials
// that it gave. What passes keeps every octet but the sequence number, be it a
// vendor's TLV or a command that nobody knows, unless the policy says otherwise.
//
//	go run ./examples/proxy -deny 900 -id-prefix eu- 127.0.0.1:2776 smpp://127.0.0.1:2775
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func main() {
	denied := flag.String("deny", "", "refuse messages to numbers that begin with this")
	prefix := flag.String("id-prefix", "", "put this before the message ids that ESMEs see")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: proxy [-deny PREFIX] [-id-prefix PREFIX] ADDRESS URL")
	}
	var ps policies
	if *denied != "" {
		ps = append(ps, deny(*denied))
	}
	if *prefix != "" {
		ps = append(ps, mapIDs(*prefix))
	}
	srv := newProxy(flag.Arg(1), ps)
	srv.Addr = flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe() }()
	select {
	case err := <-ended:
		log.Fatal(err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}

// A policy looks at what passes between an ESME and the message center. It
// returns a body to be sent instead, or nil to let the octets pass as they are.
type policy interface {
	// request may also refuse, with an error that is or wraps a pdu.Status.
	request(from *smpp.Session, body pdu.Body) (pdu.Body, error)
	// response is told of the side that the request came from.
	response(to *smpp.Session, body pdu.Body) pdu.Body
}

// newProxy returns a proxy for the message center at a URL.
func newProxy(upstream string, p policy) *smpp.Server {
	return &smpp.Server{
		SystemID: "proxy",
		Window:   100,
		Authenticate: func(ctx context.Context, b *pdu.Bind) (*smpp.Account, error) {
			esme := smpp.SessionFrom(ctx)
			mc, err := smpp.Dial(ctx, upstream, &smpp.Config{
				SystemID: b.SystemID, Password: b.Password, SystemType: b.SystemType, Bind: esme.BindMode(),
				AddressRange: b.AddressRange, BindTLVs: b.TLVs.Clone(), Version: b.InterfaceVersion.Known(),
				Window: 100, InboundWindow: 100, IgnoreLoad: true, // the load is for the ESME to obey
				Handler: smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
					forward(w, in, esme, p, pdu.StatusTemporaryAppError)
				})),
			})
			if err != nil {
				return nil, err // with the status of the message center's, if it is one
			}
			go tie(esme, mc)
			return &smpp.Account{Window: 100, Value: mc}, nil
		},
		NoCongestion: true, // nothing is added to a response
		Handler: smpp.AnyCommand(smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
			forward(w, in, in.Session().Account().Value.(*smpp.Session), p, pdu.StatusSystemError)
		})),
	}
}

// tie ends each of two sessions with the other.
func tie(esme, mc *smpp.Session) {
	select {
	case <-esme.Done():
		_ = mc.Close()
	case <-mc.Done():
		_ = esme.Close()
	}
}

// forward hands a request to the other side and its response back. One that
// could not be sent is answered with unsent.
func forward(w smpp.ResponseWriter, in *smpp.Incoming, to *smpp.Session, p policy, unsent pdu.Status) {
	body, err := p.request(in.Session(), in.Body)
	if err != nil {
		status := pdu.StatusSystemError
		errors.As(err, &status)
		_ = w.Respond(status, nil)
		return
	}
	request := in.Raw
	if body != nil {
		if request, err = encode(in.Session(), in.Header, body); err != nil {
			log.Printf("the policy's %v: %v", in.Header.Command, err)
			_ = w.Respond(pdu.StatusSystemError, nil)
			return
		}
	}
	response, err := to.Forward(in.Context(), request)
	switch {
	case smpp.Outcome(err) == smpp.NeverSent:
		_ = w.Respond(unsent, nil)
		return
	case err != nil:
		// Nobody knows what became of it, and no response says so. The end of the
		// session does.
		log.Printf("%v", err)
		go func() { _ = in.Session().Close() }()
		return
	case response == nil: // there is none to this command
		return
	}
	h, _, _ := pdu.ParseHeader(response)
	if _, body, err := pdu.Decode(response); err == nil && body != nil {
		if body = p.response(in.Session(), body); body != nil {
			_ = w.Respond(h.Status, body)
			return
		}
	}
	_ = w.Respond(h.Status, &pdu.Unknown{ID: h.Command, Raw: response[pdu.HeaderLen:]})
}

func encode(s *smpp.Session, h pdu.Header, body pdu.Body) ([]byte, error) {
	return pdu.NewCodec(nil, s.Version()).Append(nil, h, body)
}

// policies are asked one after the other; the first that changes or refuses
// something decides.
type policies []policy

func (ps policies) request(from *smpp.Session, body pdu.Body) (pdu.Body, error) {
	for _, p := range ps {
		if b, err := p.request(from, body); b != nil || err != nil {
			return b, err
		}
	}
	return nil, nil
}

func (ps policies) response(to *smpp.Session, body pdu.Body) pdu.Body {
	for _, p := range ps {
		if b := p.response(to, body); b != nil {
			return b
		}
	}
	return nil
}

// deny refuses messages to numbers that begin with it.
type deny string

func (d deny) request(_ *smpp.Session, body pdu.Body) (pdu.Body, error) {
	var to []string
	switch m := body.(type) {
	case *pdu.SubmitSM:
		to = []string{m.Dest.Addr}
	case *pdu.DataSM:
		to = []string{m.Dest.Addr}
	case *pdu.SubmitMulti:
		for _, dest := range m.Dests {
			to = append(to, dest.Address.Addr)
		}
	}
	for _, number := range to {
		if strings.HasPrefix(number, string(d)) {
			return nil, pdu.StatusInvalidDest
		}
	}
	return nil, nil
}

func (deny) response(*smpp.Session, pdu.Body) pdu.Body { return nil }

// mapIDs puts itself before the message ids that an ESME sees, in responses and
// receipts, and takes it away from those that the ESME asks about.
type mapIDs string

func (id mapIDs) request(_ *smpp.Session, body pdu.Body) (pdu.Body, error) {
	switch m := body.(type) {
	case *pdu.QuerySM:
		q := *m
		q.MessageID = strings.TrimPrefix(m.MessageID, string(id))
		return &q, nil
	case *pdu.CancelSM:
		q := *m
		q.MessageID = strings.TrimPrefix(m.MessageID, string(id))
		return &q, nil
	case *pdu.ReplaceSM:
		q := *m
		q.MessageID = strings.TrimPrefix(m.MessageID, string(id))
		return &q, nil
	case *pdu.DeliverSM:
		return id.receipt(m), nil
	}
	return nil, nil
}

// receipt maps the id of a receipt, in its TLV and in its text.
func (id mapIDs) receipt(m *pdu.DeliverSM) pdu.Body {
	r, ok := sms.Profile{}.ReadReceipt(m)
	if !ok || r.ID == "" {
		return nil
	}
	q := *m
	q.TLVs = m.TLVs.Clone()
	if own, ok := pdu.TLVReceiptedMessageID.Get(q.TLVs); ok {
		pdu.TLVReceiptedMessageID.Set(&q.TLVs, string(id)+own)
	}
	old := []byte("id:" + r.ID)
	if bytes.HasPrefix(m.ShortMessage, old) {
		q.ShortMessage = append([]byte("id:"+string(id)+r.ID), m.ShortMessage[len(old):]...)
	}
	return &q
}

func (id mapIDs) response(_ *smpp.Session, body pdu.Body) pdu.Body {
	switch m := body.(type) {
	case *pdu.SubmitSMResp:
		if m.MessageID != "" {
			r := *m
			r.MessageID = string(id) + m.MessageID
			return &r
		}
	case *pdu.DataSMResp:
		if m.MessageID != "" {
			r := *m
			r.MessageID = string(id) + m.MessageID
			return &r
		}
	case *pdu.SubmitMultiResp:
		if m.MessageID != "" {
			r := *m
			r.MessageID = string(id) + m.MessageID
			return &r
		}
	case *pdu.QuerySMResp:
		r := *m
		r.MessageID = string(id) + m.MessageID
		return &r
	}
	return nil
}
