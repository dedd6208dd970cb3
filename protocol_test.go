package smpp_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// sessionData is what the specification and the decisions of this project say of
// sessions.
type sessionData struct {
	Transitions []struct{ From, On, To string }
	Errors      []struct {
		Case   string
		Answer *struct {
			Command, Status string
			Sequence        any `json:"sequence_number"`
		}
		Then string
	}
	Timers []struct {
		Name    string
		States  []string
		RunsOn  []string `json:"runs_on"`
		Default int      `json:"default_seconds"`
	}
}

func readSessionData(t *testing.T) (d sessionData) {
	t.Helper()
	data, err := os.ReadFile("testdata/session/session.json")
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Transitions) < 17 || len(d.Errors) < 27 || len(d.Timers) != 4 {
		t.Fatalf("%d transitions, %d errors, %d timers", len(d.Transitions), len(d.Errors), len(d.Timers))
	}
	return d
}

// A live is a session of ours that a test drives from the other end.
type live struct {
	*raw
	s     *smpp.Session
	bound chan error // of the ESME side: what the bind came to
}

// liveMC is a message center that nobody has bound to.
func liveMC(t *testing.T, srv *smpp.Server) *live {
	r, s := rawClient(t, srv)
	return &live{raw: r, s: s}
}

// liveESME is an ESME that has just connected, or been connected to, and that
// binds.
func liveESME(t *testing.T, c smpp.Config, outbound bool) *live {
	near, far := smpptest.Pipe()
	started := make(chan *smpp.Session, 1)
	c.Trace = &smpp.Trace{Connected: func(s *smpp.Session) { started <- s }}
	l := &live{raw: &raw{far, t}, bound: make(chan error, 1)}
	go func() {
		var err error
		if outbound {
			_, err = smpp.AcceptOutbind(t.Context(), near, &c, trusted)
		} else {
			_, err = smpp.Bind(t.Context(), near, &c)
		}
		l.bound <- err
	}()
	l.s = <-started
	t.Cleanup(func() {
		_ = far.Close()
		<-l.s.Done()
	})
	return l
}

// answerBind answers the bind of an ESME.
func (l *live) answerBind(status pdu.Status) {
	l.t.Helper()
	h, body, _ := l.next()
	b, ok := body.(pdu.BindRequest)
	if !ok {
		l.t.Fatalf("%v is no bind", h)
	}
	var resp pdu.Body
	if status == pdu.StatusOK {
		resp = b.NewBindResp(pdu.BindResp{SystemID: "raw", TLVs: tlv.List{pdu.TLVSCInterfaceVersion.Option(pdu.V50)}})
	}
	if resp == nil {
		l.send(pdu.Header{Command: h.Command.Response(), Status: status, Sequence: h.Sequence}, nil)
	} else {
		l.send(pdu.Header{Sequence: h.Sequence}, resp)
	}
	synctest.Wait()
}

// liveBound is a session of the given side, bound as a transceiver of v5.0.
func liveBound(t *testing.T, side smpp.Side, h smpp.Handler, strict pdu.Strictness, version pdu.Version) *live {
	t.Helper()
	reg := pdu.Standard().Clone()
	pdu.Register[vendorAsk, vendorAnswer](reg, "vendor_ask")
	reg.DefineTLV(tlv.Define(0x1500, "at_most_5", tlv.NewForm("integer", 1, 1,
		func(dst []byte, v uint8) ([]byte, error) { return append(dst, v), nil },
		func(b []byte) (uint8, error) {
			if b[0] > 5 {
				return 0, errors.New("above 5")
			}
			return b[0], nil
		})))
	if side == smpp.MC {
		l := liveMC(t, &smpp.Server{Handler: h, Registry: reg, Strictness: strict, Logger: quiet, MaxPDU: 4096, NoCongestion: true})
		if h, _ := l.bind(&pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: version}}); h.Status != pdu.StatusOK {
			t.Fatal(h)
		}
		return l
	}
	l := liveESME(t, smpp.Config{Handler: h, Registry: reg, Strictness: strict, Logger: quiet, MaxPDU: 4096, Version: version}, false)
	l.answerBind(pdu.StatusOK)
	if err := <-l.bound; err != nil {
		t.Fatal(err)
	}
	return l
}

// A bad is input for one case of the data: what is sent, and what else there is
// to know.
type bad struct {
	command pdu.CommandID
	body    string
	length  uint32     // command_length if it is to lie
	status  pdu.Status // where the data says status_on_error_of_the_field
	fine    bool       // the request is carried out
	only    string     // the side that can get it
}

// fieldsOf is the body of a submit_sm or deliver_sm with some fields given.
func fieldsOf(service, dest, validity, length, rest string) string {
	return service + "\x01\x01123\x00" + "\x01\x01" + dest + "\x00\x00\x00\x00" + validity + "\x00\x00\x00\x00" + length + rest
}

// Every case of bad input that the data lists, on a live session of either side.
func TestSessionErrors(t *testing.T) {
	const reference = "\x02\x04\x00\x02\x00\x07"
	ok := fieldsOf("\x00", "456\x00", "\x00", "\x02", "hi")
	// For most cases, command 0 stands for what the side is sent: submit_sm, deliver_sm.
	cases := map[string]bad{
		"command_length_below_16":                {command: pdu.IDEnquireLink, length: 15},
		"command_length_above_limit":             {length: 4097},
		"unknown_command_id_request":             {command: 0x55},
		"unknown_command_id_with_response_bit":   {command: 0x80000055},
		"known_command_not_supported":            {command: 0x00010210, body: "?\x00"},
		"request_in_wrong_state":                 {command: 1, body: ok}, // see below
		"bind_when_bound":                        {command: pdu.IDBindTransceiver, body: "\x00\x00\x00\x50\x00\x00\x00", only: "MC"},
		"operation_forbidden_for_account":        {body: fieldsOf("\x00", "999\x00", "\x00", "\x02", "hi"), only: "MC"},
		"response_with_unknown_sequence_number":  {command: pdu.IDSubmitSM.Response(), body: "1\x00"},
		"cstring_without_nul":                    {body: fieldsOf("ABCDEF", "456\x00", "\x00", "\x02", "hi"), status: pdu.StatusInvalidServiceType},
		"cstring_longer_than_max":                {body: fieldsOf("\x00", strings.Repeat("4", 21)+"\x00", "\x00", "\x02", "hi"), status: pdu.StatusInvalidDest},
		"cstring_fixed_of_other_size":            {body: fieldsOf("\x00", "456\x00", "0123456789\x00", "\x02", "hi"), status: pdu.StatusInvalidExpiry},
		"body_ends_inside_mandatory_fields":      {body: ok[:20]},
		"sm_length_beyond_pdu":                   {body: fieldsOf("\x00", "456\x00", "\x00", "\x09", "hi")},
		"short_message_and_message_payload_both": {body: ok + "\x04\x24\x00\x02hi", fine: true},
		"tlv_header_truncated":                   {body: ok + "\x02\x04"},
		"tlv_length_beyond_pdu":                  {body: ok + "\x02\x04\x00\x02\x00"},
		"tlv_unknown_tag":                        {body: ok + "\x3f\xff\x00\x01x" + reference, fine: true},
		"tlv_known_but_not_expected_here":        {body: ok + "\x02\x10\x00\x01\x34" + reference, fine: true},
		"tlv_bad_length":                         {body: ok + "\x02\x04\x00\x01\x00"},
		"tlv_bad_value":                          {body: ok + "\x15\x00\x00\x01\x09"},
		"tlv_required_missing":                   {command: pdu.IDBroadcastSM, body: "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", only: "MC"},
		"tlv_duplicate_not_repeatable":           {body: ok + reference + "\x02\x04\x00\x02\x00\x08", fine: true},
		"reserved_value":                         {body: strings.Replace(ok, "\x01\x01123", "\x77\x77123", 1), fine: true},
		"bad_pdu_without_response":               {command: pdu.IDAlertNotification, body: "abcd", only: "ESME"},

		// These are about requests of ours.
		"response_of_wrong_type":                            {},
		"generic_nack_with_known_sequence_number":           {},
		"generic_nack_with_zero_or_unknown_sequence_number": {command: pdu.IDGenericNack},
	}
	for _, e := range readSessionData(t).Errors {
		c, known := cases[e.Case]
		if !known {
			t.Errorf("%s is not tested", e.Case)
			continue
		}
		t.Run(e.Case, func(t *testing.T) {
			for _, side := range []smpp.Side{smpp.MC, smpp.ESME} {
				if c.only != "" && c.only != side.String() {
					continue
				}
				bubble(t, strings.ToLower(side.String()), func(t *testing.T) {
					var mu sync.Mutex
					var refs []uint16
					mux := smpp.NewMux()
					smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
						if m.Dest.Addr == "999" {
							return nil, pdu.StatusProhibited
						}
						mu.Lock()
						defer mu.Unlock()
						if v, ok := pdu.TLVUserMessageReference.Get(m.TLVs); ok {
							refs = append(refs, v)
						}
						return nil, nil
					})
					smpp.Handle(mux, func(_ context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
						mu.Lock()
						defer mu.Unlock()
						if v, ok := pdu.TLVUserMessageReference.Get(m.TLVs); ok {
							refs = append(refs, v)
						}
						return nil, nil
					})
					l := liveBound(t, side, mux, pdu.Lenient, pdu.V50)
					const seq = 77
					switch e.Case {
					case "response_of_wrong_type", "generic_nack_with_known_sequence_number":
						failed := make(chan error, 1)
						go func() {
							var err error
							if side == smpp.MC {
								_, err = l.s.Deliver(t.Context(), &pdu.DeliverSM{})
							} else {
								_, err = l.s.Submit(t.Context(), message)
							}
							failed <- err
						}()
						h, _, _ := l.next()
						if e.Case == "response_of_wrong_type" {
							l.send(pdu.Header{Command: pdu.IDQuerySM.Response(), Sequence: h.Sequence}, nil)
							var de *pdu.DecodeError
							if err := <-failed; smpp.Outcome(err) != smpp.Unknown || !errors.As(err, &de) {
								t.Error(err)
							}
						} else {
							l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID, Sequence: h.Sequence}, nil)
							if err := <-failed; smpp.Outcome(err) != smpp.Refused || !errors.Is(err, pdu.StatusInvalidCommandID) {
								t.Error(err)
							}
						}
						l.alive()
						return
					case "generic_nack_with_zero_or_unknown_sequence_number":
						l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandID}, nil)
						l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength}, nil)
						l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength, Sequence: 99}, nil)
						for range 200 {
							l.alive()
						}
						l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength}, nil) // long after
						l.alive()
						for range 2 {
							l.send(pdu.Header{Command: pdu.IDGenericNack, Status: pdu.StatusInvalidCommandLength}, nil)
						}
						l.wantEnd()
						<-l.s.Done()
						if !errors.Is(l.s.Err(), smpp.ErrPeerLost) {
							t.Error(l.s.Err())
						}
						return
					}
					command := c.command
					switch {
					case command == 0 && side == smpp.MC || command == 1 && side == smpp.ESME:
						command = pdu.IDSubmitSM
					case command <= 1:
						command = pdu.IDDeliverSM
					}
					frame := binary.BigEndian.AppendUint32(nil, orElse(c.length, uint32(16+len(c.body))))
					frame = binary.BigEndian.AppendUint32(frame, uint32(command))
					frame = append(frame, 0, 0, 0, 0)
					frame = binary.BigEndian.AppendUint32(frame, seq)
					l.write(append(frame, c.body...))
					switch {
					case e.Answer != nil:
						want := pdu.Header{Command: command.Response(), Status: c.status, Sequence: seq}
						if e.Answer.Command == "generic_nack" {
							want.Command = pdu.IDGenericNack
						}
						if e.Answer.Status != "status_on_error_of_the_field" {
							status, err := pdu.ParseStatus(e.Answer.Status)
							if err != nil {
								t.Fatal(err)
							}
							want.Status = status
						}
						if e.Answer.Sequence != "copied" {
							want.Sequence = 0
						}
						l.want(want)
					case c.fine:
						l.want(pdu.Header{Command: command.Response(), Sequence: seq})
						if want := 7; strings.HasPrefix(e.Case, "tlv_") && (len(refs) != 1 || int(refs[0]) != want) {
							t.Errorf("references %v reached the handler", refs)
						}
					}
					if e.Then == "close" {
						l.wantEnd()
						_ = l.Close()
						<-l.s.Done()
						return
					}
					l.alive()
				})
			}
			if e.Case == "operation_forbidden_for_account" {
				bubble(t, "mc below 5.0", func(t *testing.T) {
					l := liveBound(t, smpp.MC, onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, pdu.StatusProhibited }), pdu.Lenient, pdu.V34)
					l.send(pdu.Header{Sequence: 5}, message)
					l.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusInvalidCommandID, Sequence: 5})
				})
			}
		})
	}
}

func orElse[T comparable](v, zero T) T {
	var z T
	if v == z {
		return zero
	}
	return v
}

// Every transition of the data, on a live session of either side.
func TestTransitions(t *testing.T) {
	modes := map[string]smpp.BindMode{"bind_transmitter_resp_ok": smpp.Transmitter, "bind_receiver_resp_ok": smpp.Receiver, "bind_transceiver_resp_ok": smpp.Transceiver}
	requests := map[smpp.BindMode]func() pdu.BindRequest{
		smpp.Transmitter: func() pdu.BindRequest { return &pdu.BindTransmitter{} },
		smpp.Receiver:    func() pdu.BindRequest { return &pdu.BindReceiver{} },
		smpp.Transceiver: func() pdu.BindRequest { return &pdu.BindTransceiver{} },
	}
	boundAs := map[string]smpp.BindMode{"bound_tx": smpp.Transmitter, "bound_rx": smpp.Receiver, "bound_trx": smpp.Transceiver, "unbound": smpp.Transceiver}
	password := func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if b.Password != "" {
			return nil, pdu.StatusBindFailed
		}
		return nil, nil
	}
	// reach brings a session of a side into a state.
	reach := func(t *testing.T, side smpp.Side, state string, mode smpp.BindMode) *live {
		t.Helper()
		var l *live
		srv := &smpp.Server{Authenticate: password, Handler: acceptAll, EnquireLink: -1}
		c := smpp.Config{Bind: mode, Handler: acceptAll, EnquireLink: -1}
		m, bound := boundAs[state]
		if bound {
			c.Bind = m
		}
		switch {
		case side == smpp.MC && state == "outbound":
			near, far := smpptest.Pipe()
			go func() { _, _ = srv.OutbindConn(t.Context(), far, nil) }()
			l = &live{raw: &raw{near, t}}
			l.want(pdu.Header{Command: pdu.IDOutbind, Sequence: 1})
			l.s = srv.Sessions()[0]
			t.Cleanup(func() { _ = near.Close(); <-l.s.Done() })
		case side == smpp.MC:
			l = liveMC(t, srv)
			if bound {
				l.bind(requests[m]())
			}
		default:
			if l = liveESME(t, c, state == "outbound"); state == "outbound" {
				l.send(pdu.Header{Sequence: 1}, &pdu.Outbind{SystemID: "center", Password: "knock"})
			}
			if bound {
				l.answerBind(pdu.StatusOK)
			}
		}
		synctest.Wait()
		if state == "unbound" {
			go func() { _, _ = l.s.RoundTrip(context.Background(), &pdu.Unbind{}) }()
			if h, _, _ := l.next(); h.Command != pdu.IDUnbind {
				t.Fatal(h)
			}
		}
		if got := l.s.State().String(); got != state {
			t.Fatalf("the session is %s, not %s", got, state)
		}
		return l
	}
	is := func(t *testing.T, l *live, state string) {
		t.Helper()
		synctest.Wait()
		if got := l.s.State().String(); got != state {
			t.Errorf("the session is %s, not %s", got, state)
		}
	}
	for _, tr := range readSessionData(t).Transitions {
		t.Run(tr.From+"_"+tr.On, func(t *testing.T) {
			for _, side := range []smpp.Side{smpp.MC, smpp.ESME} {
				bubble(t, strings.ToLower(side.String()), func(t *testing.T) {
					mode, binds := modes[tr.On]
					switch {
					case tr.From == "closed":
						is(t, reach(t, side, tr.To, smpp.Transceiver), tr.To)
					case binds:
						l := reach(t, side, tr.From, mode)
						if side == smpp.MC {
							l.bind(requests[mode]())
						} else {
							l.answerBind(pdu.StatusOK)
						}
						is(t, l, tr.To)
					case tr.On == "bind_resp_error":
						l := reach(t, side, tr.From, smpp.Transceiver)
						if side == smpp.MC {
							l.bind(&pdu.BindTransceiver{Bind: pdu.Bind{Password: "wrong"}})
							is(t, l, tr.To)
							l.bind(&pdu.BindTransceiver{}) // a further attempt is possible
							is(t, l, "bound_trx")
							return
						}
						// Bind and AcceptOutbind give up, and close.
						l.answerBind(pdu.StatusBindFailed)
						if err := <-l.bound; !errors.Is(err, pdu.StatusBindFailed) {
							t.Error(err)
						}
					case tr.On == "unbind_sent_or_received":
						l := reach(t, side, tr.From, smpp.Transceiver)
						go func() { _, _ = l.s.RoundTrip(context.Background(), &pdu.Unbind{}) }()
						if h, _, _ := l.next(); h.Command != pdu.IDUnbind {
							t.Error(h)
						}
						is(t, l, tr.To)
						_, err := l.s.RoundTrip(t.Context(), &pdu.Unbind{})
						var se *smpp.StateError
						if !errors.As(err, &se) || smpp.Outcome(err) != smpp.NeverSent {
							t.Errorf("a second unbind: %v", err)
						}

						l = reach(t, side, tr.From, smpp.Transceiver)
						hold := make(chan struct{})
						defer close(hold)
						l.send(pdu.Header{Sequence: 9}, &pdu.Unbind{})
						l.want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 9})
						is(t, l, tr.To)
					case tr.On == "unbind_resp_done_or_response_timer":
						l := reach(t, side, tr.From, smpp.Transceiver)
						l.send(pdu.Header{Sequence: 5}, &pdu.DataSM{}) // too late
						l.want(pdu.Header{Command: pdu.IDDataSM.Response(), Status: pdu.StatusInvalidBindStatus, Sequence: 5})
						start := time.Now()
						<-l.s.Done()
						if d := time.Since(start); d < 60*time.Second || d > 63*time.Second {
							t.Errorf("ended %v after an unbind that nobody answers", d)
						}
						l = reach(t, side, tr.From, smpp.Transceiver)
						l.send(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 2}, nil)
						if side == smpp.MC {
							l.send(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 1}, nil)
						}
						start = time.Now()
						<-l.s.Done() // though the peer does not hang up
						if d := time.Since(start); d > 5*time.Second {
							t.Errorf("ended %v after the unbind_resp", d)
						}
						is(t, l, tr.To)
					case tr.On == "connection_lost_or_closed":
						for _, state := range []string{"open", "outbound", "bound_tx", "bound_rx", "bound_trx", "unbound"} {
							l := reach(t, side, state, smpp.Transceiver)
							_ = l.Close()
							<-l.s.Done()
							is(t, l, tr.To)
						}
					case tr.On == "session_init_timer":
						if side == smpp.ESME && tr.From == "outbound" {
							// The outbind has stopped it: the bind has the time of a response.
							start := time.Now()
							l := reach(t, side, tr.From, smpp.Transceiver)
							if err := <-l.bound; !errors.Is(err, smpp.ErrTimeout) || errors.Is(err, smpp.ErrNotBound) {
								t.Error(err)
							}
							if d := time.Since(start); d < 60*time.Second || d > 63*time.Second {
								t.Errorf("ended %v after an outbind", d)
							}
							is(t, l, tr.To)
							return
						}
						if side == smpp.ESME {
							near, _ := smpptest.Pipe()
							_, err := smpp.AcceptOutbind(t.Context(), near, nil, trusted)
							if !errors.Is(err, smpp.ErrNotBound) {
								t.Error(err)
							}
							return
						}
						l := reach(t, side, tr.From, smpp.Transceiver)
						<-l.s.Done()
						if !errors.Is(l.s.Err(), smpp.ErrNotBound) {
							t.Error(l.s.Err())
						}
						is(t, l, tr.To)
					default:
						t.Errorf("%s in %s is not tested", tr.On, tr.From)
					}
				})
			}
		})
	}
}

// Every timer of the data, with its default, on the sides that it runs on.
func TestTimers(t *testing.T) {
	for _, tm := range readSessionData(t).Timers {
		d := time.Duration(tm.Default) * time.Second
		about := func(t *testing.T, since time.Time, want time.Duration) {
			t.Helper()
			if got := time.Since(since); got < want || got > want+3*time.Second {
				t.Errorf("after %v, not %v", got, want)
			}
		}
		t.Run(tm.Name, func(t *testing.T) {
			for _, name := range tm.RunsOn {
				side := smpp.MC
				if strings.HasPrefix(name, "esme") {
					side = smpp.ESME
				}
				bubble(t, name, func(t *testing.T) {
					switch tm.Name {
					case "session_init":
						start := time.Now()
						var err error
						if side == smpp.ESME {
							near, _ := smpptest.Pipe()
							_, err = smpp.AcceptOutbind(t.Context(), near, nil, trusted)
						} else {
							l := liveMC(t, new(smpp.Server))
							<-l.s.Done()
							err = l.s.Err()
							about(t, start, d)
							start = time.Now()
							_, far := smpptest.Pipe()
							_, err2 := new(smpp.Server).OutbindConn(t.Context(), far, nil)
							err = errors.Join(err, err2)
						}
						about(t, start, d)
						if !errors.Is(err, smpp.ErrNotBound) {
							t.Error(err)
						}
					case "enquire_link":
						l := liveBound(t, side, acceptAll, pdu.Lenient, pdu.V50)
						start := time.Now()
						h, _, _ := l.next()
						about(t, start, d)
						if h.Command != pdu.IDEnquireLink {
							t.Error(h)
						}
						start = time.Now() // and no answer
						<-l.s.Done()
						about(t, start, 60*time.Second)
						if !errors.Is(l.s.Err(), smpp.ErrDeadPeer) {
							t.Error(l.s.Err())
						}
					case "inactivity":
						l := liveBound(t, side, acceptAll, pdu.Lenient, pdu.V50)
						for range 1000 { // off by default; enquire_link is answered
							h, _, _ := l.next()
							l.send(pdu.Header{Sequence: h.Sequence}, &pdu.EnquireLinkResp{})
						}
						if d != 0 || l.s.Err() != nil {
							t.Errorf("%v, %v", d, l.s.Err())
						}
						client, server := smpptest.Pair(t, &smpp.Config{Inactivity: time.Hour}, new(smpp.Server))
						if side == smpp.MC {
							client, server = smpptest.Pair(t, nil, &smpp.Server{Inactivity: time.Hour})
						}
						start := time.Now()
						<-client.Done()
						<-server.Done()
						about(t, start, time.Hour)
						if err := map[smpp.Side]*smpp.Session{smpp.ESME: client, smpp.MC: server}[side].Err(); !errors.Is(err, smpp.ErrInactive) {
							t.Error(err)
						}
					case "response":
						l := liveBound(t, side, acceptAll, pdu.Lenient, pdu.V50)
						go func() { // keeps the session alive, and answers nothing else
							for {
								h, _, frame := l.next()
								if frame == nil {
									return
								}
								if h.Command == pdu.IDEnquireLink {
									l.send(pdu.Header{Sequence: h.Sequence}, &pdu.EnquireLinkResp{})
								}
							}
						}()
						start := time.Now()
						_, err := l.s.Data(t.Context(), dataSM())
						about(t, start, d)
						isRequestError(t, err, smpp.Unknown, false, smpp.ErrTimeout)
						if l.s.Err() != nil {
							t.Error(l.s.Err())
						}
					default:
						t.Errorf("timer %s is not tested", tm.Name)
					}
				})
			}
		})
	}
}

func dataSM() *pdu.DataSM {
	m := &pdu.DataSM{Dest: pdu.International("1")}
	pdu.TLVMessagePayload.Set(&m.TLVs, []byte("hi"))
	return m
}

// What lenient sessions let pass, strict ones refuse and reporting ones report.
func TestStrictness(t *testing.T) {
	for _, test := range []struct {
		name    string
		version pdu.Version
		bind    pdu.BindRequest
		body    pdu.Body
		strict  pdu.Status
	}{
		{"data_sm of a receiver, v5.0", pdu.V50, &pdu.BindReceiver{}, dataSM(), pdu.StatusInvalidBindStatus},
		{"data_sm of a receiver, v3.4", pdu.V34, &pdu.BindReceiver{}, dataSM(), pdu.StatusOK},
		{"cancel_broadcast_sm, v3.4", pdu.V34, &pdu.BindTransmitter{}, &pdu.CancelBroadcastSM{}, pdu.StatusInvalidCommandID},
		{"cancel_broadcast_sm, v5.0", pdu.V50, &pdu.BindTransmitter{}, &pdu.CancelBroadcastSM{}, pdu.StatusOK},
		{"data_sm, v3.3", pdu.V33, &pdu.BindTransmitter{}, dataSM(), pdu.StatusInvalidCommandID},
		{"both short_message and message_payload", pdu.V34, &pdu.BindTransmitter{}, both(), pdu.StatusInvalidMessageLength},
	} {
		for mode, strictness := range map[string]pdu.Strictness{"lenient": pdu.Lenient, "strict": pdu.Strict, "report only": pdu.ReportOnly} {
			bubble(t, test.name+"/"+mode, func(t *testing.T) {
				var reported []error
				r, _ := rawClient(t, &smpp.Server{Handler: acceptAll, Strictness: strictness, Logger: quiet,
					Trace: &smpp.Trace{Irregular: func(_ *smpp.Session, _ pdu.Header, err error) { reported = append(reported, err) }}})
				test.bind.BindFields().InterfaceVersion = test.version
				r.bind(test.bind)
				r.send(pdu.Header{Sequence: 3}, test.body)
				want := pdu.Header{Command: test.body.Command().Response(), Sequence: 3}
				if strictness == pdu.Strict {
					want.Status = test.strict
				}
				r.want(want)
				r.alive()
				if told := strictness == pdu.ReportOnly && test.strict != pdu.StatusOK; told != (len(reported) == 1 && errors.Is(reported[0], test.strict)) || !told && len(reported) > 0 {
					t.Errorf("reported %v", reported)
				}
			})
		}
	}
	// v3.4 at its word: no sc_interface_version, no TLVs.
	for mode, strictness := range map[string]pdu.Strictness{"lenient": pdu.Lenient, "strict": pdu.Strict, "report only": pdu.ReportOnly} {
		bubble(t, "no sc_interface_version/"+mode, func(t *testing.T) {
			reported := 0
			p := smpptest.NewScript(t)
			s, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{Bind: smpp.Transmitter, Strictness: strictness,
				Trace: &smpp.Trace{Irregular: func(*smpp.Session, pdu.Header, error) { reported++ }}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			m := &pdu.SubmitSM{Dest: pdu.International("1")}
			pdu.TLVUserMessageReference.Set(&m.TLVs, 1)
			if _, err := s.Submit(t.Context(), m); err != nil {
				t.Error(err)
			}
			sent := p.Received(pdu.IDSubmitSM)[0].Body.(*pdu.SubmitSM)
			if s.Version() != pdu.V34 || (len(sent.TLVs) == 0) != (strictness == pdu.Strict) || (reported == 1) != (strictness == pdu.ReportOnly) {
				t.Errorf("v%v, TLVs %v, %d reports", s.Version(), sent.TLVs, reported)
			}
		})
	}
}

func both() *pdu.SubmitSM {
	m := &pdu.SubmitSM{Dest: pdu.International("1"), ShortMessage: []byte("hi")}
	pdu.TLVMessagePayload.Set(&m.TLVs, []byte("hi"))
	return m
}

// A forced version overrides what both sides have announced.
func TestForceVersion(t *testing.T) {
	all := []pdu.Version{pdu.V33, pdu.V34, pdu.V50}
	for _, esme := range all {
		for _, mc := range append(slices.Clone(all), 0) {
			for _, forced := range all {
				bubble(t, esme.String()+" to "+mc.String()+" as "+forced.String(), func(t *testing.T) {
					p := smpptest.NewScript(t)
					p.Version = mc
					s, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{Bind: smpp.Transmitter, Version: esme, ForceVersion: forced, Strictness: pdu.Strict})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					m := &pdu.SubmitSM{Dest: pdu.International("1")}
					pdu.TLVUserMessageReference.Set(&m.TLVs, 1)
					if _, err := s.Submit(t.Context(), m); err != nil {
						t.Error(err)
					}
					sent := p.Received(pdu.IDSubmitSM)[0].Body.(*pdu.SubmitSM)
					if s.Version() != forced || (len(sent.TLVs) > 0) != (forced >= pdu.V34) {
						t.Errorf("v%v, TLVs %v", s.Version(), sent.TLVs)
					}
					if mc == 0 {
						return
					}
					r, server := rawClient(t, &smpp.Server{Version: mc, Authenticate: func(context.Context, *pdu.Bind) (*smpp.Account, error) {
						return &smpp.Account{ForceVersion: forced}, nil
					}})
					r.bind(&pdu.BindTransmitter{Bind: pdu.Bind{InterfaceVersion: esme}})
					if server.Version() != forced {
						t.Errorf("server: v%v", server.Version())
					}
				})
			}
		}
	}
}

// What the version of a session does not have is refused before it is sent.
func TestNotToAnOlderPeer(t *testing.T) {
	for _, test := range []struct {
		version pdu.Version
		body    pdu.Body
		field   string
	}{
		{pdu.V33, dataSM(), "command_id"},
		{pdu.V33, &pdu.BroadcastSM{}, "command_id"},
		{pdu.V33, &pdu.QueryBroadcastSM{}, "command_id"},
		{pdu.V33, &pdu.CancelBroadcastSM{}, "command_id"},
		{pdu.V33, &pdu.SubmitSM{ShortMessage: make([]byte, 161)}, "short_message"},
		{pdu.V33, &pdu.SubmitSM{ESMClass: pdu.UDHI}, "esm_class"},
		{pdu.V34, &pdu.BroadcastSM{}, "command_id"},
		{pdu.V34, &pdu.CancelBroadcastSM{}, "command_id"},
		{pdu.V34, &pdu.SubmitSM{ShortMessage: make([]byte, 255)}, "short_message"},
		{pdu.V34, &pdu.SubmitSM{PriorityFlag: 4}, "priority_flag"},
	} {
		bubble(t, test.body.Command().String()+" "+test.field+" to v"+test.version.String(), func(t *testing.T) {
			p := smpptest.NewScript(t)
			p.Version = test.version
			s, err := smpp.Bind(t.Context(), p.Conn(), &smpp.Config{Bind: smpp.Transmitter, Version: test.version})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err = s.RoundTrip(t.Context(), test.body)
			isRequestError(t, err, smpp.NeverSent, false, nil)
			var e *pdu.EncodeError
			if !errors.As(err, &e) || e.Field != test.field || s.Outstanding() != 0 {
				t.Error(err)
			}
			if n := len(p.Received(test.body.Command())); n != 0 {
				t.Errorf("%d were sent", n)
			}
		})
	}
}
