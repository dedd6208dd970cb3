package smpp_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/tlv"
)

// The tests of this file go through what the specification says of sessions, row
// by row, on sessions that live. Their names are what docs/conformance.md shows.

type conformance struct {
	States      []struct{ Name string }
	Transitions []struct{ From, On, To string }
	Errors      []struct {
		Case   string
		Answer *struct {
			Command, Status string
			Sequence        any `json:"sequence_number"`
		}
		Then string
	}
}

func readConformance(t *testing.T) (c conformance) {
	t.Helper()
	data, err := os.ReadFile("testdata/session/conformance.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

var bindIn = map[string]pdu.BindRequest{
	"bound_tx":  &pdu.BindTransmitter{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
	"bound_rx":  &pdu.BindReceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
	"bound_trx": &pdu.BindTransceiver{Bind: pdu.Bind{SystemID: "raw", InterfaceVersion: pdu.V50}},
}

// sessionIn returns a session of a message center in a state, and its peer.
func sessionIn(t *testing.T, srv *smpp.Server, state string) (*raw, *smpp.Session) {
	t.Helper()
	if state == "outbound" {
		near, far := smpptest.Pipe()
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(ended)
			_, _ = srv.OutbindConn(ctx, far, &pdu.Outbind{SystemID: "center", Password: "knock"}) // ends as the test does
		}()
		t.Cleanup(func() {
			_ = near.Close()
			cancel()
			<-ended
		})
		r := &raw{near, t}
		if h, _, _ := r.next(); h.Command != pdu.IDOutbind {
			t.Fatalf("got %v, not an outbind", h)
		}
		synctest.Wait()
		all := srv.Sessions()
		if len(all) != 1 {
			t.Fatalf("%d sessions", len(all))
		}
		return r, all[0]
	}
	r, s := rawClient(t, srv)
	if req := bindIn[state]; req != nil {
		if h, _ := r.bind(req); h.Status != pdu.StatusOK {
			t.Fatal(h.Status)
		}
	}
	if state == "unbound" {
		r.bound()
		r.send(pdu.Header{Sequence: 1000}, message) // not answered yet
		r.send(pdu.Header{Sequence: 1001}, &pdu.Unbind{})
	}
	synctest.Wait()
	if s.State().String() != state {
		t.Fatalf("%v, not %s", s.State(), state)
	}
	return r, s
}

// unanswered holds submit_sm and accepts what else there is.
func unanswered(t *testing.T) smpp.Handler {
	g := newGate()
	t.Cleanup(func() { close(g.open) })
	mux := smpp.NewMux()
	for _, id := range pdu.Standard().Commands() {
		if !id.IsResponse() && !pdu.Standard().Notice(id) && id != pdu.IDSubmitSM {
			mux.Handle(id, acceptAll)
		}
	}
	mux.Handle(pdu.IDSubmitSM, g.handler())
	return mux
}

// Every command that an ESME may send, or not, in every state.
func TestConformanceStates(t *testing.T) {
	data, err := os.ReadFile("testdata/session/session.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		States map[string]struct {
			ID   pdu.CommandID
			ESME []string
		}
		DataSM struct{ ESME []string } `json:"data_sm_v34"`
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	states := readConformance(t).States
	if len(spec.States) < 17 || len(states) != 7 {
		t.Fatalf("%d commands, %d states", len(spec.States), len(states))
	}
	for _, state := range states {
		t.Run(state.Name, func(t *testing.T) {
			for name, row := range spec.States {
				bubble(t, name, func(t *testing.T) {
					body, ok := pdu.Standard().New(row.ID)
					if !ok {
						t.Fatalf("no %s", name)
					}
					rnd := rand.New(rand.NewPCG(1, uint64(row.ID)))
					pdu.Standard().Fill(rnd, body)
					if state.Name == "closed" {
						near, far := smpptest.Pipe()
						srv := &smpp.Server{Handler: acceptAll}
						defer srv.Close()
						srv.ServeConn(far)
						s, err := smpp.Bind(t.Context(), near, nil)
						if err != nil {
							t.Fatal(err)
						}
						_ = s.Close()
						<-s.Done()
						if err := s.Send(t.Context(), body); err == nil || smpp.Outcome(err) != smpp.NeverSent {
							t.Errorf("sent after the end: %v", err)
						}
						return
					}
					srv := &smpp.Server{Handler: smpp.HandlerFunc(func(w smpp.ResponseWriter, in *smpp.Incoming) {
						var resp pdu.Body
						if in.Header.Command == pdu.IDQueryBroadcastSM { // whose response has to have TLVs
							resp, _ = pdu.Standard().New(pdu.IDQueryBroadcastSM.Response())
							pdu.Standard().Fill(rnd, resp)
						}
						_ = w.Respond(pdu.StatusOK, resp)
					})}
					if state.Name == "unbound" {
						srv.Handler = unanswered(t)
					}
					r, s := sessionIn(t, srv, state.Name)
					allowed := slices.Contains(row.ESME, state.Name)
					if row.ID == pdu.IDDataSM {
						allowed = slices.Contains(spec.DataSM.ESME, state.Name) // v3.4 let it
					}
					r.send(pdu.Header{Sequence: 4}, body)
					if pdu.Standard().Notice(row.ID) {
						r.alive() // no answer
						if s.State().String() != state.Name {
							t.Errorf("became %v", s.State())
						}
						return
					}
					_, isBind := body.(pdu.BindRequest)
					got, _, frame := r.next()
					if frame == nil || got.Command != row.ID.Response() || got.Sequence != 4 {
						t.Fatalf("answered with %v", got)
					}
					want := pdu.StatusInvalidBindStatus
					switch {
					case allowed:
						want = pdu.StatusOK
					case isBind && s.State().Bound():
						want = pdu.StatusAlreadyBound
					case row.ID == pdu.IDUnbind && state.Name == "unbound":
						want = pdu.StatusOK // both may send it at once
					}
					if got.Status != want {
						t.Errorf("%s in %s is answered with %v; want %v", name, state.Name, got.Status, want)
					}
				})
			}
		})
	}
}

// Every transition, on what makes it.
func TestConformanceTransitions(t *testing.T) {
	transitions := readConformance(t).Transitions
	if len(transitions) != 17 {
		t.Fatalf("%d transitions", len(transitions))
	}
	binds := map[string]string{"bind_transmitter_resp_ok": "bound_tx", "bind_receiver_resp_ok": "bound_rx", "bind_transceiver_resp_ok": "bound_trx"}
	for _, tr := range transitions {
		bubble(t, tr.From+"/"+tr.On, func(t *testing.T) {
			want := func(s *smpp.Session) {
				t.Helper()
				synctest.Wait()
				if got := s.State().String(); got != tr.To {
					t.Errorf("%s: %s leads to %s; want %s", tr.From, tr.On, got, tr.To)
				}
			}
			accept := func() *smpp.Server { return &smpp.Server{Handler: acceptAll} }
			switch {
			case tr.On == "esme_connects":
				_, s := sessionIn(t, accept(), "open")
				want(s)
			case tr.On == "mc_connects_and_sends_outbind":
				_, s := sessionIn(t, accept(), "outbound")
				want(s)
			case binds[tr.On] != "":
				r, s := sessionIn(t, accept(), tr.From)
				if h, _ := r.bind(bindIn[binds[tr.On]]); h.Status != pdu.StatusOK {
					t.Fatal(h.Status)
				}
				want(s)
			case tr.On == "bind_resp_error":
				srv := accept()
				srv.Authenticate = func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusBindFailed }
				r, s := sessionIn(t, srv, tr.From)
				if h, _ := r.bind(bindIn["bound_trx"]); h.Status != pdu.StatusBindFailed {
					t.Fatal(h.Status)
				}
				want(s)
			case tr.On == "unbind_sent_or_received":
				srv := &smpp.Server{Handler: acceptAll}
				r, s := sessionIn(t, srv, tr.From)
				go func() { _ = s.Shutdown(t.Context()) }() // sent, and not answered
				if h, _, _ := r.next(); h.Command != pdu.IDUnbind {
					t.Fatalf("got %v, not an unbind", h)
				}
				want(s)
				_ = r.Close()
				<-s.Done()
				if tr.From == "bound_rx" {
					return // a receiver has nothing to hold an answer back with
				}
				r, s = rawClient(t, &smpp.Server{Handler: unanswered(t)})
				r.bind(bindIn[tr.From])
				r.send(pdu.Header{Sequence: 1}, message)
				r.send(pdu.Header{Sequence: 2}, &pdu.Unbind{}) // received
				want(s)
			case tr.On == "unbind_resp_done_or_response_timer":
				srv := &smpp.Server{Handler: acceptAll, ResponseTimeout: 5 * time.Second}
				r, s := sessionIn(t, srv, "bound_trx")
				r.send(pdu.Header{Sequence: 2}, &pdu.Unbind{})
				r.want(pdu.Header{Command: pdu.IDUnbindResp, Sequence: 2})
				r.wantEnd()
				_ = r.Close()
				<-s.Done()
				want(s)
				r, s = rawClient(t, srv) // the timer
				r.bound()
				go func() { _ = s.Shutdown(t.Context()) }()
				if h, _, _ := r.next(); h.Command != pdu.IDUnbind {
					t.Fatalf("got %v, not an unbind", h)
				}
				start := time.Now()
				<-s.Done()
				if d := time.Since(start); d > 10*time.Second {
					t.Errorf("closed after %v", d)
				}
				want(s)
			case tr.On == "connection_lost_or_closed":
				for _, from := range []string{"open", "outbound", "bound_tx", "bound_rx", "bound_trx", "unbound"} {
					srv := accept()
					if from == "unbound" {
						srv.Handler = unanswered(t)
					}
					r, s := sessionIn(t, srv, from)
					_ = r.Close()
					<-s.Done()
					want(s)
				}
			case tr.On == "session_init_timer":
				srv := accept()
				srv.SessionInit = 5 * time.Second
				_, s := sessionIn(t, srv, tr.From)
				start := time.Now()
				<-s.Done()
				if d := time.Since(start); d < 4*time.Second || d > 7*time.Second || !errors.Is(s.Err(), smpp.ErrNotBound) {
					t.Errorf("ended after %v by %v", d, s.Err())
				}
				want(s)
			default:
				t.Errorf("no test of %v", tr)
			}
		})
	}
}

// vectorOctets returns an invalid vector by its name.
func vectorOctets(t *testing.T, name string) []byte {
	t.Helper()
	for _, v := range invalidVectors(t) {
		if v.Name == name {
			b, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	t.Fatalf("no vector %q", name)
	return nil
}

// frameOf encodes a request with sequence_number 1.
func frameOf(t *testing.T, body pdu.Body) []byte {
	t.Helper()
	b, err := pdu.Append(nil, pdu.Header{Sequence: 1}, body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// submitWith returns a submit_sm with a TLV area.
func submitWith(t *testing.T, tlvs ...byte) []byte {
	b := append(frameOf(t, message), tlvs...)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// Every case of bad input: what is answered, and whether the session goes on.
func TestConformanceErrors(t *testing.T) {
	type input struct {
		octets  []byte
		handler smpp.Handler // nil: accepts everything
		state   string       // empty: bound_trx
		status  pdu.Status   // where the data names a field's
		plain   bool         // the data has no answer of its own: accepted
	}
	duplicate := append(tlvOctets(0x0204, 0, 1), tlvOctets(0x0204, 0, 2)...)
	var seen tlv.List
	both := &pdu.SubmitSM{Dest: message.Dest, ShortMessage: []byte("short")}
	pdu.TLVMessagePayload.Set(&both.TLVs, []byte("payload"))
	prohibited := onSubmit(func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, pdu.StatusProhibited })
	keeps := onSubmit(func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		seen = m.TLVs.Clone()
		return nil, nil
	})
	cases := map[string]input{
		"command_length_below_16":                {octets: vectorOctets(t, "command_length 15")},
		"command_length_above_limit":             {octets: vectorOctets(t, "command_length huge")},
		"unknown_command_id_request":             {octets: vectorOctets(t, "unknown command")},
		"unknown_command_id_with_response_bit":   {octets: vectorOctets(t, "unknown response")},
		"known_command_not_supported":            {octets: frameOf(t, &pdu.QuerySM{MessageID: "1"}), handler: byAddress},
		"request_in_wrong_state":                 {octets: frameOf(t, message), state: "open"},
		"bind_when_bound":                        {octets: frameOf(t, &pdu.BindReceiver{Bind: pdu.Bind{InterfaceVersion: pdu.V50}})},
		"operation_forbidden_for_account":        {octets: frameOf(t, message), handler: prohibited},
		"cstring_without_nul":                    {octets: vectorOctets(t, "service_type without NUL in 6 octets"), status: pdu.StatusInvalidServiceType},
		"cstring_longer_than_max":                {octets: vectorOctets(t, "destination of 21 characters"), status: pdu.StatusInvalidDest},
		"cstring_fixed_of_other_size":            {octets: vectorOctets(t, "validity_period of 10 characters"), status: pdu.StatusInvalidExpiry},
		"body_ends_inside_mandatory_fields":      {octets: vectorOctets(t, "submit_sm cut in the fixed part")},
		"sm_length_beyond_pdu":                   {octets: vectorOctets(t, "sm_length beyond the PDU")},
		"short_message_and_message_payload_both": {octets: frameOf(t, both), plain: true},
		"tlv_header_truncated":                   {octets: vectorOctets(t, "a TLV and two octets")},
		"tlv_length_beyond_pdu":                  {octets: vectorOctets(t, "TLV length beyond the PDU")},
		"tlv_unknown_tag":                        {octets: submitWith(t, tlvOctets(0x3FF0, 7)...), handler: keeps, plain: true},
		"tlv_known_but_not_expected_here":        {octets: submitWith(t, tlvOctets(0x0210, 0x34)...), handler: keeps, plain: true},
		"tlv_bad_length":                         {octets: vectorOctets(t, "TLV of wrong length")},
		"tlv_required_missing":                   {octets: vectorOctets(t, "broadcast_sm without its TLVs")},
		"tlv_duplicate_not_repeatable":           {octets: submitWith(t, duplicate...), handler: keeps, plain: true},
		"reserved_value":                         {octets: submitWith(t, tlvOctets(0x0019, 0x77)...), handler: keeps, plain: true},
	}
	rows := readConformance(t).Errors
	if len(rows) != len(cases)+len(ownErrorTests) {
		t.Fatalf("%d cases", len(rows))
	}
	for _, row := range rows {
		bubble(t, row.Case, func(t *testing.T) {
			if own := ownErrorTests[row.Case]; own != nil {
				own(t)
				return
			}
			in, ok := cases[row.Case]
			if !ok {
				t.Fatalf("no test of %s", row.Case)
			}
			if in.handler == nil {
				in.handler = acceptAll
			}
			if in.state == "" {
				in.state = "bound_trx"
			}
			r, s := sessionIn(t, &smpp.Server{Handler: in.handler}, in.state)
			seen = nil
			r.write(in.octets)
			id := pdu.CommandID(binary.BigEndian.Uint32(in.octets[4:]))
			var want pdu.Header
			switch {
			case in.plain:
				want = pdu.Header{Command: id.Response(), Sequence: 1}
			case row.Answer != nil:
				want = pdu.Header{Command: id.Response(), Status: in.status, Sequence: 1}
				if row.Answer.Command == "generic_nack" {
					want.Command = pdu.IDGenericNack
				}
				if row.Answer.Sequence == 0.0 {
					want.Sequence = 0
				} else {
					want.Sequence = binary.BigEndian.Uint32(in.octets[12:])
				}
				if want.Status == pdu.StatusOK {
					for _, st := range pdu.Statuses() {
						if st.String() == row.Answer.Status {
							want.Status = st
						}
					}
				}
			}
			if want.Command != 0 {
				r.want(want)
			}
			if row.Then == "close" {
				r.wantEnd()
				_ = r.Close()
				<-s.Done()
				return
			}
			r.alive()
			switch row.Case {
			case "tlv_unknown_tag", "tlv_known_but_not_expected_here", "reserved_value":
				if len(seen) != 1 {
					t.Errorf("the application sees %v", seen)
				}
			case "tlv_duplicate_not_repeatable":
				if n, ok := pdu.TLVUserMessageReference.Get(seen); !ok || n != 1 {
					t.Errorf("%d counts, %v; want the first", n, ok)
				}
			}
		})
	}
}

func tlvOctets(tag uint16, value ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, tag)
	b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

// asked returns a session whose peer has been sent a deliver_sm, its header, and
// what became of it.
func asked(t *testing.T) (r *raw, h pdu.Header, failed chan error) {
	r, s := sessionIn(t, &smpp.Server{Handler: acceptAll}, "bound_trx")
	failed = make(chan error, 1)
	go func() {
		_, err := s.Deliver(t.Context(), &pdu.DeliverSM{})
		failed <- err
	}()
	h, _, _ = r.next()
	if h.Command != pdu.IDDeliverSM {
		t.Fatalf("got %v, not a deliver_sm", h)
	}
	return r, h, failed
}

// Cases that are about answers, or need more than octets.
var ownErrorTests = map[string]func(*testing.T){
	"response_with_unknown_sequence_number": func(t *testing.T) {
		r, h, failed := asked(t)
		r.send(pdu.Header{Sequence: h.Sequence + 1}, &pdu.DeliverSMResp{})
		r.alive()
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.DeliverSMResp{})
		if err := <-failed; err != nil {
			t.Errorf("the request that waits: %v", err)
		}
	},
	"response_of_wrong_type": func(t *testing.T) {
		r, h, failed := asked(t)
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.SubmitSMResp{})
		if err := <-failed; err == nil || smpp.Outcome(err) != smpp.Unknown {
			t.Errorf("%v; want an unknown outcome", err)
		}
		r.alive()
	},
	"generic_nack_with_known_sequence_number": func(t *testing.T) {
		r, h, failed := asked(t)
		r.send(pdu.Header{Sequence: h.Sequence, Status: pdu.StatusInvalidCommandID}, &pdu.GenericNack{})
		if err := <-failed; !errors.Is(err, pdu.StatusInvalidCommandID) {
			t.Errorf("%v; want the status of the generic_nack", err)
		}
		r.alive()
	},
	"generic_nack_with_zero_or_unknown_sequence_number": func(t *testing.T) {
		r, h, failed := asked(t)
		r.send(pdu.Header{Status: pdu.StatusInvalidCommandID}, &pdu.GenericNack{})
		r.send(pdu.Header{Sequence: h.Sequence + 9, Status: pdu.StatusInvalidCommandID}, &pdu.GenericNack{})
		r.alive()
		r.send(pdu.Header{Sequence: h.Sequence}, &pdu.DeliverSMResp{})
		if err := <-failed; err != nil {
			t.Errorf("the request that waits: %v", err)
		}
	},
	"tlv_bad_value": func(t *testing.T) {
		even := tlv.NewForm("even", 1, 1, func(dst []byte, v int) ([]byte, error) { return append(dst, byte(v)), nil }, func(b []byte) (int, error) {
			if b[0]%2 != 0 {
				return 0, errors.New("even numbers only")
			}
			return int(b[0]), nil
		})
		reg := pdu.Standard().Clone()
		reg.DefineTLV(tlv.Define(0x1500, "even", even))
		r, _ := sessionIn(t, &smpp.Server{Handler: acceptAll, Registry: reg}, "bound_trx")
		r.write(submitWith(t, tlvOctets(0x1500, 3)...))
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Status: pdu.StatusInvalidTLVValue, Sequence: 1})
		r.write(submitWith(t, tlvOctets(0x1500, 4)...))
		r.want(pdu.Header{Command: pdu.IDSubmitSM.Response(), Sequence: 1})
		r.alive()
	},
	"bad_pdu_without_response": func(t *testing.T) {
		notice := frameOf(t, &pdu.AlertNotification{})
		notice = notice[:len(notice)-2]
		binary.BigEndian.PutUint32(notice, uint32(len(notice)))
		s, p := script(t, nil, smpptest.SendRaw(notice), smpptest.Expect(pdu.IDGenericNack))
		p.Wait()
		if h := p.Received(pdu.IDGenericNack)[0].Header; h.Status != pdu.StatusInvalidCommandLength || h.Sequence != 1 {
			t.Errorf("answered with %v", h)
		}
		if err := s.EnquireLink(t.Context()); err != nil {
			t.Error(err)
		}
	},
}
